//! An adversary holds a key that is under a rule, signs whatever it likes, and has friends. However
//! it goes about it, in no 24 hours more than the cap leaves the owner's balance through it; and what
//! is within the cap is never refused.
//!
//! What left is told by balances, transfers and delegations, added up here by a model that knows
//! nothing of the ledger's books.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::{cell::RefCell, collections::BTreeMap};

use ledger::{
    Config,
    testing::{Node, Signer},
};
use modules::{Market, genesis};
use proptest::{prelude::*, test_runner::TestRunner};
use prost::{Message, Name};
use prost_types::{Any, Timestamp};
use types::{
    Address, Coin, Coins, DeploymentId, ValAddress,
    wire::{
        akash::{
            base::{
                attributes::v1::PlacementRequirements,
                deposit::v1::{Deposit, Source},
                resources::v1beta4::{Cpu, Gpu, Memory, ResourceValue, Resources, Storage},
            },
            bme::v1::MsgMintAct,
            deployment::v1beta4::{
                GroupSpec, MsgCloseDeployment, MsgCreateDeployment, ResourceUnit,
            },
            escrow::v1::{DepositAuthorization, MsgAccountDeposit, deposit_authorization::Scope},
            market::v1beta5::{MsgCreateBid, MsgCreateLease},
            provider::v1beta4::{Info, MsgCreateProvider},
        },
        cosmos::{
            auth::v1beta1::{QueryAccountInfoRequest, QueryAccountInfoResponse},
            authz::v1beta1::{GenericAuthorization, Grant, MsgExec, MsgGrant, MsgRevoke},
            bank::v1beta1::{
                Input, MsgMultiSend, MsgSend, Output, QueryBalanceRequest, QueryBalanceResponse,
            },
            base::v1beta1::Coin as WireCoin,
            crypto::secp256k1::PubKey,
            distribution::v1beta1::MsgSetWithdrawAddress,
            feegrant::v1beta1::{BasicAllowance, MsgGrantAllowance},
            staking::v1beta1::{CommissionRates, Description, MsgCreateValidator, MsgDelegate},
            tx::{
                signing::v1beta1::SignMode,
                v1beta1::{
                    AuthInfo, Fee, ModeInfo, SignDoc, SignerInfo, TxBody, TxRaw, mode_info,
                    mode_info::Single,
                },
            },
        },
        haggle::limits::v1::{DeploymentShape, MessageRule, SpendingLimitAuthorization},
        tendermint::abci::{Event, ExecTxResult, RequestCommit, RequestFinalizeBlock},
    },
};

const DAY: i64 = 24 * 3600;
const CAP: [(&str, i128); 2] = [("uakt", 1000), ("uact", 2_000_000)];
const SENDS_UAKT: i128 = 600;
const FEES_UAKT: i128 = 300;

/// Who is there, in the order of their account numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Owner,
    Key,
    /// Does for the key whatever it can.
    Friend,
    /// Bids on whatever the key deploys.
    Provider,
}
use Who::{Friend, Key, Owner, Provider};

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn coins(amount: u64, denom: &str) -> Vec<WireCoin> {
    vec![Coin::new(denom, amount).into()]
}

/// A message in the owner's name.
#[derive(Clone, Debug)]
enum Act {
    Send(u64),
    MultiSend(u64, u64),
    Deploy {
        dseq: u64,
        deposit: u64,
        price: u64,
        from_grants: bool,
    },
    Close(u64),
    Feed(u64, u64),
    Lease(u64),
    Delegate(u64),
    Swap(u64),
    GrantKey,
    GrantFriend,
    Allowance,
    WithdrawTo,
    Revoke,
    /// Fails, and takes the whole transaction with it.
    Impossible,
}

