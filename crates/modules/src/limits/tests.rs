//! One test per promise and per attack. Random sequences of signed transactions are in
//! `tests/limits.rs`.

use ledger::{Ctx, Result, testing::Chain};
use prost::{Message, Name};
use prost_types::{Any, Timestamp};
use types::{
    Coin, Coins, ValAddress,
    wire::{
        akash::{
            base::deposit::v1::Source,
            deployment::v1beta4::{MsgCloseDeployment, MsgCreateDeployment, MsgStartGroup},
            escrow::v1::{DepositAuthorization, MsgAccountDeposit, deposit_authorization::Scope},
            market::v1beta5::{MsgCreateBid, MsgCreateLease, MsgWithdrawLease},
        },
        cosmos::{
            authz::v1beta1::{GenericAuthorization, Grant, MsgExec, MsgGrant, MsgRevoke},
            bank::v1beta1::{Input, MsgMultiSend, MsgSend, Output},
            base::v1beta1::Coin as WireCoin,
            distribution::v1beta1::MsgSetWithdrawAddress,
            feegrant::v1beta1::{BasicAllowance, MsgGrantAllowance, MsgRevokeAllowance},
            staking::v1beta1::{
                CommissionRates, Description, MsgBeginRedelegate, MsgCreateValidator, MsgDelegate,
            },
            vesting::v1beta1::MsgCreateVestingAccount,
        },
        haggle::limits::v1::{
            DeploymentShape, MessageRule, MsgUpdateParams, Params, QueryKeyRulesRequest,
            QueryKeyRulesResponse, QueryOwnerRulesRequest, QueryOwnerRulesResponse,
            QueryRuleRequest, QueryRuleResponse, RuleStatus, SpendingLimitAuthorization,
        },
        tendermint::abci::Event,
    },
};

use super::{
    books,
    state::{DEPLOYMENTS, RETURNS, RULES},
};
use crate::{Market, auth, feegrant, testing::*};

const OWNER: u8 = TENANT;
const KEY: u8 = FRIEND;
/// Holds nothing and trusts nobody.
const STRANGER: u8 = 99;
const DAY: i64 = 24 * 3600;

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn coins(text: &str) -> Vec<WireCoin> {
    text.parse::<Coins>().unwrap().to_wire()
}

fn allow(type_url: String) -> MessageRule {
    MessageRule { type_url, count_per_day: 0, per_day: Vec::new() }
}

fn rule(per_day: &str, types: &[String]) -> SpendingLimitAuthorization {
    SpendingLimitAuthorization {
        per_day: coins(per_day),
        messages: types.iter().cloned().map(allow).collect(),
        ..SpendingLimitAuthorization::default()
    }
}

fn shape() -> DeploymentShape {
    DeploymentShape {
        cpu_milli: 1000,
        memory_bytes: 536_870_912,
        storage_bytes: 536_870_912,
        gpus: 0,
        open_deployments: 2,
        price_per_block: vec![price_of("100uact")],
    }
}

/// May deploy, lease and close for up to `per_day`.
fn deployer(per_day: &str) -> SpendingLimitAuthorization {
    let types = [
        MsgCreateDeployment::type_url(),
        MsgCloseDeployment::type_url(),
        MsgCreateLease::type_url(),
        MsgStartGroup::type_url(),
        MsgAccountDeposit::type_url(),
    ];
    SpendingLimitAuthorization { deployment: Some(shape()), ..rule(per_day, &types) }
}

fn send(amount: &str) -> Any {
    send_to(STRANGER, amount)
}

fn send_to(to: u8, amount: &str) -> Any {
    any(&MsgSend {
        from_address: who(OWNER).to_string(),
        to_address: who(to).to_string(),
        amount: coins(amount),
    })
}

/// A world in which OWNER put KEY under a rule.
fn under(rule: &SpendingLimitAuthorization) -> World {
    let mut world = World::new();
    world.put(rule, None).unwrap();
    world
}

trait Ruled {
    fn put(&mut self, rule: &SpendingLimitAuthorization, seconds: Option<i64>) -> Result;
    fn grant(&mut self, authorization: Any, seconds: Option<i64>) -> Result;
    fn revoke(&mut self, msg_type_url: String) -> Result;
    fn exec(&mut self, messages: Vec<Any>) -> Result<Vec<Event>>;
    fn status(&self) -> Result<RuleStatus>;
    fn pass(&mut self, seconds: i64);
}

impl Ruled for World {
    fn put(&mut self, rule: &SpendingLimitAuthorization, seconds: Option<i64>) -> Result {
        self.grant(any(rule), seconds)
    }

