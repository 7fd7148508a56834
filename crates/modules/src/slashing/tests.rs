use ledger::{Ctx, Result, testing};
use prost_types::Timestamp;
use types::{
    Address, Coin, Coins, ConsAddress, Dec, ValAddress,
    wire::{
        cosmos::slashing::v1beta1::MsgUnjail,
        tendermint::{
            abci::{Validator, VoteInfo},
            types::BlockIdFlag,
        },
    },
};

use super::{INFOS, Params, dec, default_params, is_missed, key, missed_of, set_missed};
use crate::{auth, bank, genesis, staking};

const POWER: u32 = 10;

fn address() -> ConsAddress {
    ConsAddress::from_ed25519(&[3; 32])
}

fn operator() -> Address {
    Address::from([1; 20])
}

/// A context with one bonded validator, at a height.
fn bonded_at(height: i64) -> Ctx {
    let coins = Coins::new([Coin::new("uakt", 5_000_000)]).unwrap();
    let mut state = genesis::local(&[(operator(), coins)]);
    genesis::bond(
        &mut state,
        &[genesis::FirstValidator {
            operator: &operator(),
            public_key: &[3; 32],
            moniker: "first",
            power: POWER,
        }],
        1_700_000_000,
    );
    let mut cx = testing::ctx_at(height, 1_700_000_000);
    for entry in <crate::Market as ledger::Runtime>::MODULES {
        if ["auth", "bank", "staking", "slashing"].contains(&entry.name) {
            (entry.init)(&mut cx, state.get(entry.name)).unwrap();
        }
    }
    cx
}

fn vote(flag: BlockIdFlag) -> VoteInfo {
    VoteInfo {
        validator: Validator { address: address().as_bytes().to_vec(), power: i64::from(POWER) },
        block_id_flag: flag.into(),
    }
}

fn params(window: i64, jail_seconds: i64) -> Params {
    Params {
        signed_blocks_window: window,
        downtime_jail_duration: prost_types::Duration { seconds: jail_seconds, nanos: 0 },
        ..default_params()
    }
}

fn count(cx: &mut Ctx, flag: BlockIdFlag, params: &Params) {
    super::count_vote(cx, &vote(flag), params).unwrap();
}

fn unjail(cx: &mut Ctx) -> Result {
    let validator_addr = ValAddress::from(&operator()).to_string();
    super::unjail(cx, MsgUnjail { validator_addr })
}

#[test]
fn missed_blocks_are_bits_over_any_window() {
    let mut cx = testing::ctx();
    let missed = [0, 7, 8, 1023, 1024, 29_999];
    for index in missed {
        set_missed(&mut cx, &address(), index, true).unwrap();
    }
    let found: Vec<i64> =
        missed_of(&cx, &address()).unwrap().into_iter().map(|it| it.index).collect();
    assert_eq!(found, missed);
    assert!(is_missed(&cx, &address(), 8).unwrap() && !is_missed(&cx, &address(), 9).unwrap());
    for index in missed {
        set_missed(&mut cx, &address(), index, false).unwrap();
    }
    assert_eq!(super::MISSED.iter(&cx).count(), 0);
}

#[test]
fn a_vote_for_nothing_counts_as_signed_and_an_absent_one_is_missed() {
    let mut cx = bonded_at(5);
    let params = params(10, 60);
    count(&mut cx, BlockIdFlag::Nil, &params);
    count(&mut cx, BlockIdFlag::Commit, &params);
    assert!(cx.events().iter().all(|it| it.r#type != "liveness"));
    count(&mut cx, BlockIdFlag::Absent, &params);
    let info = INFOS.get(&cx, &key(&address())).unwrap().unwrap();
    assert_eq!((info.index_offset, info.missed_blocks_counter), (3, 1));
    assert_eq!(testing::attribute(cx.events().last().unwrap(), "missed_blocks"), "1");
}

#[test]
fn too_many_missed_blocks_slash_jail_and_start_a_new_window() {
    let mut cx = bonded_at(50);
    let params = params(10, 60);
    let stake = |cx: &Ctx| staking::validator_by_consensus(cx, &address()).unwrap().unwrap();
    for missed in 1..=5 {
        count(&mut cx, BlockIdFlag::Absent, &params);
        let info = INFOS.get(&cx, &key(&address())).unwrap().unwrap();
        assert_eq!((info.missed_blocks_counter, stake(&cx).jailed), (missed, false));
    }
    count(&mut cx, BlockIdFlag::Absent, &params);
    let info = INFOS.get(&cx, &key(&address())).unwrap().unwrap();
    assert_eq!((info.missed_blocks_counter, info.index_offset), (0, 0));
    assert_eq!(info.jailed_until, Timestamp { seconds: 1_700_000_060, nanos: 0 });
    assert!(stake(&cx).jailed);
    // One of a hundred.
    assert_eq!(stake(&cx).tokens.to_i64(), Ok(9_900_000));
    assert!(missed_of(&cx, &address()).unwrap().is_empty());
    // In jail nobody counts.
    count(&mut cx, BlockIdFlag::Absent, &params);
    assert_eq!(INFOS.get(&cx, &key(&address())).unwrap().unwrap().index_offset, 0);
    let refused = unjail(&mut cx).unwrap_err();
    assert!(refused.is(super::Error::StillJailed), "{refused:?}");
}

#[test]
fn the_first_window_is_free() {
    let mut cx = bonded_at(10);
    let params = params(10, 60);
    for _ in 0..10 {
        count(&mut cx, BlockIdFlag::Absent, &params);
    }
    let validator = staking::validator_by_consensus(&cx, &address()).unwrap().unwrap();
    assert!(!validator.jailed);
}

#[test]
fn release_needs_a_jail_enough_stake_and_no_tombstone() {
    let mut cx = bonded_at(50);
    let check = |outcome: Result, expected: super::Error| {
        let fault = outcome.unwrap_err();
        assert!(fault.is(expected.clone()), "{fault:?} instead of {expected:?}");
    };
    check(unjail(&mut cx), super::Error::NotJailed);
    super::tombstone(&mut cx, &address(), 40, i64::from(POWER)).unwrap();
    assert_eq!(super::is_tombstoned(&cx, &address()), Ok(Some(true)));
    check(unjail(&mut cx), super::Error::StillJailed);
    let kinds: Vec<(&str, bool)> = cx
        .events()
        .iter()
        .filter(|it| it.r#type == "slash")
        .map(|it| (it.r#type.as_str(), it.attributes.iter().any(|it| it.key == "jailed")))
        .collect();
    assert_eq!(kinds, [("slash", false), ("slash", true)]);
    // One of twenty.
    let pool = auth::module_address(staking::BONDED_POOL);
    assert_eq!(bank::balance(&cx, &pool, "uakt").unwrap().to_i64(), Ok(9_500_000));
}

#[test]
fn a_miscount_is_caught() {
    let mut cx = bonded_at(5);
    super::missed_blocks_are_counted(&cx).unwrap();
    set_missed(&mut cx, &address(), 3, true).unwrap();
    assert!(super::missed_blocks_are_counted(&cx).is_err());
}

#[test]
fn fractions_are_read_from_their_wire_form() {
    assert_eq!(dec(&default_params().slash_fraction_downtime), Ok(Dec::new(1u64, 2).unwrap()));
    let wrong = Params { signed_blocks_window: 0, ..default_params() };
    assert!(super::check_params(&wrong).is_err());
    let wrong =
        Params { min_signed_per_window: b"2000000000000000000".to_vec(), ..default_params() };
    assert!(super::check_params(&wrong).is_err());
    super::check_params(&default_params()).unwrap();
}