/// What happens next, a block each.
#[derive(Clone, Debug)]
enum Step {
    /// The key executes, inside itself so many times; the owner is asked for a fee, or the key pays.
    Exec {
        acts: Vec<Act>,
        nested: u8,
        fee: u64,
        owner_pays: bool,
    },
    /// The friend executes in the key's name what the key executes in the owner's.
    ByFriend(Vec<Act>),
    /// The key deploys for itself with the owner's deposit grant.
    OwnDeployment(u64),
    /// The key's own transfer, for a fee of the owner.
    OwnSend(u64),
    Bid(u64),
    Wait(i64),
    /// The owner opens doors that the rule must keep shut.
    Careless,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (1..500u64).prop_map(Act::Send),
        2 => (1..300u64, 1..300u64).prop_map(|(a, b)| Act::MultiSend(a, b)),
        4 => (1..7u64, 500_000..1_500_000u64, 50..130u64, any_flag()).prop_map(
            |(dseq, deposit, price, from_grants)| Act::Deploy { dseq, deposit, price, from_grants }
        ),
        2 => (1..7u64).prop_map(Act::Close),
        2 => (1..7u64, 1..900_000u64).prop_map(|(dseq, it)| Act::Feed(dseq, it)),
        2 => (1..7u64).prop_map(Act::Lease),
        3 => (1..700u64).prop_map(Act::Delegate),
        1 => (1..700u64).prop_map(Act::Swap),
        1 => Just(Act::GrantKey),
        1 => Just(Act::GrantFriend),
        1 => Just(Act::Allowance),
        1 => Just(Act::WithdrawTo),
        1 => Just(Act::Revoke),
        1 => Just(Act::Impossible),
    ]
}

/// True once in eight times.
fn any_flag() -> impl Strategy<Value = bool> {
    (0..8u8).prop_map(|it| it == 0)
}

fn step() -> impl Strategy<Value = Step> {
    let acts = || prop::collection::vec(act(), 1..4);
    prop_oneof![
        5 => (1..500u64).prop_map(|it| Step::Exec {
            acts: vec![Act::Send(it)], nested: 0, fee: 10, owner_pays: false,
        }),
        8 => (acts(), 0..3u8, 1..250u64, proptest::bool::ANY).prop_map(|(acts, nested, fee, owner_pays)| {
            Step::Exec { acts, nested, fee, owner_pays }
        }),
        2 => acts().prop_map(Step::ByFriend),
        1 => (500_000..1_000_000u64).prop_map(Step::OwnDeployment),
        1 => (1..250u64).prop_map(Step::OwnSend),
        2 => (1..7u64).prop_map(Step::Bid),
        5 => prop_oneof![1..600i64, 3000..4000i64, 20_000..50_000i64, (DAY - 3700)..(DAY + 3700)]
            .prop_map(Step::Wait),
        1 => Just(Step::Careless),
    ]
}

struct World {
    node: Node<Market>,
    people: [Signer; 4],
    height: i64,
    seconds: i64,
    /// When, and how much of each denomination.
    left: Vec<(i64, BTreeMap<String, i128>)>,
    /// When, and how much of it was sent, or paid as fees.
    sends: Vec<(i64, i128)>,
    fees: Vec<(i64, i128)>,
    /// How often each outcome came, and the most of a day by denomination.
    seen: BTreeMap<String, i128>,
}

