// What a wallet does, with @cosmjs/stargate: bank, staking, rewards, governance, grants, fee grants,
// vesting accounts, and what is refused. Every step asserts the state that it leaves.
//
// Environment: RPC, REST, PHRASE (a funded account), MODE: `direct` signs as browser wallets do
// (SIGN_MODE_DIRECT), `amino` as hardware wallets do (SIGN_MODE_LEGACY_AMINO_JSON).

import assert from "node:assert/strict";

import { Secp256k1HdWallet } from "@cosmjs/amino";
import { Registry } from "@cosmjs/proto-signing";
import { calculateFee, defaultRegistryTypes } from "@cosmjs/stargate";
import { GenericAuthorization } from "cosmjs-types/cosmos/authz/v1beta1/authz.js";
import { SendAuthorization } from "cosmjs-types/cosmos/bank/v1beta1/authz.js";
import { MsgSend } from "cosmjs-types/cosmos/bank/v1beta1/tx.js";
import { BasicAllowance } from "cosmjs-types/cosmos/feegrant/v1beta1/feegrant.js";
import { TextProposal } from "cosmjs-types/cosmos/gov/v1beta1/gov.js";
import { AuthInfo, TxRaw } from "cosmjs-types/cosmos/tx/v1beta1/tx.js";

import { aminoTypes } from "./amino.mjs";
import * as lib from "./lib.mjs";
const { FEE, PAID, step, uakt } = lib;

const MODE = lib.setting("MODE");
assert.ok(["direct", "amino"].includes(MODE), "MODE is direct or amino");
const Wallet =
  MODE === "amino" ? Secp256k1HdWallet : { fromMnemonic: (phrase) => lib.walletOf(phrase) };
const walletOf = (phrase) => Wallet.fromMnemonic(phrase, { prefix: "akash" });
const freshWallet = async () => walletOf((await lib.freshWallet()).mnemonic);

const registry = new Registry(defaultRegistryTypes);
const connect = (wallet) => lib.connect(wallet, { registry, aminoTypes: aminoTypes(registry) });

const wallet = await walletOf(lib.setting("PHRASE"));
const me = await lib.addressOf(wallet);
const client = await connect(wallet);
const query = await lib.queries();
const chainId = await client.getChainId();
const [first, second] = await lib.validators();

const balance = async (address, denom = "uakt") =>
  BigInt((await client.getBalance(address, denom)).amount);

// Sends messages and asserts that they are executed.
async function send(messages, { by = client, from = me, fee = FEE } = {}) {
  const result = await by.signAndBroadcast(from, messages, fee, "");
  assert.equal(result.code, 0, result.rawLog);
  return result;
}

// Sends messages of ours; asserts what they cost us beside the fee and the rewards that came along.
async function spend(amount, messages) {
  const before = await balance(me);
  const { sequence } = await client.getSequence(me);
  const result = await send(messages);
  assert.equal(await balance(me), before - PAID - BigInt(amount) + lib.rewardsPaid(result, me));
  assert.equal((await client.getSequence(me)).sequence, sequence + 1);
  return result;
}

const message = (name, value) => ({ typeUrl: `/cosmos.${name}`, value });
const sendMessage = (from, to, amount) =>
  message("bank.v1beta1.MsgSend", { fromAddress: from, toAddress: to, amount: [amount] });

// --- send ------------------------------------------------------------------------------------------
const friendWallet = await freshWallet();
const friend = await lib.addressOf(friendWallet);
const before = await balance(me);
const sent = await client.sendTokens(me, friend, [uakt(1_000_000)], "auto", "to a friend <&>");
assert.equal(sent.code, 0, sent.rawLog);
assert.equal(await balance(friend), 1_000_000n);
const raw = TxRaw.decode((await client.getTx(sent.transactionHash)).tx);
const { signerInfos, fee: autoFee } = AuthInfo.decode(raw.authInfoBytes);
assert.equal(signerInfos[0].modeInfo.single.mode, MODE === "amino" ? 127 : 1);
assert.equal(await balance(me), before - 1_000_000n - BigInt(autoFee.amount[0].amount));
assert.ok(sent.gasUsed <= sent.gasWanted);
step(`a simulated transfer in mode ${MODE} moves coins and costs its fee`);

