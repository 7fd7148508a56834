// What the scripts of this folder share: settings, clients, waiting for a state.
//
// Every script prints one line per step, "all steps passed" at the end, and throws otherwise.

import assert from "node:assert/strict";

import { DirectSecp256k1HdWallet } from "@cosmjs/proto-signing";
import {
  GasPrice,
  QueryClient,
  SigningStargateClient,
  calculateFee,
  setupAuthzExtension,
  setupBankExtension,
  setupDistributionExtension,
  setupFeegrantExtension,
  setupGovExtension,
  setupStakingExtension,
} from "@cosmjs/stargate";
import { connectComet } from "@cosmjs/tendermint-rpc";

// A variable that the script cannot do without.
export function setting(name) {
  const value = process.env[name];
  assert.ok(value, `set ${name}`);
  return value;
}

export const RPC = setting("RPC");
export const REST = setting("REST");
export const PRICE = "0.025uakt";

export const step = (text) => console.log(`ok  ${text}`);

export function done() {
  console.log("all steps passed");
  process.exit(0);
}

export const uakt = (amount) => ({ denom: "uakt", amount: String(amount) });

// A fee that pays for any message of these scripts.
export const FEE = calculateFee(400_000, PRICE);
export const PAID = BigInt(FEE.amount[0].amount);

// What every signing client is made with: it asks for its transaction as soon as it may be there.
export const OPTIONS = { gasPrice: GasPrice.fromString(PRICE), broadcastPollIntervalMs: 150 };

export const walletOf = (phrase) =>
  DirectSecp256k1HdWallet.fromMnemonic(phrase, { prefix: "akash" });

export const freshWallet = () => DirectSecp256k1HdWallet.generate(12, { prefix: "akash" });

export async function addressOf(wallet) {
  const [account] = await wallet.getAccounts();
  return account.address;
}

export const connect = (wallet, options = {}) =>
  SigningStargateClient.connectWithSigner(RPC, wallet, { ...OPTIONS, ...options });

// Queries of the modules, as @cosmjs/stargate asks them.
export async function queries() {
  return QueryClient.withExtensions(
    await connectComet(RPC),
    setupAuthzExtension,
    setupBankExtension,
    setupDistributionExtension,
    setupFeegrantExtension,
    setupGovExtension,
    setupStakingExtension,
  );
}

// A JSON document of the REST gateway.
export async function rest(path) {
  const answer = await fetch(REST + path);
  assert.equal(answer.status, 200, `${path}: ${await answer.clone().text()}`);
  return answer.json();
}

// What `probe` gives as soon as it is something; asks until the time limit.
export async function until(what, probe, limitMs = 90_000) {
  for (const end = Date.now() + limitMs; Date.now() < end;) {
    const found = await probe();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`waited in vain until ${what}`);
}

// The value of an attribute in the first event of a type that has it.
export function attribute(result, type, key) {
  const event = result.events.find(
    (it) => it.type === type && it.attributes.some((attribute) => attribute.key === key),
  );
  assert.ok(event, `an event ${type} with ${key}`);
  return event.attributes.find((it) => it.key === key).value;
}

// How many uakt of staking rewards a transaction paid out to a delegator.
export function rewardsPaid(result, delegator) {
  let sum = 0n;
  for (const event of result.events.filter((it) => it.type === "withdraw_rewards")) {
    const of = (key) => event.attributes.find((it) => it.key === key)?.value;
    if (of("delegator") !== delegator) continue;
    for (const coin of (of("amount") ?? "").split(",")) {
      const amount = /^(\d+)uakt$/.exec(coin);
      if (amount) sum += BigInt(amount[1]);
    }
  }
  return sum;
}

// Everything that is bonded in the order of the network: the first validator signs the blocks, the
// second one is there to redelegate to.
export async function validators() {
  const { validators: bonded } = await (await queries()).staking.validators("BOND_STATUS_BONDED");
  const first = bonded.find((it) => it.description.moniker !== "second");
  const second = bonded.find((it) => it.description.moniker === "second");
  assert.ok(first && second, "two bonded validators");
  return [first.operatorAddress, second.operatorAddress];
}

// Asserts that a promise is rejected by the node before a block, as @cosmjs/stargate tells it.
export async function refused(promise, code, log) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.constructor.name, "BroadcastTxError", error.stack);
    assert.equal(error.codespace, "sdk");
    assert.equal(error.code, code, error.log);
    assert.match(error.log, log);
    return true;
  });
}
