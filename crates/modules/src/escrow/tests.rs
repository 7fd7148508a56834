//! The worked examples of chain.md 21 that escrow decides alone, and random sessions against a
//! model that is written from the rules and shares no code with the chapter.

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

/// The rules of settlement once more, in whole numbers and from scratch.
mod model {
    use std::collections::BTreeMap;

    use super::{FRIEND, OTHER, RICH, TENANT};

    pub(super) const ONE: u128 = 1_000_000_000_000_000_000;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Phase {
        Open,
        Closed,
        Overdrawn,
    }

    #[derive(Clone, Debug)]
    pub(super) struct Pay {
        pub(super) to: u8,
        pub(super) atto_per_block: u128,
        pub(super) phase: Phase,
        pub(super) earned: u128,
        pub(super) debt: u128,
    }

    #[derive(Clone, Debug)]
    pub(super) struct Acc {
        pub(super) phase: Phase,
        pub(super) at: u128,
        /// Owner, whether it is uact, amount.
        pub(super) pots: Vec<(u8, bool, u128)>,
        /// By the text of group and provider, the order in which they are served.
        pub(super) pays: BTreeMap<String, Pay>,
    }

    /// Everybody's uact and uakt.
    pub(super) struct Model {
        pub(super) now: u128,
        pub(super) wallets: BTreeMap<(u8, bool), u128>,
        pub(super) accs: BTreeMap<u64, Acc>,
    }

    impl Model {
        pub(super) fn new() -> Self {
            let rich = u128::try_from(RICH).unwrap();
            let wallets = [TENANT, FRIEND, OTHER]
                .into_iter()
                .flat_map(|it| [((it, true), rich), ((it, false), rich)])
                .collect();
            Self { now: 1, wallets, accs: BTreeMap::new() }
        }

        pub(super) fn put(&mut self, dseq: u64, from: u8, uact: bool, amount: u128) {
            *self.wallets.get_mut(&(from, uact)).unwrap() -= amount;
            self.accs.get_mut(&dseq).unwrap().pots.push((from, uact, amount));
        }

        fn give(&mut self, to: u8, uact: bool, amount: u128) {
            *self.wallets.entry((to, uact)).or_default() += amount;
        }

        pub(super) fn settle(&mut self, dseq: u64) {
            let acc = self.accs.get_mut(&dseq).unwrap();
            let blocks = if acc.phase == Phase::Open { self.now - acc.at } else { 0 };
            if acc.phase == Phase::Open {
                acc.at = self.now;
            }
            let mut short = false;
            for pay in acc.pays.values_mut().filter(|it| it.phase != Phase::Closed) {
                let mut owed = pay.debt + pay.atto_per_block * blocks / ONE;
                for (_, _, pot) in acc.pots.iter_mut().filter(|it| it.1) {
                    let part = owed.min(*pot);
                    *pot -= part;
                    owed -= part;
                    pay.earned += part;
                }
                pay.debt = owed;
                short |= owed > 0;
            }
            if short {
                acc.phase = Phase::Overdrawn;
                self.end(dseq, Phase::Overdrawn);
            } else if acc.phase == Phase::Overdrawn {
                self.end(dseq, Phase::Closed);
            }
        }

        /// Pays everybody and gives back the rest.
        pub(super) fn end(&mut self, dseq: u64, phase: Phase) {
            let acc = self.accs.get_mut(&dseq).unwrap();
            acc.phase = phase;
            let mut out = Vec::new();
            for pay in acc.pays.values_mut().filter(|it| it.phase != Phase::Closed) {
                pay.phase = phase;
                out.push((pay.to, true, std::mem::take(&mut pay.earned)));
            }
            out.append(&mut acc.pots);
            for (to, uact, amount) in out {
                self.give(to, uact, amount);
            }
        }

        pub(super) fn pay_out(&mut self, dseq: u64, key: &str, close: bool) {
            let pay = self.accs.get_mut(&dseq).unwrap().pays.get_mut(key).unwrap();
            if pay.phase == Phase::Open && close {
                pay.phase = Phase::Closed;
            }
            let (to, amount) = (pay.to, std::mem::take(&mut pay.earned));
            self.give(to, true, amount);
        }

        /// What is in the vault.
        pub(super) fn held(&self, uact: bool) -> u128 {
            let pots = self.accs.values().flat_map(|it| &it.pots).filter(|it| it.1 == uact);
            let earned = self.accs.values().flat_map(|it| it.pays.values()).map(|it| it.earned);
            let earned = if uact { earned.sum() } else { 0 };
            pots.map(|it| it.2).sum::<u128>() + earned
        }
    }
}