    fn grant(&mut self, authorization: Any, seconds: Option<i64>) -> Result {
        let now = self.chain.cx.unix_seconds();
        let expiration = seconds.map(|it| Timestamp { seconds: now + it, nanos: 0 });
        let grant = Grant { authorization: Some(authorization), expiration };
        let (granter, grantee) = (who(OWNER).to_string(), who(KEY).to_string());
        self.run(&MsgGrant { granter, grantee, grant }).map(drop)
    }

    fn revoke(&mut self, msg_type_url: String) -> Result {
        let (granter, grantee) = (who(OWNER).to_string(), who(KEY).to_string());
        self.run(&MsgRevoke { granter, grantee, msg_type_url }).map(drop)
    }

    fn exec(&mut self, msgs: Vec<Any>) -> Result<Vec<Event>> {
        self.run(&MsgExec { grantee: who(KEY).to_string(), msgs })
    }

    fn status(&self) -> Result<RuleStatus> {
        let (owner, key) = (who(OWNER).to_string(), who(KEY).to_string());
        let answer: QueryRuleResponse =
            self.chain.query("/haggle.limits.v1.Query/Rule", &QueryRuleRequest { owner, key })?;
        Ok(answer.rule)
    }

    fn pass(&mut self, seconds: i64) {
        self.chain.next_block(seconds);
    }
}

/// Refused with that error of limits, and nothing changed.
#[track_caller]
fn refused(outcome: Result<Vec<Event>>, code: u32) {
    let fault = outcome.unwrap_err();
    assert_eq!((fault.codespace(), fault.code()), ("limits", code), "{fault}");
}

#[test]
fn a_key_spends_up_to_its_cap_and_no_further() {
    let mut world = under(&rule("100uakt", &[MsgSend::type_url()]));
    world.exec(vec![send("60uakt")]).unwrap();
    refused(world.exec(vec![send("41uakt")]), 5);
    assert_eq!(world.balance(STRANGER, "uakt"), 60);
    // Of what no cap names, nothing.
    refused(world.exec(vec![send("1uact")]), 5);
    world.exec(vec![send("40uakt")]).unwrap();
    refused(world.exec(vec![send("1uakt")]), 5);
    assert_eq!(world.balance(OWNER, "uakt"), RICH - 100);
    let status = world.status().unwrap();
    assert_eq!((status.spent, status.left), (coins("100uakt"), Vec::new()));
    world.chain.assert_invariants();
}

#[test]
fn many_messages_together_are_not_more_than_one_after_the_other() {
    let mut world = under(&rule("100uakt", &[MsgSend::type_url(), MsgMultiSend::type_url()]));
    refused(world.exec((0..3).map(|_| send("40uakt")).collect()), 5);
    let multi = any(&MsgMultiSend {
        inputs: vec![Input { address: who(OWNER).to_string(), coins: coins("101uakt") }],
        outputs: vec![
            Output { address: who(STRANGER).to_string(), coins: coins("100uakt") },
            Output { address: who(KEY).to_string(), coins: coins("1uakt") },
        ],
    });
    refused(world.exec(vec![multi]), 5);
    // The books went back with the coins.
    assert_eq!(world.balance(OWNER, "uakt"), RICH);
    assert!(world.status().unwrap().spent.is_empty());
    // A key that wraps its own execution in another one is still itself.
    let inner = MsgExec { grantee: who(KEY).to_string(), msgs: vec![send("60uakt")] };
    refused(world.exec(vec![any(&inner), any(&inner)]), 5);
    world.exec(vec![any(&inner), send("40uakt")]).unwrap();
    assert_eq!(world.balance(OWNER, "uakt"), RICH - 100);
}

#[test]
fn what_comes_in_gives_no_room_for_more() {
    let mut world = under(&rule("100uakt", &[MsgSend::type_url()]));
    // To itself: it left the balance, and came back.
    world.exec(vec![send_to(OWNER, "70uakt")]).unwrap();
    refused(world.exec(vec![send("31uakt")]), 5);
}

#[test]
fn no_midnight_doubles_a_day() {
    let mut world = under(&rule("100uakt", &[MsgSend::type_url()]));
    let now = world.chain.cx.unix_seconds();
    world.pass(DAY - now.rem_euclid(DAY) - 10);
    world.exec(vec![send("100uakt")]).unwrap();
    for seconds in [20, 3600, 20 * 3600, 3 * 3600 - 20] {
        world.pass(seconds);
        refused(world.exec(vec![send("1uakt")]), 5);
    }
    world.pass(3600);
    world.exec(vec![send("100uakt")]).unwrap();
    world.pass(10);
    assert_eq!(world.balance(OWNER, "uakt"), RICH - 200);
}

