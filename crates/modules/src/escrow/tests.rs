//! The worked examples of chain.md 21 that escrow decides alone. Random sessions are in `model`.

use ledger::{Result, testing::Chain};
use serde_json::json;
use types::{
    Address, Coin, Dec, DecCoin, DeploymentId, Int, LeaseId,
    wire::{
        akash::{
            base::deposit::v1::{Deposit as WireDeposit, Source},
            escrow::types::v1::State,
        },
        cosmos::base::v1beta1 as coin,
    },
};

use super::*;
use crate::{Market, bank};

const TENANT: u8 = 1;
const FRIEND: u8 = 2;
const OTHER: u8 = 3;
/// Providers are numbered from here.
const PROVIDER: u8 = 10;
const RICH: i64 = 1_000_000_000_000;

fn who(name: u8) -> Address {
    Address::new([name; 20]).unwrap()
}

/// A chain in memory with rich people on it, and one deployment's account after another.
struct World {
    chain: Chain<Market>,
}

impl World {
    fn new() -> Self {
        let balances: Vec<_> = [TENANT, FRIEND, OTHER]
            .map(|name| {
                let coins =
                    ["uact", "uakt"].map(|it| json!({ "denom": it, "amount": RICH.to_string() }));
                json!({ "address": who(name).to_string(), "coins": coins })
            })
            .into();
        Self { chain: Chain::new(json!({ "bank": { "balances": balances } })) }
    }

    fn account_id(dseq: u64) -> AccountId {
        AccountId::Deployment(DeploymentId { owner: who(TENANT), dseq })
    }

    fn lease(dseq: u64, gseq: u32, provider: u8) -> LeaseId {
        DeploymentId { owner: who(TENANT), dseq }.group(gseq).order(1).bid(who(provider)).lease()
    }

    fn draw(&mut self, from: u8, amount: u64, denom: &str) -> Result<Vec<Deposit>> {
        let deposit = WireDeposit {
            amount: coin::Coin { denom: denom.to_owned(), amount: amount.to_string() },
            sources: vec![Source::Balance.into()],
        };
        draw(&mut self.chain.cx, &who(from), Scope::Deployment, &deposit)
    }

    fn open(&mut self, dseq: u64, amount: u64) {
        let drawn = self.draw(TENANT, amount, "uact").unwrap();
        create(&mut self.chain.cx, Self::account_id(dseq), who(TENANT), drawn).unwrap();
    }

    fn top_up(&mut self, dseq: u64, from: u8, amount: u64, denom: &str) -> Result {
        let drawn = self.draw(from, amount, denom)?;
        self.chain.cx.attempt(|cx| deposit(cx, &Self::account_id(dseq), drawn))
    }

    /// Starts paying a provider, by the rate's text.
    fn pay(&mut self, dseq: u64, gseq: u32, provider: u8, rate: &str) -> Result {
        let id = Self::lease(dseq, gseq, provider);
        let rate = DecCoin::new("uact", rate.parse::<Dec>().unwrap());
        self.chain.cx.attempt(|cx| create_payment(cx, &id, who(provider), &rate))
    }

    fn withdraw(&mut self, dseq: u64, gseq: u32, provider: u8) -> Result<Option<Ended>> {
        let id = Self::lease(dseq, gseq, provider);
        self.chain.cx.attempt(|cx| withdraw_payment(cx, &id)).map(|Outcome(it)| it)
    }

    fn stop(&mut self, dseq: u64, gseq: u32, provider: u8) -> Result<Option<Ended>> {
        let id = Self::lease(dseq, gseq, provider);
        self.chain.cx.attempt(|cx| close_payment(cx, &id)).map(|Outcome(it)| it)
    }

    fn close(&mut self, dseq: u64) -> Result<Option<Ended>> {
        let id = Self::account_id(dseq);
        self.chain.cx.attempt(|cx| close_account(cx, &id)).map(|Outcome(it)| it)
    }

    fn blocks(&mut self, count: usize) {
        self.chain.next_blocks(count, 6);
    }

    fn account(&self, dseq: u64) -> Account {
        find_account(self.chain.view(), &Self::account_id(dseq)).unwrap().unwrap()
    }

    fn payment(&self, dseq: u64, gseq: u32, provider: u8) -> Payment {
        find_payment(self.chain.view(), &Self::lease(dseq, gseq, provider)).unwrap().unwrap()
    }