/// A generator that gives the same numbers everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// 50,000 random operations, twice, so that two cores share them. After each one, the wallets and the account it touched are those of
/// the model, after every eighth all of them; after each block every invariant holds. Nothing is
/// made and nothing is lost.
fn sessions(seeds: std::ops::Range<u64>) {
    let mut overdrawn = 0;
    for seed in seeds {
        let mut session = Session::new(seed);
        for step in 0..400 {
            let dseq = session.step();
            if step % 8 == 7 {
                session.compare();
            } else {
                session.compare_account(dseq);
            }
        }
        overdrawn += session.overdrawn;
    }
    assert!(overdrawn > 200, "the sessions must run out of money often: {overdrawn}");
}

#[test]
fn random_sessions_agree_with_the_model_to_the_last_unit() {
    sessions(0..125);
}

#[test]
fn more_random_sessions_agree_with_the_model_to_the_last_unit() {
    sessions(125..250);
}

struct Session {
    dice: Dice,
    world: World,
    model: model::Model,
    overdrawn: u32,
}

impl Session {
    fn new(seed: u64) -> Self {
        Self { dice: Dice(seed), world: World::new(), model: model::Model::new(), overdrawn: 0 }
    }

    /// Returns the account it touched.
    fn step(&mut self) -> u64 {
        let dseq = [1, 2, 12, 123][usize::try_from(self.dice.roll(4)).unwrap()];
        let gseq = u32::try_from(self.dice.roll(3)).unwrap() * 9 + 1;
        let provider = PROVIDER + u8::try_from(self.dice.roll(2)).unwrap();
        match self.dice.roll(10) {
            0 | 1 => self.open(dseq),
            2 => self.top_up(dseq),
            3 | 4 => self.pay(dseq, gseq, provider),
            5 => self.withdraw(dseq, gseq, provider, false),
            6 => self.withdraw(dseq, gseq, provider, true),
            7 if self.dice.roll(4) == 0 => self.close(dseq),
            _ => {
                let blocks = usize::try_from(self.dice.roll(3)).unwrap();
                self.world.blocks(blocks);
                self.model.now += u128::try_from(blocks).unwrap();
            }
        }
        dseq
    }

    fn open(&mut self, dseq: u64) {
        if self.model.accs.contains_key(&dseq) {
            return;
        }
        let amount = self.dice.roll(500) + 1;
        self.world.open(dseq, amount);
        let phase = model::Phase::Open;
        let acc = model::Acc { phase, at: self.model.now, pots: vec![], pays: Default::default() };
        self.model.accs.insert(dseq, acc);
        self.model.put(dseq, TENANT, true, amount.into());
    }

    fn top_up(&mut self, dseq: u64) {
        let from = [TENANT, FRIEND, OTHER][usize::try_from(self.dice.roll(3)).unwrap()];
        let amount = self.dice.roll(300) + 1;
        let phase = self.model.accs.get(&dseq).map(|it| it.phase);
        let uact = phase == Some(model::Phase::Overdrawn) || self.dice.roll(4) > 0;
        let denom = if uact { "uact" } else { "uakt" };
        let answer = self.world.top_up(dseq, from, amount, denom);
        match phase {
            None => assert_eq!(answer.unwrap_err().code(), 3),
            Some(model::Phase::Closed) => assert_eq!(answer.unwrap_err().code(), 2),
            Some(phase) => {
                answer.unwrap();
                self.model.put(dseq, from, uact, amount.into());
                if phase == model::Phase::Overdrawn {
                    self.model.settle(dseq);
                }
            }
        }
    }

    fn pay(&mut self, dseq: u64, gseq: u32, provider: u8) {
        // A rate of up to 40 with any fraction.
        let atto = u128::from(self.dice.roll(40)) * model::ONE
            + u128::from(self.dice.roll(1 << 31)) * 465_661_287;
        let rate = format!("{}.{:018}", atto / model::ONE, atto % model::ONE);
        let answer = self.world.pay(dseq, gseq, provider, &rate);
        let Some(acc) = self.model.accs.get(&dseq) else {
            assert_eq!(answer.unwrap_err().code(), 3);
            return;
        };
        let key = format!("{gseq}/1/{}", who(provider));
        let before = (acc.clone(), self.model.wallets.clone());
        let code = if acc.phase == model::Phase::Closed {
            Some(2)
        } else {
            self.model.settle(dseq);
            let acc = &self.model.accs[&dseq];
            if acc.phase != model::Phase::Open {
                Some(4)
            } else if atto == 0 {
                Some(9)
            } else {
                acc.pays.contains_key(&key).then_some(6)
            }
        };
        if let Some(code) = code {
            assert_eq!(answer.unwrap_err().code(), code);
            self.model.accs.insert(dseq, before.0);
            self.model.wallets = before.1;
            return;
        }
        answer.unwrap();
        let phase = model::Phase::Open;
        let pay = model::Pay { to: provider, atto_per_block: atto, phase, earned: 0, debt: 0 };
        self.model.accs.get_mut(&dseq).unwrap().pays.insert(key, pay);
    }

