//! Periods against a model that pays everybody at once, and the rules around them.

use ledger::testing::{Chain, attribute};
use proptest::prelude::*;
use prost::{Message, Name};
use prost_types::Any;
use ruint::Uint;
use serde_json::json;
use types::{
    Coin, Int,
    wire::cosmos::{
        crypto::ed25519::PubKey,
        distribution::v1beta1::{
            MsgCommunityPoolSpend, MsgDepositValidatorRewardsPool, MsgSetWithdrawAddress,
            MsgUpdateParams, MsgWithdrawDelegatorReward, MsgWithdrawDelegatorRewardResponse,
            MsgWithdrawValidatorCommission, QueryDelegationRewardsRequest,
            QueryDelegationRewardsResponse, QueryDelegationTotalRewardsRequest,
            QueryDelegationTotalRewardsResponse,
        },
        staking::v1beta1::{
            CommissionRates, Description, MsgCreateValidator, MsgDelegate, MsgUndelegate,
        },
    },
};

use super::*;
use crate::{Market, auth, bank, staking};
use types::ValAddress;

/// Rewards come in a denomination of their own, so that fees and inflation stay apart.
const REWARD: &str = "uact";
const RICH: i64 = 1_000_000_000_000;
/// The operator, and those who delegate to it.
const OPERATOR: u8 = 1;
const DELEGATORS: [u8; 4] = [OPERATOR, 2, 3, 4];
/// Who gives rewards.
const GIVER: u8 = 9;

fn who(name: u8) -> Address {
    Address::from([name; 20])
}

fn operator() -> ValAddress {
    ValAddress::from(&who(OPERATOR))
}

struct World {
    chain: Chain<Market>,
}

impl World {
    /// A validator with a commission of 10% and 10 AKT of its own.
    fn new() -> Self {
        let names = [1u8, 2, 3, 4, 5, GIVER];
        let balances: Vec<_> = names
            .iter()
            .map(|name| {
                let coins: Vec<_> = [REWARD, "uakt"]
                    .iter()
                    .map(|it| json!({ "denom": it, "amount": RICH.to_string() }))
                    .collect();
                json!({ "address": who(*name).to_string(), "coins": coins })
            })
            .collect();
        let bank = json!({
            "params": { "send_enabled": [], "default_send_enabled": true },
            "balances": balances,
        });
        let mut world = Self { chain: Chain::new(json!({ "bank": bank })) };
        world.create_validator();
        world.chain.next_block(5);
        world
    }

    fn create_validator(&mut self) {
        let rate = |percent: i64| types::Dec::new(percent, 2).unwrap().to_wire();
        let key = PubKey { key: vec![5; 32] };
        let pubkey = Any { type_url: PubKey::type_url(), value: key.encode_to_vec() };
        self.run(&MsgCreateValidator {
            description: Description { moniker: "one".to_owned(), ..Default::default() },
            commission: CommissionRates {
                rate: rate(10),
                max_rate: rate(20),
                max_change_rate: rate(1),
            },
            min_self_delegation: "1".to_owned(),
            validator_address: operator().to_string(),
            pubkey: Some(pubkey),
            value: Coin::new("uakt", 10_000_000i64).into(),
            ..Default::default()
        })
        .unwrap();
    }

    fn run<M: Message + Name>(&mut self, message: &M) -> Result {
        self.chain.run(message).map(drop)
    }

    fn delegate(&mut self, name: u8, amount: i64) -> Result {
        self.run(&MsgDelegate {
            delegator_address: who(name).to_string(),
            validator_address: operator().to_string(),
            amount: Coin::new("uakt", amount).into(),
        })
    }

    fn undelegate(&mut self, name: u8, amount: i64) -> Result {
        self.run(&MsgUndelegate {
            delegator_address: who(name).to_string(),
            validator_address: operator().to_string(),
            amount: Coin::new("uakt", amount).into(),
        })
    }