    fn balance(&self, name: u8, denom: &str) -> i64 {
        bank::balance(self.chain.view(), &who(name), denom).unwrap().to_i64().unwrap()
    }

    fn vault(&self, denom: &str) -> i64 {
        bank::balance(self.chain.view(), &vault(), denom).unwrap().to_i64().unwrap()
    }

    /// State, whole funds, whole transferred of the first denomination.
    fn check_account(&self, dseq: u64, state: State, funds: i64, transferred: i64) {
        let account = self.account(dseq);
        assert_eq!(account.state, state);
        assert_eq!(account.funds[0].amount, Dec::from(funds), "funds");
        assert_eq!(account.transferred[0].amount, Dec::from(transferred), "transferred");
    }

    /// State, withdrawn, unsettled.
    fn check_payment(&self, at: (u64, u32, u8), state: State, withdrawn: i64, unsettled: i64) {
        let payment = self.payment(at.0, at.1, at.2);
        assert_eq!(payment.state, state);
        assert_eq!(payment.withdrawn, Int::from(withdrawn), "withdrawn");
        assert_eq!(payment.unsettled, Dec::from(unsettled), "unsettled");
        assert!(payment.balance.is_zero() || state == State::Open);
    }
}

#[test]
fn example_21_1_one_lease_is_settled_by_closing_the_account() {
    let mut world = World::new();
    world.open(1, 1000);
    world.blocks(10);
    // Ten blocks before the lease cost nothing.
    world.pay(1, 1, PROVIDER, "30").unwrap();
    world.blocks(10);
    let ended = world.close(1).unwrap().unwrap();
    assert!(!ended.overdrawn);
    world.check_account(1, State::Closed, 0, 300);
    world.check_payment((1, 1, PROVIDER), State::Closed, 300, 0);
    assert_eq!(world.balance(PROVIDER, "uact"), 300);
    assert_eq!(world.balance(TENANT, "uact"), RICH - 300);
    assert_eq!(world.close(1).unwrap_err().code(), 2);
}

/// 1000 deposited, 30 per block, found out of money 105 blocks later.
fn overdrawn() -> World {
    let mut world = World::new();
    world.open(1, 1000);
    world.pay(1, 1, PROVIDER, "30").unwrap();
    world.blocks(105);
    let ended = world.withdraw(1, 1, PROVIDER).unwrap().unwrap();
    assert!(ended.overdrawn);
    world.check_account(1, State::Overdrawn, -2150, 1000);
    world.check_payment((1, 1, PROVIDER), State::Overdrawn, 1000, 2150);
    assert!(world.account(1).deposits.is_empty());
    assert_eq!(world.withdraw(1, 1, PROVIDER).unwrap_err().code(), 7);
    world
}

#[test]
fn example_21_2_an_overdraft_is_paid_by_one_top_up() {
    let mut world = overdrawn();
    let settled_at = world.account(1).settled_at;
    world.blocks(95);
    world.top_up(1, TENANT, 2150, "uact").unwrap();
    world.check_account(1, State::Closed, 0, 3150);
    world.check_payment((1, 1, PROVIDER), State::Closed, 3150, 0);
    assert_eq!(world.account(1).settled_at, settled_at, "the blocks in between are free");
    assert_eq!(world.balance(TENANT, "uact"), RICH - 3150);
}

#[test]
fn example_21_2_an_overdraft_is_paid_by_two_top_ups_and_the_rest_returns() {
    let mut world = overdrawn();
    world.top_up(1, FRIEND, 1000, "uact").unwrap();
    world.check_account(1, State::Overdrawn, -1150, 2000);
    world.check_payment((1, 1, PROVIDER), State::Overdrawn, 2000, 1150);
    world.top_up(1, OTHER, 1200, "uact").unwrap();
    world.check_account(1, State::Closed, 0, 3150);
    world.check_payment((1, 1, PROVIDER), State::Closed, 3150, 0);
    assert_eq!(world.balance(OTHER, "uact"), RICH - 1150);
    assert_eq!(world.top_up(1, OTHER, 1, "uact").unwrap_err().code(), 2);
}

#[test]
fn a_debt_is_paid_in_its_own_denomination() {
    let mut world = overdrawn();
    assert_eq!(world.top_up(1, FRIEND, 10, "uakt").unwrap_err().code(), 5);
    assert_eq!(world.balance(FRIEND, "uakt"), RICH);
}