// --- multisend -------------------------------------------------------------------------------------
const others = await Promise.all(
  [freshWallet(), freshWallet()].map(async (it) => lib.addressOf(await it)),
);
await spend(300, [
  message("bank.v1beta1.MsgMultiSend", {
    inputs: [{ address: me, coins: [uakt(300)] }],
    outputs: [
      { address: others[0], coins: [uakt(100)] },
      { address: others[1], coins: [uakt(200)] },
    ],
  }),
]);
assert.deepEqual([await balance(others[0]), await balance(others[1])], [100n, 200n]);
step("a multisend pays two accounts");

// --- delegate --------------------------------------------------------------------------------------
const staked = async (validator) => {
  const { delegationResponse } = await query.staking.delegation(me, validator);
  return BigInt(delegationResponse.balance.amount);
};
await spend(5_000_000, [
  message("staking.v1beta1.MsgDelegate", {
    delegatorAddress: me,
    validatorAddress: first,
    amount: uakt(5_000_000),
  }),
]);
assert.equal(await staked(first), 5_000_000n);
step("a delegation is there");

// --- governance: the rest of it is looked at in the end ----------------------------------------------
const submitted = await spend(10_000_000, [
  message("gov.v1beta1.MsgSubmitProposal", {
    content: {
      typeUrl: "/cosmos.gov.v1beta1.TextProposal",
      value: TextProposal.encode({ title: "Be nice", description: "To each other" }).finish(),
    },
    initialDeposit: [uakt(10_000_000)],
    proposer: me,
  }),
]);
const proposalId = lib.attribute(submitted, "submit_proposal", "proposal_id");
const { proposal } = await query.gov.proposal(proposalId);
assert.equal(proposal.status, 2);
assert.deepEqual(proposal.totalDeposit, [uakt(10_000_000)]);
await spend(0, [
  message("gov.v1beta1.MsgVote", { proposalId: BigInt(proposalId), voter: me, option: 3 }),
]);
const { vote } = await query.gov.vote(proposalId, me);
assert.deepEqual(
  vote.options.map((it) => it.option),
  [3],
);
assert.equal((await query.gov.tally(proposalId)).tally.no, "5000000");
await spend(0, [
  message("gov.v1beta1.MsgVote", { proposalId: BigInt(proposalId), voter: me, option: 1 }),
]);
const { tally } = await query.gov.tally(proposalId);
assert.deepEqual(
  [tally.yes, tally.no, tally.abstain, tally.noWithVeto],
  ["5000000", "0", "0", "0"],
);
step(`proposal ${proposalId} counts the vote, and the changed one, with the stake behind it`);

// --- redelegate, undelegate, cancel ------------------------------------------------------------------
await spend(0, [
  message("staking.v1beta1.MsgBeginRedelegate", {
    delegatorAddress: me,
    validatorSrcAddress: first,
    validatorDstAddress: second,
    amount: uakt(50_000),
  }),
]);
assert.deepEqual([await staked(first), await staked(second)], [4_950_000n, 50_000n]);
const { redelegationResponses } = await query.staking.redelegations(me, first, second);
assert.equal(redelegationResponses[0].entries[0].balance, "50000");
step("a redelegation moves stake to the second validator");