impl World {
    fn new() -> Self {
        let people = [0, 1, 2, 3].map(|number| {
            let mut it = Signer::new(number, "test-1");
            it.account_number = number;
            it.gas_limit = 5_000_000;
            it
        });
        let rich = || Coins::new(["uact", "uakt"].map(|it| Coin::new(it, 1u64 << 40))).unwrap();
        let accounts = [0, 1, 2, 3].map(|it: usize| (people[it].address(), rich()));
        let mut state = genesis::local(&accounts);
        // Nothing but transactions shall move coins.
        state.as_object_mut().unwrap().remove("mint");
        let node = Node::new(&state, Config::default());
        let mut world = Self {
            node,
            people,
            height: 1,
            seconds: 1_700_000_000,
            left: Vec::new(),
            sends: Vec::new(),
            fees: Vec::new(),
            seen: BTreeMap::new(),
        };
        world.block(None);
        let owner = world.name(Provider);
        let host_uri = "https://provider.example.com:8443".to_owned();
        let provider =
            MsgCreateProvider { owner, host_uri, attributes: Vec::new(), info: Info::default() };
        world.must(Provider, any(&provider));
        let rate = "100000000000000000".to_owned();
        let pubkey = types::wire::cosmos::crypto::ed25519::PubKey { key: vec![7; 32] };
        let validator = MsgCreateValidator {
            description: Description { moniker: "v".to_owned(), ..Default::default() },
            commission: CommissionRates {
                rate: rate.clone(),
                max_rate: rate.clone(),
                max_change_rate: rate,
            },
            min_self_delegation: "1".to_owned(),
            validator_address: world.operator(),
            pubkey: Some(any(&pubkey)),
            value: Coin::new("uakt", 1_000_000_000u64).into(),
            ..Default::default()
        };
        world.must(Provider, any(&validator));
        let rule = world.grant(Owner, Key, any(&rule()));
        world.must(Owner, rule);
        // The friend may let the key execute.
        let msg = MsgExec::type_url();
        let power = world.grant(Key, Friend, any(&GenericAuthorization { msg }));
        world.must(Key, power);
        // Others trust the owner with deposits.
        let trust = world.grant(Provider, Owner, any(&deposits()));
        world.must(Provider, trust);
        world
    }

    fn address(&self, who: Who) -> Address {
        self.people[who as usize].address()
    }

    fn name(&self, who: Who) -> String {
        self.address(who).to_string()
    }

    fn operator(&self) -> String {
        ValAddress::from(&self.address(Provider)).to_string()
    }

    fn grant(&self, from: Who, to: Who, authorization: Any) -> Any {
        let grant = Grant { authorization: Some(authorization), expiration: None };
        any(&MsgGrant { granter: self.name(from), grantee: self.name(to), grant })
    }

    fn deployment(&self, dseq: u64) -> DeploymentId {
        DeploymentId { owner: self.address(Owner), dseq }
    }

    /// A transaction signed by one, the fee paid by it or by another.
    fn signed(&self, who: Who, messages: Vec<Any>, fee: u64, granter: Option<Who>) -> Vec<u8> {
        let signer = &self.people[who as usize];
        let request = QueryAccountInfoRequest { address: self.name(who) };
        let account: QueryAccountInfoResponse =
            self.node.query("/cosmos.auth.v1beta1.Query/AccountInfo", &request).unwrap();
        let body_bytes = TxBody { messages, ..TxBody::default() }.encode_to_vec();
        let single = Single { mode: SignMode::Direct.into() };
        let key = PubKey { key: signer.public_key().to_vec() };
        let auth_info_bytes = AuthInfo {
            signer_infos: vec![SignerInfo {
                public_key: Some(any(&key)),
                mode_info: Some(ModeInfo { sum: Some(mode_info::Sum::Single(single)) }),
                sequence: account.info.map_or(0, |it| it.sequence),
            }],
            fee: Some(Fee {
                amount: coins(fee, "uakt"),
                gas_limit: signer.gas_limit,
                granter: granter.map_or(String::new(), |it| self.name(it)),
                ..Fee::default()
            }),
            ..AuthInfo::default()
        }
        .encode_to_vec();
        let document = SignDoc {
            body_bytes: body_bytes.clone(),
            auth_info_bytes: auth_info_bytes.clone(),
            chain_id: signer.chain_id.clone(),
            account_number: signer.account_number,
        };
        let signatures = vec![signer.sign_bytes(&document.encode_to_vec())];
        TxRaw { body_bytes, auth_info_bytes, signatures }.encode_to_vec()
    }

    fn block(&mut self, tx: Option<Vec<u8>>) -> Option<ExecTxResult> {
        let mut response = self
            .node
            .app
            .finalize_block(RequestFinalizeBlock {
                txs: tx.into_iter().collect(),
                height: self.height,
                time: Timestamp { seconds: self.seconds, nanos: 0 },
                ..RequestFinalizeBlock::default()
            })
            .unwrap();
        self.node.app.commit(RequestCommit {}).unwrap();
        self.height += 1;
        self.seconds += 5;
        response.tx_results.pop()
    }