#[test]
fn types_have_caps_and_counts_of_their_own() {
    let mut rule = rule("100uakt", &[MsgSend::type_url(), MsgMultiSend::type_url()]);
    rule.messages[0].per_day = coins("30uakt");
    rule.messages[1].count_per_day = 2;
    let mut world = under(&rule);
    world.exec(vec![send("30uakt")]).unwrap();
    refused(world.exec(vec![send("1uakt")]), 6);
    let multi = |amount: &str| {
        any(&MsgMultiSend {
            inputs: vec![Input { address: who(OWNER).to_string(), coins: coins(amount) }],
            outputs: vec![Output { address: who(STRANGER).to_string(), coins: coins(amount) }],
        })
    };
    world.exec(vec![multi("10uakt"), multi("10uakt")]).unwrap();
    refused(world.exec(vec![multi("1uakt")]), 7);
    world.pass(DAY + 3600);
    world.exec(vec![multi("70uakt"), send("30uakt")]).unwrap();
}

#[test]
fn payments_go_to_whom_the_rule_names() {
    let mut rule = rule("100uakt", &[MsgSend::type_url(), MsgMultiSend::type_url()]);
    rule.recipients = vec![who(P1).to_string()];
    let mut world = under(&rule);
    refused(world.exec(vec![send_to(STRANGER, "1uakt")]), 8);
    let output = |to: u8, amount: &str| Output {
        address: who(to).to_string().to_uppercase(),
        coins: coins(amount),
    };
    let multi = |outputs: Vec<Output>| {
        let inputs = vec![Input { address: who(OWNER).to_string(), coins: coins("2uakt") }];
        any(&MsgMultiSend { inputs, outputs })
    };
    refused(world.exec(vec![multi(vec![output(P1, "1uakt"), output(STRANGER, "1uakt")])]), 8);
    world.exec(vec![multi(vec![output(P1, "1uakt"), output(P1, "1uakt")])]).unwrap();
    world.exec(vec![send_to(P1, "1uakt")]).unwrap();
}

/// Messages that hand out power or move value past the balance.
fn doors() -> Vec<Any> {
    let (owner, key) = (who(OWNER).to_string(), who(KEY).to_string());
    let stranger = who(STRANGER).to_string();
    let grant = |authorization: Any, grantee: &str| {
        let grant = Grant { authorization: Some(authorization), expiration: None };
        any(&MsgGrant { granter: owner.clone(), grantee: grantee.to_owned(), grant })
    };
    let anything = any(&GenericAuthorization { msg: MsgSend::type_url() });
    vec![
        grant(anything.clone(), &key),
        grant(anything, &stranger),
        grant(any(&rule("1000000uakt", &[MsgSend::type_url()])), &key),
        any(&MsgRevoke {
            granter: owner.clone(),
            grantee: key.clone(),
            msg_type_url: super::type_url(),
        }),
        any(&MsgExec { grantee: owner.clone(), msgs: vec![send("1uakt")] }),
        any(&MsgGrantAllowance {
            granter: owner.clone(),
            grantee: key.clone(),
            allowance: Some(any(&BasicAllowance::default())),
        }),
        any(&MsgRevokeAllowance { granter: owner.clone(), grantee: key }),
        any(&MsgSetWithdrawAddress {
            delegator_address: owner.clone(),
            withdraw_address: stranger.clone(),
        }),
        any(&MsgCreateVestingAccount {
            from_address: owner.clone(),
            to_address: stranger,
            amount: coins("1uakt"),
            end_time: 2_000_000_000,
            delayed: true,
        }),
        any(&MsgBeginRedelegate { delegator_address: owner, ..Default::default() }),
    ]
}

#[test]
fn what_hands_out_power_can_be_neither_allowed_nor_sent() {
    let mut world = under(&rule("100uakt", &[MsgSend::type_url()]));
    for door in doors() {
        let fault =
            world.put(&rule("100uakt", std::slice::from_ref(&door.type_url)), None).unwrap_err();
        assert_eq!((fault.codespace(), fault.code()), ("limits", 2), "{}", door.type_url);
        let outcome = world.exec(vec![door.clone()]);
        match door.type_url.contains("Redelegate") {
            // Not even well formed here; refused before it is looked at all the same.
            true => assert!(outcome.is_err()),
            false => refused(outcome, 4),
        }
        // Nor one inside an execution of its own.
        let nested = MsgExec { grantee: who(KEY).to_string(), msgs: vec![door] };
        assert!(world.exec(vec![any(&nested)]).is_err());
    }
    assert_eq!(world.balance(OWNER, "uakt"), RICH);
}

