//! Errors, one table per error space of the reference: the numbers are on the wire.

/// What every part shares.
pub(super) mod ibc {
    ledger::errors_in! { "ibc";
        2 Unauthorized "unauthorized",
        5 InvalidAddress "invalid address",
        6 InvalidCoins "invalid coins",
        8 InvalidRequest "invalid request",
        12 InvalidType "invalid type",
        14 UnpackAny "failed unpacking protobuf message from Any",
    }
}

/// Identifiers.
pub(super) mod host {
    ledger::errors_in! { "host";
        2 InvalidId "invalid identifier",
    }
}

pub(super) mod client {
    ledger::errors_in! { "client";
        4 NotFound "light client not found",
        8 InvalidConsensus "invalid consensus state",
        10 InvalidType "invalid client type",
        12 InvalidHeader "invalid client header",
        13 InvalidMisbehaviour "invalid light client misbehaviour",
        23 UpdateFailed "unable to update light client",
        24 InvalidRecovery "invalid recovery client",
        25 InvalidUpgrade "invalid client upgrade",
        27 InvalidSubstitute "invalid client state substitute",
        29 NotActive "client state is not active",
        30 MembershipFailed "membership verification failed",
        32 RouteNotFound "light client module route not found",
    }
}

pub(super) mod client_v2 {
    ledger::errors_in! { "clientv2";
        2 InvalidCounterparty "invalid counterparty",
        35 CounterpartyNotFound "counterparty not found",
    }
}

/// Light clients of CometBFT chains.
pub(super) mod tendermint {
    ledger::errors_in! { "07-tendermint";
        2 InvalidChainId "invalid chain-id",
        3 InvalidTrustingPeriod "invalid trusting period",
        4 InvalidUnbondingPeriod "invalid unbonding period",
        5 InvalidHeaderHeight "invalid header height",
        6 InvalidHeader "invalid header",
        7 InvalidClockDrift "invalid max clock drift",
        13 InvalidProofSpecs "invalid proof specs",
        15 InvalidTrustLevel "invalid trust level",
    }
}

pub(super) mod connection {
    ledger::errors_in! { "connection";
        3 NotFound "connection not found",
        6 InvalidState "invalid connection state",
        7 InvalidCounterparty "invalid counterparty connection",
        9 InvalidVersion "invalid connection version",
        11 InvalidId "invalid connection identifier",
    }
}

pub(super) mod channel {
    ledger::errors_in! { "channel";
        3 NotFound "channel not found",
        5 InvalidState "invalid channel state",
        6 InvalidOrdering "invalid channel ordering",
        7 InvalidCounterparty "invalid counterparty channel",
        13 InvalidPacket "invalid packet",
        15 TooManyHops "too many connection hops",
        16 InvalidAcknowledgement "invalid acknowledgement",
        18 InvalidId "invalid channel identifier",
    }
}

pub(super) mod channel_v2 {
    ledger::errors_in! { "channelv2";
        4 InvalidPacket "invalid packet",
        5 InvalidPayload "invalid payload",
        7 InvalidAcknowledgement "invalid acknowledgement",
        8 InvalidTimeout "invalid packet timeout",
    }
}

pub(super) mod port {
    ledger::errors_in! { "port";
        4 InvalidPort "invalid port",
        5 InvalidRoute "route not found",
    }
}

pub(super) mod commitment {
    ledger::errors_in! { "commitment";
        2 InvalidProof "invalid proof",
    }
}
