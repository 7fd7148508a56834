use ledger::{
    Fault, Result,
    testing::{Chain, attribute},
};
use serde_json::{Value, json};
use types::{
    Address, Coin, Coins, Dec, Int, ValAddress,
    wire::{
        cosmos::{
            base::v1beta1::Coin as WireCoin,
            crypto::ed25519,
            staking::v1beta1::{
                CommissionRates, Description, MsgBeginRedelegate, MsgCancelUnbondingDelegation,
                MsgCreateValidator, MsgDelegate, MsgEditValidator, MsgUndelegate,
                QueryDelegatorDelegationsRequest, QueryDelegatorDelegationsResponse,
                QueryRedelegationsRequest, QueryRedelegationsResponse,
            },
        },
        tendermint::abci::Event,
    },
};

use super::{BONDED_POOL, NOT_BONDED_POOL, Validator, state};
use crate::{Market, auth, bank, genesis};

const UNIT: i64 = 1_000_000;
/// Seconds of the tests' unbonding period; a block takes five.
const UNBONDING: i64 = 30;

fn who(name: u8) -> Address {
    Address::from([name; 20])
}

fn operator(name: u8) -> ValAddress {
    ValAddress::from(&who(name))
}

fn coin(amount: i64) -> WireCoin {
    Coin::new("uakt", amount).into()
}

fn key_of(name: u8) -> prost_types::Any {
    use prost::{Message, Name};
    let key = ed25519::PubKey { key: vec![name; 32] };
    prost_types::Any { type_url: ed25519::PubKey::type_url(), value: key.encode_to_vec() }
}

/// Accounts 1 to 9 with a thousand coins each, nobody validates; changed.
fn chain_with(change: impl FnOnce(&mut Value)) -> Chain<Market> {
    let coins = || Coins::new([Coin::new("uakt", 1000 * UNIT)]).unwrap();
    let accounts: Vec<_> = (1..=9).map(|it| (who(it), coins())).collect();
    let mut app_state = genesis::local(&accounts);
    app_state["staking"] = types::json::to_value(&super::GenesisState {
        params: super::Params {
            unbonding_time: prost_types::Duration { seconds: UNBONDING, nanos: 0 },
            max_validators: 2,
            max_entries: 3,
            historical_entries: 5,
            ..super::default_params()
        },
        last_total_power: b"0".to_vec(),
        ..super::GenesisState::default()
    })
    .unwrap();
    // Nothing is minted, so that amounts are the tests' own.
    app_state["mint"]["params"]["inflation_max"] = json!("0.000000000000000000");
    app_state["mint"]["params"]["inflation_min"] = json!("0.000000000000000000");
    change(&mut app_state);
    Chain::new(app_state)
}

fn create(chain: &mut Chain<Market>, name: u8, amount: i64) -> Result<Vec<Event>> {
    let rate = |percent: u64| Dec::new(percent, 2).unwrap().to_wire();
    chain.run(&MsgCreateValidator {
        description: Description { moniker: format!("v{name}"), ..Description::default() },
        commission: CommissionRates {
            rate: rate(10),
            max_rate: rate(20),
            max_change_rate: rate(1),
        },
        min_self_delegation: "1".to_owned(),
        validator_address: operator(name).to_string(),
        pubkey: Some(key_of(name)),
        value: coin(amount),
        ..MsgCreateValidator::default()
    })
}

fn delegate(chain: &mut Chain<Market>, from: u8, to: u8, amount: i64) -> Result<Vec<Event>> {
    chain.run(&MsgDelegate {
        delegator_address: who(from).to_string(),
        validator_address: operator(to).to_string(),
        amount: coin(amount),
    })
}

fn undelegate(chain: &mut Chain<Market>, from: u8, to: u8, amount: i64) -> Result<Vec<Event>> {
    chain.run(&MsgUndelegate {
        delegator_address: who(from).to_string(),
        validator_address: operator(to).to_string(),
        amount: coin(amount),
    })
}

