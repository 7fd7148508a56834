use ledger::{Result, testing};
use types::{Address, Coins};

use crate::auth;

fn address(byte: u8) -> Address {
    Address::from([byte; 20])
}

fn coins(text: &str) -> Coins {
    text.parse().unwrap()
}

/// A context in which account 1 holds `text`.
fn holding(text: &str) -> ledger::Ctx {
    let mut cx = testing::ctx();
    super::mint(&mut cx, "mint", &coins(text)).unwrap();
    super::send_from_module(&mut cx, "mint", &address(1), &coins(text)).unwrap();
    cx
}

fn check_refused(outcome: Result, code: u32, text: &str) {
    let fault = outcome.unwrap_err();
    assert_eq!((fault.codespace(), fault.code()), ("sdk", code), "{fault}");
    assert!(fault.to_string().contains(text), "{fault}");
}

#[test]
fn sending_moves_coins_creates_the_recipient_and_says_so() {
    let mut cx = holding("100uakt");
    let before = cx.events().len();
    super::send(&mut cx, &address(1), &address(2), &coins("40uakt")).unwrap();
    assert_eq!(super::balances(&cx, &address(1)).unwrap(), coins("60uakt"));
    assert_eq!(super::balances(&cx, &address(2)).unwrap(), coins("40uakt"));
    assert!(auth::exists(&cx, &address(2)).unwrap());
    let kinds: Vec<&str> = cx.events()[before..].iter().map(|it| it.r#type.as_str()).collect();
    assert_eq!(kinds, ["coin_spent", "coin_received", "transfer", "message"]);
}

#[test]
fn nobody_spends_more_than_they_have() {
    let mut cx = holding("100uakt");
    let outcome = super::send(&mut cx, &address(1), &address(2), &coins("101uakt"));
    check_refused(outcome, 5, "spendable balance 100uakt is smaller than 101uakt");
}

#[test]
fn modules_do_not_pay_modules_as_if_they_were_users() {
    let mut cx = holding("100uakt");
    super::send_to_module(&mut cx, &address(1), "escrow", &coins("10uakt")).unwrap();
    let outcome =
        super::send_from_module(&mut cx, "escrow", &auth::module_address("gov"), &coins("1uakt"));
    check_refused(outcome, 4, "is not allowed to receive funds");
    super::send_between_modules(&mut cx, "escrow", "bme", &coins("10uakt")).unwrap();
}

#[test]
fn only_minters_mint_and_only_burners_burn() {
    let mut cx = holding("100uakt");
    check_refused(super::mint(&mut cx, "escrow", &coins("1uakt")), 4, "permissions to mint");
    check_refused(super::burn(&mut cx, "escrow", &coins("1uakt")), 4, "permissions to burn");
    super::send_to_module(&mut cx, &address(1), "bme", &coins("100uakt")).unwrap();
    super::burn(&mut cx, "bme", &coins("100uakt")).unwrap();
    assert!(super::supply(&cx, "uakt").unwrap().is_zero());
    super::supply_is_the_sum_of_balances(&cx).unwrap();
}

#[test]
fn a_balance_of_zero_leaves_no_trace() {
    let mut cx = holding("100uakt");
    super::send(&mut cx, &address(1), &address(2), &coins("100uakt")).unwrap();
    let rows = super::BALANCES.iter(&cx).count();
    let holders = super::HOLDERS.iter(&cx).count();
    assert_eq!((rows, holders), (1, 1));
}