#[test]
fn example_21_3_two_payments_are_served_in_the_order_of_their_keys() {
    let check =
        |deposit: u64, rates: [&str; 2], blocks: usize, expected: (State, i64, [i64; 3])| {
            let mut world = World::new();
            world.open(1, deposit);
            world.pay(1, 1, PROVIDER, rates[0]).unwrap();
            world.pay(1, 2, PROVIDER + 1, rates[1]).unwrap();
            world.blocks(blocks);
            world.withdraw(1, 1, PROVIDER).unwrap();
            let (state, funds, [first, second, owed]) = expected;
            let account = world.account(1);
            assert_eq!((account.state, account.funds[0].amount), (state, Dec::from(funds)));
            let earned =
                |payment: Payment| payment.balance.add(Dec::from_int(payment.withdrawn)).unwrap();
            assert_eq!(earned(world.payment(1, 1, PROVIDER)), Dec::from(first));
            assert_eq!(earned(world.payment(1, 2, PROVIDER + 1)), Dec::from(second));
            assert_eq!(world.payment(1, 2, PROVIDER + 1).unsettled, Dec::from(owed));
            if state == State::Overdrawn {
                // Both are paid out at once, also the one that got all it was owed.
                assert_eq!(world.balance(PROVIDER + 1, "uact"), second);
                assert_eq!(world.payment(1, 1, PROVIDER).state, State::Overdrawn);
            }
        };
    check(100, ["1", "2"], 5, (State::Open, 85, [5, 10, 0]));
    check(100, ["10", "10"], 5, (State::Open, 0, [50, 50, 0]));
    check(200, ["10", "10"], 11, (State::Overdrawn, -20, [110, 90, 20]));
    check(100, ["10", "10"], 6, (State::Overdrawn, -20, [60, 40, 20]));
}

#[test]
fn example_21_5_fractions_are_cut_at_every_settlement() {
    let mut world = World::new();
    world.open(1, 5_000_000);
    world.pay(1, 1, PROVIDER, "1.234567890123456789").unwrap();
    world.blocks(10);
    world.withdraw(1, 1, PROVIDER).unwrap();
    world.check_account(1, State::Open, 4_999_988, 12);
    world.blocks(3);
    world.withdraw(1, 1, PROVIDER).unwrap();
    world.check_payment((1, 1, PROVIDER), State::Open, 15, 0);

    world.open(2, 1000);
    world.pay(2, 1, PROVIDER, "0.3").unwrap();
    world.blocks(3);
    world.withdraw(2, 1, PROVIDER).unwrap();
    world.check_account(2, State::Open, 1000, 0);
    world.blocks(4);
    world.withdraw(2, 1, PROVIDER).unwrap();
    world.check_account(2, State::Open, 999, 1);
}

#[test]
fn example_21_6_deposits_are_used_first_in_first_out_and_refunded() {
    let mut world = World::new();
    let mut first = world.draw(FRIEND, 500_000, "uact").unwrap();
    first.extend(world.draw(TENANT, 300_000, "uact").unwrap());
    create(&mut world.chain.cx, World::account_id(1), who(TENANT), first).unwrap();
    world.pay(1, 1, PROVIDER, "100.5").unwrap();
    world.top_up(1, OTHER, 200_000, "uact").unwrap();
    world.blocks(5000);
    world.withdraw(1, 1, PROVIDER).unwrap();
    world.check_account(1, State::Open, 497_500, 502_500);
    let left: Vec<_> = world.account(1).deposits.iter().map(|it| it.balance.amount).collect();
    assert_eq!(left, [Dec::from(297_500i64), Dec::from(200_000i64)]);
    world.blocks(1001);
    world.close(1).unwrap();
    assert_eq!(world.balance(PROVIDER, "uact"), 502_500 + 100_600);
    assert_eq!(world.balance(TENANT, "uact"), RICH - 300_000 + 196_900);
    assert_eq!(world.balance(OTHER, "uact"), RICH);
    assert_eq!(world.balance(FRIEND, "uact"), RICH - 500_000);
    assert_eq!(world.vault("uact"), 0);
}

