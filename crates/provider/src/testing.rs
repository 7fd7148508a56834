//! Doubles for the tests of this crate: a chain in memory, and small things to fill it with.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use backend::{Inventory, Workload, memory::Memory};
use client::keys::{LocalSigner, PrivateKey, Signer as _};
use parking_lot::Mutex;
use sdl::Manifest;
use tokio::sync::Notify;
use types::{
    Address,
    ids::{BidId, DeploymentId, LeaseId, OrderId},
    wire::{
        akash::{
            base::attributes::v1::Attribute,
            cert::v1::MsgCreateCertificate,
            deployment::v1beta4::{Group, GroupSpec, group},
            market::{
                v1::{Lease, LeaseClosedReason, lease as lease_wire},
                v1beta5::{Bid, Order, bid, order},
            },
            provider::v1beta4::Provider,
        },
        cosmos::base::v1beta1::DecCoin,
    },
};

use crate::{
    Handle,
    chain::{Certificate, Chain, Deployment, Error, Escrow, Event, Msg, Result},
    config::{Config, Prices, Size, Span},
    quantity::{self, ONE},
};

/// A key that is the same in every run.
pub(crate) fn key(number: u8) -> PrivateKey {
    PrivateKey::from_bytes(&[number; 32]).unwrap()
}

pub(crate) fn signer(number: u8) -> LocalSigner {
    LocalSigner::new(key(number))
}

pub(crate) fn account(number: u8) -> Address {
    key(number).public().address().parse().unwrap()
}

/// Accounts of the tests.
pub(crate) const PROVIDER: u8 = 1;
pub(crate) const TENANT: u8 = 2;
pub(crate) const STRANGER: u8 = 3;
pub(crate) const AUDITOR: u8 = 4;

pub(crate) fn lease(dseq: u64) -> LeaseId {
    LeaseId { owner: account(TENANT), dseq, gseq: 1, oseq: 1, provider: account(PROVIDER), bseq: 0 }
}

pub(crate) fn workload(image: &str) -> Workload {
    let service = backend::Service {
        name: "web".into(),
        image: image.into(),
        count: 1,
        ..backend::Service::default()
    };
    Workload { generation: 1, public_hostname: String::new(), services: vec![service] }
}

/// A group and its manifest, as plain JSON that tests may spoil.
pub(crate) struct Job {
    pub(crate) group: GroupSpec,
    pub(crate) manifest: serde_json::Value,
}

impl Job {
    /// One HTTP service with half a CPU, 64 MiB and 128 MiB of disk; pays up to 100 a block.
    pub(crate) fn web() -> Job {
        let expose = |port: u32, global: bool, hosts: serde_json::Value| {
            serde_json::json!({
                "port": port, "externalPort": if global { 80 } else { 0 }, "proto": "TCP",
                "service": "", "global": global, "hosts": hosts,
                "httpOptions": {
                    "maxBodySize": 1_048_576, "readTimeout": 60000, "sendTimeout": 60000,
                    "nextTries": 3, "nextTimeout": 0, "nextCases": ["error", "timeout"]
                },
                "ip": "", "endpointSequenceNumber": 0
            })
        };
        let manifest = serde_json::json!([{
            "name": "westcoast",
            "services": [{
                "name": "web", "image": "nginx:1.27", "command": null, "args": null,
                "env": ["A=1"],
                "resources": {
                    "id": 1,
                    "cpu": {"units": {"val": "500"}},
                    "memory": {"size": {"val": "67108864"}},
                    "storage": [{"name": "default", "size": {"val": "134217728"}}],
                    "gpu": {"units": {"val": "0"}},
                    "endpoints": [{"sequence_number": 0}]
                },
                "count": 1,
                "expose": [expose(8080, true, serde_json::json!(["app.example.com"]))],
                "credentials": null
            }]
        }]);
        let mut group = GroupSpec { name: "westcoast".into(), ..GroupSpec::default() };
        let mut unit = types::wire::akash::deployment::v1beta4::ResourceUnit::default();
        let it = &mut unit.resource;
        it.id = 1;
        it.cpu = Some(Default::default());
        it.cpu.as_mut().unwrap().units = quantity::write(500);
        it.memory = Some(Default::default());
        it.memory.as_mut().unwrap().quantity = quantity::write(64 << 20);
        it.gpu = Some(Default::default());
        it.gpu.as_mut().unwrap().units = quantity::write(0);
        it.storage.push(Default::default());
        it.storage[0].name = "default".into();
        it.storage[0].quantity = quantity::write(128 << 20);
        it.endpoints.push(Default::default());
        unit.count = 1;
        unit.price = DecCoin { denom: "uact".into(), amount: (100 * ONE).to_string() };
        group.resources.push(unit);
        Job { group, manifest }
    }