const undelegated = await spend(0, [
  message("staking.v1beta1.MsgUndelegate", {
    delegatorAddress: me,
    validatorAddress: first,
    amount: uakt(950_000),
  }),
]);
assert.equal(await staked(first), 4_000_000n);
const unbonding = async () => {
  const found = await query.staking.delegatorUnbondingDelegations(me);
  return found.unbondingResponses.flatMap((it) => it.entries);
};
let [entry] = await unbonding();
assert.equal(entry.balance, "950000");
assert.equal(entry.creationHeight, BigInt(undelegated.height));
const { params } = await query.staking.params();
const { header } = await client.getBlock(undelegated.height);
const begun = BigInt(Math.floor(Date.parse(header.time) / 1000));
assert.equal(entry.completionTime.seconds - begun, params.unbondingTime.seconds);
await spend(0, [
  message("staking.v1beta1.MsgCancelUnbondingDelegation", {
    delegatorAddress: me,
    validatorAddress: first,
    amount: uakt(450_000),
    creationHeight: entry.creationHeight,
  }),
]);
[entry] = await unbonding();
assert.deepEqual([entry.balance, await staked(first)], ["500000", 4_450_000n]);
step("an undelegation unbonds for the unbonding time, and is cancelled in part");

// --- claim -----------------------------------------------------------------------------------------
await lib.until("there are rewards", async () => {
  const { rewards } = await query.distribution.delegationRewards(me, first);
  return rewards.some((it) => it.denom === "uakt" && BigInt(it.amount) >= 10n ** 18n);
});
const claimed = await spend(0, [
  message("distribution.v1beta1.MsgWithdrawDelegatorReward", {
    delegatorAddress: me,
    validatorAddress: first,
  }),
]);
assert.ok(lib.rewardsPaid(claimed, me) > 0n);
step(`a claim pays ${lib.rewardsPaid(claimed, me)} uakt of rewards`);

// --- grant, exec, revoke ---------------------------------------------------------------------------
const asFriend = await connect(friendWallet);
const MSG_SEND = "/cosmos.bank.v1beta1.MsgSend";
const inADay = { seconds: BigInt(Math.floor(Date.now() / 1000) + 86_400), nanos: 0 };
const grant = (authorization) =>
  message("authz.v1beta1.MsgGrant", {
    granter: me,
    grantee: friend,
    grant: { authorization, expiration: inADay },
  });
await spend(0, [
  grant({
    typeUrl: "/cosmos.bank.v1beta1.SendAuthorization",
    value: SendAuthorization.encode(
      SendAuthorization.fromPartial({ spendLimit: [uakt(1_000)] }),
    ).finish(),
  }),
]);
const exec = (amount) =>
  message("authz.v1beta1.MsgExec", {
    grantee: friend,
    msgs: [
      {
        typeUrl: MSG_SEND,
        value: MsgSend.encode(sendMessage(me, others[0], uakt(amount)).value).finish(),
      },
    ],
  });
const beforeExec = [await balance(me), await balance(friend), await balance(others[0])];
await send([exec(400)], { by: asFriend, from: friend });
assert.deepEqual(
  [await balance(me), await balance(friend), await balance(others[0])],
  [beforeExec[0] - 400n, beforeExec[1] - PAID, beforeExec[2] + 400n],
);
const limit = async () => {
  const { grants } = await query.authz.grants(me, friend, MSG_SEND);
  assert.equal(grants[0].expiration.seconds, inADay.seconds);
  return SendAuthorization.decode(grants[0].authorization.value).spendLimit;
};
assert.deepEqual(await limit(), [uakt(600)]);
step("a grantee sends the granter's coins, and the limit shrinks");

const tooMuch = await asFriend.signAndBroadcast(friend, [exec(700)], FEE, "");
assert.equal(tooMuch.code, 5);
assert.match(tooMuch.rawLog, /requested amount is more than spend limit/);
assert.deepEqual([await limit(), await balance(others[0])], [[uakt(600)], 500n]);
await spend(0, [
  grant({
    typeUrl: "/cosmos.authz.v1beta1.GenericAuthorization",
    value: GenericAuthorization.encode({ msg: MSG_SEND }).finish(),
  }),
]);
await send([exec(700)], { by: asFriend, from: friend });
assert.equal(await balance(others[0]), 1_200n);
step("more than the limit is refused, and goes with a generic grant");

