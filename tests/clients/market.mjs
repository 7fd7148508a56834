// A market round with nothing of ours: @cosmjs/stargate and @akashnetwork/chain-sdk from npm.
//
// Environment: RPC and GRPC (base URLs of a running node), TENANT and PROVIDER (phrases of two
// funded accounts). Prints one line per step and ends with "all steps passed"; throws otherwise.

import assert from "node:assert/strict";

import {
  createChainNodeSDK,
  createStargateClient,
  generateManifest,
  generateManifestVersion,
  yaml,
} from "@akashnetwork/chain-sdk";
import { DirectSecp256k1HdWallet } from "@cosmjs/proto-signing";
import { GasPrice, SigningStargateClient } from "@cosmjs/stargate";
import Long from "long";

const { RPC, GRPC, TENANT, PROVIDER } = process.env;
for (const [name, value] of Object.entries({ RPC, GRPC, TENANT, PROVIDER })) {
  assert.ok(value, `set ${name}`);
}

const step = (text) => console.log(`ok  ${text}`);

const wallet = (phrase) => DirectSecp256k1HdWallet.fromMnemonic(phrase, { prefix: "akash" });
const tenantWallet = await wallet(TENANT);
const providerWallet = await wallet(PROVIDER);
const [{ address: tenant }] = await tenantWallet.getAccounts();
const [{ address: provider }] = await providerWallet.getAccounts();

// --- @cosmjs/stargate: connect, read, send, see the state change and a refusal ---------------
const stargate = await SigningStargateClient.connectWithSigner(RPC, tenantWallet, {
  gasPrice: GasPrice.fromString("0.025uakt"),
});
const chainId = await stargate.getChainId();
assert.ok(chainId.length > 0);
const height = await stargate.getHeight();
assert.ok(height > 0);
const account = await stargate.getAccount(tenant);
assert.equal(account.address, tenant);
step(`stargate is connected to ${chainId} at height ${height}`);

const before = BigInt((await stargate.getBalance(provider, "uakt")).amount);
const sent = await stargate.sendTokens(
  tenant,
  provider,
  [{ denom: "uakt", amount: "12345" }],
  "auto",
  "stargate",
);
assert.equal(sent.code, 0, sent.rawLog);
const after = BigInt((await stargate.getBalance(provider, "uakt")).amount);
assert.equal(after - before, 12345n);
const found = await stargate.getTx(sent.transactionHash);
assert.equal(found.height, sent.height);
assert.equal(found.code, 0);
assert.ok(found.events.some((event) => event.type === "transfer"));
const bySender = await stargate.searchTx([{ key: "message.sender", value: tenant }]);
assert.ok(bySender.some((tx) => tx.hash === sent.transactionHash));
step("sendTokens moves coins, getTx and searchTx find it");

await assert.rejects(
  stargate.sendTokens(tenant, provider, [{ denom: "uakt", amount: "9".repeat(24) }], "auto", ""),
  /insufficient funds/,
);
step("an overdraft is refused with its cause");

// --- @akashnetwork/chain-sdk: deployment from an SDL, bid, lease -------------------------------
const sdkOf = (signer) =>
  createChainNodeSDK({
    query: { baseUrl: GRPC },
    tx: { signer: createStargateClient({ baseUrl: RPC, signer, defaultGasPrice: "0.025uakt" }) },
  });
const asTenant = sdkOf(tenantWallet);
const asProvider = sdkOf(providerWallet);

const sdl = yaml`
version: "2.0"
services:
  web:
    image: nginx
    expose:
      - port: 80
        as: 80
        to:
          - global: true
profiles:
  compute:
    web:
      resources:
        cpu:
          units: 0.5
        memory:
          size: 512Mi
        storage:
          size: 512Mi
  placement:
    anywhere:
      pricing:
        web:
          denom: uact
          amount: 1000
deployment:
  web:
    anywhere:
      profile: web
      count: 1
`;
const compiled = generateManifest(sdl);
assert.ok(compiled.ok, JSON.stringify(compiled.value));
const { groups, groupSpecs } = compiled.value;
const hash = await generateManifestVersion(groups);

await asProvider.akash.provider.v1beta4.createProvider({
  owner: provider,
  hostUri: "https://localhost:8443",
  attributes: [{ key: "region", value: "lab" }],
  info: { email: "", website: "" },
});
const known = await asTenant.akash.provider.v1beta4.getProvider({ owner: provider });
assert.equal(known.provider.hostUri, "https://localhost:8443");
step("a provider is registered and read back");

const dseq = Long.fromNumber(await stargate.getHeight());
await asTenant.akash.deployment.v1beta4.createDeployment({
  id: { owner: tenant, dseq },
  groups: groupSpecs,
  hash,
  deposit: { amount: { denom: "uact", amount: "5000000" }, sources: [1] },
});
const { deployment, groups: stored } = await asTenant.akash.deployment.v1beta4.getDeployment({
  id: { owner: tenant, dseq },
});
assert.equal(deployment.state, 1);
assert.deepEqual(Buffer.from(deployment.hash), Buffer.from(hash));
assert.equal(stored.length, 1);
step(`deployment ${dseq} is created from an SDL`);

const { orders } = await asTenant.akash.market.v1beta5.getOrders({
  filters: { owner: tenant, dseq, state: "open" },
});
assert.equal(orders.length, 1);
const order = orders[0];
await asProvider.akash.market.v1beta5.createBid({
  id: { owner: tenant, dseq, gseq: 1, oseq: 1, provider, bseq: 0 },
  price: { denom: "uact", amount: "25.5" },
  deposit: { amount: { denom: "uact", amount: "500000" }, sources: [1] },
  resourcesOffer: order.spec.resources.map((it) => ({ resources: it.resource, count: it.count })),
});
const { bids } = await asTenant.akash.market.v1beta5.getBids({
  filters: { owner: tenant, dseq, state: "open" },
});
const mine = bids.map((it) => it.bid).find((it) => it.id.provider === provider);
assert.ok(mine, "the bid is listed");
step(`the bid of ${mine.price.amount} ${mine.price.denom} per block is open`);

await asTenant.akash.market.v1beta5.createLease({ bidId: mine.id });
const { lease, escrowPayment } = await asTenant.akash.market.v1beta5.getLease({
  id: { owner: tenant, dseq, gseq: 1, oseq: 1, provider, bseq: 0 },
});
assert.equal(lease.state, 1);
assert.ok(escrowPayment, "a lease has its payment");
step("the bid is accepted, the lease is active");

await asTenant.akash.deployment.v1beta4.closeDeployment({ id: { owner: tenant, dseq } });
const closed = await asTenant.akash.deployment.v1beta4.getDeployment({
  id: { owner: tenant, dseq },
});
assert.equal(closed.deployment.state, 2);
step("the deployment is closed");

console.log("all steps passed");
process.exit(0);
