//! A market in memory for tests of the chapters: people by name, messages by intent.

use ledger::{
    Result,
    testing::{Chain, attribute},
};
use prost::{Message, Name};
use prost_types::Duration;
use types::{
    Address, Coin, Coins,
    ids::{BidId, DeploymentId, GroupId, LeaseId},
    wire::{
        akash::{
            base::{
                attributes::v1::{Attribute, PlacementRequirements},
                deposit::v1::{Deposit, Source},
                resources::v1beta4::{Cpu, Gpu, Memory, ResourceValue, Resources, Storage},
            },
            deployment::{
                v1::DeploymentReclamation,
                v1beta4::{GroupSpec, MsgCloseDeployment, MsgCreateDeployment, ResourceUnit},
            },
            escrow::v1::MsgAccountDeposit,
            market::v1beta5::{
                MsgCloseBid, MsgCloseLease, MsgCreateBid, MsgCreateLease, MsgLeaseStartReclaim,
                MsgWithdrawLease, QueryBidRequest, QueryBidResponse, QueryLeaseRequest,
                QueryLeaseResponse,
            },
            provider::v1beta4::{Info, MsgCreateProvider},
        },
        cosmos::base::v1beta1 as coin,
        tendermint::abci::Event,
    },
};

use crate::{Market, bank, escrow, genesis};

pub(crate) const TENANT: u8 = 1;
pub(crate) const FRIEND: u8 = 2;
pub(crate) const P1: u8 = 11;
pub(crate) const P2: u8 = 12;
pub(crate) const P3: u8 = 13;
pub(crate) const RICH: i64 = 1_000_000_000_000;

pub(crate) fn who(name: u8) -> Address {
    Address::new([name; 20]).unwrap()
}

/// Everybody has [`RICH`] of each denomination; P1 to P3 are registered.
pub(crate) struct World {
    pub(crate) chain: Chain<Market>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With the genesis of a local network, changed, and without inflation.
    pub(crate) fn with(change: impl FnOnce(&mut serde_json::Value)) -> Self {
        let coins = || Coins::new(genesis::DENOMS.map(|it| Coin::new(it, RICH))).unwrap();
        let accounts = [TENANT, FRIEND, P1, P2, P3].map(|it| (who(it), coins()));
        let mut state = genesis::local(&accounts);
        state.as_object_mut().unwrap().remove("mint");
        change(&mut state);
        let mut world = Self { chain: Chain::new(state) };
        for provider in [P1, P2, P3] {
            world.register(provider, &[]).unwrap();
        }
        world
    }

    pub(crate) fn run<M: Message + Name>(&mut self, message: &M) -> Result<Vec<Event>> {
        self.chain.run(message)
    }

    pub(crate) fn register(&mut self, name: u8, attributes: &[(&str, &str)]) -> Result<Vec<Event>> {
        self.run(&MsgCreateProvider {
            owner: who(name).to_string(),
            host_uri: "https://provider.example.com:8443".to_owned(),
            attributes: list(attributes),
            info: Info::default(),
        })
    }

    pub(crate) fn blocks(&mut self, count: usize) {
        self.chain.next_blocks(count, 6);
    }

    pub(crate) fn create(&mut self, dseq: u64, deposit: u64, price: &str) -> Result<Vec<Event>> {
        self.run(&new_deployment(dseq, deposit, &[price]))
    }

    pub(crate) fn bid(
        &mut self,
        name: u8,
        group: &GroupId,
        oseq: u32,
        price: &str,
    ) -> Result<Vec<Event>> {
        self.run(&new_bid(name, group, oseq, price))
    }

    pub(crate) fn lease(&mut self, id: &BidId) -> Result<Vec<Event>> {
        self.run(&MsgCreateLease { bid_id: id.into() })
    }

    /// A deployment of one group with a lease of P1 at the order's price.
    pub(crate) fn leased(&mut self, dseq: u64, deposit: u64, price: &str) -> LeaseId {
        self.create(dseq, deposit, price).unwrap();
        let group = deployment(dseq).group(1);
        self.bid(P1, &group, 1, price).unwrap();
        let id = group.order(1).bid(who(P1));
        self.lease(&id).unwrap();
        id.lease()
    }

    pub(crate) fn withdraw(&mut self, id: &LeaseId) -> Result<Vec<Event>> {
        self.run(&MsgWithdrawLease { id: id.into() })
    }

    pub(crate) fn close_lease(&mut self, id: &LeaseId) -> Result<Vec<Event>> {
        self.run(&MsgCloseLease { id: id.into(), reason: 1 })
    }

    pub(crate) fn close_bid(&mut self, id: &BidId, reason: i32) -> Result<Vec<Event>> {
        self.run(&MsgCloseBid { id: id.into(), reason })
    }

    pub(crate) fn close(&mut self, dseq: u64) -> Result<Vec<Event>> {
        self.run(&MsgCloseDeployment { id: deployment(dseq).into() })
    }

    pub(crate) fn notice(&mut self, id: &LeaseId, reason: i32) -> Result<Vec<Event>> {
        self.run(&MsgLeaseStartReclaim { id: id.into(), reason })
    }

    pub(crate) fn top_up(
        &mut self,
        dseq: u64,
        from: u8,
        amount: u64,
        denom: &str,
    ) -> Result<Vec<Event>> {
        let id = escrow::AccountId::Deployment(deployment(dseq));
        self.run(&MsgAccountDeposit {
            signer: who(from).to_string(),
            id: (&id).into(),
            deposit: funds(amount, denom),
        })
    }

