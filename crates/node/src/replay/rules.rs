//! What need not match: the known defects of the reference, and the facts of `about.md`.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a scenario's `about.md` says that a replay needs.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    /// The least price of gas that the recorded node took before any block.
    pub(super) min_gas_prices: String,
    /// How many transactions the recorded node's pool held, and how long one might be, in bytes.
    pub(super) pool_txs: usize,
    pub(super) pool_tx_bytes: usize,
    /// The right codespace and code where the reference gave another, by height and transaction.
    pub(super) right: BTreeMap<(i64, usize), (String, u32)>,
}

impl About {
    /// Reads the sentences that have a fixed form.
    pub(super) fn read(text: &str) -> Self {
        let after = |line: &str, word: &str| -> Option<String> {
            let at = line.to_lowercase().find(word)?;
            let rest = line.get(at.checked_add(word.len())?..)?.trim_start();
            let end = rest.find(|it: char| !it.is_ascii_alphanumeric() && it != '.');
            let found = rest.get(..end.unwrap_or(rest.len()))?.trim_end_matches('.');
            found.starts_with(|it: char| it.is_ascii_digit()).then(|| found.to_owned())
        };
        let min_gas_prices = text.lines().find_map(|it| after(it, "minimum gas price "));
        let right = text.lines().filter_map(right_code).collect();
        let number = |word: &str, otherwise: usize| {
            let found = text.lines().find_map(|it| after(it, word));
            found.and_then(|it| it.parse().ok()).unwrap_or(otherwise)
        };
        Self {
            min_gas_prices: min_gas_prices.unwrap_or_default(),
            pool_txs: number("pool size ", 5000),
            pool_tx_bytes: number("max_tx_bytes ", 1_048_576),
            right,
        }
    }
}

/// `- height 12, tx 2 (…): reference answers undefined/1; right is market/28 (D-16).`
fn right_code(line: &str) -> Option<((i64, usize), (String, u32))> {
    let rest = line.trim().strip_prefix("- height ")?;
    let (height, rest) = rest.split_once(", tx ")?;
    let digits = rest.find(|it: char| !it.is_ascii_digit())?;
    let (tx, rest) = rest.split_at_checked(digits)?;
    let (_, right) = rest.rsplit_once("; right is ")?;
    let (codespace, code) = right.split_whitespace().next()?.split_once('/')?;
    Some(((height.parse().ok()?, tx.parse().ok()?), (codespace.to_owned(), code.parse().ok()?)))
}

/// The price of gas that a refusal for too small a fee tells: `required: 50000uakt` for so much
/// gas.
pub(super) fn price_told(log: &str, gas_limit: u64) -> Option<String> {
    let (_, required) = log.split_once("insufficient fees; got: ")?.1.split_once("required: ")?;
    let fee: types::Coin = required.split([':', ',']).next()?.trim().parse().ok()?;
    let price = types::Dec::from_int(fee.amount).quo_int(types::Int::from(gas_limit)).ok()?;
    Some(format!("{price}{}", fee.denom))
}

/// The reference lost the codespace of its error; any refusal is right.
pub(super) const UNDEFINED: &str = "codespace undefined (any refusal is right)";
/// The reference refuses every deletion of a provider.
pub(super) const DELETE_PROVIDER: &str = "MsgDeleteProvider always refused (D-19)";
/// The reference leaves out the status of a swap request.
pub(super) const SWAP_STATUS: &str = "no status in the data of a swap request (D-26)";