    /// With another host name.
    pub(crate) fn at(host: &str) -> Job {
        let mut job = Job::web();
        job.manifest[0]["services"][0]["expose"][0]["hosts"] = serde_json::json!([host]);
        job
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        serde_json::to_vec(&self.manifest).unwrap()
    }

    pub(crate) fn hash(&self) -> Vec<u8> {
        Manifest::from_json(&self.body()).unwrap().version().to_vec()
    }
}

#[derive(Default)]
struct Ledger {
    /// Events by height; the first block is 1.
    blocks: Vec<Vec<Event>>,
    orders: BTreeMap<OrderId, Order>,
    bids: BTreeMap<BidId, Bid>,
    leases: BTreeMap<LeaseId, Lease>,
    deployments: BTreeMap<DeploymentId, Deployment>,
    provider: Option<Provider>,
    audited: BTreeMap<String, Vec<Attribute>>,
    certificates: Vec<(Address, Certificate)>,
    keys: BTreeMap<String, [u8; 33]>,
    sent: Vec<Msg>,
    down: bool,
}

/// A chain in memory: every message makes a block.
pub(crate) struct FakeChain {
    address: Address,
    ledger: Mutex<Ledger>,
    grown: Notify,
}

impl FakeChain {
    pub(crate) fn new() -> Arc<FakeChain> {
        let mut ledger = Ledger { blocks: vec![Vec::new()], ..Ledger::default() };
        for number in [PROVIDER, TENANT, STRANGER] {
            let public = key(number).public();
            ledger.keys.insert(public.address(), public.to_bytes());
        }
        Arc::new(FakeChain {
            address: account(PROVIDER),
            ledger: Mutex::new(ledger),
            grown: Notify::new(),
        })
    }

    /// While down, nobody gets an answer; blocks go on.
    pub(crate) fn set_down(&self, down: bool) {
        self.ledger.lock().down = down;
        self.grown.notify_waiters();
    }

