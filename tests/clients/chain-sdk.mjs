// What a wallet does, with @akashnetwork/chain-sdk: its typed calls for the stock modules. Every
// step asserts the state that it leaves, asked over gRPC.
//
// Environment: RPC, REST, GRPC, PHRASE (a funded account).

import assert from "node:assert/strict";

import { TxError, createChainNodeSDK, createStargateClient } from "@akashnetwork/chain-sdk";
import { SendAuthorization } from "cosmjs-types/cosmos/bank/v1beta1/authz.js";
import { MsgSend } from "cosmjs-types/cosmos/bank/v1beta1/tx.js";
import { BasicAllowance } from "cosmjs-types/cosmos/feegrant/v1beta1/feegrant.js";
import Long from "long";

import * as lib from "./lib.mjs";
const { FEE, PAID, step, uakt } = lib;

const GRPC = lib.setting("GRPC");
const sdkOf = (signer) =>
  createChainNodeSDK({
    query: { baseUrl: GRPC },
    tx: {
      signer: createStargateClient({
        baseUrl: lib.RPC,
        signer,
        defaultGasPrice: lib.PRICE,
        stargateOptions: { broadcastPollIntervalMs: 150 },
      }),
    },
  });

const wallet = await lib.walletOf(lib.setting("PHRASE"));
const me = await lib.addressOf(wallet);
const { cosmos } = sdkOf(wallet);
const { bank, staking, distribution, gov, authz, feegrant, vesting, auth } = cosmos;
const [first, second] = await lib.validators();

const balance = async (address, denom = "uakt") =>
  BigInt((await bank.v1beta1.getBalance({ address, denom })).balance.amount);
const sequenceOf = async (address) =>
  Number((await auth.v1beta1.getAccountInfo({ address })).info.sequence);

// One call of ours with a fixed fee; asserts what it costs beside the fee and the rewards that come
// along, and gives the result of the transaction.
async function spend(amount, call) {
  const [before, sequence] = [await balance(me), await sequenceOf(me)];
  let result;
  await call({ fee: FEE, afterBroadcast: (it) => (result = it) });
  assert.equal(await balance(me), before - PAID - BigInt(amount) + lib.rewardsPaid(result, me));
  assert.equal(await sequenceOf(me), sequence + 1);
  return result;
}

// --- send, multisend -------------------------------------------------------------------------------
const friendWallet = await lib.freshWallet();
const friend = await lib.addressOf(friendWallet);
const other = await lib.addressOf(await lib.freshWallet());
await bank.v1beta1.send({ fromAddress: me, toAddress: friend, amount: [uakt(1_000_000)] });
assert.equal(await balance(friend), 1_000_000n);
await spend(300, (options) =>
  bank.v1beta1.multiSend(
    {
      inputs: [{ address: me, coins: [uakt(300)] }],
      outputs: [
        { address: friend, coins: [uakt(100)] },
        { address: other, coins: [uakt(200)] },
      ],
    },
    options,
  ),
);
assert.deepEqual([await balance(friend), await balance(other)], [1_000_100n, 200n]);
step("send and multiSend move coins");

// --- staking ---------------------------------------------------------------------------------------
const staked = async (validatorAddr) => {
  const found = await staking.v1beta1.getDelegation({ delegatorAddr: me, validatorAddr });
  return BigInt(found.delegationResponse.balance.amount);
};
await spend(3_000_000, (options) =>
  staking.v1beta1.delegate(
    { delegatorAddress: me, validatorAddress: first, amount: uakt(3_000_000) },
    options,
  ),
);
assert.equal(await staked(first), 3_000_000n);
await spend(0, (options) =>
  staking.v1beta1.beginRedelegate(
    {
      delegatorAddress: me,
      validatorSrcAddress: first,
      validatorDstAddress: second,
      amount: uakt(40_000),
    },
    options,
  ),
);
assert.deepEqual([await staked(first), await staked(second)], [2_960_000n, 40_000n]);
await spend(0, (options) =>
  staking.v1beta1.undelegate(
    { delegatorAddress: me, validatorAddress: first, amount: uakt(960_000) },
    options,
  ),
);
assert.equal(await staked(first), 2_000_000n);
const { unbondingResponses } = await staking.v1beta1.getDelegatorUnbondingDelegations({
  delegatorAddr: me,
});
assert.deepEqual(
  unbondingResponses.flatMap((it) => it.entries).map((it) => it.balance),
  ["960000"],
);
step("delegate, beginRedelegate and undelegate move stake");

