//! The beginning of a local network: who has what, and what deployments may be paid in.
//!
//! Called by: node, for `haggle up` and the demo, and by tests. Calls: staking and slashing, for
//! their defaults; it writes the `app_state` of a genesis document, which the modules read.

use base64::{Engine, prelude::BASE64_STANDARD};
use prost_types::Timestamp;
use serde_json::{Value, json};
use types::{Address, Coins, ConsAddress, Int, ValAddress, timestamp::proto_text};

use crate::{slashing, staking};

/// What a local network can be paid in, in the order clients show: compute credit, the staking
/// token, a stablecoin. All have six decimals.
pub const DENOMS: [&str; 3] = ["uact", "uakt", "uusdc"];

/// The least deposit of a deployment or a bid, in each of [`DENOMS`]: half a whole unit.
const LEAST_DEPOSIT: &str = "500000";

/// The `app_state` of a local network: every account with what it holds, deployments priced in any
/// of [`DENOMS`], every denomination free to be sent, inflation as on the network. Modules that are
/// not mentioned start with their defaults.
///
/// AKT can be swapped for compute credit and back from the start: it has a price, which the first
/// account may change, and a vault that covers the credit that is there.
///
/// Accounts are numbered from 0 in the order given. The supply is what they hold, and the vault.
#[must_use]
pub fn local(accounts: &[(Address, Coins)]) -> Value {
    let mut known = Vec::new();
    let mut balances = Vec::new();
    for (number, (address, coins)) in accounts.iter().enumerate() {
        known.push(json!({
            "@type": "/cosmos.auth.v1beta1.BaseAccount",
            "address": address.to_string(),
            "pub_key": null,
            "account_number": number.to_string(),
            "sequence": "0",
        }));
        balances.push(json!({ "address": address.to_string(), "coins": coins }));
    }
    if let Some(collateral) = collateral(accounts) {
        balances.push(collateral);
    }
    let least = DENOMS.map(|it| json!({ "denom": it, "amount": LEAST_DEPOSIT }));
    json!({
        "auth": {
            "params": {
                "max_memo_characters": "256",
                "tx_sig_limit": "7",
                "tx_size_cost_per_byte": "10",
                "sig_verify_cost_ed25519": "590",
                "sig_verify_cost_secp256k1": "1000",
            },
            "accounts": known,
        },
        "bank": {
            "params": { "send_enabled": [], "default_send_enabled": true },
            "balances": balances,
            "denom_metadata": [
                metadata("uakt", "akt", "Akash Native Token", "AKT", "The native token of Akash"),
                metadata("uact", "act", "Akash Compute Token", "ACT", "Akash Compute Token"),
                metadata("uusdc", "usdc", "USD Coin", "USDC", "A stablecoin pegged to the dollar"),
            ],
            "send_enabled": [],
        },
        "denoms": { "params": { "denoms": DENOMS } },
        "oracle": oracle(accounts),
        "bme": bme(),
        "limits": { "params": { "enabled": true }, "rules": [], "deployments": [] },
        "receipts": {
            "params": { "lease_ends": true, "max_declines": 100 },
            "lease_ends": [],
            "declines": [],
        },
        "deployment": { "deployments": [], "params": { "min_deposits": least } },
        "market": {
            "params": {
                "bid_min_deposit": { "denom": "uakt", "amount": LEAST_DEPOSIT },
                "order_max_bids": 20,
                "bid_min_deposits": least,
                "min_reclamation_window": "60s",
                "max_reclamation_window": "2592000s",
            },
            "orders": [],
            "leases": [],
            "bids": [],
        },
        // Proposals that a person can see through in one sitting.
        "gov": {
            "starting_proposal_id": "1",
            "params": {
                "min_deposit": [{ "denom": "uakt", "amount": "10000000" }],
                "max_deposit_period": "600s",
                "voting_period": "120s",
                "quorum": "0.334000000000000000",
                "threshold": "0.500000000000000000",
                "veto_threshold": "0.334000000000000000",
                "min_initial_deposit_ratio": "0.000000000000000000",
                "proposal_cancel_ratio": "0.500000000000000000",
                "proposal_cancel_dest": "",
                "expedited_voting_period": "60s",
                "expedited_threshold": "0.667000000000000000",
                "expedited_min_deposit": [{ "denom": "uakt", "amount": "50000000" }],
                "burn_vote_quorum": false,
                "burn_proposal_deposit_prevote": false,
                "burn_vote_veto": true,
                "min_deposit_ratio": "0.010000000000000000",
            },
        },
        "mint": {
            "minter": { "inflation": "0.13", "annual_provisions": "0" },
            "params": {
                "mint_denom": "uakt",
                "inflation_rate_change": "0.13",
                "inflation_max": "0.20",
                "inflation_min": "0.07",
                "goal_bonded": "0.67",
                "blocks_per_year": "6311520",
            },
        },
    })
}

