// What an exchange does, with @cosmjs/stargate and @cosmjs/tendermint-rpc: it watches deposits by
// memo over the WebSocket, looks for them again by search, and pays out several at once.
//
// Environment: RPC, REST, PHRASE (a funded account).

import assert from "node:assert/strict";

import { decodeTxRaw } from "@cosmjs/proto-signing";
import { Comet38Client } from "@cosmjs/tendermint-rpc";
import { TxRaw } from "cosmjs-types/cosmos/tx/v1beta1/tx.js";

import * as lib from "./lib.mjs";
const { FEE, PAID, step, uakt } = lib;

const wallet = await lib.walletOf(lib.setting("PHRASE"));
const me = await lib.addressOf(wallet);
const client = await lib.connect(wallet);
const balance = async (address) => BigInt((await client.getBalance(address, "uakt")).amount);
const transfer = (to, amount) => ({
  typeUrl: "/cosmos.bank.v1beta1.MsgSend",
  value: { fromAddress: me, toAddress: to, amount: [uakt(amount)] },
});

// --- deposits --------------------------------------------------------------------------------------
const vault = await lib.addressOf(await lib.freshWallet());
assert.equal(await client.getAccount(vault), null);
const socket = await Comet38Client.connect(lib.RPC.replace("http", "ws"));
const seen = [];
const watching = socket.subscribeTx(`transfer.recipient='${vault}'`).subscribe({
  next: (event) => seen.push(event),
  error: (error) => {
    throw error;
  },
});
const memos = ["customer 1", "customer 2"];
for (const [index, memo] of memos.entries()) {
  const result = await client.signAndBroadcast(me, [transfer(vault, 100 + index)], FEE, memo);
  assert.equal(result.code, 0, result.rawLog);
}
await lib.until("both deposits are seen", () => seen.length >= 2);
assert.equal(seen.length, 2);
assert.deepEqual(
  seen.map((it) => decodeTxRaw(it.tx).body.memo),
  memos,
);
watching.unsubscribe();
step("deposits are told over the WebSocket, with their memos");

const found = await client.searchTx(`transfer.recipient='${vault}'`);
assert.deepEqual(
  found.map((it) => decodeTxRaw(it.tx).body.memo),
  memos,
);
const [latest] = (await client.searchTx(`tx.height=${found[1].height}`)).filter(
  (it) => it.hash === found[1].hash,
);
assert.equal(latest.txIndex, found[1].txIndex);
const held = await lib.rest(`/cosmos/bank/v1beta1/balances/${vault}/by_denom?denom=uakt`);
assert.deepEqual(held.balance, uakt(201));
step("a search finds them again, and the balance is theirs");

// --- withdrawals -----------------------------------------------------------------------------------
const { accountNumber, sequence } = await client.getSequence(me);
const chainId = await client.getChainId();
const customers = await Promise.all(
  [1, 2, 3].map(async () => lib.addressOf(await lib.freshWallet())),
);
const before = await balance(me);
const payouts = [];
for (const [index, customer] of customers.entries()) {
  const data = { accountNumber, chainId, sequence: sequence + index };
  const raw = await client.sign(me, [transfer(customer, 10 + index)], FEE, "", data);
  payouts.push(TxRaw.encode(raw).finish());
}
const hashes = [];
for (const payout of payouts) hashes.push(await client.broadcastTxSync(payout));
const done = await lib.until("all are paid", async () => {
  const all = await Promise.all(hashes.map((it) => client.getTx(it)));
  return all.every(Boolean) && all;
});
assert.deepEqual(
  done.map((it) => it.code),
  [0, 0, 0],
);
assert.deepEqual(await Promise.all(customers.map((it) => balance(it))), [10n, 11n, 12n]);
assert.equal(await balance(me), before - 33n - 3n * PAID);
assert.equal((await client.getSequence(me)).sequence, sequence + 3);
step("three withdrawals are sent without waiting for one another");

await assert.rejects(client.broadcastTxSync(payouts[0]), /tx already exists in cache/);
assert.equal(await balance(customers[0]), 10n);
step("a withdrawal that is sent again is known already");

// --- limits ----------------------------------------------------------------------------------------
const pay = (memo, timeoutHeight) =>
  client.signAndBroadcast(me, [transfer(vault, 1)], FEE, memo, timeoutHeight);
await lib.refused(pay("m".repeat(257)), 12, /maximum number of characters is 256 but received 257/);
const height = await client.getHeight();
await lib.refused(pay("", BigInt(height - 1)), 30, /timeout height: \d+: tx timeout height/);
const stranger = await lib.freshWallet();
const asStranger = await lib.connect(stranger);
await assert.rejects(
  asStranger.sendTokens(await lib.addressOf(stranger), vault, [uakt(1)], FEE, ""),
  /does not exist on chain/,
);
assert.equal(await balance(vault), 201n);
step("a long memo, a timeout that has passed, an account that is not there: refused");

socket.disconnect();
lib.done();