    fn must(&mut self, who: Who, message: Any) {
        let tx = self.signed(who, vec![message], 10, None);
        let result = self.block(Some(tx)).unwrap();
        assert_eq!(result.code, 0, "{}", result.log);
    }

    fn balance(&self, denom: &str) -> i128 {
        let (address, denom) = (self.name(Owner), denom.to_owned());
        let request = QueryBalanceRequest { address, denom };
        let answer: QueryBalanceResponse =
            self.node.query("/cosmos.bank.v1beta1.Query/Balance", &request).unwrap();
        answer.balance.map_or(0, |it| it.amount.parse().unwrap())
    }

    /// Executes a transaction of the adversary and writes down what it took of the owner.
    fn attack(&mut self, tx: Vec<u8>) -> ExecTxResult {
        let before = CAP.map(|(denom, _)| self.balance(denom));
        let at = self.seconds;
        let result = self.block(Some(tx)).unwrap();
        let owner = self.name(Owner);
        let mut taken: BTreeMap<String, i128> = BTreeMap::new();
        for event in &result.events {
            for (denom, amount) in spent(event, &owner) {
                *taken.entry(denom).or_default() += amount;
            }
        }
        for ((denom, _), before) in CAP.into_iter().zip(before) {
            let net = before - self.balance(denom);
            let told = taken.get(denom).copied().unwrap_or_default();
            assert!(net <= told, "{net}{denom} left the owner, {told} were told: {result:?}");
        }
        self.left.push((at, taken));
        for (denom, cap) in CAP {
            let day = self.left.iter().filter(|it| it.0 > at - DAY);
            let sum: i128 = day.map(|it| it.1.get(denom).copied().unwrap_or_default()).sum();
            assert!(sum <= cap, "{sum}{denom} left within a day: {result:?}");
            let most = self.seen.entry(denom.to_owned()).or_default();
            *most = (*most).max(sum);
        }
        let outcome = match result.code {
            0 => "ok".to_owned(),
            code => format!("{}/{code}", result.codespace),
        };
        *self.seen.entry(outcome).or_default() += 1;
        let others = self.left.iter().flat_map(|it| it.1.keys());
        assert!(others.into_iter().all(|it| CAP.iter().any(|(denom, _)| it == denom)));
        result
    }