#[test]
fn example_21_7_a_deposit_needs_sources_that_reach() {
    let mut world = World::new();
    let fault = world.draw(PROVIDER, 1, "uact").unwrap_err();
    assert_eq!((fault.codespace(), fault.code()), ("market", 28));
    let deposit = WireDeposit {
        amount: coin::Coin { denom: "uact".to_owned(), amount: "5".to_owned() },
        sources: vec![Source::Grant.into()],
    };
    let fault = draw(&mut world.chain.cx, &who(TENANT), Scope::Deployment, &deposit).unwrap_err();
    assert_eq!((fault.codespace(), fault.code()), ("market", 28), "nobody granted anything");
}

/// 1000uact and 500uakt at 30 per block, AKT at 1.25, withdrawn after so many blocks.
fn short_with_akt(halted: bool, akt: u64) -> World {
    let mut world = World::new();
    crate::oracle::set_price(&mut world.chain.cx, "uakt", "1.25".parse().unwrap()).unwrap();
    world.open(1, 1000);
    world.top_up(1, FRIEND, akt, "uakt").unwrap();
    world.pay(1, 1, PROVIDER, "30").unwrap();
    world.chain.skip_blocks(50, 6);
    crate::bme::set_halted(&mut world.chain.cx, halted).unwrap();
    world.withdraw(1, 1, PROVIDER).unwrap();
    world
}

#[test]
fn example_21_8_a_shortage_is_paid_in_akt_while_minting_is_halted() {
    let mut world = short_with_akt(true, 500);
    // Funds are zero, not the debt that was covered: what comes next is charged again (D-14).
    world.check_account(1, State::Open, 0, 1000);
    world.check_payment((1, 1, PROVIDER), State::Open, 1000, 0);
    assert_eq!(world.account(1).funds[1].amount, Dec::from(100i64));
    assert_eq!(world.account(1).transferred[1].amount, Dec::from(400i64));
    assert_eq!(world.balance(PROVIDER, "uakt"), 400);
    world.top_up(1, FRIEND, 300, "uact").unwrap();
    world.chain.skip_blocks(10, 6);
    world.withdraw(1, 1, PROVIDER).unwrap();
    world.check_account(1, State::Open, 0, 1300);
    world.close(1).unwrap();
    world.check_payment((1, 1, PROVIDER), State::Closed, 1300, 0);
    assert_eq!((world.vault("uact"), world.vault("uakt")), (0, 0));
}

#[test]
fn example_21_8_akt_that_does_not_reach_leaves_a_smaller_debt() {
    let world = short_with_akt(true, 300);
    world.check_payment((1, 1, PROVIDER), State::Overdrawn, 1000, 125);
    assert_eq!(world.account(1).state, State::Overdrawn);
    assert!(world.account(1).funds[1].amount.is_zero());
    assert_eq!(world.balance(PROVIDER, "uakt"), 300);
}

#[test]
fn example_21_8_akt_goes_back_while_minting_is_healthy() {
    let world = short_with_akt(false, 500);
    world.check_payment((1, 1, PROVIDER), State::Overdrawn, 1000, 500);
    assert_eq!(world.balance(FRIEND, "uakt"), RICH);
    assert_eq!(world.balance(PROVIDER, "uakt"), 0);
}

#[test]
fn two_settlements_in_one_block_still_close_what_is_asked() {
    let mut world = World::new();
    world.open(1, 1000);
    world.pay(1, 1, PROVIDER, "10").unwrap();
    world.pay(1, 2, PROVIDER + 1, "10").unwrap();
    world.blocks(3);
    world.withdraw(1, 1, PROVIDER).unwrap();
    world.stop(1, 2, PROVIDER + 1).unwrap();
    world.check_payment((1, 2, PROVIDER + 1), State::Closed, 30, 0);
    world.withdraw(1, 1, PROVIDER).unwrap();
    world.close(1).unwrap();
    world.check_payment((1, 1, PROVIDER), State::Closed, 30, 0);
    assert_eq!(world.vault("uact"), 0);
}

#[test]
fn a_second_lease_keeps_what_the_first_one_earned() {
    let mut world = World::new();
    world.open(1, 1000);
    world.pay(1, 1, PROVIDER, "10").unwrap();
    world.blocks(5);
    world.pay(1, 2, PROVIDER + 1, "10").unwrap();
    assert_eq!(world.payment(1, 1, PROVIDER).balance, Dec::from(50i64));
    world.close(1).unwrap();
    assert_eq!(world.balance(PROVIDER, "uact"), 50);
}

