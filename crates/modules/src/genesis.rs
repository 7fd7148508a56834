//! The beginning of a local network: who has what, and what deployments may be paid in.
//!
//! Called by: node, for `haggle up` and the demo, and by tests. Calls: nothing; it writes the
//! `app_state` of a genesis document, which the modules read.

use serde_json::{Value, json};
use types::{Address, Coins};

/// What a local network can be paid in, in the order clients show: compute credit, the staking
/// token, a stablecoin. All have six decimals.
pub const DENOMS: [&str; 3] = ["uact", "uakt", "uusdc"];

/// The least deposit of a deployment or a bid, in each of [`DENOMS`]: half a whole unit.
const LEAST_DEPOSIT: &str = "500000";

/// The `app_state` of a local network: every account with what it holds, deployments priced in any
/// of [`DENOMS`], every denomination free to be sent. Modules that are not mentioned start with
/// their defaults.
///
/// Accounts are numbered from 0 in the order given. The supply is what they hold.
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
    })
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