fn redelegate(
    chain: &mut Chain<Market>,
    name: u8,
    from: u8,
    to: u8,
    amount: i64,
) -> Result<Vec<Event>> {
    chain.run(&MsgBeginRedelegate {
        delegator_address: who(name).to_string(),
        validator_src_address: operator(from).to_string(),
        validator_dst_address: operator(to).to_string(),
        amount: coin(amount),
    })
}

/// Validators 1 and 2 with 100 and 50 coins in the set; account 4 has 30 coins with 1.
fn staked() -> Chain<Market> {
    let mut chain = chain_with(|_| {});
    create(&mut chain, 1, 100 * UNIT).unwrap();
    create(&mut chain, 2, 50 * UNIT).unwrap();
    delegate(&mut chain, 4, 1, 30 * UNIT).unwrap();
    chain.next_block(5);
    chain
}

fn validator(chain: &Chain<Market>, name: u8) -> Validator {
    super::validator(chain.view(), &operator(name)).unwrap().unwrap()
}

fn held(chain: &Chain<Market>, address: &Address) -> i64 {
    bank::balance(chain.view(), address, "uakt").unwrap().to_i64().unwrap()
}

fn pools(chain: &Chain<Market>) -> (i64, i64) {
    let of = |name| held(chain, &auth::module_address(name));
    (of(BONDED_POOL), of(NOT_BONDED_POOL))
}

fn slash(chain: &mut Chain<Market>, name: u8, height: i64, power: i64, percent: u64) -> Int {
    let address = validator(chain, name).consensus_address().unwrap();
    let fraction = Dec::new(percent, 2).unwrap();
    super::slash(&mut chain.cx, &address, height, power, fraction).unwrap()
}

#[track_caller]
fn check_refused(outcome: Result<Vec<Event>>, expected: impl Into<Fault>) {
    let (fault, expected) = (outcome.unwrap_err(), expected.into());
    assert!(fault.is(expected.clone()), "{fault:?} instead of {expected:?}");
}

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|it| it.r#type.as_str()).collect()
}

#[test]
fn the_strongest_take_the_seats_and_equals_are_ranked_by_address() {
    let mut chain = staked();
    assert_eq!(pools(&chain), (180 * UNIT, 0));
    create(&mut chain, 3, 50 * UNIT).unwrap();
    chain.next_block(5);
    assert!(validator(&chain, 2).is_bonded() && !validator(&chain, 3).is_bonded());
    assert_eq!(pools(&chain), (180 * UNIT, 50 * UNIT));
    delegate(&mut chain, 5, 3, UNIT).unwrap();
    chain.next_block(5);
    assert!(validator(&chain, 3).is_bonded() && validator(&chain, 2).is_unbonding());
    assert_eq!(pools(&chain), (181 * UNIT, 50 * UNIT));
    chain.next_blocks(6, 5);
    assert!(validator(&chain, 2).is_unbonded());
}

#[test]
fn less_than_a_unit_of_power_is_no_seat() {
    let mut chain = chain_with(|_| {});
    create(&mut chain, 1, UNIT - 1).unwrap();
    chain.next_block(5);
    assert!(validator(&chain, 1).is_unbonded());
    delegate(&mut chain, 4, 1, 1).unwrap();
    chain.next_block(5);
    assert!(validator(&chain, 1).is_bonded());
}

#[test]
fn unbonding_stake_comes_back_when_its_time_has_come_and_not_before() {
    let mut chain = staked();
    let events = undelegate(&mut chain, 4, 1, 10 * UNIT).unwrap();
    assert_eq!(attribute(events.last().unwrap(), "amount"), "10000000uakt");
    assert_eq!(pools(&chain), (170 * UNIT, 10 * UNIT));
    let before = held(&chain, &who(4));
    chain.next_blocks(6, 5);
    assert_eq!(held(&chain, &who(4)), before);
    let events = chain.next_block(5);
    assert!(kinds(&events).contains(&"complete_unbonding"));
    assert_eq!(held(&chain, &who(4)), before + 10 * UNIT);
    assert_eq!(pools(&chain), (170 * UNIT, 0));
}

