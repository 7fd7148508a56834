// Amino forms of messages for which @cosmjs/stargate leaves the converters to wallets: authz and
// feegrant, as Keplr, Leap and the Ledger app show them.

import { AminoTypes, createDefaultAminoConverters } from "@cosmjs/stargate";
import { GenericAuthorization } from "cosmjs-types/cosmos/authz/v1beta1/authz.js";
import { SendAuthorization } from "cosmjs-types/cosmos/bank/v1beta1/authz.js";
import { BasicAllowance } from "cosmjs-types/cosmos/feegrant/v1beta1/feegrant.js";

const seconds = (timestamp) =>
  new Date(Number(timestamp.seconds) * 1000).toISOString().replace(".000Z", "Z");
const timestamp = (text) => ({ seconds: BigInt(Date.parse(text)) / 1000n, nanos: 0 });

// Contents of an `Any` whose amino name differs from its type URL.
const CONTENTS = {
  "/cosmos.authz.v1beta1.GenericAuthorization": {
    type: "cosmos-sdk/GenericAuthorization",
    toAmino: (bytes) => ({ msg: GenericAuthorization.decode(bytes).msg }),
    fromAmino: (value) => GenericAuthorization.encode(GenericAuthorization.fromPartial(value)),
  },
  "/cosmos.bank.v1beta1.SendAuthorization": {
    type: "cosmos-sdk/SendAuthorization",
    toAmino: (bytes) => ({ spend_limit: SendAuthorization.decode(bytes).spendLimit }),
    fromAmino: (value) =>
      SendAuthorization.encode(SendAuthorization.fromPartial({ spendLimit: value.spend_limit })),
  },
  "/cosmos.feegrant.v1beta1.BasicAllowance": {
    type: "cosmos-sdk/BasicAllowance",
    toAmino: (bytes) => ({ spend_limit: BasicAllowance.decode(bytes).spendLimit }),
    fromAmino: (value) =>
      BasicAllowance.encode(BasicAllowance.fromPartial({ spendLimit: value.spend_limit })),
  },
};

function contentToAmino(any) {
  const known = CONTENTS[any.typeUrl];
  return { type: known.type, value: known.toAmino(any.value) };
}

function contentFromAmino({ type, value }) {
  const [typeUrl, known] = Object.entries(CONTENTS).find(([, it]) => it.type === type);
  return { typeUrl, value: known.fromAmino(value).finish() };
}

// `registry` encodes the messages inside of MsgExec.
export function aminoTypes(registry) {
  const plain = new AminoTypes(createDefaultAminoConverters());
  return new AminoTypes({
    ...createDefaultAminoConverters(),
    "/cosmos.authz.v1beta1.MsgGrant": {
      aminoType: "cosmos-sdk/MsgGrant",
      toAmino: ({ granter, grantee, grant }) => ({
        granter,
        grantee,
        grant: {
          authorization: contentToAmino(grant.authorization),
          expiration: seconds(grant.expiration),
        },
      }),
      fromAmino: ({ granter, grantee, grant }) => ({
        granter,
        grantee,
        grant: {
          authorization: contentFromAmino(grant.authorization),
          expiration: timestamp(grant.expiration),
        },
      }),
    },
    "/cosmos.authz.v1beta1.MsgExec": {
      aminoType: "cosmos-sdk/MsgExec",
      toAmino: ({ grantee, msgs }) => ({
        grantee,
        msgs: msgs.map((it) => plain.toAmino({ typeUrl: it.typeUrl, value: registry.decode(it) })),
      }),
      fromAmino: ({ grantee, msgs }) => ({
        grantee,
        msgs: msgs.map((it) => registry.encodeAsAny(plain.fromAmino(it))),
      }),
    },
    "/cosmos.authz.v1beta1.MsgRevoke": {
      aminoType: "cosmos-sdk/MsgRevoke",
      toAmino: ({ granter, grantee, msgTypeUrl }) => ({
        granter,
        grantee,
        msg_type_url: msgTypeUrl,
      }),
      fromAmino: ({ granter, grantee, msg_type_url: msgTypeUrl }) => ({
        granter,
        grantee,
        msgTypeUrl,
      }),
    },
    "/cosmos.feegrant.v1beta1.MsgGrantAllowance": {
      aminoType: "cosmos-sdk/MsgGrantAllowance",
      toAmino: ({ granter, grantee, allowance }) => ({
        granter,
        grantee,
        allowance: contentToAmino(allowance),
      }),
      fromAmino: ({ granter, grantee, allowance }) => ({
        granter,
        grantee,
        allowance: contentFromAmino(allowance),
      }),
    },
    "/cosmos.feegrant.v1beta1.MsgRevokeAllowance": {
      aminoType: "cosmos-sdk/MsgRevokeAllowance",
      toAmino: (value) => value,
      fromAmino: (value) => value,
    },
  });
}