    fn withdraw(&mut self, dseq: u64, gseq: u32, provider: u8, close: bool) {
        let answer = if close {
            self.world.stop(dseq, gseq, provider)
        } else {
            self.world.withdraw(dseq, gseq, provider)
        };
        let key = format!("{gseq}/1/{}", who(provider));
        let Some(acc) = self.model.accs.get(&dseq) else {
            assert_eq!(answer.unwrap_err().code(), 3);
            return;
        };
        match acc.pays.get(&key).map(|it| it.phase) {
            None => assert_eq!(answer.unwrap_err().code(), 8),
            Some(model::Phase::Closed) => assert_eq!(answer.unwrap_err().code(), 7),
            Some(model::Phase::Overdrawn) if !close => {
                assert_eq!(answer.unwrap_err().code(), 7);
            }
            Some(model::Phase::Overdrawn) => assert_eq!(answer.unwrap(), None),
            Some(model::Phase::Open) => {
                self.model.settle(dseq);
                let ended = self.model.accs[&dseq].phase != model::Phase::Open;
                assert_eq!(answer.unwrap().is_some_and(|it| it.overdrawn), ended);
                self.overdrawn += u32::from(ended);
                if !ended {
                    self.model.pay_out(dseq, &key, close);
                }
            }
        }
    }

    fn close(&mut self, dseq: u64) {
        let answer = self.world.close(dseq);
        match self.model.accs.get(&dseq).map(|it| it.phase) {
            None => assert_eq!(answer.unwrap_err().code(), 3),
            Some(model::Phase::Closed) => assert_eq!(answer.unwrap_err().code(), 2),
            Some(model::Phase::Overdrawn) => assert_eq!(answer.unwrap(), None),
            Some(model::Phase::Open) => {
                self.model.settle(dseq);
                let overdrawn = self.model.accs[&dseq].phase == model::Phase::Overdrawn;
                assert_eq!(answer.unwrap().unwrap().overdrawn, overdrawn);
                if !overdrawn {
                    self.model.end(dseq, model::Phase::Closed);
                }
            }
        }
    }

    fn compare(&self) {
        let wide = |it: i64| u128::try_from(it).unwrap();
        for name in [TENANT, FRIEND, OTHER, PROVIDER, PROVIDER + 1] {
            for (uact, denom) in [(true, "uact"), (false, "uakt")] {
                let expected = self.model.wallets.get(&(name, uact)).copied().unwrap_or_default();
                assert_eq!(wide(self.world.balance(name, denom)), expected, "{name} {denom}");
            }
        }
        assert_eq!(wide(self.world.vault("uact")), self.model.held(true));
        assert_eq!(wide(self.world.vault("uakt")), self.model.held(false));
        for dseq in self.model.accs.keys() {
            self.compare_account(*dseq);
        }
    }

    /// The account's state and deposits, and what is in its tenant's pocket.
    fn compare_account(&self, dseq: u64) {
        let Some(acc) = self.model.accs.get(&dseq) else { return };
        let state = match acc.phase {
            model::Phase::Open => State::Open,
            model::Phase::Closed => State::Closed,
            model::Phase::Overdrawn => State::Overdrawn,
        };
        let account = self.world.account(dseq);
        assert_eq!(account.state, state);
        let left = acc.pots.iter().filter(|it| it.2 > 0).map(|it| it.2);
        let deposits = account.deposits.iter().map(|it| it.balance.amount.truncate_int().unwrap());
        assert!(deposits.eq(left.map(|it| Int::from(u64::try_from(it).unwrap()))));
        let tenant = self.model.wallets[&(TENANT, true)];
        assert_eq!(u128::try_from(self.world.balance(TENANT, "uact")).unwrap(), tenant);
    }
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