    fn ask(&self) -> Result<parking_lot::MutexGuard<'_, Ledger>> {
        let ledger = self.ledger.lock();
        if ledger.down { Err(Error::Unreachable("it is down".into())) } else { Ok(ledger) }
    }

    fn grow(&self, events: Vec<Event>) {
        self.ledger.lock().blocks.push(events);
        self.grown.notify_waiters();
    }

    /// A deployment with one group and its open order.
    pub(crate) fn deploy(&self, owner: u8, dseq: u64, job: &Job) -> OrderId {
        let id = DeploymentId { owner: account(owner), dseq };
        let order = id.group(1).order(1);
        {
            let mut ledger = self.ledger.lock();
            let height = ledger.blocks.len() as u64;
            ledger.deployments.insert(
                id.clone(),
                Deployment {
                    hash: job.hash(),
                    active: true,
                    groups: vec![Group {
                        id: (&id.group(1)).into(),
                        state: group::State::Open.into(),
                        group_spec: job.group.clone(),
                        created_at: 1,
                    }],
                    escrow: Escrow {
                        denom: "uact".into(),
                        funds: 5_000_000 * ONE,
                        settled_at: height,
                    },
                    rate: 0,
                },
            );
            ledger.orders.insert(
                order.clone(),
                Order {
                    id: (&order).into(),
                    state: order::State::Open.into(),
                    spec: job.group.clone(),
                    created_at: 1,
                    reclamation: None,
                },
            );
        }
        self.grow(vec![Event::OrderCreated(order.clone())]);
        order
    }

    pub(crate) fn edit_order(&self, id: &OrderId, edit: impl FnOnce(&mut Order)) {
        edit(self.ledger.lock().orders.get_mut(id).unwrap());
    }

    pub(crate) fn edit_deployment(&self, id: &DeploymentId, edit: impl FnOnce(&mut Deployment)) {
        edit(self.ledger.lock().deployments.get_mut(id).unwrap());
    }

    /// The tenant promises another manifest.
    pub(crate) fn update(&self, id: &DeploymentId, hash: Vec<u8>) {
        self.edit_deployment(id, |it| it.hash.clone_from(&hash));
        self.grow(vec![Event::DeploymentUpdated(id.clone(), hash)]);
    }

    /// The tenant takes a bid: of the provider, or of somebody else.
    pub(crate) fn take_bid(&self, order: &OrderId, provider: &Address) -> LeaseId {
        let bid = order.bid(provider.clone());
        let id = bid.lease();
        {
            let mut ledger = self.ledger.lock();
            let price = ledger.bids.get(&bid).map(|it| it.price.clone());
            for (other, it) in &mut ledger.bids {
                if other.order() == *order && it.state() == bid::State::Open {
                    let state = if *other == bid { bid::State::Active } else { bid::State::Lost };
                    it.state = state.into();
                }
            }
            if let Some(it) = ledger.orders.get_mut(order) {
                it.state = order::State::Active.into();
            }
            let price = price.unwrap_or(DecCoin { denom: "uact".into(), amount: "1".into() });
            let rate = quantity::read_decimal(&price.amount).unwrap();
            if let Some(it) = ledger.deployments.get_mut(&order.deployment()) {
                it.rate += rate;
            }
            let lease = Lease {
                id: (&id).into(),
                state: lease_wire::State::Active.into(),
                price,
                created_at: 1,
                ..Lease::default()
            };
            ledger.leases.insert(id.clone(), lease);
        }
        self.grow(vec![Event::LeaseCreated(id.clone())]);
        id
    }

    pub(crate) fn edit_lease(&self, id: &LeaseId, edit: impl FnOnce(&mut Lease)) {
        edit(self.ledger.lock().leases.get_mut(id).unwrap());
    }

    /// The tenant, or the chain, ends a lease.
    pub(crate) fn close_lease(&self, id: &LeaseId, reason: LeaseClosedReason) {
        self.close_lease_silently(id, reason);
        self.grow(vec![
            Event::LeaseClosed(id.clone(), reason.as_str_name().into()),
            Event::BidClosed(id.bid()),
            Event::OrderClosed(id.order()),
        ]);
    }

    /// Without an event that anybody could see.
    pub(crate) fn close_lease_silently(&self, id: &LeaseId, reason: LeaseClosedReason) {
        let mut ledger = self.ledger.lock();
        let it = ledger.leases.get_mut(id).unwrap();
        it.state = lease_wire::State::Closed.into();
        it.reason = reason.into();
        if let Some(it) = ledger.bids.get_mut(&id.bid()) {
            it.state = bid::State::Closed.into();
        }
        if let Some(it) = ledger.orders.get_mut(&id.order()) {
            it.state = order::State::Closed.into();
        }
    }

    pub(crate) fn close_order(&self, id: &OrderId) {
        {
            let mut ledger = self.ledger.lock();
            ledger.orders.get_mut(id).unwrap().state = order::State::Closed.into();
            if let Some(it) = ledger.bids.get_mut(&id.bid(self.address.clone())) {
                it.state = bid::State::Closed.into();
            }
        }
        self.grow(vec![Event::OrderClosed(id.clone())]);
    }

    pub(crate) fn sign_attributes(&self, auditor: u8, attributes: Vec<Attribute>) {
        let auditor = account(auditor).to_string();
        self.ledger.lock().audited.insert(auditor, attributes);
        self.grow(vec![Event::AuditChanged(self.address.clone())]);
    }

    pub(crate) fn publish(&self, message: &MsgCreateCertificate, serial: &str) {
        let certificate = Certificate {
            serial: serial.into(),
            cert: message.cert.clone(),
            pubkey: message.pubkey.clone(),
        };
        self.ledger.lock().certificates.push((message.owner.parse().unwrap(), certificate));
    }

    pub(crate) fn revoke_all(&self) {
        self.ledger.lock().certificates.clear();
    }

    pub(crate) fn bid_state(&self, order: &OrderId) -> Option<bid::State> {
        Some(self.ledger.lock().bids.get(&order.bid(self.address.clone()))?.state())
    }

    pub(crate) fn lease_state(&self, id: &LeaseId) -> (lease_wire::State, LeaseClosedReason) {
        let ledger = self.ledger.lock();
        let it = &ledger.leases[id];
        (it.state(), it.reason())
    }

    pub(crate) fn sent(&self) -> Vec<Msg> {
        self.ledger.lock().sent.clone()
    }

    pub(crate) fn count(&self, of: impl Fn(&Msg) -> bool) -> usize {
        self.ledger.lock().sent.iter().filter(|it| of(it)).count()
    }

    pub(crate) fn record(&self) -> Option<Provider> {
        self.ledger.lock().provider.clone()
    }

    pub(crate) fn published(&self) -> Vec<Certificate> {
        self.ledger.lock().certificates.iter().map(|it| it.1.clone()).collect()
    }

    fn apply(&self, message: &Msg) -> Result<Vec<Event>> {
        let refused = |codespace: &str, code, log: &str| {
            Err(Error::Refused { codespace: codespace.into(), code, log: log.into() })
        };
        let mut ledger = self.ledger.lock();
        let mut events = Vec::new();
        match message {
            Msg::CreateBid(it) => {
                let id = BidId::try_from(&it.id).unwrap();
                let open = ledger.orders.get(&id.order()).map(|it| it.state());
                if open != Some(order::State::Open) {
                    return refused("market", 23, "order active");
                }
                if ledger.bids.contains_key(&id) {
                    return refused("market", 21, "bid exists");
                }
                let bid = Bid {
                    id: it.id.clone(),
                    state: bid::State::Open.into(),
                    price: it.price.clone(),
                    created_at: 1,
                    resources_offer: it.resources_offer.clone(),
                    reclamation_window: it.reclamation_window,
                };
                ledger.bids.insert(id.clone(), bid);
                events.push(Event::BidCreated(id));
            }
            Msg::CloseBid(it) => {
                let id = BidId::try_from(&it.id).unwrap();
                let Some(bid) = ledger.bids.get_mut(&id) else {
                    return refused("market", 6, "bid not found");
                };
                let state = bid.state();
                bid.state = bid::State::Closed.into();
                if state == bid::State::Active {
                    let lease = ledger.leases.get_mut(&id.lease()).unwrap();
                    lease.state = lease_wire::State::Closed.into();
                    lease.reason = it.reason;
                    ledger.orders.get_mut(&id.order()).unwrap().state = order::State::Closed.into();
                    events.push(Event::LeaseClosed(id.lease(), it.reason().as_str_name().into()));
                }
                events.push(Event::BidClosed(id));
            }
            Msg::DeclineOrder(it) => {
                let id = OrderId::try_from(&it.id).unwrap();
                let open = ledger.orders.get(&id).map(|it| it.state());
                if open != Some(order::State::Open) {
                    return refused("market", 24, "order closed");
                }
            }
            Msg::WithdrawLease(it) => {
                let id = LeaseId::try_from(&it.id).unwrap();
                if !ledger.leases.contains_key(&id) {
                    return refused("market", 7, "lease not found");
                }
            }
            Msg::StartReclaim(it) => {
                let id = LeaseId::try_from(&it.id).unwrap();
                let lease = ledger.leases.get_mut(&id).unwrap();
                lease.state = lease_wire::State::Reclaiming.into();
                let reclamation = lease.reclamation.as_mut().unwrap();
                reclamation.started_at = 1;
                reclamation.deadline = crate::service::unix_now() + reclamation.window.seconds;
                events.push(Event::ReclaimStarted(id));
            }
            Msg::CreateProvider(it) => {
                ledger.provider = Some(Provider {
                    owner: it.owner.clone(),
                    host_uri: it.host_uri.clone(),
                    attributes: it.attributes.clone(),
                    info: it.info.clone(),
                });
                events.push(Event::ProviderChanged(self.address.clone()));
            }
            Msg::UpdateProvider(it) => {
                ledger.provider = Some(Provider {
                    owner: it.owner.clone(),
                    host_uri: it.host_uri.clone(),
                    attributes: it.attributes.clone(),
                    info: it.info.clone(),
                });
                events.push(Event::ProviderChanged(self.address.clone()));
            }
            Msg::CreateCertificate(it) => {
                use rustls_pki_types::{CertificateDer, pem::PemObject as _};
                let der = CertificateDer::from_pem_slice(&it.cert).unwrap();
                let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
                let certificate = Certificate {
                    serial: parsed.tbs_certificate.serial.to_string(),
                    cert: it.cert.clone(),
                    pubkey: it.pubkey.clone(),
                };
                ledger.certificates.push((it.owner.parse().unwrap(), certificate));
            }
        }
        ledger.sent.push(message.clone());
        Ok(events)
    }
}

