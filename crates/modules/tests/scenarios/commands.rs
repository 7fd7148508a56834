//! What the commands of scenarios do, and how their outcome reads.
#![allow(dead_code, reason = "scenarios do not ask, accidents do")]

use std::collections::BTreeMap;

use ledger::{
    Fault,
    testing::{Chain, attribute},
};
use modules::{Market, genesis};
use prost::{Message, Name};
use prost_types::{Any, Duration, Timestamp};
use serde_json::Value;
use types::{
    Address, BidId, Coin, Coins, DecCoin, DeploymentId, GroupId, LeaseId, OrderId,
    wire::{
        akash::{
            audit::v1::{
                AuditedProvider, MsgDeleteProviderAttributes, MsgSignProviderAttributes,
                QueryAuditorAttributesRequest, QueryProvidersResponse,
            },
            base::{
                attributes::v1::{Attribute, PlacementRequirements, SignedBy},
                deposit::v1::{Deposit, Source},
                resources::v1beta4::{Cpu, Gpu, Memory, ResourceValue, Resources, Storage},
            },
            deployment::{
                v1::DeploymentReclamation,
                v1beta4::{
                    GroupSpec, MsgCloseDeployment, MsgCloseGroup, MsgCreateDeployment,
                    MsgPauseGroup, MsgStartGroup, MsgUpdateDeployment, QueryDeploymentRequest,
                    QueryDeploymentResponse, ResourceUnit,
                },
            },
            escrow::{
                id::v1::{Account as AccountId, Scope as AccountScope},
                types::v1::State as EscrowState,
                v1::{DepositAuthorization, MsgAccountDeposit, deposit_authorization::Scope},
            },
            market::{
                v1::{LeaseClosedReason, lease},
                v1beta5::{
                    MsgCloseBid, MsgCloseLease, MsgCreateBid, MsgCreateLease, MsgLeaseStartReclaim,
                    MsgWithdrawLease, QueryBidRequest, QueryBidResponse, QueryLeaseRequest,
                    QueryLeaseResponse, QueryOrderRequest, QueryOrderResponse, bid, order,
                },
            },
            provider::v1beta4::{Info, MsgCreateProvider, MsgDeleteProvider, MsgUpdateProvider},
        },
        cosmos::{
            authz::v1beta1::{Grant, MsgExec, MsgGrant, MsgRevoke},
            bank::v1beta1::{QueryAllBalancesRequest, QueryAllBalancesResponse},
        },
        haggle::{
            limits::v1::{DeploymentShape, MessageRule, SpendingLimitAuthorization},
            market::v1::{Dimension, MsgDeclineOrder, QueryDeclinesRequest, QueryDeclinesResponse},
        },
        tendermint::abci::Event,
    },
};

const NAMES: [&str; 8] = ["alice", "bob", "carol", "ada", "p1", "p2", "p3", "p4"];
const WEALTH: u64 = 10_000_000;
const SECONDS_PER_BLOCK: i64 = 6;
/// What a bid locks unless a scenario says otherwise.
const BID_DEPOSIT: &str = "500000uact";

type Outcome = Result<Vec<String>, String>;

pub(crate) struct World {
    chain: Chain<Market>,
    /// Who sends, if in another's name.
    sender: Option<String>,
    supply: BTreeMap<String, String>,
}

fn who(name: &str) -> Result<Address, String> {
    let at = NAMES.iter().position(|it| *it == name).ok_or(format!("nobody is called {name}"))?;
    Ok(Address::new([u8::try_from(at).unwrap() + 1; 20]).unwrap())
}

fn text_of(name: &str) -> Result<String, String> {
    Ok(who(name)?.to_string())
}

