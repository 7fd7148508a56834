//! The provider at work: follows the chain, looks at orders, holds leases, and watches the clock.
//!
//! Called by: [`crate::run`]. Calls: the chain, the machine room, the store. Every duty is
//! level-triggered: what an event misses, the next [`Service::resync`] finds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use backend::Backend;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use types::{
    Address,
    ids::{LeaseId, OrderId},
    wire::akash::market::{
        v1::{Lease, LeaseClosedReason},
        v1beta5::bid,
    },
};

use crate::{
    chain::{self, Chain, Event, Msg, live::is_live},
    config::{Checked, Config},
    events::EventLog,
    hostnames::Hostnames,
    inventory::Ledger,
    pricing::Strategy,
    state::{Held, Phase, State},
    store::{self, Store},
    workload::Surroundings,
};

/// How often a message is offered again to a chain that does not answer.
const SEND_TRIES: u32 = 4;
/// How long until a close that failed is tried again.
const CLOSE_RETRY: Duration = Duration::from_secs(10);
/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(200);
/// At most this many orders are looked at side by side.
const CONSIDERED_MAX: usize = 32;

/// One provider.
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) strategy: Strategy,
    pub(crate) deposit: (u128, String),
    pub(crate) address: Address,
    pub(crate) chain: Arc<dyn Chain>,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) store: Store,
    pub(crate) around: Surroundings,
    /// Rings when wanted and found workloads should be compared.
    pub(crate) hint: Notify,
    pub(crate) events: EventLog,
    /// Grows whenever a host name may lead elsewhere.
    pub(crate) routes: AtomicU64,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    considering: tokio::sync::Semaphore,
    state: Mutex<State>,
}

impl Service {
    /// Reads the store; asks nobody yet.
    pub(crate) fn open(
        checked: Checked,
        chain: Arc<dyn Chain>,
        backend: Arc<dyn Backend>,
    ) -> Result<Arc<Service>, store::Error> {
        let Checked { config, strategy, deposit } = checked;
        let store = Store::open(&config.state_dir)?;
        let hostnames = Hostnames::new(&config.ingress.blocked_hostnames, store.hostnames()?);
        let state = State {
            kept: store.kept()?.into_iter().map(|it| (it.lease.clone(), it)).collect(),
            hostnames,
            ledger: Ledger::new(config.commit(), config.caps()),
            ..State::default()
        };
        Ok(Arc::new(Service {
            around: Surroundings {
                public_hostname: config.public_hostname.clone(),
                ingress_domain: config.ingress.domain.clone(),
            },
            address: chain.address().clone(),
            hint: Notify::new(),
            events: EventLog::default(),
            routes: AtomicU64::new(1),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            considering: tokio::sync::Semaphore::new(CONSIDERED_MAX),
            state: Mutex::new(state),
            config,
            strategy,
            deposit,
            chain,
            backend,
            store,
        }))
    }