    /// What counts against a day of hours.
    fn counting<'a>(&self, list: impl Iterator<Item = &'a (i64, i128)>) -> i128 {
        let hour = self.seconds.div_euclid(3600);
        list.filter(|it| it.0.div_euclid(3600) >= hour - 24).map(|it| it.1).sum()
    }

    fn fits(&self, amount: i128) -> bool {
        let all: Vec<(i64, i128)> = self
            .left
            .iter()
            .map(|it| (it.0, it.1.get("uakt").copied().unwrap_or_default()))
            .collect();
        self.counting(all.iter()) + amount <= CAP[0].1
            && self.counting(self.sends.iter()) + amount <= SENDS_UAKT
    }

    fn act(&self, act: &Act) -> Any {
        let (owner, key, friend) = (self.name(Owner), self.name(Key), self.name(Friend));
        let anything = || any(&GenericAuthorization { msg: MsgSend::type_url() });
        match *act {
            Act::Send(amount) => any(&MsgSend {
                from_address: owner,
                to_address: friend,
                amount: coins(amount, "uakt"),
            }),
            Act::MultiSend(one, other) => any(&MsgMultiSend {
                inputs: vec![Input { address: owner, coins: coins(one + other, "uakt") }],
                outputs: vec![
                    Output { address: key, coins: coins(one, "uakt") },
                    Output { address: friend, coins: coins(other, "uakt") },
                ],
            }),
            Act::Deploy { dseq, deposit, price, from_grants } => {
                let source = if from_grants { Source::Grant } else { Source::Balance };
                any(&create(&self.deployment(dseq), deposit, price, source))
            }
            Act::Close(dseq) => any(&MsgCloseDeployment { id: (&self.deployment(dseq)).into() }),
            Act::Feed(dseq, amount) => any(&MsgAccountDeposit {
                signer: owner,
                id: types::wire::akash::escrow::id::v1::Account {
                    scope: types::wire::akash::escrow::id::v1::Scope::Deployment.into(),
                    xid: self.deployment(dseq).to_string(),
                },
                deposit: deposit(amount, Source::Balance),
            }),
            Act::Lease(dseq) => any(&MsgCreateLease { bid_id: (&self.bid(dseq)).into() }),
            Act::Delegate(amount) => any(&MsgDelegate {
                delegator_address: owner,
                validator_address: self.operator(),
                amount: Coin::new("uakt", amount).into(),
            }),
            Act::Swap(amount) => any(&MsgMintAct {
                owner: owner.clone(),
                to: owner,
                coins_to_burn: Coin::new("uakt", amount).into(),
            }),
            Act::GrantKey => self.grant(Owner, Key, anything()),
            Act::GrantFriend => self.grant(Owner, Friend, anything()),
            Act::Allowance => any(&MsgGrantAllowance {
                granter: owner,
                grantee: friend,
                allowance: Some(any(&BasicAllowance::default())),
            }),
            Act::WithdrawTo => {
                any(&MsgSetWithdrawAddress { delegator_address: owner, withdraw_address: friend })
            }
            Act::Revoke => any(&MsgRevoke {
                granter: owner,
                grantee: key,
                msg_type_url: SpendingLimitAuthorization::type_url(),
            }),
            Act::Impossible => {
                any(&MsgCloseDeployment { id: (&self.deployment(4_000_000)).into() })
            }
        }
    }

    fn bid(&self, dseq: u64) -> types::BidId {
        self.deployment(dseq).group(1).order(1).bid(self.address(Provider))
    }

    fn exec(&self, acts: &[Act]) -> MsgExec {
        MsgExec { grantee: self.name(Key), msgs: acts.iter().map(|it| self.act(it)).collect() }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Exec { acts, nested, fee, owner_pays } => {
                let mut exec = self.exec(acts);
                for _ in 0..*nested {
                    exec = MsgExec { grantee: self.name(Key), msgs: vec![any(&exec)] };
                }
                let simple = match (acts.as_slice(), owner_pays) {
                    ([Act::Send(amount)], false) => Some(i128::from(*amount)),
                    _ => None,
                };
                let fits = simple.map(|it| self.fits(it));
                let at = self.seconds;
                let granter = owner_pays.then_some(Owner);
                let tx = self.signed(Key, vec![any(&exec)], *fee, granter);
                let result = self.attack(tx);
                if let Some(fits) = fits {
                    assert_eq!(result.code == 0, fits, "{simple:?}: {}", result.log);
                }
                let paid = result
                    .events
                    .iter()
                    .any(|it| it.r#type == "tx" && value(it, "fee_payer") == self.name(Owner));
                if paid {
                    self.fees.push((at, i128::from(*fee)));
                    assert!(self.counting(self.fees.iter()) <= FEES_UAKT);
                }
                if result.code == 0 {
                    let sent = acts.iter().map(|it| match it {
                        Act::Send(amount) => i128::from(*amount),
                        _ => 0,
                    });
                    self.sends.push((at, sent.sum()));
                    assert!(self.counting(self.sends.iter()) <= SENDS_UAKT);
                    // What hands out power never works.
                    assert!(!acts.iter().any(is_door), "{acts:?}");
                }
            }
            Step::ByFriend(acts) => {
                let at = self.seconds;
                let exec =
                    MsgExec { grantee: self.name(Friend), msgs: vec![any(&self.exec(acts))] };
                let tx = self.signed(Friend, vec![any(&exec)], 10, None);
                if self.attack(tx).code == 0 {
                    let sent = acts.iter().map(|it| match it {
                        Act::Send(amount) => i128::from(*amount),
                        _ => 0,
                    });
                    self.sends.push((at, sent.sum()));
                }
            }
            Step::OwnDeployment(amount) => {
                let id = DeploymentId { owner: self.address(Key), dseq: 1 };
                let message = create(&id, *amount, 100, Source::Grant);
                let tx = self.signed(Key, vec![any(&message)], 10, None);
                assert_ne!(self.attack(tx).code, 0);
            }
            Step::OwnSend(fee) => {
                let message = MsgSend {
                    from_address: self.name(Key),
                    to_address: self.name(Friend),
                    amount: coins(1, "uakt"),
                };
                let tx = self.signed(Key, vec![any(&message)], *fee, Some(Owner));
                assert_ne!(self.attack(tx).code, 0);
            }
            Step::Bid(dseq) => {
                let bid = MsgCreateBid {
                    id: (&self.bid(*dseq)).into(),
                    deposit: deposit(500_000, Source::Balance),
                    price: price(50),
                    resources_offer: Vec::new(),
                    reclamation_window: None,
                };
                let tx = self.signed(Provider, vec![any(&bid)], 10, None);
                self.block(Some(tx));
            }
            Step::Wait(seconds) => {
                self.seconds += seconds;
                self.block(None);
            }
            Step::Careless => {
                let anything = any(&GenericAuthorization { msg: MsgSend::type_url() });
                let allowance = MsgGrantAllowance {
                    granter: self.name(Owner),
                    grantee: self.name(Key),
                    allowance: Some(any(&BasicAllowance::default())),
                };
                for message in [
                    self.grant(Owner, Key, anything),
                    self.grant(Owner, Key, any(&deposits())),
                    any(&allowance),
                ] {
                    let tx = self.signed(Owner, vec![message], 10, None);
                    self.block(Some(tx));
                }
            }
        }
    }
}