    fn withdraw(&mut self, name: u8) -> Result<Vec<Coin>> {
        let message = MsgWithdrawDelegatorReward {
            delegator_address: who(name).to_string(),
            validator_address: operator().to_string(),
        };
        let (reply, _) = self.chain.deliver::<_, MsgWithdrawDelegatorRewardResponse>(&message)?;
        Ok(reply.amount.iter().map(|it| Coin::try_from(it).unwrap()).collect())
    }

    fn give(&mut self, amount: i64) -> Result {
        self.run(&MsgDepositValidatorRewardsPool {
            depositor: who(GIVER).to_string(),
            validator_address: operator().to_string(),
            amount: vec![Coin::new(REWARD, amount).into()],
        })
    }

    fn slash(&mut self, percent: i64) {
        let validator = self.validator();
        let consensus = validator.consensus_address().unwrap();
        let (height, power) = (self.chain.cx.height(), validator.power().unwrap());
        let fraction = types::Dec::new(percent, 2).unwrap();
        staking::slash(&mut self.chain.cx, &consensus, height, power, fraction).unwrap();
    }

    fn validator(&self) -> staking::Validator {
        staking::validator(self.chain.view(), &operator()).unwrap().unwrap()
    }

    fn shares(&self, name: u8) -> types::Dec {
        let held = staking::delegation(self.chain.view(), &who(name), &operator());
        held.unwrap().unwrap_or(types::Dec::ZERO)
    }

    fn rewards_of(&self, name: u8) -> i64 {
        bank::balance(self.chain.view(), &who(name), REWARD).unwrap().to_i64().unwrap()
    }

    fn pool(&self) -> types::Dec {
        community_pool(self.chain.view()).unwrap().amount_of(REWARD)
    }

    fn next_block(&mut self) {
        self.chain.next_block(5);
    }
}

// The model: whoever holds shares when a reward comes has its part at once, as an exact fraction.

type Big = Uint<8192, 128>;

/// An exact number that is not negative.
#[derive(Clone, Copy, Debug)]
struct Ratio {
    over: Big,
    under: Big,
}

impl Ratio {
    const ZERO: Self = Self { over: Big::ZERO, under: Big::ONE };

    fn plus(self, over: Big, under: Big) -> Self {
        let sum = self.over * under + over * self.under;
        let whole = self.under * under;
        let common = greatest_common_divisor(sum, whole);
        Self { over: sum / common, under: whole / common }
    }

    fn floor(self) -> i64 {
        i64::try_from(self.over / self.under).unwrap()
    }
}

fn greatest_common_divisor(mut a: Big, mut b: Big) -> Big {
    while !b.is_zero() {
        (a, b) = (b, a % b);
    }
    a.max(Big::ONE)
}

fn big(dec: types::Dec) -> Big {
    dec.to_wire().parse().unwrap()
}

/// What each of [`DELEGATORS`] has earned and not been paid.
struct Model {
    earned: [Ratio; 4],
    /// The fewest tokens that the validator had since it was slashed first; none before.
    fewest: Option<i64>,
}

impl Model {
    fn give(&mut self, world: &World, amount: i64) {
        let all = big(world.validator().shares);
        for (earned, name) in self.earned.iter_mut().zip(DELEGATORS) {
            // A tenth is the operator's commission.
            let part = Big::from(amount * 9) * big(world.shares(name));
            *earned = earned.plus(part, all * Big::from(10));
        }
    }

    /// A payment is whole units; the fraction is gone. One unit less is what truncated ratios cost.
    /// Once a share is worth a fraction of a token, each undelegation leaves less than a token to
    /// those who stay, whose stakes were written down before.
    fn paid(&mut self, at: usize, paid: i64) {
        let expected = self.earned[at].floor();
        let steps = i64::try_from(STEPS_MAX).unwrap();
        let drift = self.fewest.map_or(0, |fewest| expected * steps / fewest);
        let least = expected - 1 - drift;
        assert!(
            (least..=expected).contains(&paid),
            "{expected} of delegator {at} were due, {paid} were paid, at least {least} expected"
        );
        self.earned[at] = Ratio::ZERO;
    }