#[test]
fn undelegations_of_one_block_are_one_entry_with_two_places_in_the_queue() {
    let mut chain = staked();
    undelegate(&mut chain, 4, 1, 1).unwrap();
    undelegate(&mut chain, 4, 1, 2).unwrap();
    let record = state::unbonding_of(chain.view(), &who(4), &operator(1)).unwrap().unwrap();
    assert_eq!((record.entries.len(), record.entries[0].balance.as_str()), (1, "3"));
    assert_eq!(state::UNBONDING_QUEUE.iter(chain.view()).count(), 2);
    chain.next_blocks(2, 5);
    undelegate(&mut chain, 4, 1, 4).unwrap();
    chain.next_blocks(4, 5);
    let events = chain.next_block(5);
    let amounts: Vec<&str> = events
        .iter()
        .filter(|it| it.r#type == "complete_unbonding")
        .map(|it| attribute(it, "amount"))
        .collect();
    assert_eq!(amounts, ["3uakt", ""]);
}

#[test]
fn entries_of_a_pair_are_bounded() {
    let mut chain = staked();
    for _ in 0..3 {
        undelegate(&mut chain, 4, 1, 1).unwrap();
        redelegate(&mut chain, 4, 1, 2, 1).unwrap();
        chain.next_block(1);
    }
    check_refused(undelegate(&mut chain, 4, 1, 1), super::Error::TooManyUnbondings);
    check_refused(redelegate(&mut chain, 4, 1, 2, 1), super::Error::TooManyRedelegations);
}

#[test]
fn a_cancelled_unbonding_is_delegated_again_from_the_other_pool() {
    let mut chain = staked();
    undelegate(&mut chain, 4, 1, 10 * UNIT).unwrap();
    let creation_height = chain.view().height();
    let cancel = |amount| MsgCancelUnbondingDelegation {
        delegator_address: who(4).to_string(),
        validator_address: operator(1).to_string(),
        amount: coin(amount),
        creation_height,
    };
    check_refused(chain.run(&cancel(11 * UNIT)), ledger::Sdk::InvalidRequest);
    chain.run(&cancel(4 * UNIT)).unwrap();
    assert_eq!(pools(&chain), (174 * UNIT, 6 * UNIT));
    chain.run(&cancel(6 * UNIT)).unwrap();
    assert_eq!(pools(&chain), (180 * UNIT, 0));
    assert!(state::unbonding_of(chain.view(), &who(4), &operator(1)).unwrap().is_none());
    let events = {
        chain.next_blocks(6, 5);
        chain.next_block(5)
    };
    assert!(!kinds(&events).contains(&"complete_unbonding"));
}

#[test]
fn moved_stake_cannot_move_on_before_it_has_arrived() {
    let mut chain = staked();
    redelegate(&mut chain, 4, 1, 2, 10 * UNIT).unwrap();
    check_refused(redelegate(&mut chain, 4, 2, 1, UNIT), super::Error::TransitiveRedelegation);
    check_refused(redelegate(&mut chain, 4, 1, 1, UNIT), super::Error::SelfRedelegation);
    check_refused(redelegate(&mut chain, 4, 1, 7, UNIT), super::Error::NoDestination);
    check_refused(redelegate(&mut chain, 5, 1, 2, UNIT), super::Error::NoDelegation);
    let request = QueryRedelegationsRequest {
        src_validator_addr: operator(1).to_string(),
        ..QueryRedelegationsRequest::default()
    };
    let list: QueryRedelegationsResponse =
        chain.query("/cosmos.staking.v1beta1.Query/Redelegations", &request).unwrap();
    assert_eq!(list.redelegation_responses[0].entries[0].balance, "10000000");
    chain.next_blocks(7, 5);
    redelegate(&mut chain, 4, 2, 1, UNIT).unwrap();
}

#[test]
fn an_operator_that_keeps_too_little_is_jailed_and_loses_its_seat() {
    let mut chain = staked();
    chain
        .run(&MsgEditValidator {
            description: Description {
                moniker: "[do-not-modify]".to_owned(),
                ..Description::default()
            },
            validator_address: operator(1).to_string(),
            commission_rate: String::new(),
            min_self_delegation: (90 * UNIT).to_string(),
        })
        .unwrap();
    assert_eq!(validator(&chain, 1).description.moniker, "v1");
    undelegate(&mut chain, 1, 1, 11 * UNIT).unwrap();
    assert!(validator(&chain, 1).jailed && validator(&chain, 1).is_bonded());
    chain.next_block(5);
    assert!(validator(&chain, 1).is_unbonding());
    assert_eq!(validator(&chain, 1).power().unwrap(), 0);
}

#[test]
fn a_validator_without_shares_is_removed_when_it_is_unbonded() {
    let mut chain = staked();
    undelegate(&mut chain, 2, 2, 50 * UNIT).unwrap();
    chain.next_blocks(6, 5);
    assert!(validator(&chain, 2).is_unbonding());
    chain.next_blocks(2, 5);
    assert!(super::validator(chain.view(), &operator(2)).unwrap().is_none());
    create(&mut chain, 2, UNIT).unwrap();
}

#[test]
fn a_slash_burns_what_backed_the_infraction_wherever_it_went() {
    let mut chain = staked();
    let infraction = chain.view().height();
    chain.next_block(5);
    undelegate(&mut chain, 4, 1, 10 * UNIT).unwrap();
    redelegate(&mut chain, 4, 1, 2, 10 * UNIT).unwrap();
    chain.next_block(5);
    let supply = bank::supply(chain.view(), "uakt").unwrap();
    // A tenth of 130: one each of what left and what moved, the rest of the validator's own.
    let burned = slash(&mut chain, 1, infraction, 130, 10);
    assert_eq!(burned, Int::from(11 * UNIT));
    assert_eq!(validator(&chain, 1).tokens, Int::from(99 * UNIT));
    assert_eq!(validator(&chain, 1).shares, Dec::from_int(110 * UNIT));
    assert_eq!(validator(&chain, 2).tokens, Int::from(59 * UNIT));
    let after = bank::supply(chain.view(), "uakt").unwrap();
    assert_eq!(supply.sub(after).unwrap(), Int::from(13 * UNIT));
    let record = state::unbonding_of(chain.view(), &who(4), &operator(1)).unwrap().unwrap();
    assert_eq!(record.entries[0].balance, (9 * UNIT).to_string());
    chain.next_block(5);
}

#[test]
fn what_left_before_the_infraction_is_not_slashed() {
    let mut chain = staked();
    undelegate(&mut chain, 4, 1, 10 * UNIT).unwrap();
    chain.next_block(5);
    let infraction = chain.view().height();
    chain.next_block(5);
    let burned = slash(&mut chain, 1, infraction, 120, 10);
    assert_eq!(burned, Int::from(12 * UNIT));
    let record = state::unbonding_of(chain.view(), &who(4), &operator(1)).unwrap().unwrap();
    assert_eq!(record.entries[0].balance, (10 * UNIT).to_string());
    chain.next_block(5);
}

#[test]
fn delegating_to_a_slashed_validator_buys_more_shares_than_tokens() {
    let mut chain = staked();
    let height = chain.view().height();
    slash(&mut chain, 2, height, 50, 20);
    let events = delegate(&mut chain, 5, 2, 40 * UNIT).unwrap();
    let shares = attribute(events.last().unwrap(), "new_shares");
    assert_eq!(shares, "50000000.000000000000000000");
    chain.next_block(5);
    slash(&mut chain, 2, height + 1, 1_000, 100);
    check_refused(delegate(&mut chain, 5, 2, UNIT), super::Error::InvalidRate);
    check_refused(undelegate(&mut chain, 5, 2, UNIT), super::Error::InsufficientShares);
    chain.next_block(5);
}

#[test]
fn history_is_kept_for_as_many_blocks_as_the_parameter_says() {
    let mut chain = staked();
    chain.next_blocks(10, 5);
    let heights: Vec<u64> = state::HISTORY.keys(chain.view()).map(|it| it.unwrap()).collect();
    let now = u64::try_from(chain.view().height()).unwrap();
    assert_eq!(heights, (now - 4..=now).collect::<Vec<_>>());
    let latest = state::HISTORY.get(chain.view(), &now).unwrap().unwrap();
    let names: Vec<&str> = latest.valset.iter().map(|it| it.description.moniker.as_str()).collect();
    assert_eq!(names, ["v1", "v2"]);
}

#[test]
fn an_export_brings_everything_back() {
    let mut chain = staked();
    undelegate(&mut chain, 4, 1, 10 * UNIT).unwrap();
    undelegate(&mut chain, 4, 1, 1).unwrap();
    redelegate(&mut chain, 4, 1, 2, UNIT).unwrap();
    create(&mut chain, 3, 10 * UNIT).unwrap();
    chain.next_block(5);
    let exported = chain.export();
    let mut again = Chain::<Market>::new(exported.clone());
    again.assert_invariants();
    assert_eq!(again.export()["staking"], exported["staking"]);
    assert_eq!(again.export()["slashing"], exported["slashing"]);
    again.next_blocks(8, 5);
    assert_eq!(state::UNBONDINGS.iter(again.view()).count(), 0);
    assert_eq!(state::REDELEGATIONS.iter(again.view()).count(), 0);
}

#[test]
fn a_commission_of_nothing_is_a_commission() {
    let mut chain = chain_with(|_| {});
    let zero = || Dec::ZERO.to_wire();
    chain
        .run(&MsgCreateValidator {
            description: Description { moniker: "free".to_owned(), ..Description::default() },
            commission: CommissionRates { rate: zero(), max_rate: zero(), max_change_rate: zero() },
            min_self_delegation: "1".to_owned(),
            validator_address: operator(1).to_string(),
            pubkey: Some(key_of(1)),
            value: coin(UNIT),
            ..MsgCreateValidator::default()
        })
        .unwrap();
    assert!(validator(&chain, 1).commission_rate().is_zero());
}

#[test]
fn delegations_come_in_pages() {
    let mut chain = staked();
    delegate(&mut chain, 4, 2, UNIT).unwrap();
    let mut request = QueryDelegatorDelegationsRequest {
        delegator_addr: who(4).to_string(),
        pagination: Some(Default::default()),
    };
    let mut seen = Vec::new();
    loop {
        request.pagination.as_mut().unwrap().limit = 1;
        let page: QueryDelegatorDelegationsResponse =
            chain.query("/cosmos.staking.v1beta1.Query/DelegatorDelegations", &request).unwrap();
        seen.extend(page.delegation_responses.into_iter().map(|it| it.balance.amount));
        let next = page.pagination.unwrap().next_key;
        if next.is_empty() {
            break;
        }
        request.pagination.as_mut().unwrap().key = next;
    }
    assert_eq!(seen, ["30000000", "1000000"]);
}

#[test]
fn the_event_of_an_edit_shows_the_commission_as_proto_text() {
    let chain = staked();
    let text = validator(&chain, 1).commission.proto_text();
    assert_eq!(
        text,
        concat!(
            r#"commission_rates:<rate:"100000000000000000" max_rate:"200000000000000000" "#,
            r#"max_change_rate:"10000000000000000" > update_time:<seconds:1700000000 > "#
        )
    );
}

/// Breaks something below the module's own rules and expects one of its invariants to say so.
#[track_caller]
fn check_caught(name: &str, damage: impl FnOnce(&mut Chain<Market>)) {
    let mut chain = staked();
    undelegate(&mut chain, 4, 1, UNIT).unwrap();
    chain.next_block(5);
    damage(&mut chain);
    let broken: Vec<&str> = ledger::broken_invariants::<Market>(chain.view())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(broken.contains(&name), "{broken:?}");
}

#[test]
fn planted_violations_are_caught() {
    check_caught("pools hold the tokens of validators and what unbonds", |chain| {
        super::calls::move_to_pool(&mut chain.cx, false, Int::ONE).unwrap();
    });
    check_caught("powers in consensus are powers in staking", |chain| {
        state::LAST_POWERS.set(&mut chain.cx, &state::bytes(operator(1)), &7).unwrap();
    });
    check_caught("a validator's shares are its delegators'", |chain| {
        let shares = Dec::from_int(1);
        super::calls::set_delegation(&mut chain.cx, &who(4), &operator(1), shares).unwrap();
    });
    check_caught("validators, delegations and redelegations have their indexes", |chain| {
        let validator = validator(chain, 2);
        state::unrank(&mut chain.cx, &validator).unwrap();
    });
    check_caught("queues of staking hold only the future", |chain| {
        let key = (crate::base::moment::Moment(chain.view().time()), 99);
        let item = types::wire::cosmos::staking::v1beta1::DvPair::default();
        state::UNBONDING_QUEUE.set(&mut chain.cx, &key, &item).unwrap();
    });
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn name(&mut self, count: u64) -> u8 {
        u8::try_from(self.below(count) + 1).unwrap()
    }
}

/// One message or slash of a random session; refusals are part of it. Returns whether it was taken.
fn step(chain: &mut Chain<Market>, dice: &mut Dice) -> bool {
    let (a, b, c) = (dice.name(9), dice.name(4), dice.name(4));
    let amount = i64::try_from(dice.below(20_000_000)).unwrap() + 1;
    let outcome = match dice.below(8) {
        0 => create(chain, b, amount),
        1 | 2 => delegate(chain, a, b, amount),
        3 => undelegate(chain, a, b, amount / 4 + 1),
        4 => redelegate(chain, a, b, c, amount / 4 + 1),
        5 => {
            let records = state::UNBONDINGS.values(chain.view());
            let record = records.map(Result::unwrap).find(|it| !it.entries.is_empty());
            let Some(record) = record else { return false };
            chain.run(&MsgCancelUnbondingDelegation {
                creation_height: record.entries[0].creation_height,
                amount: coin(amount / 8 + 1),
                delegator_address: record.delegator_address,
                validator_address: record.validator_address,
            })
        }
        6 => {
            let Ok(Some(found)) = super::validator(chain.view(), &operator(b)) else {
                return false;
            };
            if found.is_unbonded() {
                return false;
            }
            let height = chain.view().height() - i64::try_from(dice.below(4)).unwrap();
            let power = found.potential_power().unwrap();
            slash(chain, b, height, power, dice.below(30));
            return true;
        }
        _ => {
            let Ok(Some(found)) = super::validator(chain.view(), &operator(b)) else {
                return false;
            };
            let address = found.consensus_address().unwrap();
            let change = if found.jailed { super::unjail_validator } else { super::jail_validator };
            change(&mut chain.cx, &address).map(|()| Vec::new())
        }
    };
    outcome.is_ok()
}

#[test]
fn no_session_of_delegations_and_slashes_breaks_an_invariant() {
    for seed in 0..4 {
        let mut dice = Dice(seed);
        let mut chain = staked();
        let mut taken = 0;
        for _ in 0..150 {
            for _ in 0..dice.below(4) {
                taken += usize::from(step(&mut chain, &mut dice));
            }
            chain.next_block(i64::try_from(dice.below(12)).unwrap() + 1);
        }
        assert!(taken > 50, "only {taken} steps were taken with seed {seed}");
    }
}