await spend(0, [
  message("authz.v1beta1.MsgRevoke", { granter: me, grantee: friend, msgTypeUrl: MSG_SEND }),
]);
assert.deepEqual((await query.authz.granterGrants(me)).grants, []);
const revoked = await asFriend.signAndBroadcast(friend, [exec(1)], FEE, "");
assert.equal(revoked.code, 2, revoked.rawLog);
assert.match(revoked.rawLog, /authorization not found/);
step("a revoked grant is gone");

// --- fee grant -------------------------------------------------------------------------------------
const poorWallet = await freshWallet();
const poor = await lib.addressOf(poorWallet);
const asPoor = await connect(poorWallet);
await send([sendMessage(me, poor, { denom: "uusdc", amount: "10" })]);
await spend(0, [
  message("feegrant.v1beta1.MsgGrantAllowance", {
    granter: me,
    grantee: poor,
    allowance: {
      typeUrl: "/cosmos.feegrant.v1beta1.BasicAllowance",
      value: BasicAllowance.encode(
        BasicAllowance.fromPartial({ spendLimit: [uakt(15_000)] }),
      ).finish(),
    },
  }),
]);
const granted = { ...FEE, granter: me };
const gift = [sendMessage(poor, friend, { denom: "uusdc", amount: "4" })];
const beforeGift = await balance(me);
await send(gift, { by: asPoor, from: poor, fee: granted });
assert.equal(await balance(me), beforeGift - PAID);
assert.deepEqual([await balance(poor), await balance(poor, "uusdc")], [0n, 6n]);
assert.equal(await balance(friend, "uusdc"), 4n);
const { allowance } = await query.feegrant.allowance(me, poor);
assert.deepEqual(BasicAllowance.decode(allowance.allowance.value).spendLimit, [
  uakt(15_000n - PAID),
]);
step("a granter pays the fee of an account without uakt, and its allowance shrinks");

await assert.rejects(asPoor.signAndBroadcast(poor, gift, granted, ""), (error) => {
  assert.equal(error.codespace, "feegrant");
  assert.equal(error.code, 2);
  assert.match(error.log, /fee limit exceeded/);
  return true;
});
await spend(0, [message("feegrant.v1beta1.MsgRevokeAllowance", { granter: me, grantee: poor })]);
assert.deepEqual((await query.feegrant.allowances(poor)).allowances, []);
step("more than the allowance is refused; a revoked one is gone");

// --- vesting ---------------------------------------------------------------------------------------
const lockedWallet = await freshWallet();
const locked = await lib.addressOf(lockedWallet);
const asLocked = await connect(lockedWallet);
const end = BigInt(Math.floor(Date.now() / 1000) + 3_600);
await spend(2_000_000, [
  message("vesting.v1beta1.MsgCreateVestingAccount", {
    fromAddress: me,
    toAddress: locked,
    amount: [uakt(2_000_000)],
    endTime: end,
    delayed: true,
  }),
]);
await send([sendMessage(me, locked, uakt(50_000))]);
const spendable = async () => {
  const { balances } = await lib.rest(`/cosmos/bank/v1beta1/spendable_balances/${locked}`);
  return balances;
};
assert.equal(await balance(locked), 2_050_000n);
assert.deepEqual(await spendable(), [uakt(50_000)]);
assert.ok((await asLocked.getAccount(locked)).accountNumber > 0);
const toFriend = (amount) => [sendMessage(locked, friend, uakt(amount))];
const stuck = await asLocked.signAndBroadcast(locked, toFriend(50_000), FEE, "");
assert.equal(stuck.code, 5);
assert.match(stuck.rawLog, /spendable balance 40000uakt is smaller than 50000uakt/);
await send(toFriend(1_000), { by: asLocked, from: locked });
assert.deepEqual(await spendable(), [uakt(50_000n - 2n * PAID - 1_000n)]);
step("a vesting account spends what is free, and no more");