/// The words of a command after its name: those alone, and those with a value.
struct Words<'a> {
    plain: Vec<&'a str>,
    named: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    fn of(words: &[&'a str]) -> Self {
        let mut found = Self { plain: Vec::new(), named: Vec::new() };
        for word in words {
            match word.split_once('=') {
                Some(pair) => found.named.push(pair),
                None => found.plain.push(word),
            }
        }
        found
    }

    fn word(&self, at: usize, what: &str) -> Result<&'a str, String> {
        self.plain.get(at).copied().ok_or(format!("{what} is missing"))
    }

    fn named(&self, name: &str) -> Option<&'a str> {
        self.named.iter().find(|it| it.0 == name).map(|it| it.1)
    }

    /// Attributes: every pair that is not one of `others`.
    fn attributes(&self, others: &[&str]) -> Vec<Attribute> {
        let own = self.named.iter().filter(|it| !others.contains(&it.0));
        own.map(|(key, value)| Attribute { key: (*key).to_owned(), value: (*value).to_owned() })
            .collect()
    }

    fn seconds(&self, name: &str) -> Result<Option<Duration>, String> {
        self.named(name)
            .map(|it| it.parse().map_err(|_| format!("{it} is no number of seconds")))
            .transpose()
            .map(|it| it.map(|seconds| Duration { seconds, nanos: 0 }))
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

/// `alice/1/1/1/p1`: as many parts as there are.
struct Id {
    owner: Address,
    numbers: Vec<u64>,
    provider: Option<Address>,
}

impl Id {
    fn read(text: &str) -> Result<Self, String> {
        let mut parts = text.split('/');
        let owner = who(parts.next().unwrap_or_default())?;
        let (mut numbers, mut provider) = (Vec::new(), None);
        for part in parts {
            match part.parse() {
                Ok(number) => numbers.push(number),
                Err(_) => provider = Some(who(part)?),
            }
        }
        Ok(Self { owner, numbers, provider })
    }

    fn number(&self, at: usize) -> Result<u32, String> {
        let number = self.numbers.get(at).copied().ok_or("the id is too short")?;
        u32::try_from(number).map_err(|it| it.to_string())
    }

    fn deployment(&self) -> Result<DeploymentId, String> {
        let dseq = self.numbers.first().copied().ok_or("the id has no number")?;
        Ok(DeploymentId { owner: self.owner.clone(), dseq })
    }

    fn group(&self) -> Result<GroupId, String> {
        Ok(self.deployment()?.group(self.number(1)?))
    }

    fn order(&self) -> Result<OrderId, String> {
        Ok(self.group()?.order(self.number(2)?))
    }

    fn bid(&self) -> Result<BidId, String> {
        Ok(self.order()?.bid(self.provider.clone().ok_or("the id names no provider")?))
    }

    fn lease(&self) -> Result<LeaseId, String> {
        Ok(self.bid()?.lease())
    }
}

fn deposit(text: &str, sources: Option<&str>) -> Result<Deposit, String> {
    let coin: Coin = text.parse().map_err(|it| format!("{text}: {it}"))?;
    let source = |it: &str| match it {
        "balance" => Ok(Source::Balance.into()),
        "grant" => Ok(Source::Grant.into()),
        other => Err(format!("{other} is no source")),
    };
    let sources = sources.unwrap_or("balance").split(',').map(source);
    Ok(Deposit { amount: (&coin).into(), sources: sources.collect::<Result<_, _>>()? })
}

fn price(text: &str) -> Result<types::wire::cosmos::base::v1beta1::DecCoin, String> {
    text.parse::<DecCoin>().map(Into::into).map_err(|it| format!("{text}: {it}"))
}

fn reason(text: Option<&&str>) -> Result<i32, String> {
    match text.copied() {
        None | Some("unstable") => Ok(10_000),
        Some("decommission") => Ok(10_001),
        Some("unspecified") => Ok(10_002),
        Some("manifest-timeout") => Ok(10_003),
        Some(other) => number(other),
    }
}

fn value(text: &str) -> ResourceValue {
    ResourceValue { val: text.into() }
}

const GROUP_WORDS: [&str; 9] =
    ["deposit", "sources", "notice", "gpu", "signed-by", "any-of", "cpu", "count", "hash"];

/// One unit of a small size; `gpu=vendor/model`, other pairs are attributes asked of providers.
fn group(name: String, most: &str, words: &Words<'_>) -> Result<GroupSpec, String> {
    let list = |name: &str| -> Result<Vec<String>, String> {
        words.named(name).map_or(Ok(Vec::new()), |it| it.split(',').map(text_of).collect())
    };
    let gpu = words.named("gpu").map(|it| {
        let key = |it: &str| {
            let model = it.split_once('/');
            let key = model.map(|(vendor, model)| format!("vendor/{vendor}/model/{model}"));
            key.unwrap_or_else(|| format!("vendor/{it}"))
        };
        // Several are joined by a plus.
        it.split('+')
            .map(|it| Attribute { key: key(it), value: "true".to_owned() })
            .collect::<Vec<_>>()
    });
    let resource = Resources {
        id: 1,
        cpu: Some(Cpu {
            units: value(words.named("cpu").unwrap_or("1000")),
            attributes: Vec::new(),
        }),
        memory: Some(Memory { quantity: value("536870912"), attributes: Vec::new() }),
        storage: vec![Storage {
            name: "default".to_owned(),
            quantity: value("536870912"),
            attributes: Vec::new(),
        }],
        gpu: Some(Gpu {
            units: value(if gpu.is_some() { "1" } else { "0" }),
            attributes: gpu.unwrap_or_default(),
        }),
        endpoints: Vec::new(),
    };
    let count = words.named("count").map_or(Ok(1), number)?;
    Ok(GroupSpec {
        name,
        requirements: PlacementRequirements {
            signed_by: SignedBy { all_of: list("signed-by")?, any_of: list("any-of")? },
            attributes: words.attributes(&GROUP_WORDS),
        },
        resources: vec![ResourceUnit { resource, count, price: price(most)? }],
    })
}

impl World {
    pub(crate) fn new() -> Self {
        let coins = || Coins::new(["uact", "uakt"].map(|it| Coin::new(it, WEALTH))).unwrap();
        let accounts = NAMES.map(|it| (who(it).unwrap(), coins()));
        let mut state = genesis::local(&accounts);
        // Nothing is minted, so that only what people do moves coins.
        for field in ["inflation_rate_change", "inflation_max", "inflation_min"] {
            state["mint"]["params"][field] = "0".into();
        }
        state["mint"]["minter"]["inflation"] = "0".into();
        let mut world = Self { chain: Chain::new(state), sender: None, supply: BTreeMap::new() };
        world.supply = world.held();
        world
    }

    /// The genesis that would bring this world back.
    pub(crate) fn export(&self) -> Value {
        self.chain.export()
    }

    /// What an auditor signed, one line per provider.
    pub(crate) fn audited_by(&self, auditor: &str) -> Vec<String> {
        let request = QueryAuditorAttributesRequest {
            auditor: text_of(auditor).unwrap(),
            ..Default::default()
        };
        let path = "/akash.audit.v1.Query/AuditorAttributes";
        let answer: QueryProvidersResponse = self.chain.query(path, &request).unwrap();
        let line = |it: AuditedProvider| {
            let pairs = it.attributes.iter().map(|it| format!("{}={}", it.key, it.value));
            named(&format!("{}: {}", it.owner, pairs.collect::<Vec<_>>().join(" ")))
        };
        answer.providers.into_iter().map(line).collect()
    }

    /// What people and the vault hold together.
    fn held(&self) -> BTreeMap<String, String> {
        let mut sum: BTreeMap<String, u64> = BTreeMap::new();
        let people = NAMES.map(|it| who(it).unwrap());
        for address in people.iter().chain([&Address::of_module("escrow")]) {
            for coin in self.balances(address) {
                *sum.entry(coin.denom).or_default() += coin.amount.parse::<u64>().unwrap();
            }
        }
        sum.into_iter().map(|(denom, amount)| (denom, amount.to_string())).collect()
    }

    /// Money in equals money out, and nothing is out of order.
    pub(crate) fn end(&mut self) {
        self.chain.next_block(SECONDS_PER_BLOCK);
        assert_eq!(self.held(), self.supply);
    }

    pub(crate) fn run(&mut self, command: &str) -> Outcome {
        let words: Vec<_> = command.split_whitespace().collect();
        match words[..] {
            ["blocks", count] => {
                self.chain.next_blocks(number(count)?, SECONDS_PER_BLOCK);
                Ok(vec![format!("height {}", self.chain.view().height())])
            }
            ["wait", seconds] => {
                self.chain.next_block(number(seconds)?);
                Ok(vec![format!("height {}", self.chain.view().height())])
            }
            ["show", what] => self.show(what),
            [name, "as", owner, verb, ref rest @ ..] => {
                self.sender = Some(text_of(name)?);
                let outcome = self.act(owner, verb, &Words::of(rest));
                self.sender = None;
                outcome
            }
            [name, verb, ref rest @ ..] => self.act(name, verb, &Words::of(rest)),
            _ => Err(format!("no command {command}")),
        }
    }

    fn act(&mut self, name: &str, verb: &str, words: &Words<'_>) -> Outcome {
        let address = text_of(name)?;
        match verb {
            "create" => self.create(&address, words),
            "bid" | "lease" | "withdraw" | "close" | "leave" | "reclaim" | "decline" => {
                self.trade(name, verb, words)
            }
            "update" => {
                let id = Id::read(words.word(0, "the deployment")?)?.deployment()?;
                let hash = number::<u8>(words.named("hash").unwrap_or("8"))?;
                self.send(&MsgUpdateDeployment { id: (&id).into(), hash: vec![hash; 32] })
            }
            "pause" => {
                let id = Id::read(words.word(0, "the group")?)?.group()?;
                self.send(&MsgPauseGroup { id: (&id).into() })
            }
            "start" => {
                let id = Id::read(words.word(0, "the group")?)?.group()?;
                self.send(&MsgStartGroup { id: (&id).into() })
            }
            "deposit" => {
                let id = Id::read(words.word(0, "the deployment")?)?.deployment()?;
                let scope = AccountScope::Deployment.into();
                let funds = deposit(words.word(1, "the amount")?, words.named("sources"))?;
                let id = AccountId { scope, xid: id.to_string() };
                self.send(&MsgAccountDeposit { signer: address, id, deposit: funds })
            }
            "register" => self.send(&MsgCreateProvider {
                owner: address,
                host_uri: "https://provider.example.com:8443".to_owned(),
                attributes: words.attributes(&[]),
                info: Info::default(),
            }),
            "reregister" => self.send(&MsgUpdateProvider {
                owner: address,
                host_uri: "https://provider.example.com:8443".to_owned(),
                attributes: words.attributes(&[]),
                info: Info::default(),
            }),
            "unregister" => self.send(&MsgDeleteProvider { owner: address }),
            "sign" => self.send(&MsgSignProviderAttributes {
                owner: text_of(words.word(0, "the provider")?)?,
                auditor: address,
                attributes: words.attributes(&[]),
            }),
            "unsign" => self.send(&MsgDeleteProviderAttributes {
                owner: text_of(words.word(0, "the provider")?)?,
                auditor: address,
                keys: words.plain[1..].iter().map(|it| (*it).to_owned()).collect(),
            }),
            "grant" => self.grant(&address, words),
            "revoke" => self.send(&MsgRevoke {
                granter: address,
                grantee: text_of(words.word(0, "the grantee")?)?,
                msg_type_url: MsgAccountDeposit::type_url(),
            }),
            "limit" => self.limit(&address, words),
            "unlimit" => self.send(&MsgRevoke {
                granter: address,
                grantee: text_of(words.word(0, "the key")?)?,
                msg_type_url: SpendingLimitAuthorization::type_url(),
            }),
            other => Err(format!("nobody can {other}")),
        }
    }

    /// `alice limit bob 900000uact price=100uact open=2 returns=3600`: bob deploys for alice.
    fn limit(&mut self, owner: &str, words: &Words<'_>) -> Outcome {
        let types = [
            MsgCreateDeployment::type_url(),
            MsgAccountDeposit::type_url(),
            MsgCreateLease::type_url(),
            MsgCloseDeployment::type_url(),
        ];
        let messages = types.map(|type_url| MessageRule { type_url, ..Default::default() });
        let now = self.chain.view().unix_seconds();
        let returns = words.named("returns").map(number::<i64>).transpose()?;
        let rule = SpendingLimitAuthorization {
            per_day: vec![deposit(words.word(1, "the cap")?, None)?.amount],
            messages: messages.to_vec(),
            deployment: Some(DeploymentShape {
                cpu_milli: 1000,
                memory_bytes: 536_870_912,
                storage_bytes: 536_870_912,
                gpus: 0,
                open_deployments: words.named("open").map_or(Ok(2), number)?,
                price_per_block: vec![price(words.named("price").unwrap_or("100uact"))?],
            }),
            return_at: returns.map(|it| Timestamp { seconds: now + it, nanos: 0 }),
            ..Default::default()
        };
        let authorization =
            Any { type_url: SpendingLimitAuthorization::type_url(), value: rule.encode_to_vec() };
        self.send(&MsgGrant {
            granter: owner.to_owned(),
            grantee: text_of(words.word(0, "the key")?)?,
            grant: Grant { authorization: Some(authorization), expiration: None },
        })
    }

    /// `alice create 1 100uact 50uact deposit=500000uact`: a group per price.
    fn create(&mut self, owner: &str, words: &Words<'_>) -> Outcome {
        let id = DeploymentId {
            owner: owner.parse().unwrap(),
            dseq: number(words.word(0, "the number")?)?,
        };
        let names = ["a", "b", "c", "d"].map(str::to_owned).into_iter();
        let prices = words.plain[1..].iter();
        let groups = names.zip(prices).map(|(name, most)| group(name, most, words));
        let funds = words.named("deposit").unwrap_or(BID_DEPOSIT);
        let window = words.seconds("notice")?;
        self.send(&MsgCreateDeployment {
            id: (&id).into(),
            groups: groups.collect::<Result<_, _>>()?,
            hash: vec![7; 32],
            deposit: deposit(funds, words.named("sources"))?,
            reclamation: window.map(|min_window| DeploymentReclamation { min_window }),
        })
    }

    /// What happens between an order and the end of its lease.
    fn trade(&mut self, name: &str, verb: &str, words: &Words<'_>) -> Outcome {
        let mut id = Id::read(words.word(0, "the id")?)?;
        match verb {
            "bid" => {
                id.provider = Some(who(name)?);
                self.send(&MsgCreateBid {
                    id: (&id.bid()?).into(),
                    price: price(words.word(1, "the price")?)?,
                    deposit: deposit(words.named("deposit").unwrap_or(BID_DEPOSIT), None)?,
                    resources_offer: Vec::new(),
                    reclamation_window: words.seconds("notice")?,
                })
            }
            "lease" => self.send(&MsgCreateLease { bid_id: (&id.bid()?).into() }),
            "withdraw" => self.send(&MsgWithdrawLease { id: (&id.lease()?).into() }),
            "close" if id.provider.is_some() => {
                self.send(&MsgCloseLease { id: (&id.lease()?).into(), reason: 1 })
            }
            "close" if id.numbers.len() == 2 => {
                self.send(&MsgCloseGroup { id: (&id.group()?).into() })
            }
            "close" => self.send(&MsgCloseDeployment { id: (&id.deployment()?).into() }),
            "leave" => self.send(&MsgCloseBid {
                id: (&id.bid()?).into(),
                reason: reason(words.plain.get(1))?,
            }),
            "reclaim" => self.send(&MsgLeaseStartReclaim {
                id: (&id.lease()?).into(),
                reason: reason(words.plain.get(1))?,
            }),
            _ => {
                let dimension = words.word(1, "the dimension")?;
                let dimension = Dimension::from_str_name(&format!("dimension_{dimension}"));
                self.send(&MsgDeclineOrder {
                    id: (&id.order()?).into(),
                    provider: text_of(name)?,
                    dimension: dimension.ok_or("no such dimension")?.into(),
                    subject: words.named("subject").unwrap_or_default().to_owned(),
                    shortfall: words.named("shortfall").unwrap_or_default().to_owned(),
                })
            }
        }
    }

    /// `carol grant alice 900000uact scope=deployment seconds=3600`
    fn grant(&mut self, granter: &str, words: &Words<'_>) -> Outcome {
        let limit = deposit(words.word(1, "the limit")?, None)?.amount;
        let scope = match words.named("scope") {
            Some("bid") => Scope::Bid,
            _ => Scope::Deployment,
        };
        let authorization = DepositAuthorization {
            spend_limit: (&Coin::new("uakt", 0u64)).into(),
            scopes: vec![scope.into()],
            spend_limits: vec![limit],
        };
        let seconds: i64 = words.named("seconds").map_or(Ok(3600), number)?;
        let ends = self.chain.view().unix_seconds() + seconds;
        self.send(&MsgGrant {
            granter: granter.to_owned(),
            grantee: text_of(words.word(0, "the grantee")?)?,
            grant: Grant {
                authorization: Some(Any {
                    type_url: DepositAuthorization::type_url(),
                    value: authorization.encode_to_vec(),
                }),
                expiration: Some(Timestamp { seconds: ends, nanos: 0 }),
            },
        })
    }

    fn send<M: Message + Name>(&mut self, message: &M) -> Outcome {
        let outcome = match self.sender.clone() {
            None => self.chain.run(message),
            Some(grantee) => {
                let message = Any { type_url: M::type_url(), value: message.encode_to_vec() };
                self.chain.run(&MsgExec { grantee, msgs: vec![message] })
            }
        };
        match outcome {
            Ok(events) => {
                let told: Vec<_> = events.iter().filter_map(told).collect();
                Ok(if told.is_empty() { vec!["ok".to_owned()] } else { told })
            }
            Err(fault) => Ok(vec![refusal(&fault)]),
        }
    }

    fn balances(&self, address: &Address) -> Vec<types::wire::cosmos::base::v1beta1::Coin> {
        let request =
            QueryAllBalancesRequest { address: address.to_string(), ..Default::default() };
        let answer: QueryAllBalancesResponse =
            self.chain.query("/cosmos.bank.v1beta1.Query/AllBalances", &request).unwrap();
        answer.balances
    }

    fn show(&self, what: &str) -> Outcome {
        if what == "escrow" || NAMES.contains(&what) {
            let address = if what == "escrow" { Address::of_module("escrow") } else { who(what)? };
            let coins: Vec<_> = self
                .balances(&address)
                .iter()
                .map(|it| format!("{}{}", it.amount, it.denom))
                .collect();
            let held = if coins.is_empty() { "nothing".to_owned() } else { coins.join(", ") };
            return Ok(vec![format!("{what} has {held}")]);
        }
        let id = Id::read(what)?;
        Ok(match (id.numbers.len(), id.provider.is_some()) {
            (1, _) => self.show_deployment(&id.deployment()?),
            (3, false) => self.show_order(&id.order()?),
            (3, true) => self.show_bid(&id.bid()?),
            _ => return Err(format!("{what} cannot be shown")),
        })
    }

    fn show_deployment(&self, id: &DeploymentId) -> Vec<String> {
        use types::wire::akash::deployment::{v1::deployment, v1beta4::group};
        let request = QueryDeploymentRequest { id: id.into() };
        let path = "/akash.deployment.v1beta4.Query/Deployment";
        let answer: QueryDeploymentResponse = match self.chain.query(path, &request) {
            Ok(answer) => answer,
            Err(fault) => return vec![refusal(&fault)],
        };
        let state = deployment::State::try_from(answer.deployment.state).unwrap();
        let mut lines = vec![format!("deployment {}", state.as_str_name())];
        for group in &answer.groups {
            let state = group::State::try_from(group.state).unwrap();
            lines.push(format!("group {} {}", group.id.gseq, state.as_str_name()));
        }
        let account = &answer.escrow_account.state;
        let coins = |list: Vec<(&str, &str)>| -> String {
            let coins = list.into_iter().map(|(denom, it)| format!("{}{denom}", short(it)));
            let all: Vec<_> = coins.collect();
            if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
        };
        let funds = account.funds.iter().map(|it| (it.denom.as_str(), it.amount.as_str()));
        let paid = account.transferred.iter().map(|it| (it.denom.as_str(), it.amount.as_str()));
        let state = EscrowState::try_from(account.state).unwrap();
        lines.push(format!(
            "account {}: {} left, {} paid, settled at {}",
            state.as_str_name(),
            coins(funds.collect()),
            coins(paid.collect()),
            account.settled_at
        ));
        lines
    }

    fn show_order(&self, id: &OrderId) -> Vec<String> {
        let request = QueryOrderRequest { id: id.into() };
        let answer: Result<QueryOrderResponse, Fault> =
            self.chain.query("/akash.market.v1beta5.Query/Order", &request);
        let mut lines = match answer {
            Err(fault) => return vec![refusal(&fault)],
            Ok(answer) => {
                let state = order::State::try_from(answer.order.state).unwrap();
                vec![format!("order {}", state.as_str_name())]
            }
        };
        let request = QueryDeclinesRequest { id: id.into(), pagination: None };
        let declined: QueryDeclinesResponse =
            self.chain.query("/haggle.market.v1.Query/Declines", &request).unwrap();
        for it in declined.declines {
            let dimension = Dimension::try_from(it.dimension).unwrap().as_str_name();
            let line =
                format!("declined by {}: {dimension} {} {}", it.provider, it.subject, it.shortfall);
            lines.push(named(line.trim_end()));
        }
        lines
    }

    fn show_bid(&self, id: &BidId) -> Vec<String> {
        let request = QueryBidRequest { id: id.into() };
        let answer: Result<QueryBidResponse, Fault> =
            self.chain.query("/akash.market.v1beta5.Query/Bid", &request);
        let mut lines = match answer {
            Err(fault) => return vec![refusal(&fault)],
            Ok(QueryBidResponse { bid, .. }) => {
                let state = bid::State::try_from(bid.state).unwrap().as_str_name();
                let price = format!("{}{}", short(&bid.price.amount), bid.price.denom);
                vec![format!("bid {state} at {price}")]
            }
        };
        let request = QueryLeaseRequest { id: (&id.lease()).into() };
        let answer: Result<QueryLeaseResponse, Fault> =
            self.chain.query("/akash.market.v1beta5.Query/Lease", &request);
        if let Ok(QueryLeaseResponse { lease, escrow_payment }) = answer {
            let state = lease::State::try_from(lease.state).unwrap().as_str_name();
            let reason = LeaseClosedReason::try_from(lease.reason);
            let reason = reason.ok().filter(|_| lease.closed_on > 0);
            let why = reason.map_or(String::new(), |it| {
                format!(": {} at height {}", it.as_str_name(), lease.closed_on)
            });
            lines.push(format!("lease {state}{why}"));
            let payment = escrow_payment.state;
            let state = EscrowState::try_from(payment.state).unwrap().as_str_name();
            lines.push(format!(
                "payment {state}: {}{} withdrawn, {} credited, {} owed",
                payment.withdrawn.amount,
                payment.withdrawn.denom,
                short(&payment.balance.amount),
                short(&payment.unsettled.amount)
            ));
        }
        lines
    }
}

/// A decimal of the wire (10^18 parts) without zeros at its end.
fn short(amount: &str) -> String {
    let (sign, digits) = amount.strip_prefix('-').map_or(("", amount), |it| ("-", it));
    let digits = format!("{digits:0>19}");
    let (whole, parts) = digits.split_at(digits.len() - 18);
    let parts = parts.trim_end_matches('0');
    if parts.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{parts}") }
}

/// Names instead of addresses.
fn named(text: &str) -> String {
    let mut text = text.to_owned();
    for name in NAMES {
        text = text.replace(&who(name).unwrap().to_string(), name);
    }
    for module in ["escrow", "gov"] {
        text = text.replace(&Address::of_module(module).to_string(), module);
    }
    text
}

fn refusal(fault: &Fault) -> String {
    named(&format!("refused, {}/{}: {fault}", fault.codespace(), fault.code()))
}

/// One line of an event, if it is of the market or moves coins.
fn told(event: &Event) -> Option<String> {
    if event.r#type == "transfer" {
        let of = |key| attribute(event, key);
        return Some(named(&format!("{}: {} -> {}", of("amount"), of("sender"), of("recipient"))));
    }
    let known = ["akash.", "haggle.", "cosmos.authz."];
    if !known.iter().any(|it| event.r#type.starts_with(it)) {
        return None;
    }
    let kind = event.r#type.rsplit('.').next()?.trim_start_matches("Event");
    let mut line = kind.to_owned();
    for attribute in &event.attributes {
        let value = serde_json::from_str(&attribute.value)
            .unwrap_or_else(|_| Value::String(attribute.value.clone()));
        if attribute.key == "id" {
            line.insert_str(kind.len(), &format!(" {}", id_text(&value)));
        } else {
            let text = plain(&value);
            let telling = !["hash", "msg_type_url"].contains(&attribute.key.as_str());
            if telling && !text.is_empty() {
                line.push_str(&format!(", {} {text}", attribute.key));
            }
        }
    }
    Some(named(&line))
}

fn id_text(value: &Value) -> String {
    let parts = ["owner", "dseq", "gseq", "oseq", "provider"].map(|it| value.get(it).map(plain));
    let parts: Vec<_> = parts.into_iter().flatten().filter(|it| !it.is_empty()).collect();
    parts.join("/")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(map) if map.contains_key("denom") => {
            let amount = map.get("amount").map(plain).unwrap_or_default();
            let amount = amount.trim_end_matches('0').trim_end_matches('.').to_owned();
            format!("{amount}{}", plain(&value["denom"]))
        }
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
