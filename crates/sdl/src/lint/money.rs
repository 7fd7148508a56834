//! What the prices come to: budgets, denominations, and amounts that nobody would pay.
//!
//! One `uact` is a millionth of a dollar (spec `chain.md` 2.3), and so is one `uusdc`, which other networks take;
//! a `uakt` is worth what the caller says.

use super::{Budget, Cx, is_there};
use crate::ast::Resources;
use crate::diagnostics::{Diagnostic, Sink, Span};
use crate::explain::cost;
use crate::quantity::Price;
use crate::rules::Rule;
use std::collections::BTreeSet;

/// The same as what `explain` counts with.
const BLOCK_TIME_MS: u128 = cost::BLOCK_TIME_MS as u128;
const MONTH_MS: u128 = cost::MONTH_MS as u128;

/// Beyond this multiple of what anyone charges a price is a slip. Prices are ceilings, and files in use are
/// often tens or hundreds of times above what is bid; that alone is no reason to speak.
const FAR_TOO_HIGH: u128 = 1_000;

/// Millionths of a dollar per month, for a price per block. `None`: nobody said what the coin is worth.
fn micro_usd_per_month(price: Price, denom: &str, cx: &Cx<'_, '_, '_>) -> Option<u128> {
    let micro_usd_per_coin = match denom {
        "uact" | "uusdc" => 1_000_000,
        "uakt" => u128::from(cx.options.akt_price_micro_usd?),
        _ => return None,
    };
    // Six digits after the point are kept: 10^-18 of a coin down to 10^-6.
    let coins = price.atto() / 1_000_000_000_000;
    let per_month = coins.saturating_mul(MONTH_MS) / BLOCK_TIME_MS;
    Some(per_month.saturating_mul(micro_usd_per_coin) / 1_000_000_000_000)
}

/// What one replica costs at the dearest providers, in millionths of a dollar per month; generous on purpose.
fn dear(resources: &Resources<'_>) -> u128 {
    let gib = |bytes: u64, micro_usd: u128| u128::from(bytes).saturating_mul(micro_usd) >> 30;
    let cpu = resources.cpu.as_ref().map_or(0, |it| u128::from(it.units.value) * 5_000);
    let memory = resources.memory.map_or(0, |it| gib(it.value, 3_000_000));
    let gpus = resources.gpu.as_ref().map_or(0, |it| u128::from(it.units.value));
    let volumes = resources
        .storage
        .iter()
        .map(|it| gib(it.size.value, if it.is_persistent() { 500_000 } else { 100_000 }));
    let parts = [cpu, memory, gpus.saturating_mul(4_000_000_000), 1_000_000];
    parts.into_iter().chain(volumes).fold(0, u128::saturating_add)
}

fn dollars(micro_usd: u128) -> String {
    match micro_usd {
        0..10_000 => "less than 0.01 USD".to_owned(),
        10_000..100_000_000 => {
            format!("{}.{:02} USD", micro_usd / 1_000_000, micro_usd % 1_000_000 / 10_000)
        }
        _ => format!("{} USD", grouped(micro_usd / 1_000_000)),
    }
}

