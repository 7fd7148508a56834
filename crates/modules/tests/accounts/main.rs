//! Recorded transactions of accounts and money: outcome, data, events and gas must be those of the
//! reference network, as far as the chapters they need are here.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "tests")]

mod replay;

use std::ops::RangeInclusive;

/// Blocks of `bank-authz-feegrant` about money alone: what follows needs votes and rewards.
const MONEY: RangeInclusive<i64> = 1..=17;
/// Gas that hangs on chapters which are not here (rewards leave the fee collector each block, so
/// that its balance has fewer digits) and on single bytes of state.
const GAS_TOLERANCE: i64 = 100;

#[test]
fn every_recorded_outcome_of_admission_is_ours() {
    let Some(scenario) = replay::open("tx-ante", "0.025uakt") else { return };
    scenario.init();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for block in &scenario.blocks {
        let height = block["height"].as_i64().unwrap();
        let ours = scenario.execute(block);
        compared += ours.tx_results.len();
        wrong.extend(replay::differences(height, block, &ours));
        wrong.extend(scenario.ask(height));
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 100, "only {compared} transactions were compared");
}

#[test]
fn every_recorded_transfer_is_ours_to_the_gas() {
    let Some(scenario) = replay::open("bank-authz-feegrant", "") else { return };
    scenario.init();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for block in &scenario.blocks {
        let height = block["height"].as_i64().unwrap();
        if !MONEY.contains(&height) {
            break;
        }
        let ours = scenario.execute(block);
        compared += ours.tx_results.len();
        wrong.extend(replay::differences(height, block, &ours));
        let recorded = block["tx_results"].as_array().unwrap();
        for (theirs, ours) in recorded.iter().zip(&ours.tx_results) {
            let gas = theirs["gas_used"].as_i64().unwrap();
            if (gas - ours.gas_used).abs() > GAS_TOLERANCE {
                wrong.push(format!("{height}: gas {} instead of {gas}", ours.gas_used));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 25, "only {compared} transactions were compared");
}

#[test]
fn every_recorded_answer_about_accounts_and_money_is_ours() {
    let mut total = 0;
    for (scenario, height) in [("evidence-misc", 2), ("bank-authz-feegrant", 17)] {
        let Some(scenario) = replay::open(scenario, "") else { return };
        scenario.init();
        for block in &scenario.blocks[..usize::try_from(height).unwrap()] {
            scenario.execute(block);
        }
        let (wrong, compared) = scenario.answers(height);
        assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
        total += compared;
    }
    assert!(total > 20, "only {total} answers were compared");
}