#[test]
fn a_rule_replaces_other_grants_and_ends_without_letting_them_back() {
    let mut world = World::new();
    let anything = any(&GenericAuthorization { msg: MsgSend::type_url() });
    world.grant(anything.clone(), None).unwrap();
    world.put(&rule("100uakt", &[MsgSend::type_url()]), Some(600)).unwrap();
    refused(world.exec(vec![send("101uakt")]), 5);
    world.exec(vec![send("1uakt")]).unwrap();
    // A grant that comes later adds nothing, either.
    world.grant(anything, None).unwrap();
    refused(world.exec(vec![send("100uakt")]), 5);
    world.pass(700);
    world.pass(6);
    refused(world.exec(vec![send("1uakt")]), 3);
    assert!(!world.status().unwrap().stands);
    // The owner opens the door again, by taking back what is over.
    world.revoke(super::type_url()).unwrap();
    assert!(world.status().is_err());
    world.exec(vec![send("1000uakt")]).unwrap();
    assert!(world.revoke(super::type_url()).is_err());
}

#[test]
fn deposit_grants_and_fee_allowances_add_nothing_to_a_rule() {
    let mut world = World::new();
    let deposits = DepositAuthorization {
        spend_limit: Coin::new("uakt", 0u64).into(),
        scopes: vec![Scope::Deployment.into()],
        spend_limits: coins("5000000uact"),
    };
    world.grant(any(&deposits), None).unwrap();
    let (granter, grantee) = (who(OWNER).to_string(), who(KEY).to_string());
    let allowance = Some(any(&BasicAllowance::default()));
    world.run(&MsgGrantAllowance { granter, grantee, allowance }).unwrap();
    let mut rule = deployer("600000uact,100uakt");
    rule.fees_per_day = coins("50uakt");
    world.put(&rule, None).unwrap();
    // The key's own deployment, with the owner's money.
    let mut own = new_deployment(1, 500_000, &["100uact"]);
    own.id.owner = who(KEY).to_string();
    own.deposit.sources = vec![Source::Grant.into()];
    assert_eq!(world.run(&own).unwrap_err().code(), 28);
    // Fees: from the rule, and only for what is executed under grants.
    let exec = MsgExec::type_url();
    let pay = |world: &mut World, fee: &str, type_url: &str| {
        let fee: Coins = fee.parse().unwrap();
        feegrant::charge(&mut world.chain.cx, &who(OWNER), &who(KEY), &fee, &[type_url])
    };
    pay(&mut world, "50uakt", &exec).unwrap();
    assert_eq!(pay(&mut world, "1uakt", &exec).unwrap_err().code(), 6);
    world.pass(DAY + 3600);
    assert_eq!(pay(&mut world, "1uakt", &MsgSend::type_url()).unwrap_err().code(), 4);
    pay(&mut world, "1uakt", &exec).unwrap();
    let fees = world.status().unwrap().messages.pop().unwrap();
    assert_eq!((fees.type_url.as_str(), fees.spent), ("fee", coins("1uakt")));
}

#[test]
fn fees_and_messages_share_the_day() {
    let mut rule = rule("100uakt", &[MsgSend::type_url()]);
    rule.fees_per_day = coins("60uakt");
    let mut world = under(&rule);
    let pay = |world: &mut World, fee: &str| {
        let fee: Coins = fee.parse().unwrap();
        let exec = MsgExec::type_url();
        feegrant::charge(&mut world.chain.cx, &who(OWNER), &who(KEY), &fee, &[&exec])
    };
    pay(&mut world, "60uakt").unwrap();
    refused(world.exec(vec![send("41uakt")]), 5);
    world.exec(vec![send("40uakt")]).unwrap();
    assert_eq!(pay(&mut world, "1uakt").unwrap_err().code(), 5);
}

#[test]
fn delegations_are_spending() {
    let mut world = under(&rule("100uakt", &[MsgDelegate::type_url()]));
    let operator = ValAddress::from(&who(P1)).to_string();
    let pubkey = types::wire::cosmos::crypto::ed25519::PubKey { key: vec![7; 32] };
    let rate = "100000000000000000".to_owned();
    world
        .run(&MsgCreateValidator {
            description: Description { moniker: "v".to_owned(), ..Default::default() },
            commission: CommissionRates {
                rate: rate.clone(),
                max_rate: rate.clone(),
                max_change_rate: rate,
            },
            min_self_delegation: "1".to_owned(),
            validator_address: operator.clone(),
            pubkey: Some(any(&pubkey)),
            value: Coin::new("uakt", 1_000_000u64).into(),
            ..Default::default()
        })
        .unwrap();
    let delegate = |amount: u64| {
        any(&MsgDelegate {
            delegator_address: who(OWNER).to_string(),
            validator_address: operator.clone(),
            amount: Coin::new("uakt", amount).into(),
        })
    };
    refused(world.exec(vec![delegate(60), delegate(41)]), 5);
    world.exec(vec![delegate(60), delegate(40)]).unwrap();
    refused(world.exec(vec![delegate(1)]), 5);
}