/// A whole number with a comma at every third digit.
fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// An amount per block, in whole units where that is not too coarse.
fn amount(price_micro: u128) -> String {
    match price_micro {
        10_000_000.. => (price_micro / 1_000_000).to_string(),
        _ => {
            let text = format!("{}.{:06}", price_micro / 1_000_000, price_micro % 1_000_000);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

pub(super) fn check(cx: &Cx<'_, '_, '_>, budget: Option<(Budget, Option<Span>)>, sink: &mut Sink) {
    let mut total: Option<u128> = Some(0);
    let mut dearest: Option<(u128, Span, &str)> = None;
    let mut seen: BTreeSet<Span> = BTreeSet::new();
    for pair in cx.pairs {
        let (Some(entry), Some(resources)) = (pair.pricing(), pair.resources()) else { continue };
        let price = &entry.value;
        let denom = price.denom.text.as_ref();
        let is_new = seen.insert(price.amount.span);
        if is_new {
            unusual_denom(denom, price.denom.span, sink);
        }
        let one = micro_usd_per_month(price.amount.value, denom, cx);
        if is_new && let Some(one) = one {
            overpriced(one, resources, denom, price.amount.span, cx, sink);
        }
        let all = one.map(|it| it.saturating_mul(u128::from(pair.deployed.count.value)));
        total = total.zip(all).map(|(sum, it)| sum.saturating_add(it));
        if let Some(all) = all
            && dearest.is_none_or(|it| it.0 < all)
        {
            dearest = Some((all, price.amount.span, pair.service_name));
        }
    }
    let (Some((budget, stated)), Some(total), Some(dearest)) = (budget, total, dearest) else {
        return;
    };
    over_budget(budget, stated, total, dearest, cx, sink);
}

fn unusual_denom(denom: &str, span: Span, sink: &mut Sink) {
    if denom == "uact" || !is_there(span) {
        return;
    }
    let message = format!("the reference network opens no deployment that is priced in `{denom}`");
    let hint = match denom {
        "uakt" => {
            "write `uact`, a millionth of a dollar; AKT is burnt for it when the deposit is paid"
        }
        "act" | "usd" | "USD" | "uusd" | "usdc" | "uusdc" | "UACT" | "Uact" => {
            "write `uact`, a millionth of a dollar"
        }
        _ => "write `uact`, a millionth of a dollar, and state the amount in it",
    };
    sink.push(Diagnostic::new(Rule::UnusualDenom, span, message).hint(hint));
}

fn overpriced(
    month: u128,
    resources: &Resources<'_>,
    denom: &str,
    span: Span,
    cx: &Cx<'_, '_, '_>,
    sink: &mut Sink,
) {
    let dear = dear(resources);
    if month / FAR_TOO_HIGH <= dear {
        return;
    }
    let message = format!(
        "this allows {} a month for one replica; such a machine costs below {} anywhere",
        dollars(month),
        dollars(dear)
    );
    let generous = price_micro(dear.saturating_mul(2), denom, cx);
    let hint = match generous {
        Some(price) => format!("`amount: {}` is already twice that", amount(price)),
        None => "lower it".to_owned(),
    };
    sink.push(Diagnostic::new(Rule::Overpriced, span, message).hint(hint));
}

/// The price per block, in millionths, that comes to so much a month; rounded down to two digits.
fn price_micro(micro_usd_per_month: u128, denom: &str, cx: &Cx<'_, '_, '_>) -> Option<u128> {
    let micro_usd_per_coin = match denom {
        "uact" | "uusdc" => 1_000_000,
        "uakt" => u128::from(cx.options.akt_price_micro_usd?).max(1),
        _ => return None,
    };
    let coins = micro_usd_per_month.saturating_mul(1_000_000_000_000) / micro_usd_per_coin;
    let price = coins.saturating_mul(BLOCK_TIME_MS) / MONTH_MS;
    let mut coarse = 1;
    while price / coarse >= 100 {
        coarse *= 10;
    }
    Some(price / coarse * coarse).filter(|it| *it > 0)
}

fn over_budget(
    budget: Budget,
    stated: Option<Span>,
    total: u128,
    (dearest, span, service): (u128, Span, &str),
    cx: &Cx<'_, '_, '_>,
    sink: &mut Sink,
) {
    let limit = u128::from(budget.micro_usd_per_month);
    let denom = cx
        .pairs
        .first()
        .and_then(|it| it.pricing())
        .map_or("uact", |it| it.value.denom.text.as_ref());
    let factor = |a: u128, b: u128| match (a / b.max(1), a * 10 / b.max(1) % 10) {
        (whole @ ..10, tenth) => format!("{whole}.{tenth}"),
        (whole, _) => grouped(whole),
    };
    let (message, is_over) = if total > limit + limit / 10 {
        (
            format!(
                "the deployment may cost up to {} a month, {} times the budget of {}",
                dollars(total),
                factor(total, limit),
                dollars(limit)
            ),
            true,
        )
    } else if total < limit / 10 {
        (
            format!(
                "the prices come to {} a month at most, 1/{} of the budget of {}: hardly anyone will bid",
                dollars(total),
                factor(limit, total),
                dollars(limit)
            ),
            false,
        )
    } else {
        return;
    };
    // The dearest price, scaled as the whole would have to be.
    let part = dearest.saturating_mul(limit) / total.max(1);
    let replicas = cx
        .pairs
        .iter()
        .find(|it| it.service_name == service)
        .map_or(1, |it| u128::from(it.deployed.count.value.max(1)));
    let hint = match (price_micro(part / replicas, denom, cx), cx.pairs.len()) {
        (Some(price), 1) => format!("`amount: {}` stays within it", amount(price)),
        (Some(price), _) => format!(
            "with all prices {} alike, this one is `amount: {}`",
            if is_over { "lowered" } else { "raised" },
            amount(price)
        ),
        (None, _) => "change the amounts, or the budget".to_owned(),
    };
    let mut found = Diagnostic::new(Rule::OverBudget, span, message).hint(hint);
    if let Some(stated) = stated {
        found = found.related(stated, "the budget");
    }
    sink.push(found);
}