    fn saw(&mut self, world: &World, slashed: bool) {
        let tokens = world.validator().tokens.to_i64().unwrap();
        if slashed || self.fewest.is_some() {
            self.fewest = Some(self.fewest.unwrap_or(i64::MAX).min(tokens));
        }
    }
}

const STEPS_MAX: usize = 40;

#[derive(Clone, Copy, Debug)]
enum Step {
    Delegate { at: usize, amount: i64 },
    Undelegate { at: usize, percent: i64 },
    Withdraw { at: usize },
    Give { amount: i64 },
    Slash { percent: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = 0usize..4;
    let step = prop_oneof![
        3 => (at.clone(), 1i64..50_000_000)
            .prop_map(|(at, amount)| Step::Delegate { at, amount }),
        2 => (1usize..4, 1i64..=100).prop_map(|(at, percent)| Step::Undelegate { at, percent }),
        2 => at.prop_map(|at| Step::Withdraw { at }),
        4 => (1i64..1_000_000_000).prop_map(|amount| Step::Give { amount }),
        1 => (1i64..30).prop_map(|percent| Step::Slash { percent }),
    ];
    prop::collection::vec(step, 1..STEPS_MAX)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn everybody_is_paid_what_paying_at_once_would_have_paid(steps in steps()) {
        let mut world = World::new();
        let mut model = Model { earned: [Ratio::ZERO; 4], fewest: None };
        let mut given = 0i64;
        for step in steps {
            let before = DELEGATORS.map(|name| world.rewards_of(name));
            // Whoever changes its shares is paid, unless it has none yet.
            let held = DELEGATORS.map(|name| world.shares(name).is_positive());
            let mut moved = None;
            match step {
                Step::Delegate { at, amount } => {
                    if world.delegate(DELEGATORS[at], amount).is_ok() && held[at] {
                        moved = Some(at);
                    }
                }
                Step::Undelegate { at, percent } => {
                    let shares = world.shares(DELEGATORS[at]);
                    let tokens = world.validator().tokens_from_shares(shares).unwrap();
                    let amount = tokens.truncate_int().unwrap().to_i64().unwrap() * percent / 100;
                    if held[at] && world.undelegate(DELEGATORS[at], amount).is_ok() {
                        moved = Some(at);
                    }
                }
                Step::Withdraw { at } => {
                    let paid = world.withdraw(DELEGATORS[at]);
                    prop_assert_eq!(paid.is_ok(), held[at]);
                    moved = held[at].then_some(at);
                }
                Step::Give { amount } => {
                    world.give(amount).unwrap();
                    model.give(&world, amount);
                    given += amount;
                }
                Step::Slash { percent } => world.slash(percent),
            }
            for (at, name) in DELEGATORS.into_iter().enumerate() {
                let paid = world.rewards_of(name) - before[at];
                if moved == Some(at) {
                    model.paid(at, paid);
                } else {
                    prop_assert_eq!(paid, 0);
                }
            }
            model.saw(&world, matches!(step, Step::Slash { .. }));
            world.next_block();
        }
        // All that came in is with the delegators, with the operator, owed to them, or dust.
        let paid: i64 = DELEGATORS.iter().map(|name| world.rewards_of(*name) - RICH).sum();
        let owed = state::outstanding(world.chain.view(), &operator()).unwrap();
        let sum = owed.amount_of(REWARD).add(world.pool()).unwrap();
        prop_assert_eq!(sum, types::Dec::from_int(given - paid));
    }
}

#[test]
fn rewards_begin_with_the_block_after_the_delegation() {
    let mut world = World::new();
    world.delegate(2, 10_000_000).unwrap();
    world.next_block();
    world.give(1_000).unwrap();
    let request = QueryDelegationRewardsRequest {
        delegator_address: who(2).to_string(),
        validator_address: operator().to_string(),
    };
    let path = "/cosmos.distribution.v1beta1.Query/DelegationRewards";
    let answer: QueryDelegationRewardsResponse = world.chain.query(path, &request).unwrap();
    let earned = DecCoins::from_wire(&answer.rewards).unwrap();
    assert_eq!(earned.to_string(), "450.000000000000000000uact");
    let total = QueryDelegationTotalRewardsRequest { delegator_address: who(2).to_string() };
    let path = "/cosmos.distribution.v1beta1.Query/DelegationTotalRewards";
    let answer: QueryDelegationTotalRewardsResponse = world.chain.query(path, &total).unwrap();
    assert_eq!(DecCoins::from_wire(&answer.total).unwrap(), earned);
    assert_eq!(world.withdraw(2).unwrap(), [Coin::new(REWARD, 450)]);
    assert_eq!(world.withdraw(2).unwrap(), [Coin::new("uakt", Int::ZERO)]);
}

#[test]
fn commission_is_paid_in_whole_units_and_the_rest_stays() {
    let mut world = World::new();
    let message = MsgWithdrawValidatorCommission { validator_address: operator().to_string() };
    assert!(world.run(&message).unwrap_err().is(Error::NoCommission));
    world.give(1_005).unwrap();
    world.run(&message).unwrap();
    assert_eq!(world.rewards_of(OPERATOR), RICH + 100);
    let left = state::commission(world.chain.view(), &operator()).unwrap();
    assert_eq!(left.to_string(), "0.500000000000000000uact");
    // Half a unit cannot be paid, and is no error.
    let events = world.chain.run(&message).unwrap();
    assert_eq!(attribute(events.last().unwrap(), "amount"), "");
    world.next_block();
}

#[test]
fn rewards_go_where_their_owner_says() {
    let mut world = World::new();
    let to = |name: &Address| MsgSetWithdrawAddress {
        delegator_address: who(OPERATOR).to_string(),
        withdraw_address: name.to_string(),
    };
    let blocked = world.run(&to(&auth::module_address("gov"))).unwrap_err();
    assert!(blocked.is(ledger::Sdk::Unauthorized));
    world.run(&to(&who(5))).unwrap();
    world.give(1_000).unwrap();
    assert_eq!(world.withdraw(OPERATOR).unwrap(), [Coin::new(REWARD, 900)]);
    assert_eq!(world.rewards_of(5), RICH + 900);

    let params = Params { withdraw_addr_enabled: false, ..default_params() };
    let authority = auth::authority_address();
    world.run(&MsgUpdateParams { authority, params }).unwrap();
    assert!(world.run(&to(&who(5))).unwrap_err().is(Error::WithdrawDisabled));
}

#[test]
fn a_removed_validator_leaves_only_what_the_community_gets() {
    let mut world = World::new();
    world.give(1_005).unwrap();
    world.next_block();
    world.undelegate(OPERATOR, 10_000_000).unwrap();
    // Out of the set, then unbonded after 21 days, then gone.
    world.next_block();
    world.chain.next_block(1_814_400);
    world.chain.next_block(5);
    assert!(staking::validator(world.chain.view(), &operator()).unwrap().is_none());
    assert_eq!(world.rewards_of(OPERATOR), RICH + 100 + 904);
    assert_eq!(world.pool(), types::Dec::ONE);
    assert!(state::CURRENT.iter(world.chain.view()).next().is_none());
    assert!(state::HISTORY.iter(world.chain.view()).next().is_none());
}

#[test]
fn the_community_spends_what_it_has_and_no_more() {
    let mut world = World::new();
    let amount = Coins::new([Coin::new(REWARD, 10)]).unwrap();
    fund_community_pool(&mut world.chain.cx, &who(2), &amount).unwrap();
    let spend = |amount: i64| MsgCommunityPoolSpend {
        authority: auth::authority_address(),
        recipient: who(3).to_string(),
        amount: vec![Coin::new(REWARD, amount).into()],
    };
    assert!(world.run(&spend(11)).unwrap_err().is(Error::PoolTooSmall));
    world.run(&spend(10)).unwrap();
    assert_eq!(world.rewards_of(3), RICH + 10);
    assert!(world.pool().is_zero());
    let stranger = MsgCommunityPoolSpend { authority: who(2).to_string(), ..spend(1) };
    assert_eq!(world.run(&stranger).unwrap_err().codespace(), "gov");
    world.next_block();
}

#[test]
fn a_history_comes_back_from_its_export() {
    let mut world = World::new();
    world.delegate(2, 7_000_000).unwrap();
    world.next_block();
    world.give(12_345).unwrap();
    world.slash(7);
    world.next_block();
    world.delegate(3, 1_234_567).unwrap();
    world.next_block();
    let exported = genesis::export(world.chain.view()).unwrap();
    assert_eq!(exported.validator_slash_events.len(), 1);
    assert_eq!(exported.delegator_starting_infos.len(), 3);
    let mut cx = ledger::testing::ctx();
    let held = bank::balances(world.chain.view(), &auth::module_address("distribution")).unwrap();
    bank::mint(&mut cx, "bme", &held).unwrap();
    bank::send_between_modules(&mut cx, "bme", "distribution", &held).unwrap();
    genesis::init(&mut cx, exported.clone()).unwrap();
    assert_eq!(genesis::export(&cx).unwrap(), exported);
    // Money that is not there is not owed.
    let mut wrong = exported;
    wrong.fee_pool.community_pool = DecCoins::from_coins(&held).to_wire();
    assert!(genesis::init(&mut cx, wrong).is_err());
}

#[test]
fn a_chain_with_stake_and_rewards_comes_back_from_its_export() {
    let mut world = World::new();
    world.delegate(2, 7_000_000).unwrap();
    world.next_block();
    world.give(12_345).unwrap();
    world.slash(7);
    world.undelegate(2, 1_000_000).unwrap();
    world.next_block();
    let exported = world.chain.export();
    let again = Chain::<Market>::new(exported.clone());
    again.assert_invariants();
    let second = again.export();
    for name in ["distribution", "staking", "slashing", "bank", "mint"] {
        assert_eq!(second[name], exported[name], "{name}");
    }
    let view = again.view();
    let owed = state::outstanding(view, &operator()).unwrap();
    assert_eq!(owed, state::outstanding(world.chain.view(), &operator()).unwrap());
}

#[test]
fn planted_violations_are_seen() {
    let mut world = World::new();
    world.give(1_000).unwrap();
    let seen = |world: &mut World, spoil: fn(&mut Ctx) -> Result| {
        let view = &mut world.chain.cx;
        view.rehearse(|cx| {
            spoil(cx)?;
            let broken = Distribution::INVARIANTS.iter().filter(|it| it.1(cx).is_err());
            Ok(broken.map(|it| it.0).collect::<Vec<_>>())
        })
        .unwrap()
    };
    assert_eq!(seen(&mut world, |_| Ok(())), [""; 0]);
    let lost: fn(&mut Ctx) -> Result = |cx| {
        let more = DecCoins::from_coins(&Coins::new([Coin::new(REWARD, 1)])?);
        state::add_to_community_pool(cx, &more)
    };
    assert_eq!(seen(&mut world, lost), ["distribution holds what it owes"]);
    let referred: fn(&mut Ctx) -> Result = |cx| rewards::refer(cx, &operator(), 1);
    assert_eq!(seen(&mut world, referred), ["rewards of the past are referred to"]);
    let greedy: fn(&mut Ctx) -> Result = |cx| {
        let more = DecCoins::from_coins(&Coins::new([Coin::new(REWARD, 101)])?);
        state::set_commission(cx, &operator(), &more)
    };
    assert_eq!(seen(&mut world, greedy), ["commission and rewards are outstanding"]);
}