/// How our code compares with a recorded one.
pub(super) enum Verdict {
    Same,
    Known(&'static str),
    Different,
}

/// Compares codespace and code of a refusal.
pub(super) fn codes(ours: (&str, i64), recorded: (&str, i64), deletes_provider: bool) -> Verdict {
    if recorded.0 == "undefined" {
        return if ours.1 == 0 { Verdict::Different } else { Verdict::Known(UNDEFINED) };
    }
    if ours == recorded {
        return Verdict::Same;
    }
    if recorded == ("provider", 10) && deletes_provider && (ours.1 == 0 || ours.0 == "provider") {
        return Verdict::Known(DELETE_PROVIDER);
    }
    Verdict::Different
}

/// Whether `ours` is `recorded` but for swap requests that tell their status.
pub(super) fn only_swap_status(ours: &Value, recorded: &Value) -> bool {
    match (ours, recorded) {
        (Value::Object(ours), Value::Object(recorded)) => {
            ours.len() == recorded.len()
                && ours.iter().all(|(key, it)| {
                    recorded.get(key).is_some_and(|other| only_swap_status(it, other))
                })
        }
        (Value::Array(ours), Value::Array(recorded)) => {
            ours.len() == recorded.len()
                && ours.iter().zip(recorded).all(|(it, other)| only_swap_status(it, other))
        }
        (Value::String(ours), Value::String(recorded)) => {
            ours == recorded
                || (ours == "ledger_record_status_pending"
                    && recorded == "ledger_record_status_invalid")
        }
        _ => ours == recorded,
    }
}

/// Puts what the reference lists in a random order into one order: the subspaces of parameters and
/// their keys.
pub(super) fn settle_order(subject: &str, answer: &mut Value) {
    if !matches!(
        subject,
        "/cosmos/params/v1beta1/subspaces" | "cosmos.params.v1beta1.Query/Subspaces"
    ) {
        return;
    }
    let Some(list) = answer.get_mut("subspaces").and_then(Value::as_array_mut) else { return };
    for subspace in list.iter_mut() {
        if let Some(keys) = subspace.get_mut("keys").and_then(Value::as_array_mut) {
            keys.sort_by_key(Value::to_string);
        }
    }
    list.sort_by_key(Value::to_string);
}

/// Whether a member of an answer need not match: hashes and what is derived from them, gas, the
/// node's own facts. `subject` is the path of a REST query, the method of the others.
pub(super) fn is_free(subject: &str, name: &str) -> bool {
    let about_blocks = ["/cosmos/tx/", "/cosmos/base/", "cosmos.tx.", "cosmos.base.", "rpc "]
        .iter()
        .any(|it| subject.starts_with(it));
    if !about_blocks {
        if name == "app_hash" {
            return ["/historical_info/", "/HistoricalInfo"].iter().any(|it| subject.contains(it));
        }
        return subject.contains("discovery") && name == "node_version";
    }
    let of_hashes = matches!(
        name,
        "app_hash"
            | "hash"
            | "block_id"
            | "last_block_id"
            | "last_commit_hash"
            | "data_hash"
            | "validators_hash"
            | "next_validators_hash"
            | "validator_hash"
            | "consensus_hash"
            | "last_results_hash"
            | "evidence_hash"
            | "signature"
            | "proof"
            | "proof_ops"
            | "proofOps"
            | "block_size"
            | "latest_app_hash"
            | "latest_block_hash"
            | "earliest_app_hash"
            | "earliest_block_hash"
            | "last_block_app_hash"
    );
    let of_node = matches!(
        name,
        "default_node_info" | "application_version" | "node_info" | "node_version" | "version"
    ) || matches!(
        (subject, name),
        ("rpc net_info", "listeners" | "peers" | "n_peers")
            | ("rpc abci_info", "data")
            | ("rpc status", "validator_info")
            | ("rpc consensus_state" | "rpc dump_consensus_state", "round_state" | "peers")
    );
    of_hashes || of_node || matches!(name, "gas_used" | "raw_log" | "log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_the_price_of_gas() {
        let log = "insufficient fees; got: 1uakt required: 50000uakt: insufficient fee";
        let price = price_told(log, 2_000_000);
        assert_eq!(price.as_deref(), Some("0.025000000000000000uakt"));
        assert_eq!(price_told("out of gas", 1), None);
    }

    #[test]
    fn sentences_of_about_are_read() {
        let text = "One validator, minimum gas price 0.025uakt (check_tx only).\n\
                    - height 12, tx 2 (t2 creates 7, 1 groups): reference answers undefined/1; \
                    right is market/28 (D-16).\n";
        let about = About::read(text);
        assert_eq!(about.min_gas_prices, "0.025uakt");
        assert_eq!(about.right.get(&(12, 2)), Some(&("market".to_owned(), 28)));
    }
}
