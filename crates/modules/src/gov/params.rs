//! What proposals cost, how long they are voted on, and what they need to pass (cosmos.md 4.11).

use ledger::{Ctx, Fault, Result, View};
use prost_types::Duration;
use types::{
    Coin, Coins, Dec,
    timestamp::span_text,
    wire::cosmos::gov::v1::{MsgUpdateParams, Params},
};

use super::PARAMS;
use crate::auth;

const DAY_SECONDS: i64 = 86_400;

/// The values of the network (cosmos.md 0).
pub(super) fn defaults() -> Params {
    let days = |count: i64| Some(Duration { seconds: count.saturating_mul(DAY_SECONDS), nanos: 0 });
    let akt = |amount: i64| vec![Coin::new("uakt", amount).into()];
    let ratio = |text: &str| text.to_owned();
    Params {
        min_deposit: akt(2_500_000_000),
        max_deposit_period: days(14),
        voting_period: days(3),
        quorum: ratio("0.200000000000000000"),
        threshold: ratio("0.500000000000000000"),
        veto_threshold: ratio("0.334000000000000000"),
        min_initial_deposit_ratio: ratio("0.000000000000000000"),
        proposal_cancel_ratio: ratio("0.500000000000000000"),
        proposal_cancel_dest: String::new(),
        expedited_voting_period: days(1),
        expedited_threshold: ratio("0.667000000000000000"),
        expedited_min_deposit: akt(12_500_000_000),
        burn_vote_quorum: false,
        burn_proposal_deposit_prevote: false,
        burn_vote_veto: true,
        min_deposit_ratio: ratio("0.010000000000000000"),
    }
}

pub(super) fn get(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_else(defaults))
}

/// The deposit that starts the vote on a proposal.
pub(super) fn min_deposit(params: &Params, expedited: bool) -> Result<Coins> {
    let list = if expedited { &params.expedited_min_deposit } else { &params.min_deposit };
    Ok(Coins::from_wire(list)?)
}

pub(super) fn ratio(text: &str) -> Result<Dec> {
    Ok(text.parse::<Dec>()?)
}

/// In the order and with the words of the reference: a failed proposal's event shows them.
pub(super) fn check(params: &Params) -> Result {
    let least = deposit(&params.min_deposit, "minimum deposit")?;
    let expedited = deposit(&params.expedited_min_deposit, "expedited minimum deposit")?;
    if least.covers(&expedited) {
        return refuse(format!(
            "expedited minimum deposit must be greater than minimum deposit: {expedited}"
        ));
    }
    period(params.max_deposit_period.as_ref(), "maximum deposit period")?;

    let quorum = named(&params.quorum, "invalid quorum string")?;
    at_least_zero(quorum, "quorom cannot be negative")?;
    at_most_one(quorum, "quorom too large")?;
    let threshold = named(&params.threshold, "invalid threshold string")?;
    positive(threshold, "vote threshold must be positive")?;
    at_most_one(threshold, "vote threshold too large")?;
    let fast = named(&params.expedited_threshold, "invalid expedited threshold string")?;
    positive(fast, "expedited vote threshold must be positive")?;
    at_most_one(fast, "expedited vote threshold too large")?;
    if fast <= threshold {
        return refuse(format!(
            "expedited vote threshold {fast}, must be greater than the regular threshold {threshold}"
        ));
    }
    let veto = named(&params.veto_threshold, "invalid vetoThreshold string")?;
    positive(veto, "veto threshold must be positive")?;
    at_most_one(veto, "veto threshold too large")?;

    let voting = period(params.voting_period.as_ref(), "voting period")?;
    let short = period(params.expedited_voting_period.as_ref(), "expedited voting period")?;
    if short >= voting {
        let text = |it: &Option<Duration>| span_text(&it.unwrap_or_default());
        return refuse(format!(
            "expedited voting period {} must be strictly less that the regular voting period {}",
            text(&params.expedited_voting_period),
            text(&params.voting_period)
        ));
    }

    let initial = named(
        &params.min_initial_deposit_ratio,
        "invalid mininum initial deposit ratio of proposal",
    )?;
    at_least_zero(initial, "mininum initial deposit ratio of proposal must be positive")?;
    at_most_one(initial, "mininum initial deposit ratio of proposal is too large")?;
    let cancel = named(&params.proposal_cancel_ratio, "invalid burn rate of cancel proposal")?;
    at_least_zero(cancel, "burn rate of cancel proposal must be positive")?;
    at_most_one(cancel, "burn rate of cancel proposal is too large")?;
    let to = &params.proposal_cancel_dest;
    if !to.is_empty() && to.parse::<types::Address>().is_err() {
        return refuse(format!("deposits destination address is invalid: {to}"));
    }
    // The ratio of the smallest deposit is not looked at: one that is no number refuses deposits.
    Ok(())
}

fn refuse(text: String) -> Result {
    Err(Fault::plain(text))
}

fn deposit(list: &[types::wire::cosmos::base::v1beta1::Coin], name: &str) -> Result<Coins> {
    match Coins::from_wire(list) {
        Ok(coins) if !coins.is_empty() => Ok(coins),
        _ => Err(Fault::plain(format!("invalid {name}: {}", super::deposits::text_of(list)))),
    }
}

/// A positive number of whole seconds; returns nanoseconds.
fn period(span: Option<&Duration>, name: &str) -> Result<i128> {
    let Some(span) = span else {
        return Err(Fault::plain(format!("{name} must not be nil: 0")));
    };
    let nanos = i128::from(span.seconds)
        .saturating_mul(1_000_000_000)
        .saturating_add(i128::from(span.nanos));
    if nanos <= 0 {
        return Err(Fault::plain(format!("{name} must be positive: {}", span_text(span))));
    }
    Ok(nanos)
}

fn named(text: &str, name: &str) -> Result<Dec> {
    ratio(text).map_err(|_| Fault::plain(format!("{name}: {}", wrong_number(text))))
}

/// What the reference says of a text that is no number.
fn wrong_number(text: &str) -> String {
    const PLACES: usize = 18;
    let bare = text.strip_prefix('-').unwrap_or(text);
    if bare.is_empty() {
        return "decimal string cannot be empty".to_owned();
    }
    let (whole, fraction) = match bare.split_once('.') {
        None => (bare, ""),
        Some((_, fraction)) if fraction.contains('.') => {
            return "invalid decimal string".to_owned();
        }
        Some((whole, fraction)) if whole.is_empty() || fraction.is_empty() => {
            return "invalid decimal length".to_owned();
        }
        Some(parts) => parts,
    };
    let Some(missing) = PLACES.checked_sub(fraction.len()) else {
        let over = fraction.len() - PLACES;
        return format!(
            "value '{text}' exceeds max precision by -{over} decimal places: max precision {PLACES}"
        );
    };
    let zeros = "0".repeat(missing);
    format!("failed to set decimal string with base 10: {whole}{fraction}{zeros}")
}

fn at_least_zero(value: Dec, text: &str) -> Result {
    if value.is_negative() { refuse(format!("{text}: {value}")) } else { Ok(()) }
}

fn positive(value: Dec, text: &str) -> Result {
    if value.is_positive() { Ok(()) } else { refuse(format!("{text}: {value}")) }
}

fn at_most_one(value: Dec, text: &str) -> Result {
    if value > Dec::from_int(1) { refuse(format!("{text}: {value}")) } else { Ok(()) }
}

pub(super) fn update(
    cx: &mut Ctx,
    MsgUpdateParams { authority, params }: MsgUpdateParams,
) -> Result {
    auth::require_authority(&authority)?;
    check(&params)?;
    PARAMS.set(cx, &params)
}
