// A second validator, made with @cosmjs/stargate; it gets too little stake to stop the chain, whose
// blocks it never signs. Runs before the other scripts, which redelegate to it.
//
// Environment: RPC, REST, VALIDATOR (phrase of the first validator's operator), SECOND (phrase of an
// account that becomes one).

import assert from "node:assert/strict";

import { fromBech32, fromHex, toBech32 } from "@cosmjs/encoding";
import { connectComet } from "@cosmjs/tendermint-rpc";
import { encodePubkey } from "@cosmjs/proto-signing";

import * as lib from "./lib.mjs";
const { FEE, PAID, step, uakt } = lib;

const operatorOf = (account) => toBech32("akashvaloper", fromBech32(account).data);
const query = await lib.queries();

// --- the first validator's operator stakes more, so that it alone decides --------------------------
const wallet = await lib.walletOf(lib.setting("VALIDATOR"));
const operator = await lib.addressOf(wallet);
const client = await lib.connect(wallet);
const before = (await query.staking.validator(operatorOf(operator))).validator;
const stake = 100_000_000_000n;
const delegated = await client.delegateTokens(operator, before.operatorAddress, uakt(stake), FEE);
assert.equal(delegated.code, 0, delegated.rawLog);
const after = (await query.staking.validator(operatorOf(operator))).validator;
assert.equal(BigInt(after.tokens) - BigInt(before.tokens), stake);
step("the operator's own delegation adds to its validator's tokens");

// --- commission is earned and claimed --------------------------------------------------------------
const held = async (address) => BigInt((await client.getBalance(address, "uakt")).amount);
const purse = await held(operator);
const claimed = await client.signAndBroadcast(
  operator,
  [
    {
      typeUrl: "/cosmos.distribution.v1beta1.MsgWithdrawValidatorCommission",
      value: { validatorAddress: operatorOf(operator) },
    },
  ],
  FEE,
);
assert.equal(claimed.code, 0, claimed.rawLog);
const commission = BigInt(
  lib.attribute(claimed, "withdraw_commission", "amount").replace(/uakt$/, ""),
);
assert.ok(commission > 0n);
assert.equal((await held(operator)) - purse, commission - PAID);
step(`a commission of ${commission} uakt arrives`);

// --- another account becomes a validator -----------------------------------------------------------
const secondWallet = await lib.walletOf(lib.setting("SECOND"));
const second = await lib.addressOf(secondWallet);
const asSecond = await lib.connect(secondWallet);
const key = fromHex("7d".repeat(32));
const percent = (number) => String(BigInt(number) * 10n ** 16n);
const made = await asSecond.signAndBroadcast(
  second,
  [
    {
      typeUrl: "/cosmos.staking.v1beta1.MsgCreateValidator",
      value: {
        description: {
          moniker: "second",
          identity: "",
          website: "",
          securityContact: "",
          details: "",
        },
        commission: { rate: percent(10), maxRate: percent(20), maxChangeRate: percent(1) },
        minSelfDelegation: "1",
        delegatorAddress: second,
        validatorAddress: operatorOf(second),
        pubkey: encodePubkey({
          type: "tendermint/PubKeyEd25519",
          value: Buffer.from(key).toString("base64"),
        }),
        value: uakt(1_000_000),
      },
    },
  ],
  FEE,
);
assert.equal(made.code, 0, made.rawLog);
const { validator } = await lib.until("the second validator is bonded", async () => {
  const found = await query.staking.validator(operatorOf(second));
  return found.validator.status === 3 && found;
});
assert.equal(validator.tokens, "1000000");
assert.equal(validator.commission.commissionRates.rate, percent(10));
assert.equal(
  (await query.staking.delegation(second, operatorOf(second))).delegationResponse.balance.amount,
  "1000000",
);
const comet = await connectComet(lib.RPC);
const set = await lib.until("the second validator is in the set that signs", async () => {
  const { validators } = await comet.validatorsAll();
  return validators.length === 2 && validators;
});
assert.deepEqual(
  set.map((it) => it.votingPower).sort(),
  [1n, BigInt(after.tokens) / 1_000_000n].sort(),
);
await lib.until("blocks go on with both", async () => {
  const status = await comet.status();
  return status.syncInfo.latestBlockHeight > made.height + 5;
});
step("a second validator is created, bonded, and in the set; blocks go on");

lib.done();