await send(
  [
    message("staking.v1beta1.MsgDelegate", {
      delegatorAddress: locked,
      validatorAddress: first,
      amount: uakt(1_500_000),
    }),
  ],
  { by: asLocked, from: locked },
);
const { account } = await lib.rest(`/cosmos/auth/v1beta1/accounts/${locked}`);
assert.equal(account["@type"], "/cosmos.vesting.v1beta1.DelayedVestingAccount");
assert.deepEqual(account.base_vesting_account.delegated_vesting, [uakt(1_500_000)]);
assert.deepEqual(account.base_vesting_account.delegated_free, []);
assert.equal(account.base_vesting_account.end_time, String(end));
assert.deepEqual(await spendable(), [uakt(50_000n - 3n * PAID - 1_000n)]);
step("a vesting account delegates what is locked");

// --- what is refused -------------------------------------------------------------------------------
const { accountNumber, sequence } = await client.getSequence(me);
const signed = async (fee, data) => {
  const tx = await client.sign(me, [sendMessage(me, friend, uakt(1))], fee, "", {
    accountNumber,
    sequence,
    chainId,
    ...data,
  });
  return TxRaw.encode(tx).finish();
};
const purse = await balance(me);
await lib.refused(
  client.broadcastTx(await signed(FEE, { sequence: sequence + 5 })),
  32,
  new RegExp(`account sequence mismatch, expected ${sequence}, got ${sequence + 5}`),
);
await lib.refused(
  client.broadcastTx(await signed(FEE, { chainId: "another-chain" })),
  4,
  new RegExp(`signature verification failed; please verify.*chain-id.*\\(${chainId}\\)`),
);
await lib.refused(
  client.broadcastTx(await signed({ amount: [uakt(1)], gas: "200000" }, {})),
  13,
  /insufficient fees; got: 1uakt required: 500uakt/,
);
await lib.refused(
  client.broadcastTx(await signed({ ...FEE, gas: "10000" }, {})),
  11,
  /out of gas in location: .*gasWanted: 10000, gasUsed: \d+/,
);
assert.deepEqual([await balance(me), (await client.getSequence(me)).sequence], [purse, sequence]);
step("wrong sequence, wrong chain, too small a fee, too little gas: refused, and free of charge");

const many = Array.from({ length: 5 }, () => sendMessage(me, friend, uakt(1)));
const needed = await client.simulate(me, many, "");
const friendHad = await balance(friend);
const halted = await client.signAndBroadcast(
  me,
  many,
  calculateFee(Math.floor(needed * 0.8), lib.PRICE),
  "",
);
assert.equal(halted.code, 11);
assert.match(halted.rawLog, /out of gas in location/);
assert.equal(await balance(friend), friendHad);
assert.ok((await balance(me)) < purse);
assert.equal((await client.getSequence(me)).sequence, sequence + 1);
step("out of gas in a block: nothing is sent, the fee is paid, the sequence goes on");

await assert.rejects(
  client.sendTokens(me, friend, [uakt("9".repeat(24))], "auto", ""),
  /insufficient funds/,
);
step("an overdraft is refused by the simulation with its cause");

// --- the end of the vote -----------------------------------------------------------------------------
const outcome = await lib.until("the proposal is decided", async () => {
  const { proposal } = await query.gov.proposal(proposalId);
  return proposal.status !== 2 && proposal;
});
assert.equal(outcome.status, 3);
assert.equal(outcome.finalTallyResult.yes, String((await staked(first)) + (await staked(second))));
assert.deepEqual((await query.gov.deposits(proposalId)).deposits, []);
step(`proposal ${proposalId} has passed, its deposit is paid back`);

// --- the end of the unbonding ------------------------------------------------------------------------
const beforeEnd = await balance(me);
assert.deepEqual(
  (await unbonding()).map((it) => it.balance),
  ["500000"],
);
await lib.until("the unbonding is over", async () => (await unbonding()).length === 0);
assert.equal(await balance(me), beforeEnd + 500_000n);
step("what unbonded is free again");

lib.done();
