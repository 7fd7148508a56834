//! What a deposit may look like before anyone asks who pays it (chain.md 3.8).

use std::collections::BTreeSet;

use ledger::{Fault, Result, Sdk};
use types::wire::akash::base::deposit::v1::{Deposit, Source};
use types::{Coin, validate_denom};

use super::{Error, money};

/// Amount, then sources. Zero passes.
pub fn validate(deposit: &Deposit) -> Result {
    validate_denom(&deposit.amount.denom).map_err(money)?;
    let amount = Coin::try_from(&deposit.amount).map_err(money)?;
    if amount.amount.is_negative() {
        return Err(Sdk::InvalidCoins.wrap(format_args!("negative coin amount: {}", amount.amount)));
    }
    validate_sources(&deposit.sources)
}

/// At least one source, each known and named once.
pub fn validate_sources(sources: &[i32]) -> Result {
    if sources.is_empty() {
        return Err(Error::InvalidDepositSource.wrap("empty deposit sources"));
    }
    let mut seen = BTreeSet::new();
    for source in sources {
        if !matches!(Source::try_from(*source), Ok(Source::Balance | Source::Grant)) {
            let text = format_args!("empty deposit source type {source}");
            return Err(Error::InvalidDepositSource.wrap(text));
        }
        if !seen.insert(source) {
            let text = format_args!("duplicate deposit source type {source}");
            return Err(Error::InvalidDepositSource.wrap(text));
        }
    }
    Ok(())
}

/// The sources do not reach. The reference answers so for accounts of every kind (chain.md 6.3),
/// with the market's number: chapters below the market say it too.
pub fn insufficient() -> Fault {
    Fault::registered("market", 28, "deposit invalid").context("insufficient balance")
}