fn is_door(act: &Act) -> bool {
    matches!(act, Act::GrantKey | Act::GrantFriend | Act::Allowance | Act::WithdrawTo | Act::Revoke)
}

fn value<'a>(event: &'a Event, key: &str) -> &'a str {
    event.attributes.iter().find(|it| it.key == key).map_or("", |it| it.value.as_str())
}

/// What an event says an account paid: a transfer to others, or a delegation.
fn spent(event: &Event, who: &str) -> Vec<(String, i128)> {
    let payer = match event.r#type.as_str() {
        "transfer" => value(event, "sender"),
        "delegate" => value(event, "delegator"),
        _ => "",
    };
    if payer != who {
        return Vec::new();
    }
    let coins: Coins = value(event, "amount").parse().unwrap();
    coins.iter().map(|it| (it.denom.clone(), it.amount.to_i128().unwrap())).collect()
}

fn rule() -> SpendingLimitAuthorization {
    let types = [
        MsgSend::type_url(),
        MsgMultiSend::type_url(),
        MsgCreateDeployment::type_url(),
        MsgCloseDeployment::type_url(),
        MsgCreateLease::type_url(),
        MsgAccountDeposit::type_url(),
        MsgDelegate::type_url(),
        MsgMintAct::type_url(),
    ];
    let mut messages: Vec<MessageRule> = types
        .into_iter()
        .map(|type_url| MessageRule { type_url, ..MessageRule::default() })
        .collect();
    messages[0].per_day = coins(u64::try_from(SENDS_UAKT).unwrap(), "uakt");
    let cap = CAP.map(|(denom, it)| Coin::new(denom, u64::try_from(it).unwrap()));
    SpendingLimitAuthorization {
        per_day: Coins::new(cap).unwrap().to_wire(),
        messages,
        fees_per_day: coins(u64::try_from(FEES_UAKT).unwrap(), "uakt"),
        recipients: Vec::new(),
        deployment: Some(DeploymentShape {
            cpu_milli: 1000,
            memory_bytes: 1 << 30,
            storage_bytes: 1 << 30,
            gpus: 0,
            open_deployments: 3,
            price_per_block: vec![price(120)],
        }),
        return_at: None,
    }
}