await lib.until("there are rewards", async () => {
  const { rewards } = await distribution.v1beta1.getDelegationRewards({
    delegatorAddress: me,
    validatorAddress: first,
  });
  return rewards.some((it) => it.denom === "uakt" && Number(it.amount) >= 1);
});
const claimed = await spend(0, (options) =>
  distribution.v1beta1.withdrawDelegatorReward(
    { delegatorAddress: me, validatorAddress: first },
    options,
  ),
);
assert.ok(lib.rewardsPaid(claimed, me) > 0n);
step(`withdrawDelegatorReward pays ${lib.rewardsPaid(claimed, me)} uakt`);

// --- governance ------------------------------------------------------------------------------------
const submitted = await spend(10_000_000, (options) =>
  gov.v1.submitProposal(
    {
      messages: [],
      initialDeposit: [uakt(10_000_000)],
      proposer: me,
      metadata: "ipfs://nothing",
      title: "Be nice",
      summary: "To each other",
      expedited: false,
    },
    options,
  ),
);
const proposalId = Long.fromString(lib.attribute(submitted, "submit_proposal", "proposal_id"));
await spend(0, (options) =>
  gov.v1.voteWeighted(
    {
      proposalId,
      voter: me,
      options: [
        { option: 1, weight: "0.75" },
        { option: 2, weight: "0.25" },
      ],
      metadata: "",
    },
    options,
  ),
);
const { vote } = await gov.v1.getVote({ proposalId, voter: me });
assert.deepEqual(
  vote.options.map((it) => [it.option, it.weight]),
  [
    [1, "0.75"],
    [2, "0.25"],
  ],
);
const { tally } = await gov.v1.getTallyResult({ proposalId });
assert.deepEqual(
  [tally.yesCount, tally.abstainCount, tally.noCount],
  [String(2_040_000 * 0.75), String(2_040_000 * 0.25), "0"],
);
step(`proposal ${proposalId} counts a weighted vote`);

// --- authz -----------------------------------------------------------------------------------------
const { cosmos: asFriend } = sdkOf(friendWallet);
const MSG_SEND = "/cosmos.bank.v1beta1.MsgSend";
const spendLimit = (amount) =>
  SendAuthorization.encode(SendAuthorization.fromPartial({ spendLimit: [uakt(amount)] })).finish();
await spend(0, (options) =>
  authz.v1beta1.grant(
    {
      granter: me,
      grantee: friend,
      grant: {
        authorization: {
          typeUrl: "/cosmos.bank.v1beta1.SendAuthorization",
          value: spendLimit(1_000),
        },
        expiration: new Date(Date.now() + 86_400_000),
      },
    },
    options,
  ),
);
const exec = (amount) =>
  asFriend.authz.v1beta1.exec(
    {
      grantee: friend,
      msgs: [
        {
          typeUrl: MSG_SEND,
          value: MsgSend.encode({
            fromAddress: me,
            toAddress: other,
            amount: [uakt(amount)],
          }).finish(),
        },
      ],
    },
    { fee: FEE },
  );
const limit = async () => {
  const { grants } = await authz.v1beta1.getGrants({
    granter: me,
    grantee: friend,
    msgTypeUrl: MSG_SEND,
  });
  return SendAuthorization.decode(grants[0].authorization.value).spendLimit[0].amount;
};
const purse = await balance(me);
await exec(400);
assert.deepEqual([await balance(me), await balance(other)], [purse - 400n, 600n]);
assert.equal(await limit(), "600");
await assert.rejects(exec(700), (error) => {
  assert.ok(error instanceof TxError, error.stack);
  assert.equal(error.txResponse.code, 5);
  assert.match(error.txResponse.rawLog, /requested amount is more than spend limit/);
  return true;
});
assert.deepEqual([await limit(), await balance(other)], ["600", 600n]);
await spend(0, (options) =>
  authz.v1beta1.revoke({ granter: me, grantee: friend, msgTypeUrl: MSG_SEND }, options),
);
assert.deepEqual((await authz.v1beta1.getGranterGrants({ granter: me })).grants, []);
step("grant, exec within the limit and beyond it, revoke");

