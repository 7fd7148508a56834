// An account of three keys of which two must sign, with @cosmjs/amino and @cosmjs/stargate: the way
// of hardware wallets, whose signatures are always amino (SIGN_MODE_LEGACY_AMINO_JSON).
//
// Environment: RPC, REST, PHRASE (a funded account).

import assert from "node:assert/strict";

import { Secp256k1HdWallet, createMultisigThresholdPubkey, pubkeyToAddress } from "@cosmjs/amino";
import { makeMultisignedTxBytes } from "@cosmjs/stargate";

import * as lib from "./lib.mjs";
const { FEE, PAID, step, uakt } = lib;

const wallet = await lib.walletOf(lib.setting("PHRASE"));
const me = await lib.addressOf(wallet);
const client = await lib.connect(wallet);
const chainId = await client.getChainId();
const query = await lib.queries();
const [first] = await lib.validators();
const balance = async (address) => BigInt((await client.getBalance(address, "uakt")).amount);

const keys = await Promise.all(
  [1, 2, 3].map(() => Secp256k1HdWallet.generate(12, { prefix: "akash" })),
);
const accounts = await Promise.all(keys.map(async (it) => (await it.getAccounts())[0]));
const members = accounts.map(({ pubkey }) => ({
  type: "tendermint/PubKeySecp256k1",
  value: Buffer.from(pubkey).toString("base64"),
}));
const multisigKey = createMultisigThresholdPubkey(members, 2);
const address = pubkeyToAddress(multisigKey, "akash");

const funded = await client.sendTokens(me, address, [uakt(5_000_000)], FEE);
assert.equal(funded.code, 0, funded.rawLog);
assert.equal(await balance(address), 5_000_000n);
step(`the account ${address} of three keys is funded`);

// The transaction of messages, signed by some of the members, each on its own machine.
async function signed(messages, by, { sequence } = {}) {
  const known = await client.getSequence(address);
  const data = {
    chainId,
    accountNumber: known.accountNumber,
    sequence: sequence ?? known.sequence,
  };
  const signatures = new Map();
  let body;
  for (const index of by) {
    const signer = await lib.connect(keys[index]);
    const { bodyBytes, signatures: own } = await signer.sign(
      accounts[index].address,
      messages,
      FEE,
      "two of three",
      data,
    );
    signatures.set(accounts[index].address, own[0]);
    body = bodyBytes;
  }
  return makeMultisignedTxBytes(multisigKey, data.sequence, FEE, body, signatures);
}

const transfer = [
  {
    typeUrl: "/cosmos.bank.v1beta1.MsgSend",
    value: { fromAddress: address, toAddress: me, amount: [uakt(1_000)] },
  },
];
const purse = await balance(me);
await lib.refused(client.broadcastTx(await signed(transfer, [1])), 4, /unauthorized/);
await lib.refused(
  client.broadcastTx(await signed(transfer, [0, 1], { sequence: 3 })),
  32,
  /account sequence mismatch, expected 0, got 3/,
);
assert.deepEqual([await balance(address), await balance(me)], [5_000_000n, purse]);
assert.equal((await client.getAccount(address)).pubkey, null);
step("one signature is not enough, and a sequence that is not next is refused");

const sent = await client.broadcastTx(await signed(transfer, [0, 2]));
assert.equal(sent.code, 0, sent.rawLog);
assert.deepEqual(
  [await balance(address), await balance(me)],
  [5_000_000n - 1_000n - PAID, purse + 1_000n],
);
const known = await client.getAccount(address);
assert.equal(known.sequence, 1);
assert.deepEqual(known.pubkey, multisigKey);
const { account } = await lib.rest(`/cosmos/auth/v1beta1/accounts/${address}`);
assert.equal(account.pub_key["@type"], "/cosmos.crypto.multisig.LegacyAminoPubKey");
assert.equal(account.pub_key.threshold, 2);
assert.equal(account.pub_key.public_keys.length, 3);
step("the first and the third key send coins; the account shows its key");

const delegated = await client.broadcastTx(
  await signed(
    [
      {
        typeUrl: "/cosmos.staking.v1beta1.MsgDelegate",
        value: { delegatorAddress: address, validatorAddress: first, amount: uakt(2_000_000) },
      },
    ],
    [1, 2],
  ),
);
assert.equal(delegated.code, 0, delegated.rawLog);
const { delegationResponse } = await query.staking.delegation(address, first);
assert.equal(delegationResponse.balance.amount, "2000000");
assert.equal(await balance(address), 3_000_000n - 1_000n - 2n * PAID);
step("the second and the third key delegate");

const all = await client.broadcastTx(await signed(transfer, [0, 1, 2]));
assert.equal(all.code, 0, all.rawLog);
assert.equal(await balance(me), purse + 2_000n);
assert.equal((await client.getSequence(address)).sequence, 3);
step("three signatures are as good as two");

// A signature of a key that is no member, in the place of one that is.
const stranger = await Secp256k1HdWallet.generate(12, { prefix: "akash" });
const [strange] = await stranger.getAccounts();
const known3 = await client.getSequence(address);
const data = { chainId, accountNumber: known3.accountNumber, sequence: known3.sequence };
const forged = await (await lib.connect(stranger)).sign(strange.address, transfer, FEE, "", data);
const mine = await (await lib.connect(keys[0])).sign(accounts[0].address, transfer, FEE, "", data);
await lib.refused(
  client.broadcastTx(
    makeMultisignedTxBytes(
      multisigKey,
      data.sequence,
      FEE,
      mine.bodyBytes,
      new Map([
        [accounts[0].address, mine.signatures[0]],
        [accounts[1].address, forged.signatures[0]],
      ]),
    ),
  ),
  4,
  /unauthorized/,
);
assert.equal((await client.getSequence(address)).sequence, 3);
step("a stranger's signature is refused");

lib.done();