#[async_trait]
impl Chain for FakeChain {
    fn address(&self) -> &Address {
        &self.address
    }

    async fn height(&self) -> Result<u64> {
        Ok(self.ask()?.blocks.len() as u64)
    }

    async fn block(&self, height: u64) -> Result<Vec<Event>> {
        loop {
            let grown = self.grown.notified();
            if let Some(events) = self.ask()?.blocks.get(height as usize - 1) {
                return Ok(events.clone());
            }
            grown.await;
        }
    }

    async fn open_orders(&self) -> Result<Vec<Order>> {
        let ledger = self.ask()?;
        let open = ledger.orders.values().filter(|it| it.state() == order::State::Open);
        Ok(open.cloned().collect())
    }

    async fn order(&self, id: &OrderId) -> Result<Option<Order>> {
        Ok(self.ask()?.orders.get(id).cloned())
    }

    async fn bid(&self, id: &BidId) -> Result<Option<Bid>> {
        Ok(self.ask()?.bids.get(id).cloned())
    }

    async fn leases(&self) -> Result<Vec<Lease>> {
        let ledger = self.ask()?;
        let ours = ledger.leases.values().filter(|it| it.id.provider == self.address.to_string());
        Ok(ours.filter(|it| crate::chain::live::is_live(it)).cloned().collect())
    }