fn deploy(dseq: u64, price: &str) -> MsgCreateDeployment {
    new_deployment(dseq, 500_000, &[price])
}

#[test]
fn deployments_keep_to_their_shape() {
    let mut world = under(&deployer("5000000uact,5000000uakt"));
    let refused_for = |world: &mut World, change: &dyn Fn(&mut MsgCreateDeployment)| {
        let mut message = deploy(1, "100uact");
        change(&mut message);
        refused(world.exec(vec![any(&message)]), 9);
    };
    let units = |it: &mut MsgCreateDeployment, change: fn(&mut Unit)| {
        change(&mut it.groups[0].resources[0].resource);
    };
    refused_for(&mut world, &|it| units(it, |it| it.cpu.as_mut().unwrap().units = value("1001")));
    refused_for(&mut world, &|it| {
        units(it, |it| it.memory.as_mut().unwrap().quantity = value("536870913"));
    });
    refused_for(&mut world, &|it| units(it, |it| it.storage[0].quantity = value("536870913")));
    refused_for(&mut world, &|it| units(it, |it| it.gpu.as_mut().unwrap().units = value("1")));
    // Replicas, further volumes and further groups count, too.
    refused_for(&mut world, &|it| it.groups[0].resources[0].count = 2);
    refused_for(&mut world, &|it| {
        units(it, |it| {
            let mut volume = it.storage[0].clone();
            volume.name = "more".to_owned();
            it.storage.push(volume);
        });
    });
    refused_for(&mut world, &|it| it.groups.push(group("b", "1uact")));
    refused_for(&mut world, &|it| it.groups[0].resources[0].price = price_of("101uact"));
    // A price in what the shape does not name.
    refused_for(&mut world, &|it| {
        it.groups[0].resources[0].price = price_of("1uakt");
        it.deposit.amount.denom = "uakt".to_owned();
    });

    world.exec(vec![any(&deploy(1, "100uact")), any(&deploy(2, "1uact"))]).unwrap();
    refused(world.exec(vec![any(&deploy(3, "1uact"))]), 9);
    let close = MsgCloseDeployment { id: deployment(1).into() };
    world.exec(vec![any(&close), any(&deploy(3, "1uact"))]).unwrap();
    assert_eq!(world.status().unwrap().deployments, [2, 3]);
    assert_eq!(world.status().unwrap().spent, coins("1500000uact"));
    world.pass(6);
}

type Unit = types::wire::akash::base::resources::v1beta4::Resources;

#[test]
fn a_key_cannot_touch_what_its_owner_runs() {
    let mut world = under(&deployer("5000000uact"));
    world.create(7, 500_000, "100uact").unwrap();
    let bid = deployment(7).group(1).order(1).bid(who(P1));
    world.bid(P1, &deployment(7).group(1), 1, "100uact").unwrap();
    let feed = |dseq: u64| {
        let id = crate::escrow::AccountId::Deployment(deployment(dseq));
        let deposit = funds(1000, "uact");
        any(&MsgAccountDeposit { signer: who(OWNER).to_string(), id: (&id).into(), deposit })
    };
    let close = |dseq: u64| any(&MsgCloseDeployment { id: deployment(dseq).into() });
    let start = MsgStartGroup { id: deployment(7).group(1).into() };
    for message in
        [any(&MsgCreateLease { bid_id: (&bid).into() }), feed(7), close(7), close(8), any(&start)]
    {
        refused(world.exec(vec![message]), 10);
    }
    // Nor what it opened under a rule that was taken back.
    world.exec(vec![any(&deploy(1, "100uact")), feed(1)]).unwrap();
    world.revoke(super::type_url()).unwrap();
    world.put(&deployer("5000000uact"), None).unwrap();
    refused(world.exec(vec![close(1)]), 10);
    world.pass(6);
}

