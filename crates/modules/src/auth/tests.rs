use ledger::{Module, testing};
use types::{Address, Coins};

use super::{Account, Kind, Schedule, Vesting};

fn address(byte: u8) -> Address {
    Address::from([byte; 20])
}

#[test]
fn numbers_count_up_as_accounts_appear() {
    let mut cx = testing::ctx();
    for (byte, number) in [(1, 0), (2, 1), (1, 0)] {
        super::ensure_account(&mut cx, &address(byte)).unwrap();
        let account = super::account(&cx, &address(byte)).unwrap().unwrap();
        assert_eq!(account.base.account_number, number);
    }
}

#[test]
fn an_unordered_timestamp_serves_once() {
    let mut cx = testing::ctx();
    assert!(super::use_nonce(&mut cx, &address(1), 5).unwrap());
    assert!(!super::use_nonce(&mut cx, &address(1), 5).unwrap());
    assert!(super::use_nonce(&mut cx, &address(2), 5).unwrap());
}

#[test]
fn passed_timestamps_are_forgotten_some_per_block() {
    let mut cx = testing::ctx();
    let most = i64::try_from(super::FORGOTTEN_PER_BLOCK).unwrap();
    for timeout in 1..=most + 3 {
        super::use_nonce(&mut cx, &address(1), timeout).unwrap();
    }
    let later = i64::try_from(cx.unix_nanos()).unwrap() + 1;
    super::use_nonce(&mut cx, &address(1), later).unwrap();
    for left in [4, 1, 1] {
        super::Auth::pre_block(&mut cx).unwrap();
        assert_eq!(super::NONCES.keys(&cx).count(), left);
    }
}

fn vesting(schedule: Schedule) -> Vesting {
    Vesting {
        original: "100uakt".parse().unwrap(),
        delegated_free: Coins::default(),
        delegated_vesting: Coins::default(),
        end_time: 1100,
        schedule,
    }
}

fn check_locked(schedule: Schedule, at: i64, expected: &str) {
    let vesting = vesting(schedule);
    assert_eq!(vesting.locked(at).unwrap().to_string(), expected);
    let account = Account { base: Default::default(), kind: Kind::Vesting(vesting) };
    assert_eq!(Account::from_any(&account.to_any()).unwrap(), account);
}

#[test]
fn vesting_coins_unlock_by_their_schedule() {
    let continuous = Schedule::Continuous { start_time: 1000 };
    check_locked(continuous.clone(), 1000, "100uakt");
    check_locked(continuous.clone(), 1025, "75uakt");
    check_locked(continuous, 1100, "");
    check_locked(Schedule::Delayed, 1099, "100uakt");
    check_locked(Schedule::Delayed, 1100, "");
    check_locked(Schedule::Permanent, 9_999_999, "100uakt");
}

#[test]
fn delegation_takes_vesting_coins_first_and_returns_free_ones_first() {
    let mut vesting = vesting(Schedule::Continuous { start_time: 1000 });
    let coins = |text: &str| text.parse::<Coins>().unwrap();
    vesting.delegate(1050, &coins("60uakt")).unwrap();
    assert_eq!(vesting.delegated_vesting, coins("50uakt"));
    assert_eq!(vesting.delegated_free, coins("10uakt"));
    assert_eq!(vesting.locked(1050).unwrap(), Coins::default());
    vesting.undelegate(&coins("20uakt")).unwrap();
    assert_eq!(vesting.delegated_vesting, coins("40uakt"));
    assert_eq!(vesting.delegated_free, Coins::default());
}