    async fn lease(&self, id: &LeaseId) -> Result<Option<Lease>> {
        Ok(self.ask()?.leases.get(id).cloned())
    }

    async fn deployment(&self, id: &DeploymentId) -> Result<Option<Deployment>> {
        Ok(self.ask()?.deployments.get(id).cloned())
    }

    async fn provider(&self) -> Result<Option<Provider>> {
        Ok(self.ask()?.provider.clone())
    }

    async fn audited(&self) -> Result<BTreeMap<String, Vec<Attribute>>> {
        Ok(self.ask()?.audited.clone())
    }

    async fn certificates(&self, owner: &Address) -> Result<Vec<Certificate>> {
        let ledger = self.ask()?;
        let theirs = ledger.certificates.iter().filter(|it| it.0 == *owner);
        Ok(theirs.map(|it| it.1.clone()).collect())
    }

    async fn account_key(&self, owner: &Address) -> Result<Option<[u8; 33]>> {
        Ok(self.ask()?.keys.get(&owner.to_string()).copied())
    }

    async fn takes_declines(&self) -> Result<bool> {
        drop(self.ask()?);
        Ok(true)
    }

    async fn send(&self, messages: Vec<Msg>) -> Result<()> {
        drop(self.ask()?);
        let mut events = Vec::new();
        for message in &messages {
            events.extend(self.apply(message)?);
        }
        self.grow(events);
        Ok(())
    }
}