    pub(crate) fn balance(&self, name: u8, denom: &str) -> i64 {
        bank::balance(self.chain.view(), &who(name), denom).unwrap().to_i64().unwrap()
    }

    pub(crate) fn vault(&self, denom: &str) -> i64 {
        let held = bank::balance(self.chain.view(), &escrow::vault(), denom);
        held.unwrap().to_i64().unwrap()
    }

    pub(crate) fn bid_of(&self, id: &BidId) -> QueryBidResponse {
        let request = QueryBidRequest { id: id.into() };
        self.chain.query("/akash.market.v1beta5.Query/Bid", &request).unwrap()
    }

    pub(crate) fn lease_of(&self, id: &LeaseId) -> QueryLeaseResponse {
        let request = QueryLeaseRequest { id: id.into() };
        self.chain.query("/akash.market.v1beta5.Query/Lease", &request).unwrap()
    }

    /// The state and the reason of a lease.
    pub(crate) fn ended(&self, id: &LeaseId) -> (i32, i32) {
        let lease = self.lease_of(id).lease;
        (lease.state, lease.reason)
    }
}

pub(crate) fn list(attributes: &[(&str, &str)]) -> Vec<Attribute> {
    attributes
        .iter()
        .map(|(key, value)| Attribute { key: (*key).to_owned(), value: (*value).to_owned() })
        .collect()
}

/// A deployment of [`TENANT`].
pub(crate) fn deployment(dseq: u64) -> DeploymentId {
    DeploymentId { owner: who(TENANT), dseq }
}

pub(crate) fn funds(amount: u64, denom: &str) -> Deposit {
    Deposit {
        amount: coin::Coin { denom: denom.to_owned(), amount: amount.to_string() },
        sources: vec![Source::Balance.into()],
    }
}

/// Splits `100.5uact`.
pub(crate) fn price_of(text: &str) -> coin::DecCoin {
    text.parse::<types::DecCoin>().unwrap().into()
}

pub(crate) fn value(text: &str) -> ResourceValue {
    ResourceValue { val: text.into() }
}

/// One unit of the smallest size, at `price` like `100uact`.
pub(crate) fn group(name: &str, price: &str) -> GroupSpec {
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
    GroupSpec {
        name: name.to_owned(),
        requirements: PlacementRequirements::default(),
        resources: vec![ResourceUnit { resource, count: 1, price: price_of(price) }],
    }
}

/// Groups `a`, `b` and so on, one per price; the deposit is in the denomination of the first.
pub(crate) fn new_deployment(dseq: u64, deposit: u64, prices: &[&str]) -> MsgCreateDeployment {
    let denom = price_of(prices[0]).denom;
    let names = ["a", "b", "c", "d"];
    MsgCreateDeployment {
        id: deployment(dseq).into(),
        groups: names.iter().zip(prices).map(|(name, price)| group(name, price)).collect(),
        hash: vec![7; 32],
        deposit: funds(deposit, &denom),
        reclamation: None,
    }
}

pub(crate) fn notice_of(seconds: i64) -> DeploymentReclamation {
    DeploymentReclamation { min_window: Duration { seconds, nanos: 0 } }
}

/// With the usual deposit, in the denomination of the price.
pub(crate) fn new_bid(name: u8, group: &GroupId, oseq: u32, price: &str) -> MsgCreateBid {
    let price = price_of(price);
    MsgCreateBid {
        id: group.order(oseq).bid(who(name)).into(),
        deposit: funds(500_000, &price.denom),
        price,
        resources_offer: Vec::new(),
        reclamation_window: None,
    }
}

/// The types of events without those of bank, as last words: `EventBidClosed`.
pub(crate) fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().filter_map(|it| it.r#type.strip_prefix("akash.")?.rsplit('.').next()).collect()
}

/// Who got how much, in order.
pub(crate) fn transfers(events: &[Event]) -> Vec<(String, String)> {
    let transfers = events.iter().filter(|it| it.r#type == "transfer");
    transfers
        .map(|it| (attribute(it, "recipient").to_owned(), attribute(it, "amount").to_owned()))
        .collect()
}

/// Exports agree in what the market chapters keep; others may move on with each block.
pub(crate) fn same_market(one: &serde_json::Value, other: &serde_json::Value) {
    for section in ["deployment", "market", "escrow", "provider", "denoms", "receipts"] {
        assert_eq!(one[section], other[section], "{section}");
    }
}

ledger::runtime! {
    /// People and their money, without a market: for tests of the chapters below it.
    pub(crate) struct Town;
    modules: crate::auth::Auth, crate::bank::Bank, crate::authz::Authz, crate::feegrant::Feegrant,
        crate::vesting::Vesting;
    ante: crate::ante::Ante;
    pre_block: "auth";
    genesis: "auth", "authz", "bank", "vesting", "feegrant";
    begin_block: "auth", "authz", "bank", "feegrant", "vesting";
    end_block: "auth", "authz", "bank", "feegrant", "vesting";
}

/// A town in which the accounts `names` hold a million `uakt` and a million `uact` each.
pub(crate) fn town(names: &[u8]) -> Chain<Town> {
    let balances: Vec<_> = names
        .iter()
        .map(|name| {
            let coins =
                ["uact", "uakt"].map(|it| serde_json::json!({ "denom": it, "amount": "1000000" }));
            serde_json::json!({ "address": who(*name).to_string(), "coins": coins })
        })
        .collect();
    let params = serde_json::json!({ "default_send_enabled": true });
    Chain::new(serde_json::json!({ "bank": { "params": params, "balances": balances } }))
}