    /// Never hold it across an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Runs until the service stops.
    pub(crate) fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Follows the chain block by block, without gaps, until the service stops.
    pub(crate) async fn follow(self: Arc<Self>) {
        loop {
            let next = self.state().height + 1;
            match self.chain.block(next).await {
                Ok(events) => {
                    for event in events {
                        self.on_event(event).await;
                    }
                    self.state().height = next;
                }
                Err(chain::Error::Unreachable(error)) => {
                    tracing::warn!(%error, height = next, "cannot follow the chain");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(error) => {
                    // The block is gone for good: ask for everything as it is now.
                    tracing::warn!(%error, height = next, "a block cannot be read, asking anew");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    if let Err(error) = self.jump().await {
                        tracing::warn!(%error, "cannot ask the chain for orders and leases");
                    }
                }
            }
        }
    }

    /// Goes on at the latest block, with everything that concerns us asked for anew.
    async fn jump(self: &Arc<Self>) -> Result<(), chain::Error> {
        let height = self.chain.height().await?;
        self.resync().await?;
        let mut state = self.state();
        state.height = state.height.max(height);
        Ok(())
    }

    async fn on_event(self: &Arc<Self>, event: Event) {
        match event {
            Event::OrderCreated(id) => self.look_at(id, false),
            Event::OrderClosed(id) => self.forget_order(&id),
            Event::BidClosed(id) if id.provider == self.address => self.forget_order(&id.order()),
            Event::LeaseCreated(id) if id.provider == self.address => self.won(&id).await,
            Event::LeaseCreated(id) => self.forget_order(&id.order()),
            Event::LeaseClosed(id, reason) if id.provider == self.address => {
                tracing::info!(lease = %id, %reason, "lease closed");
                self.lost(&id);
            }
            Event::ReclaimStarted(id) if id.provider == self.address => {
                tracing::info!(lease = %id, "lease is being reclaimed");
            }
            Event::DeploymentUpdated(id, hash) => {
                let mut state = self.state();
                if state.leases.keys().any(|it| it.deployment() == id) {
                    state.hashes.insert(id, hash);
                }
            }
            Event::DeploymentClosed(id) => {
                self.state().hashes.remove(&id);
            }
            Event::AuditChanged(owner) if owner == self.address => self.state().audited = None,
            Event::ProviderChanged(owner) if owner == self.address => {
                if let Err(error) = self.read_attributes().await {
                    tracing::warn!(%error, "cannot read our own record");
                }
            }
            _ => {}
        }
    }

    fn look_at(self: &Arc<Self>, id: OrderId, catch_up: bool) {
        let this = Arc::clone(self);
        self.spawn(async move {
            let Ok(_turn) = this.considering.acquire().await else { return };
            this.consider(id, catch_up).await;
        });
    }

    /// The order is not for us any more.
    fn forget_order(&self, id: &OrderId) {
        let mut state = self.state();
        if state.orders.remove(id).is_some() && !state.leases.keys().any(|it| it.order() == *id) {
            state.ledger.release(id);
        }
    }

    async fn won(self: &Arc<Self>, id: &LeaseId) {
        tracing::info!(lease = %id, "lease won");
        match self.chain.lease(id).await {
            Ok(Some(lease)) if is_live(&lease) => {
                if let Err(error) = self.hold(&lease).await {
                    tracing::warn!(lease = %id, %error, "cannot read the order of a lease");
                }
            }
            Ok(_) => self.forget_order(&id.order()),
            Err(error) => tracing::warn!(lease = %id, %error, "cannot read a lease"),
        }
    }

    /// Takes on a live lease: from an event, or found at a resync. May be called again.
    async fn hold(self: &Arc<Self>, lease: &Lease) -> Result<(), chain::Error> {
        let id = LeaseId::try_from(&lease.id)
            .map_err(|it| chain::Error::Other(format!("lease id: {it}")))?;
        let reserved = self.state().ledger.of_order(&id.order()).is_some();
        let group = if reserved { None } else { self.chain.order(&id.order()).await? };
        let mut state = self.state();
        state.orders.remove(&id.order());
        let has_manifest = state.kept.contains_key(&id);
        if let Some(order) = group {
            state.ledger.adopt(&id.order(), &order.spec, has_manifest);
        }
        if state.leases.contains_key(&id) {
            return Ok(());
        }
        let now = Instant::now();
        let timers = &self.config.timers;
        let after = |span: Duration| (!span.is_zero()).then(|| now + span);
        state.leases.insert(
            id.clone(),
            Held {
                manifest_until: if has_manifest { None } else { after(timers.manifest_timeout.0) },
                check_funds_at: now + timers.funds_interval.0.min(Duration::from_secs(60)),
                withdraw_at: after(timers.withdrawal_period.0),
                monitor_at: now + timers.monitor_retry_period.0,
                failures: 0,
                ready: false,
                closing: None,
                error: None,
            },
        );
        drop(state);
        self.hint.notify_one();
        Ok(())
    }

    /// The chain says that the lease is over: everything of it goes.
    pub(crate) fn lost(&self, id: &LeaseId) {
        let mut state = self.state();
        state.leases.remove(id);
        if state.kept.remove(id).is_some()
            && let Err(error) = self.store.remove(id)
        {
            tracing::error!(lease = %id, %error, "cannot remove a kept manifest");
        }
        let group = id.group();
        if !state.kept.keys().any(|it| it.group() == group) {
            state.hostnames.release(&group);
        }
        self.keep_hostnames(&state.hostnames);
        state.over.insert(id.clone());
        drop(state);
        self.hint.notify_one();
    }

    /// Host names or manifests changed: keeps the names, and lets the ingress look again.
    pub(crate) fn keep_hostnames(&self, hostnames: &Hostnames) {
        self.routes.fetch_add(1, Ordering::Release);
        if let Err(error) = self.store.put_hostnames(&hostnames.rows()) {
            tracing::error!(%error, "cannot keep the host names");
        }
    }

    /// Asks the chain for everything that concerns us, and acts on what the events did not say.
    pub(crate) async fn resync(self: &Arc<Self>) -> Result<(), chain::Error> {
        let height = self.chain.height().await?;
        self.read_attributes().await?;
        let leases = self.chain.leases().await?;
        for lease in &leases {
            self.hold(lease).await?;
        }
        let listed: Vec<LeaseId> =
            leases.iter().filter_map(|it| LeaseId::try_from(&it.id).ok()).collect();
        let unlisted: Vec<LeaseId> = {
            let state = self.state();
            let known = state.leases.keys().chain(state.kept.keys());
            known.filter(|it| !listed.contains(it)).cloned().collect()
        };
        for id in unlisted {
            let lease = self.chain.lease(&id).await?;
            if !lease.as_ref().is_some_and(is_live) {
                self.lost(&id);
            }
        }

        let orders = self.chain.open_orders().await?;
        let open: Vec<OrderId> =
            orders.iter().filter_map(|it| OrderId::try_from(&it.id).ok()).collect();
        for id in &open {
            let skip = {
                let state = self.state();
                state.orders.contains_key(id)
                    || state.declines.of(id).is_some_and(|it| !it.reason.passes())
            };
            if !skip {
                self.look_at(id.clone(), true);
            }
        }
        let gone: Vec<OrderId> = {
            let state = self.state();
            let bids = state.orders.iter().filter(|(_, it)| **it != Phase::Considering);
            bids.map(|it| it.0.clone()).filter(|it| !open.contains(it)).collect()
        };
        for id in gone {
            let bid = self.chain.bid(&id.bid(self.address.clone())).await?;
            let open =
                bid.is_some_and(|it| matches!(it.state(), bid::State::Open | bid::State::Active));
            if !open {
                self.forget_order(&id);
            }
        }
        let mut state = self.state();
        // Blocks before this are in what was just asked; the first resync starts the following.
        if state.height == 0 {
            state.height = height;
        }
        drop(state);
        self.hint.notify_one();
        Ok(())
    }

    pub(crate) async fn resync_forever(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.config.timers.resync_period.0).await;
            if let Err(error) = self.resync().await {
                tracing::warn!(%error, "cannot ask the chain for orders and leases");
            }
        }
    }

    async fn read_attributes(&self) -> Result<(), chain::Error> {
        if let Some(record) = self.chain.provider().await? {
            self.state().attributes = record.attributes;
        }
        Ok(())
    }

    /// Asks the machine room what there is, again and again.
    pub(crate) async fn take_stock_forever(self: Arc<Self>) {
        let mut well = true;
        loop {
            match self.backend.inventory().await {
                Ok(report) => {
                    well = true;
                    for order in self.state().ledger.refresh(report) {
                        tracing::debug!(%order, "a reservation fits no more");
                    }
                }
                Err(error) => {
                    if std::mem::replace(&mut well, false) {
                        tracing::warn!(%error, "the machine room does not say what it has");
                    }
                }
            }
            tokio::time::sleep(self.config.timers.inventory_period.0).await;
        }
    }

    /// Hints of the machine room: kept for tenants, and a reason to compare.
    pub(crate) async fn listen_forever(self: Arc<Self>) {
        use futures::StreamExt as _;
        loop {
            let mut changes = self.backend.changes();
            while let Some(change) = changes.next().await {
                let heal = change.kind.is_warning() || change.kind == backend::ChangeKind::Died;
                self.events.record(change);
                if heal {
                    self.hint.notify_one();
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Deadlines of orders and leases.
    pub(crate) async fn tick_forever(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.tick(Instant::now());
        }
    }

    fn tick(self: &Arc<Self>, now: Instant) {
        let mut bids: Vec<OrderId> = Vec::new();
        let mut closes: Vec<(LeaseId, LeaseClosedReason)> = Vec::new();
        let mut looks: Vec<LeaseId> = Vec::new();
        let mut funds: Vec<LeaseId> = Vec::new();
        {
            let mut state = self.state();
            for (id, phase) in &mut state.orders {
                let due = match *phase {
                    Phase::Bid { until: Some(until) } => until <= now,
                    Phase::Closing { after } => after <= now,
                    _ => false,
                };
                if due {
                    *phase = Phase::Closing { after: now + CLOSE_RETRY };
                    bids.push(id.clone());
                }
            }
            let timers = &self.config.timers;
            let State { leases, kept, .. } = &mut *state;
            for (id, held) in leases {
                if held.manifest_until.is_some_and(|it| it <= now) && held.closing.is_none() {
                    tracing::warn!(lease = %id, "no manifest came in time");
                    held.closing = Some((LeaseClosedReason::ManifestTimeout, now));
                }
                if let Some((reason, after)) = &mut held.closing
                    && *after <= now
                {
                    *after = now + CLOSE_RETRY;
                    closes.push((id.clone(), *reason));
                }
                if held.monitor_at <= now && held.closing.is_none() && kept.contains_key(id) {
                    held.monitor_at = now + timers.monitor_retry_period.0;
                    looks.push(id.clone());
                }
                let withdraw = held.withdraw_at.is_some_and(|it| it <= now);
                if held.check_funds_at <= now || withdraw {
                    held.check_funds_at = now + timers.funds_interval.0;
                    funds.push(id.clone());
                }
            }
        }
        for id in bids {
            let this = Arc::clone(self);
            self.spawn(async move { this.close_bid(&id).await });
        }
        for (id, reason) in closes {
            let this = Arc::clone(self);
            self.spawn(async move { this.close_lease(&id, reason).await });
        }
        for id in looks {
            let this = Arc::clone(self);
            self.spawn(async move { this.look_after(&id).await });
        }
        for id in funds {
            let this = Arc::clone(self);
            self.spawn(async move { this.check_funds(&id).await });
        }
    }

    /// The time of an open bid is over.
    async fn close_bid(self: &Arc<Self>, id: &OrderId) {
        let bid = id.bid(self.address.clone());
        match self.chain.bid(&bid).await {
            Ok(Some(it)) if it.state() == bid::State::Open => {
                let message = Msg::close_bid(&bid, LeaseClosedReason::Unspecified);
                match self.chain.send(vec![message]).await {
                    Ok(()) => {
                        tracing::info!(order = %id, "bid closed: no lease came in time");
                        self.forget_order(id);
                    }
                    Err(error) => tracing::warn!(order = %id, %error, "cannot close a bid"),
                }
            }
            Ok(Some(it)) if it.state() == bid::State::Active => {
                self.won(&bid.lease()).await;
            }
            Ok(_) => self.forget_order(id),
            Err(error) => tracing::warn!(order = %id, %error, "cannot read a bid"),
        }
    }

    /// Ends a lease from our side, with notice where notice was promised (2.9).
    async fn close_lease(self: &Arc<Self>, id: &LeaseId, reason: LeaseClosedReason) {
        let lease = match self.chain.lease(id).await {
            Ok(Some(lease)) if is_live(&lease) => lease,
            Ok(_) => return self.lost(id),
            Err(error) => {
                tracing::warn!(lease = %id, %error, "cannot read a lease");
                return;
            }
        };
        let message = match &lease.reclamation {
            Some(it) if it.started_at == 0 => Msg::start_reclaim(id, reason),
            Some(it) if it.deadline > unix_now() => return,
            _ => Msg::close_bid(&id.bid(), reason),
        };
        let closes = matches!(message, Msg::CloseBid(_));
        match self.chain.send(vec![message]).await {
            Ok(()) if closes => {
                tracing::warn!(lease = %id, reason = reason.as_str_name(), "lease closed by us");
                self.lost(id);
            }
            Ok(()) => tracing::warn!(lease = %id, "notice given: the lease will be reclaimed"),
            Err(error) => tracing::warn!(lease = %id, %error, "cannot close a lease"),
        }
    }

    /// Offers messages again to a chain that does not answer; other errors are final.
    pub(crate) async fn send_patiently(&self, messages: Vec<Msg>) -> Result<(), chain::Error> {
        let mut pause = Duration::from_millis(500);
        for _ in 1..SEND_TRIES {
            match self.chain.send(messages.clone()).await {
                Err(chain::Error::Unreachable(error)) => {
                    tracing::warn!(%error, "cannot reach the chain, trying again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                done => return done,
            }
        }
        self.chain.send(messages).await
    }
}

pub(crate) fn unix_now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}