/// Two CPUs, 4 GiB, 20 GiB of disk, 10 GiB of `beta2`.
pub(crate) fn inventory() -> Inventory {
    let amount = backend::Amount::of;
    Inventory {
        nodes: vec![backend::Node {
            name: "node1".into(),
            os: "linux".into(),
            arch: "amd64".into(),
            cpu_milli: amount(2000),
            memory_bytes: amount(4 << 30),
            ephemeral_bytes: amount(20 << 30),
            storage_classes: vec!["beta2".into()],
            ..backend::Node::default()
        }],
        storage: vec![backend::Pool { class: "beta2".into(), bytes: amount(10 << 30) }],
    }
}

pub(crate) fn config(dir: &Path) -> Config {
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let mut config = Config {
        state_dir: dir.to_owned(),
        host_uri: "https://localhost:8443".into(),
        public_hostname: "provider.example.com".into(),
        attributes: [("region", "us-west"), ("host", "akash")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
        prices: BTreeMap::from([("uact".to_owned(), Prices::reference())]),
        ..Config::default()
    };
    config.gateway.listen = any;
    config.gateway.grpc_listen = Some(any);
    config.ingress.listen = Some(any);
    config.ingress.domain = "ingress.example.com".into();
    config.gateway.body_limit = Size(1 << 20);
    let timers = &mut config.timers;
    let ms = |it| Span(Duration::from_millis(it));
    timers.reconcile_period = ms(200);
    timers.resync_period = ms(500);
    timers.inventory_period = ms(100);
    timers.monitor_retry_period = ms(100);
    timers.monitor_retry_jitter = ms(0);
    timers.monitor_healthcheck_period = ms(200);
    timers.funds_interval = ms(200);
    timers.block_time = ms(1000);
    timers.drain = ms(5000);
    config
}

/// A provider on a chain and in a machine room that outlive it.
pub(crate) struct World {
    pub(crate) chain: Arc<FakeChain>,
    pub(crate) room: Arc<Memory>,
    pub(crate) dir: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> World {
        World {
            chain: FakeChain::new(),
            room: Arc::new(Memory::new(inventory())),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) async fn start(&self) -> Handle {
        self.start_with(|_| {}).await
    }

    pub(crate) async fn start_with(&self, change: impl FnOnce(&mut Config)) -> Handle {
        let mut config = config(self.dir.path());
        change(&mut config);
        let chain: Arc<dyn Chain> = self.chain.clone();
        // A predecessor that was killed may still be letting go of the state folder.
        for _ in 0..100 {
            match crate::run(config.clone(), Arc::clone(&chain), self.room.clone()).await {
                Err(crate::Error::Store(crate::store::Error::Locked(_))) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                other => return other.unwrap(),
            }
        }
        panic!("the state folder stays locked");
    }

    /// An order, our bid on it, and the lease.
    pub(crate) async fn lease(&self, owner: u8, dseq: u64, job: &Job) -> LeaseId {
        let order = self.chain.deploy(owner, dseq, job);
        eventually("a bid", || self.chain.bid_state(&order) == Some(bid::State::Open)).await;
        self.chain.take_bid(&order, &account(PROVIDER))
    }
}

/// Waits for a state, never for a time.
pub(crate) async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    for _ in 0..500 {
        if check() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never came: {what}");
}

/// The leases that something runs for.
pub(crate) async fn running(room: &Memory) -> BTreeSet<LeaseId> {
    use backend::Backend as _;
    room.list().await.unwrap().into_iter().map(|it| it.lease).collect()
}

pub(crate) fn token_of(number: u8) -> String {
    let now = u64::try_from(crate::service::unix_now()).unwrap();
    client::gateway::jwt::mint(&signer(number), now)
}

/// What the tests sign with.
pub(crate) fn address_text(number: u8) -> String {
    signer(number).address().to_owned()
}