#[test]
fn deposits_come_from_the_owner_alone() {
    let mut rule = deployer("5000000uact");
    rule.messages.push(allow(MsgCreateBid::type_url()));
    let mut world = under(&rule);
    // Somebody trusts the owner with deposits: the key shall not have them.
    let deposits = DepositAuthorization {
        spend_limit: Coin::new("uakt", 0u64).into(),
        scopes: vec![Scope::Deployment.into(), Scope::Bid.into()],
        spend_limits: coins("5000000uact"),
    };
    let (granter, grantee) = (who(P3).to_string(), who(OWNER).to_string());
    let grant = Grant { authorization: Some(any(&deposits)), expiration: None };
    world.run(&MsgGrant { granter, grantee, grant }).unwrap();
    for sources in [vec![Source::Grant], vec![Source::Balance, Source::Grant]] {
        let sources: Vec<i32> = sources.into_iter().map(Into::into).collect();
        let mut message = deploy(1, "100uact");
        message.deposit.sources.clone_from(&sources);
        refused(world.exec(vec![any(&message)]), 11);
        let mut bid = new_bid(OWNER, &deployment(1).group(1), 1, "100uact");
        bid.id.owner = who(P2).to_string();
        bid.deposit.sources = sources;
        refused(world.exec(vec![any(&bid)]), 11);
    }
}

