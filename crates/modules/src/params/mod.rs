//! Parameters of an older kind, by subspace and key: what the reference still lets a legacy
//! proposal write, and nobody reads but its own queries (cosmos.md 4.16).
//!
//! Called by: gov, for `ParameterChangeProposal`. Calls: nothing. Owns: store `params`.

mod kinds;
#[cfg(test)]
mod tests;

use kinds::Kind;
use ledger::{Ctx, Fault, Map, Module, Raw, Result, Routes, View};
use serde_json::Value;
use types::wire::cosmos::params::v1beta1::{
    ParamChange, QueryParamsRequest, QueryParamsResponse, QuerySubspacesRequest,
    QuerySubspacesResponse, Subspace,
};

pub struct Params;

impl Module for Params {
    const NAME: &'static str = "params";
    type Genesis = ();

    fn routes(r: &mut Routes<'_>) {
        r.query(show).query(subspaces);
    }
    fn init(_: &mut Ctx, (): ()) -> Result {
        Ok(())
    }
    fn export(_: &View) -> Result<()> {
        Ok(())
    }
}

/// Subspace, a slash, key: the value is JSON text.
const VALUES: Map<String, Vec<u8>, Raw> = Map::new(Params::NAME, &[]);

fn at(subspace: &str, key: &str) -> String {
    format!("{subspace}/{key}")
}

/// Every subspace with the keys that may be written.
const SUBSPACES: &[(&str, &[(&str, Kind)])] = &[
    (
        "auth",
        &[
            ("MaxMemoCharacters", Kind::Natural),
            ("TxSigLimit", Kind::Natural),
            ("TxSizeCostPerByte", Kind::Natural),
            ("SigVerifyCostED25519", Kind::Natural),
            ("SigVerifyCostSecp256k1", Kind::Natural),
        ],
    ),
    ("bank", &[("SendEnabled", Kind::Switches), ("DefaultSendEnabled", Kind::Bool)]),
    (
        "staking",
        &[
            ("UnbondingTime", Kind::Positive),
            ("MaxValidators", Kind::Small(1, u32::MAX)),
            ("MaxEntries", Kind::Small(1, u32::MAX)),
            ("HistoricalEntries", Kind::Small(0, u32::MAX)),
            ("BondDenom", Kind::Denom),
            ("MinCommissionRate", Kind::Share),
        ],
    ),
    ("distribution", &[("communitytax", Kind::Share), ("withdrawaddrenabled", Kind::Bool)]),
    (
        "slashing",
        &[
            ("SignedBlocksWindow", Kind::Positive),
            ("MinSignedPerWindow", Kind::Share),
            ("DowntimeJailDuration", Kind::Positive),
            ("SlashFractionDoubleSign", Kind::Share),
            ("SlashFractionDowntime", Kind::Share),
        ],
    ),
    (
        "gov",
        &[
            ("depositparams", Kind::DepositRules),
            ("votingparams", Kind::VotingRules),
            ("tallyparams", Kind::TallyRules),
        ],
    ),
    ("crisis", &[("ConstantFee", Kind::Fee)]),
    ("ibc", &[("AllowedClients", Kind::Names), ("MaxExpectedTimePerBlock", Kind::Whole)]),
    ("transfer", &[("SendEnabled", Kind::Bool), ("ReceiveEnabled", Kind::Bool)]),
    ("deployment", &[("MinDeposits", Kind::LeastDeposits)]),
    (
        "market",
        &[
            ("BidMinDeposit", Kind::AnyCoin),
            ("BidMinDeposits", Kind::Coins),
            ("OrderMaxBids", Kind::Small(1, MOST_BIDS)),
        ],
    ),
];

/// The most bids that an order may be given.
const MOST_BIDS: u32 = 500;

fn keys_of(subspace: &str) -> Result<&'static [(&'static str, Kind)]> {
    let found = SUBSPACES.iter().find(|(name, _)| *name == subspace);
    found.map(|(_, keys)| *keys).ok_or_else(|| Error::UnknownSubspace.wrap(subspace))
}

// Calls open to other modules.

/// Carries out the changes of a legacy proposal. /2 for a subspace, /3 for a key or a value that is
/// none. Nothing in the ledger follows these values, as in the reference.
pub fn change(cx: &mut Ctx, changes: &[ParamChange]) -> Result {
    for ParamChange { subspace, key, value } in changes {
        let keys = keys_of(subspace)?;
        let refuse = |why: &str| {
            Fault::from(Error::NotSet).context(format!("key: {key}, value: {value}, err: {why}"))
        };
        let Some((_, kind)) = keys.iter().find(|(name, _)| name == key) else {
            return Err(refuse(&format!("parameter {key} not registered")));
        };
        let json: Value = serde_json::from_str(value).map_err(|it| refuse(&it.to_string()))?;
        let value = kind.canonical(&json).map_err(refuse)?;
        VALUES.set(cx, &at(subspace, key), &value.into_bytes())?;
    }
    Ok(())
}

// Queries.

fn show(view: &View, request: QueryParamsRequest) -> Result<QueryParamsResponse> {
    let QueryParamsRequest { subspace, key } = request;
    if subspace.is_empty() || key.is_empty() {
        return Err(Fault::invalid_argument("invalid request"));
    }
    keys_of(&subspace)?;
    let value = VALUES.get(view, &at(&subspace, &key))?.unwrap_or_default();
    let value = String::from_utf8_lossy(&value).into_owned();
    Ok(QueryParamsResponse { param: ParamChange { subspace, key, value } })
}

/// All subspaces, with the keys that were ever written.
fn subspaces(view: &View, _: QuerySubspacesRequest) -> Result<QuerySubspacesResponse> {
    let mut subspaces = Vec::new();
    for (name, _) in SUBSPACES {
        let prefix = at(name, "");
        let mut keys = Vec::new();
        for entry in VALUES.walk().under_bytes(prefix.as_bytes()).iter(view) {
            let (key, _) = entry?;
            keys.push(key.strip_prefix(&prefix).unwrap_or_default().to_owned());
        }
        subspaces.push(Subspace { subspace: (*name).to_owned(), keys });
    }
    Ok(QuerySubspacesResponse { subspaces })
}

// Errors: the numbers are on the wire.
ledger::errors! { Params;
    2 UnknownSubspace "unknown subspace",
    3 NotSet "failed to set parameter",
    4 EmptyChanges "submitted parameter changes are empty",
    5 EmptySubspace "parameter subspace is empty",
    6 EmptyKey "parameter key is empty",
    7 EmptyValue "parameter value is empty",
}