#[test]
fn deployments_with_a_common_beginning_do_not_pay_for_each_other() {
    let mut world = World::new();
    world.open(1, 1000);
    world.open(12, 1000);
    world.pay(1, 1, PROVIDER, "10").unwrap();
    world.pay(12, 1, PROVIDER, "10").unwrap();
    world.blocks(5);
    world.close(1).unwrap();
    world.check_account(1, State::Closed, 0, 50);
    world.check_account(12, State::Open, 1000, 0);
}

#[test]
fn a_payment_needs_an_account_with_money_of_its_kind() {
    let mut world = World::new();
    assert_eq!(world.pay(1, 1, PROVIDER, "10").unwrap_err().code(), 3);
    world.open(1, 100);
    assert_eq!(world.pay(1, 1, PROVIDER, "0").unwrap_err().code(), 9);
    let id = World::lease(1, 1, PROVIDER);
    let rate = DecCoin::new("uakt", Dec::ONE);
    let fault = create_payment(&mut world.chain.cx, &id, who(PROVIDER), &rate).unwrap_err();
    assert_eq!(fault.code(), 5);
    world.pay(1, 1, PROVIDER, "10").unwrap();
    assert_eq!(world.pay(1, 1, PROVIDER, "10").unwrap_err().code(), 6);
    world.blocks(11);
    assert_eq!(world.pay(1, 2, PROVIDER, "10").unwrap_err().code(), 4);
    world.check_account(1, State::Open, 100, 0);
    world.close(1).unwrap();
    assert_eq!(world.pay(1, 3, PROVIDER, "10").unwrap_err().code(), 4);
}

#[test]
fn an_exported_escrow_comes_back_the_same() {
    let mut world = overdrawn();
    world.open(2, 500);
    world.pay(2, 1, PROVIDER, "1.5").unwrap();
    world.blocks(4);
    world.top_up(2, FRIEND, 70, "uakt").unwrap();
    world.open(3, 10);
    world.close(3).unwrap();
    let exported = world.chain.export();
    let back = Chain::<Market>::new(exported.clone());
    assert_eq!(back.export(), exported);
}

#[test]
fn ids_are_read_from_one_text_form_only() {
    use types::wire::akash::escrow::id::v1::{Account as Id, Scope};
    let owner = who(TENANT);
    let check = |scope: Scope, xid: String, expected: Option<&str>| {
        let parsed = AccountId::try_from(&Id { scope: scope.into(), xid: xid.clone() });
        match (parsed, expected) {
            (Ok(id), None) => assert_eq!(Id::from(&id).xid, xid),
            (Err(fault), Some(why)) => {
                assert_eq!((fault.codespace(), fault.code()), ("escrow", 12));
                assert!(fault.to_string().starts_with(why), "{fault}");
            }
            (parsed, _) => panic!("{xid}: {parsed:?}"),
        }
    };
    let provider = who(PROVIDER);
    check(Scope::Deployment, format!("{owner}/7"), None);
    check(Scope::Bid, format!("{owner}/7/1/2/{provider}"), None);
    check(Scope::Deployment, format!("{owner}"), Some("invalid xid format"));
    check(Scope::Bid, format!("{owner}/7"), Some("invalid xid format"));
    check(Scope::Invalid, format!("{owner}/7"), Some("invalid scope"));
    check(Scope::Deployment, "x/7".to_owned(), Some("invalid xid/owner"));
    check(Scope::Deployment, format!("{owner}/x"), Some("invalid xid/dseq"));
    check(Scope::Deployment, format!("{owner}/07"), Some("invalid xid/dseq"));
    check(Scope::Bid, format!("{owner}/7/x/2/{provider}"), Some("invalid xid/gseq"));
    check(Scope::Bid, format!("{owner}/7/1/99999999999/{provider}"), Some("invalid xid/oseq"));
    check(Scope::Bid, format!("{owner}/7/1/2/p"), Some("invalid xid/provider"));
}

#[test]
fn a_deposit_that_does_not_fit_64_bits_is_refused() {
    let mut world = World::new();
    let deposit = WireDeposit {
        amount: (&Coin::new("uact", "9223372036854775808".parse::<Int>().unwrap())).into(),
        sources: vec![Source::Balance.into()],
    };
    let fault = draw(&mut world.chain.cx, &who(TENANT), Scope::Deployment, &deposit).unwrap_err();
    assert_eq!((fault.codespace(), fault.code()), ("escrow", 16));
}