#[test]
fn at_the_dead_man_date_everything_returns() {
    let mut rule = deployer("5000000uact");
    let mut world = World::new();
    let at = world.chain.cx.unix_seconds() + 1000;
    rule.return_at = Some(Timestamp { seconds: at, nanos: 0 });
    rule.messages.push(allow(MsgSend::type_url()));
    world.put(&rule, None).unwrap();
    world.create(7, 500_000, "100uact").unwrap();
    world.exec(vec![any(&deploy(1, "100uact")), any(&deploy(2, "100uact"))]).unwrap();
    let bid = deployment(1).group(1).order(1).bid(who(P1));
    world.bid(P1, &deployment(1).group(1), 1, "100uact").unwrap();
    world.exec(vec![any(&MsgCreateLease { bid_id: (&bid).into() })]).unwrap();
    world.pass(990);
    assert_eq!(world.status().unwrap().deployments, [1, 2]);
    world.exec(vec![send("1uact")]).unwrap();
    let told = world.chain.next_block(10);
    assert!(told.iter().all(|it| !it.r#type.ends_with("EventReturned")));
    // The date is reached in this block: the key is dead before the block's end.
    refused(world.exec(vec![send("1uact")]), 3);
    let told = world.chain.next_block(6);
    assert!(told.iter().any(|it| it.r#type == "haggle.limits.v1.EventReturned"));
    let status = world.status().unwrap();
    assert!(status.rule.returned && !status.stands && status.deployments.is_empty());
    // Two blocks of the lease, a coin sent, and the deposit of what the owner runs by itself.
    assert_eq!(world.balance(OWNER, "uact"), RICH - 200 - 1 - 500_000);
    assert_eq!(world.vault("uact"), 500_000);
    refused(world.exec(vec![send("1uact")]), 3);
    world.pass(6);
    // The owner lives, and says so.
    rule.return_at = Some(Timestamp { seconds: at + 10_000, nanos: 0 });
    world.put(&rule, None).unwrap();
    world.exec(vec![send("1uact")]).unwrap();
    world.pass(6);
}

#[test]
fn what_outlives_the_grant_still_returns() {
    let mut rule = deployer("5000000uact");
    let mut world = World::new();
    let at = world.chain.cx.unix_seconds() + 1000;
    rule.return_at = Some(Timestamp { seconds: at, nanos: 0 });
    world.put(&rule, Some(100)).unwrap();
    world.exec(vec![any(&deploy(1, "100uact"))]).unwrap();
    world.pass(200);
    world.pass(6);
    refused(world.exec(vec![any(&deploy(2, "100uact"))]), 3);
    assert_eq!(world.vault("uact"), 500_000);
    world.pass(1000);
    world.pass(6);
    assert_eq!(world.balance(OWNER, "uact"), RICH);
    assert!(world.status().unwrap().rule.returned);
}

#[test]
fn a_new_rule_does_not_forget_what_was_spent() {
    let mut world = under(&rule("100uakt", &[MsgSend::type_url()]));
    world.exec(vec![send("80uakt")]).unwrap();
    world.put(&rule("50uakt", &[MsgSend::type_url()]), None).unwrap();
    refused(world.exec(vec![send("1uakt")]), 5);
    world.put(&rule("90uakt", &[MsgSend::type_url()]), None).unwrap();
    refused(world.exec(vec![send("11uakt")]), 5);
    world.exec(vec![send("10uakt")]).unwrap();
    world.pass(6);
}

#[test]
fn keys_and_owners_have_books_of_their_own() {
    let mut world = under(&rule("100uakt", &[MsgSend::type_url()]));
    let grant = Grant {
        authorization: Some(any(&rule("10uakt", &[MsgSend::type_url()]))),
        expiration: None,
    };
    let (granter, grantee) = (who(P1).to_string(), who(KEY).to_string());
    world.run(&MsgGrant { granter: granter.clone(), grantee, grant }).unwrap();
    let other = any(&MsgSend {
        from_address: granter,
        to_address: who(STRANGER).to_string(),
        amount: coins("10uakt"),
    });
    world.exec(vec![send("100uakt"), other.clone()]).unwrap();
    refused(world.exec(vec![other]), 5);
    let key = who(KEY).to_string();
    let answer: QueryKeyRulesResponse = world
        .chain
        .query("/haggle.limits.v1.Query/KeyRules", &QueryKeyRulesRequest { key, pagination: None })
        .unwrap();
    let owners: Vec<_> = answer.rules.iter().map(|it| it.rule.owner.clone()).collect();
    assert_eq!(owners, [who(OWNER).to_string(), who(P1).to_string()]);
    let request = QueryOwnerRulesRequest { owner: who(P1).to_string(), pagination: None };
    let answer: QueryOwnerRulesResponse =
        world.chain.query("/haggle.limits.v1.Query/OwnerRules", &request).unwrap();
    assert_eq!(answer.rules.len(), 1);
    assert_eq!(answer.rules[0].spent, coins("10uakt"));
}

#[test]
fn rules_are_off_unless_genesis_says_so_and_stand_when_they_are_switched_off() {
    let mut chain = Chain::<Market>::new(serde_json::json!({}));
    let send_rule = rule("1uakt", &[MsgSend::type_url()]);
    let fault = super::bind(&mut chain.cx, &who(OWNER), &who(KEY), &send_rule, None).unwrap_err();
    assert_eq!((fault.codespace(), fault.code()), ("limits", 1));

    let mut world = under(&send_rule);
    let authority = auth::module_address("gov").to_string();
    let params = Params { enabled: false };
    world.run(&MsgUpdateParams { authority, params }).unwrap();
    refused(world.put(&rule("9uakt", &[MsgSend::type_url()]), None).map(|()| vec![]), 1);
    refused(world.exec(vec![send("2uakt")]), 5);
    world.exec(vec![send("1uakt")]).unwrap();
    world.revoke(super::type_url()).unwrap();
}

#[test]
fn rules_that_make_no_sense_are_refused() {
    let good = || rule("1uakt", &[MsgSend::type_url()]);
    let bad: Vec<SpendingLimitAuthorization> = vec![
        rule("1uakt", &[]),
        rule("1uakt", &[MsgSend::type_url(), MsgSend::type_url()]),
        rule("1uakt", &[MsgWithdrawLease::type_url(), "/no.such.Msg".to_owned()]),
        rule("1uakt", &[MsgCreateDeployment::type_url()]),
        SpendingLimitAuthorization {
            per_day: ["2uakt", "1uact"].iter().flat_map(|it| coins(it)).collect(),
            ..good()
        },
        SpendingLimitAuthorization {
            per_day: (0..9).flat_map(|it| coins(&format!("1denom{it}"))).collect(),
            ..good()
        },
        SpendingLimitAuthorization { recipients: vec!["nobody".to_owned()], ..good() },
        SpendingLimitAuthorization { recipients: vec![who(1).to_string(); 33], ..good() },
        SpendingLimitAuthorization {
            return_at: Some(Timestamp { seconds: 5, nanos: 0 }),
            ..good()
        },
        SpendingLimitAuthorization {
            deployment: Some(DeploymentShape { open_deployments: 51, ..shape() }),
            ..good()
        },
    ];
    let mut world = World::new();
    for rule in bad {
        let fault = world.put(&rule, None).unwrap_err();
        assert_eq!((fault.codespace(), fault.code()), ("limits", 2), "{rule:?}");
    }
    assert!(world.status().is_err());
}

#[test]
fn rules_come_back_from_an_export_with_their_books() {
    let mut world = World::new();
    let mut rule = deployer("1000000uact,100uakt");
    rule.messages.push(allow(MsgSend::type_url()));
    let at = world.chain.cx.unix_seconds() + 100_000;
    rule.return_at = Some(Timestamp { seconds: at, nanos: 0 });
    world.put(&rule, Some(50_000)).unwrap();
    world.exec(vec![any(&deploy(1, "100uact")), send("70uakt")]).unwrap();
    world.pass(6);
    let exported = world.chain.export();
    let mut again = World { chain: Chain::new(exported.clone()) };
    assert_eq!(again.chain.export()["limits"], exported["limits"]);
    assert_eq!(again.chain.export()["authz"], exported["authz"]);
    again.chain.assert_invariants();
    refused(again.exec(vec![send("31uakt")]), 5);
    again.exec(vec![send("30uakt")]).unwrap();
    // A document of authz alone makes rules, too.
    let mut alone = exported;
    alone["limits"] = serde_json::json!({ "params": { "enabled": true } });
    let mut alone = World { chain: Chain::new(alone) };
    alone.chain.assert_invariants();
    refused(alone.exec(vec![send("101uakt")]), 5);
}

type Plant = (&'static str, fn(&mut Ctx));

#[test]
fn each_violation_of_an_invariant_is_seen() {
    let plants: &[Plant] = &[
        ("no key has spent past its rule", |cx| {
            let id = (who(OWNER), who(KEY));
            let mut rule = RULES.get(cx, &id).unwrap().unwrap();
            rule.hours[0].spending[0].amount = coins("100uakt,1000000001uact");
            RULES.set(cx, &id, &rule).unwrap();
        }),
        ("rules and their deployments are in place", |cx| {
            let key = RETURNS.keys(cx).next().unwrap().unwrap();
            RETURNS.del(cx, &key).unwrap();
        }),
        ("rules and their deployments are in place", |cx| {
            let (_, it) = DEPLOYMENTS.iter(cx).next().unwrap().unwrap();
            DEPLOYMENTS.set(cx, &(who(P1), 1), &it).unwrap();
        }),
        ("rules and their deployments are in place", |cx| {
            let (key, _) = cx.prefixed("limits", &[0x02], false).next().unwrap().unwrap();
            cx.delete("limits", &key).unwrap();
        }),
        ("every rule that stands is a grant, and every such grant a rule", |cx| {
            let id = (who(OWNER), who(KEY));
            let mut rule = RULES.get(cx, &id).unwrap().unwrap();
            rule.limits.per_day = coins("1000000000uact");
            RULES.set(cx, &id, &rule).unwrap();
        }),
        ("a deployment that a key opened is active", |cx| {
            super::state::record(cx, &(who(OWNER), who(KEY)), 9).unwrap();
        }),
    ];
    for (name, plant) in plants {
        let mut world = World::new();
        let mut rule = deployer("1000000000uact,100uakt");
        let at = world.chain.cx.unix_seconds() + 1000;
        rule.return_at = Some(Timestamp { seconds: at, nanos: 0 });
        world.put(&rule, None).unwrap();
        world.exec(vec![any(&deploy(1, "100uact"))]).unwrap();
        world.chain.assert_invariants();
        plant(&mut world.chain.cx);
        let broken = ledger::broken_invariants::<Market>(world.chain.view());
        assert!(broken.iter().any(|it| it.0 == *name), "{name}: {broken:?}");
    }
}

#[test]
fn wallets_sign_a_rule_in_either_form() {
    let mut it = deployer("1000000uact");
    it.return_at = Some(Timestamp { seconds: 1_800_000_000, nanos: 0 });
    it.recipients = vec![who(P1).to_string()];
    let (granter, grantee) = (who(OWNER).to_string(), who(KEY).to_string());
    let grant = Grant { authorization: Some(any(&it)), expiration: None };
    let message = any(&MsgGrant { granter, grantee, grant });
    use types::wire::cosmos::tx::v1beta1::{AuthInfo, Fee, TxBody};
    let body = TxBody { messages: vec![message], ..TxBody::default() }.encode_to_vec();
    let info = AuthInfo { fee: Some(Fee::default()), ..AuthInfo::default() }.encode_to_vec();
    let signer = types::amino::Signer { chain_id: "test-1", account_number: 1, sequence: 2 };
    let text = types::amino::sign_text(&body, &info, signer).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let shown = &document["msgs"][0]["value"]["grant"]["authorization"];
    assert_eq!(shown["type"], "haggle/SpendingLimitAuthorization");
    assert_eq!(shown["value"]["per_day"][0]["amount"], "1000000");
    assert_eq!(shown["value"]["deployment"]["cpu_milli"], "1000");
    assert_eq!(shown["value"]["return_at"], "2027-01-15T08:00:00Z");
}

#[test]
fn the_books_forget_what_is_older_than_a_day() {
    let mut world = under(&rule("100uakt", &[MsgSend::type_url()]));
    for _ in 0..60 {
        world.exec(vec![send("1uakt")]).unwrap();
        world.pass(3600);
    }
    let status = world.status().unwrap();
    assert!(status.rule.hours.len() <= 25, "{}", status.rule.hours.len());
    assert_eq!(books::total(&status.rule.hours).unwrap(), "25uakt".parse().unwrap());
}