/// A validator that a new network begins with.
#[derive(Clone, Debug)]
pub struct FirstValidator<'a> {
    /// Whose stake it is, and who may claim what it earns.
    pub operator: &'a Address,
    /// The ed25519 key that it signs blocks with.
    pub public_key: &'a [u8; 32],
    pub moniker: &'a str,
    /// Consensus power: as many whole `uakt` coins are staked, beside what the operator holds.
    pub power: u32,
}

/// Puts bonded validators into the `app_state` that [`local`] wrote. Their stake is new: the supply
/// grows by it. `genesis_time_s` is in seconds since 1970.
pub fn bond(state: &mut Value, first: &[FirstValidator<'_>], genesis_time_s: i64) {
    let time = Timestamp { seconds: genesis_time_s, nanos: 0 };
    let mut validators = Vec::new();
    let mut delegations = Vec::new();
    let mut signing_infos = Vec::new();
    let mut staked = 0_i64;
    for validator in first {
        let stake = i64::from(validator.power).saturating_mul(staking::POWER_REDUCTION);
        staked = staked.saturating_add(stake);
        validators.push(bonded(validator, stake, &time));
        delegations.push(json!({
            "delegator_address": validator.operator.to_string(),
            "validator_address": ValAddress::from(validator.operator).to_string(),
            "shares": shares(stake),
        }));
        signing_infos.push(signing_info(validator));
    }
    let params = types::json::to_value(&staking::default_params()).unwrap_or_default();
    state["staking"] = json!({
        "params": params,
        "last_total_power": "0",
        "last_validator_powers": [],
        "validators": validators,
        "delegations": delegations,
        "unbonding_delegations": [],
        "redelegations": [],
        "exported": false,
    });
    let params = types::json::to_value(&slashing::default_params()).unwrap_or_default();
    state["slashing"] =
        json!({ "params": params, "signing_infos": signing_infos, "missed_blocks": [] });
    let balances = state.pointer_mut("/bank/balances").and_then(Value::as_array_mut);
    if let Some(balances) = balances {
        balances.push(json!({
            "address": Address::of_module(staking::BONDED_POOL).to_string(),
            "coins": [{ "denom": "uakt", "amount": staked.to_string() }],
        }));
    }
}

fn shares(stake: i64) -> String {
    format!("{stake}.000000000000000000")
}

fn bonded(validator: &FirstValidator<'_>, stake: i64, time: &Timestamp) -> Value {
    json!({
        "operator_address": ValAddress::from(validator.operator).to_string(),
        "consensus_pubkey": {
            "@type": "/cosmos.crypto.ed25519.PubKey",
            "key": BASE64_STANDARD.encode(validator.public_key),
        },
        "jailed": false,
        "status": "BOND_STATUS_BONDED",
        "tokens": stake.to_string(),
        "delegator_shares": shares(stake),
        "description": {
            "moniker": validator.moniker,
            "identity": "",
            "website": "",
            "security_contact": "",
            "details": "",
        },
        "unbonding_height": "0",
        "unbonding_time": "1970-01-01T00:00:00Z",
        "commission": {
            "commission_rates": {
                "rate": "0.100000000000000000",
                "max_rate": "0.200000000000000000",
                "max_change_rate": "0.010000000000000000",
            },
            "update_time": proto_text(time),
        },
        "min_self_delegation": "1",
        "unbonding_on_hold_ref_count": "0",
        "unbonding_ids": [],
    })
}

fn signing_info(validator: &FirstValidator<'_>) -> Value {
    let address = ConsAddress::from_ed25519(validator.public_key).to_string();
    json!({
        "address": address,
        "validator_signing_info": {
            "address": address,
            "start_height": "0",
            "index_offset": "0",
            "jailed_until": "1970-01-01T00:00:00Z",
            "tombstoned": false,
            "missed_blocks_counter": "0",
        },
    })
}

/// What one AKT is worth, in US dollars, until a source says otherwise.
const AKT_PRICE: &str = "1.250000000000000000";

/// When that price was reported: before any network begins.
const AKT_PRICED_AT: &str = "2023-01-01T00:00:00Z";

/// A hundred years: nobody feeds a local network, so the price of its genesis lasts.
const PRICE_LASTS: &str = "3155760000s";

/// How many uakt the vault holds for each uact that is given away at the beginning.
const COLLATERAL_PER_CREDIT: i64 = 2;

/// The first account is the one source of prices.
fn oracle(accounts: &[(Address, Coins)]) -> Value {
    let mut sources = Vec::new();
    let mut prices = Vec::new();
    let mut latest = Vec::new();
    let mut ids = Vec::new();
    if let Some((address, _)) = accounts.first() {
        sources.push(address.to_string());
        ids.push(json!({ "address": address.to_string(), "id": 1 }));
        prices.push(json!({
            "id": {
                "source": 1, "denom": "akt", "base_denom": "usd",
                "timestamp": AKT_PRICED_AT, "sequence": "0",
            },
            "state": { "price": AKT_PRICE },
        }));
        latest.push(json!({
            "id": { "source": 1, "denom": "akt", "base_denom": "usd" },
            "state": { "timestamp": AKT_PRICED_AT, "sequence": "0" },
        }));
    }
    json!({
        "params": {
            "sources": sources,
            "min_price_sources": 1,
            "max_price_staleness_period": PRICE_LASTS,
            "twap_window": "5s",
            "max_price_deviation_bps": "150",
            "feed_contracts_params": [],
            "price_retention": PRICE_LASTS,
            "prune_epoch": "hour",
            "max_prune_per_epoch": "1000",
            "max_future_time_drift": "10s",
        },
        "prices": prices,
        "latest_prices_ids": latest,
        "source_ids": ids,
        "source_seq": "1",
    })
}

/// Swaps as on the network, but sooner: every five blocks, from one ACT.
fn bme() -> Value {
    let zero = |denom: &str| json!({ "denom": denom, "amount": "0" });
    json!({
        "params": {
            "circuit_breaker_warn_threshold": 9500,
            "circuit_breaker_halt_threshold": 9000,
            "min_epoch_blocks": "5",
            "epoch_blocks_backoff_percent": 10,
            "mint_spread_bps": 25,
            "settle_spread_bps": 0,
            "max_endblocker_records": 50,
            "min_mint": [{ "denom": "uact", "amount": "1000000" }],
            "max_pending_attempts": 3,
        },
        "state": {
            "total_burned": [zero("uact"), zero("uakt")],
            "total_minted": [zero("uact"), zero("uakt")],
            "remint_credits": [zero("uakt")],
        },
        "ledger": null,
    })
}

/// The vault's balance; none when there is no credit to cover, or more than can be counted.
fn collateral(accounts: &[(Address, Coins)]) -> Option<Value> {
    let credit = Int::sum(accounts.iter().map(|(_, coins)| coins.amount_of("uact"))).ok()?;
    let amount = credit.mul(Int::from(COLLATERAL_PER_CREDIT)).ok().filter(Int::is_positive)?;
    Some(json!({
        "address": Address::of_module("bme").to_string(),
        "coins": [{ "denom": "uakt", "amount": amount.to_string() }],
    }))
}

fn metadata(base: &str, display: &str, name: &str, symbol: &str, description: &str) -> Value {
    json!({
        "description": description,
        "denom_units": [
            { "denom": base, "exponent": 0, "aliases": [] },
            { "denom": format!("m{display}"), "exponent": 3, "aliases": [] },
            { "denom": display, "exponent": 6, "aliases": [] },
        ],
        "base": base,
        "display": display,
        "name": name,
        "symbol": symbol,
        "uri": "",
        "uri_hash": "",
    })
}
