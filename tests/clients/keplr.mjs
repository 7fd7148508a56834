// What `haggle node wallet-data` wrote for wallets, held against Keplr's own published checks:
// the form of suggestChain data, whether both endpoints answer for the chain, and the features.
//
// Environment: RPC, REST (of the node that the data is of), DATA (the folder it was written to).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import validator from "@keplr-wallet/chain-validator";
import WebSocket from "ws";

import * as lib from "./lib.mjs";
const { step } = lib;

const {
  checkChainFeatures,
  checkRPCConnectivity,
  checkRestConnectivity,
  validateBasicChainInfoType,
} = validator;
const chain = JSON.parse(readFileSync(join(lib.setting("DATA"), "keplr.json"), "utf8"));

// Nothing is stripped: a key that Keplr does not know fails.
const checked = await validateBasicChainInfoType(chain, false);
assert.deepEqual(checked, chain);
step(`Keplr takes the data of ${chain.chainId}`);

await assert.rejects(validateBasicChainInfoType({ ...chain, bip44: {} }, false), /coinType/);
await assert.rejects(validateBasicChainInfoType({ ...chain, colour: "red" }, false), /colour/);
step("and would refuse what is not right");

assert.deepEqual([chain.rpc, chain.rest], [lib.RPC, lib.REST]);
await checkRPCConnectivity(chain.chainId, chain.rpc, (url) => new WebSocket(url));
await checkRestConnectivity(chain.chainId, chain.rest);
await assert.rejects(checkRestConnectivity("another-chain", chain.rest), /different chain id/);
step("RPC with its WebSocket, and REST, answer for this chain");

// Keplr asks the node which features it could add. What concerns IBC is for chains that relay.
const silent = console.log;
console.log = () => {};
const missing = await checkChainFeatures(chain);
console.log = silent;
assert.deepEqual(
  missing.filter((it) => !it.startsWith("ibc")),
  [],
);
step("no feature is missing that Keplr finds");

const metadata = await lib.rest("/cosmos/bank/v1beta1/denoms_metadata");
for (const { base, display, denom_units: units } of metadata.metadatas) {
  const currency = chain.currencies.find((it) => it.coinMinimalDenom === base);
  assert.ok(currency, base);
  assert.equal(currency.coinDecimals, units.find((it) => it.denom === display).exponent);
}
const { params } = await lib.rest("/cosmos/staking/v1beta1/params");
assert.equal(chain.stakeCurrency.coinMinimalDenom, params.bond_denom);
const { minimum_gas_price: least } = await lib.rest("/cosmos/base/node/v1beta1/config");
const [fee] = chain.feeCurrencies;
assert.equal(Number.parseFloat(least), fee.gasPriceStep.low);
assert.ok(least.endsWith(fee.coinMinimalDenom));
step("currencies, staking token and least gas price are the node's own");

lib.done();