fn deposits() -> DepositAuthorization {
    DepositAuthorization {
        spend_limit: Coin::new("uakt", 0u64).into(),
        scopes: vec![Scope::Deployment.into(), Scope::Bid.into()],
        spend_limits: coins(100_000_000, "uact"),
    }
}

fn price(amount: u64) -> types::wire::cosmos::base::v1beta1::DecCoin {
    format!("{amount}uact").parse::<types::DecCoin>().unwrap().into()
}

fn deposit(amount: u64, source: Source) -> Deposit {
    let amount = Coin::new("uact", amount).into();
    Deposit { amount, sources: vec![source.into()] }
}

fn create(id: &DeploymentId, amount: u64, per_block: u64, source: Source) -> MsgCreateDeployment {
    let value = |text: &str| ResourceValue { val: text.into() };
    let resource = Resources {
        id: 1,
        cpu: Some(Cpu { units: value("1000"), attributes: Vec::new() }),
        memory: Some(Memory { quantity: value("536870912"), attributes: Vec::new() }),
        storage: vec![Storage {
            name: "default".to_owned(),
            quantity: value("536870912"),
            attributes: Vec::new(),
        }],
        gpu: Some(Gpu { units: value("0"), attributes: Vec::new() }),
        endpoints: Vec::new(),
    };
    MsgCreateDeployment {
        id: id.into(),
        groups: vec![GroupSpec {
            name: "a".to_owned(),
            requirements: PlacementRequirements::default(),
            resources: vec![ResourceUnit { resource, count: 1, price: price(per_block) }],
        }],
        hash: vec![7; 32],
        deposit: deposit(amount, source),
        reclamation: None,
    }
}

#[test]
fn no_sequence_of_transactions_takes_more_than_the_cap() {
    let config = ProptestConfig {
        cases: 16,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let seen: RefCell<BTreeMap<String, i128>> = RefCell::default();
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&prop::collection::vec(step(), 20..60), |steps| {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        let mut seen = seen.borrow_mut();
        for (what, count) in world.seen {
            let sum = seen.entry(what).or_default();
            *sum = (*sum).max(count);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    // The adversary came as far as it could, and was stopped.
    let seen = seen.into_inner();
    let most = |what: &str| seen.get(what).copied().unwrap_or_default();
    assert!(most("uakt") * 10 >= CAP[0].1 * 9 && most("uact") * 10 >= CAP[1].1 * 7, "{seen:?}");
    for code in ["ok", "limits/4", "limits/5", "limits/6", "limits/10", "market/28"] {
        assert!(most(code) > 0, "never {code}: {seen:?}");
    }
}

#[test]
fn a_failed_transaction_keeps_its_fee_in_the_books_and_nothing_else() {
    let mut world = World::new();
    let pay = |world: &mut World, acts: Vec<Act>, fee: u64| {
        let exec = world.exec(&acts);
        let tx = world.signed(Key, vec![any(&exec)], fee, Some(Owner));
        world.attack(tx)
    };
    let failed = pay(&mut world, vec![Act::Send(500), Act::Impossible], 200);
    assert_ne!(failed.code, 0);
    assert_eq!(world.left.last().unwrap().1["uakt"], 200);
    // 100 of the fees are left; more are refused before anything is executed.
    let refused = pay(&mut world, vec![Act::Send(1)], 101);
    assert!(refused.code != 0 && refused.log.contains("does not allow to pay fees"));
    assert!(world.left.last().unwrap().1.is_empty());
    assert_eq!(pay(&mut world, vec![Act::Send(600)], 100).code, 0);
    // 1000 in all: 300 for fees, 600 sent, so 100 are left for other messages.
    let exec = world.exec(&[Act::Delegate(101)]);
    let tx = world.signed(Key, vec![any(&exec)], 10, None);
    assert_ne!(world.attack(tx).code, 0);
    let exec = world.exec(&[Act::Delegate(100)]);
    let tx = world.signed(Key, vec![any(&exec)], 10, None);
    let result = world.attack(tx);
    assert_eq!(result.code, 0, "{}", result.log);
}