// --- feegrant --------------------------------------------------------------------------------------
const poorWallet = await lib.freshWallet();
const poor = await lib.addressOf(poorWallet);
const { cosmos: asPoor } = sdkOf(poorWallet);
const usdc = (amount) => ({ denom: "uusdc", amount: String(amount) });
await bank.v1beta1.send({ fromAddress: me, toAddress: poor, amount: [usdc(10)] });
await spend(0, (options) =>
  feegrant.v1beta1.grantAllowance(
    {
      granter: me,
      grantee: poor,
      allowance: {
        typeUrl: "/cosmos.feegrant.v1beta1.BasicAllowance",
        value: BasicAllowance.encode(
          BasicAllowance.fromPartial({ spendLimit: [uakt(15_000)] }),
        ).finish(),
      },
    },
    options,
  ),
);
const gift = () =>
  asPoor.bank.v1beta1.send(
    { fromAddress: poor, toAddress: friend, amount: [usdc(4)] },
    { fee: { ...FEE, granter: me } },
  );
const beforeGift = await balance(me);
await gift();
assert.deepEqual(
  [await balance(me), await balance(poor), await balance(poor, "uusdc")],
  [beforeGift - PAID, 0n, 6n],
);
const { allowance } = await feegrant.v1beta1.getAllowance({ granter: me, grantee: poor });
assert.deepEqual(BasicAllowance.decode(allowance.allowance.value).spendLimit, [
  uakt(15_000n - PAID),
]);
await assert.rejects(gift(), /fee limit exceeded/);
await spend(0, (options) =>
  feegrant.v1beta1.revokeAllowance({ granter: me, grantee: poor }, options),
);
assert.deepEqual((await feegrant.v1beta1.getAllowances({ grantee: poor })).allowances, []);
step("a granter pays a fee, its allowance shrinks, and is revoked");

// --- vesting ---------------------------------------------------------------------------------------
const locked = await lib.addressOf(await lib.freshWallet());
await spend(2_000, (options) =>
  vesting.v1beta1.createPermanentLockedAccount(
    { fromAddress: me, toAddress: locked, amount: [uakt(2_000)] },
    options,
  ),
);
assert.equal(await balance(locked), 2_000n);
assert.deepEqual((await bank.v1beta1.getSpendableBalances({ address: locked })).balances, [
  uakt(0),
]);
const periodic = await lib.addressOf(await lib.freshWallet());
await spend(3_000, (options) =>
  vesting.v1beta1.createPeriodicVestingAccount(
    {
      fromAddress: me,
      toAddress: periodic,
      startTime: Long.fromNumber(Math.floor(Date.now() / 1000) - 100),
      vestingPeriods: [
        { length: Long.fromNumber(50), amount: [uakt(1_000)] },
        { length: Long.fromNumber(86_400), amount: [uakt(2_000)] },
      ],
    },
    options,
  ),
);
assert.equal(await balance(periodic), 3_000n);
assert.deepEqual((await bank.v1beta1.getSpendableBalances({ address: periodic })).balances, [
  uakt(1_000),
]);
step("locked coins cannot be spent, those of a period that is over can");

// --- what is refused -------------------------------------------------------------------------------
const sequence = await sequenceOf(me);
const attempt = (fee) =>
  bank.v1beta1.send({ fromAddress: me, toAddress: friend, amount: [uakt(1)] }, { fee });
await assert.rejects(
  attempt({ amount: [uakt(1)], gas: "200000" }),
  /insufficient fees; got: 1uakt/,
);
await assert.rejects(attempt({ ...FEE, gas: "10000" }), /out of gas in location/);
const signer = createStargateClient({ baseUrl: lib.RPC, signer: wallet });
const chainId = await (await lib.connect(wallet)).getChainId();
const { info } = await auth.v1beta1.getAccountInfo({ address: me });
const late = await signer.sign(
  [
    {
      typeUrl: MSG_SEND,
      value: MsgSend.fromPartial({ fromAddress: me, toAddress: friend, amount: [uakt(1)] }),
    },
  ],
  FEE,
  "",
  { chainId, accountNumber: Number(info.accountNumber), sequence: sequence + 2 },
);
await assert.rejects(
  signer.broadcast(late),
  new RegExp(`account sequence mismatch, expected ${sequence}, got ${sequence + 2}`),
);
assert.equal(await sequenceOf(me), sequence);
step("too small a fee, too little gas, wrong sequence: refused");

// --- the end of the vote -----------------------------------------------------------------------------
const outcome = await lib.until("the proposal is decided", async () => {
  const { proposal } = await gov.v1.getProposal({ proposalId });
  return proposal.status !== 2 && proposal;
});
assert.equal(outcome.status, 3);
assert.equal(outcome.finalTallyResult.yesCount, String(2_040_000 * 0.75));
step(`proposal ${proposalId} has passed`);

lib.done();
