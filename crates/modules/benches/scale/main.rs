//! Messages and lists of the market over a long history: 2 million closed orders, 200,000 leases
//! and 1,000 providers, against the same over 1,000 orders.
//!
//! `cargo bench -p modules --bench scale`; exit 1 past a limit. `HAGGLE_SCALE=100` fills a hundredth;
//! the whole needs about 5 GiB of memory, 4 GiB below `TMPDIR` and some minutes.
//!
//! How it fills: three lives are lived with real transactions (a deployment with a hundred closed
//! orders, one with a lease, one with an open order). What they left in the stores is then written
//! again and again under other owners, providers and numbers, straight into the store, which then has
//! the time to sort its tables, as a node has between blocks.
//!
//! How it measures: both worlds live in one process and take turns, block by block and query by
//! query, so that whatever else the machine does hits both. Bounds are on the time that the thread
//! ran: ratios of medians, and p95. Elapsed time stands beside it. Each list is asked twice: the p95 is
//! of the first times, when the rows are not in the store's cache, the ratio of the second, since
//! over the small history all rows are one person's and always there.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench reports and may panic"
)]
#![expect(clippy::disallowed_types, reason = "a benchmark has a clock")]

#[path = "../common/mod.rs"]
mod common;

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use common::*;
use ledger::{store_names, testing::Signer};
use modules::Market;
use prost::{Message, Name};
use store::{Options, Range, Store};
use types::wire::{
    akash::{
        deployment::v1beta4::{
            DeploymentFilters, MsgPauseGroup, MsgStartGroup, QueryDeploymentsRequest,
            QueryDeploymentsResponse,
        },
        market::{
            v1::LeaseFilters,
            v1beta5::{
                OrderFilters, QueryLeasesRequest, QueryLeasesResponse, QueryOrdersRequest,
                QueryOrdersResponse,
            },
        },
    },
    cosmos::base::query::v1beta1::PageRequest,
};

const PEOPLE: u64 = 1_000;
/// Closed orders of the life that has many.
const ORDERS_PER_LIFE: u64 = 100;
/// Numbers of seven digits and four bytes, so that one can stand for another.
const FIRST_DSEQ: u64 = 3_000_000;
const ACTORS: usize = 200;
const ROUNDS: u64 = 21;
const QUERIES: usize = 300;

/// In hundredths.
const RATIO_MAX: u128 = 150;
const P95_MAX: Duration = Duration::from_millis(20);

/// How much history there is.
struct Size {
    name: &'static str,
    closed_orders: u64,
    leases: u64,
    open_orders: u64,
    /// Over so many tenants and providers the leases are spread.
    people: u64,
}

fn main() {
    let divisor: u64 =
        std::env::var("HAGGLE_SCALE").ok().and_then(|it| it.parse().ok()).unwrap_or(1);
    let folder = tempfile::tempdir().unwrap();
    let tenants = signers(0, PEOPLE);
    let providers = signers(PEOPLE, PEOPLE);
    let base = Base::live(&folder.path().join("base"), &tenants, &providers);

    let small =
        Size { name: "small", closed_orders: 600, leases: 200, open_orders: 200, people: 1 };
    let leases = 200_000 / divisor;
    let large = Size {
        name: "large",
        closed_orders: 2_000_000 / divisor,
        leases,
        open_orders: 5_000 / divisor.min(20),
        // Two hundred leases each.
        people: (leases / 200).clamp(1, PEOPLE),
    };
    let mut worlds = [
        World::new(folder.path(), &base, small, &tenants, &providers),
        World::new(folder.path(), &base, large, &tenants, &providers),
    ];
    for round in 0..ROUNDS {
        for step in STEPS {
            worlds.iter_mut().for_each(|it| it.block(round, step));
        }
    }
    for list in LISTS {
        for at in 0..QUERIES {
            worlds.iter_mut().for_each(|it| it.query(list, at));
        }
    }

    let memory = resident_mib();
    let [small, large] = worlds;
    let mut missed = Vec::new();
    println!("{:<40} {:>10} {:>10}  ratio", "median, microseconds", "small", "large");
    let mut line = |name: &str, small: Duration, large: Duration, more: &str| {
        println!(
            "market::scale/{name:<26} {:>10} {:>10}  {:>5}{more}",
            small.as_micros(),
            large.as_micros(),
            ratio(large, small),
        );
        if hundredths(large, small) > RATIO_MAX {
            missed.push(format!("{name} takes more than 1.50 times as long"));
        }
    };
    for (name, _) in STEPS {
        line(name, small.message(name), large.message(name), "");
    }
    let mut late = Vec::new();
    for list in LISTS {
        let (small, large) = (small.list(list.name), large.list(list.name));
        let p95 = large.p95();
        let more = format!(
            "  first asked {} ({}), p95 {} ({} elapsed), {} rows",
            part(&large.first, 50).as_micros(),
            ratio(part(&large.first, 50), part(&small.first, 50)),
            p95.as_micros(),
            large.p95_elapsed().as_micros(),
            large.rows
        );
        line(list.name, part(&small.again, 50), part(&large.again, 50), &more);
        if p95 > P95_MAX {
            late.push(format!("{} has a p95 above 20 ms", list.name));
        }
    }
    println!("market::scale/memory: {memory} MiB resident, both worlds together");
    missed.extend(late);
    verdict(&missed);
}

type Pair = (Vec<u8>, Vec<u8>);
/// By store name.
type Rows = BTreeMap<&'static str, Vec<Pair>>;

/// A state with everybody registered, and what three lives left in it.
struct Base {
    rows: Rows,
    sequences: Vec<u64>,
    closed: Life,
    leased: Life,
    open: Life,
}

/// What one tenant's deployment left in the stores.
struct Life {
    rows: Rows,
    owner: String,
    provider: String,
    dseq: u64,
}

impl Base {
    fn live(path: &Path, tenants: &[Signer], providers: &[Signer]) -> Self {
        let mut providers = providers.to_vec();
        let mut lives = signers(2 * PEOPLE, 4);
        let mut chain = Chain::new(open(path), &genesis(&[tenants, &providers, lives.as_slice()]));
        chain.block(providers.iter_mut().map(|it| sign(it, &register(it))).collect());
        let [closed, leased, open_, host] = lives.as_mut_slice() else { panic!("four lives") };
        chain.block(vec![sign(host, &register(host))]);

        let dseq = |number: u64| FIRST_DSEQ - number;
        let id = deployment(closed, dseq(1)).group(1);
        chain.block(vec![sign(closed, &create(closed, dseq(1)))]);
        for _ in 1..ORDERS_PER_LIFE {
            let pause = sign(closed, &MsgPauseGroup { id: (&id).into() });
            let start = sign(closed, &MsgStartGroup { id: (&id).into() });
            chain.block(vec![pause, start]);
        }
        chain.block(vec![sign(closed, &close(closed, dseq(1)))]);

        chain.block(vec![sign(leased, &create(leased, dseq(2)))]);
        chain.block(vec![sign(host, &bid(leased, dseq(2), host))]);
        chain.block(vec![sign(leased, &lease(leased, dseq(2), host))]);

        chain.block(vec![sign(open_, &create(open_, dseq(3)))]);
        drop(chain);

        let snapshot = open(path).latest();
        let mut rows = Rows::new();
        for name in store_names::<Market>() {
            let pairs = snapshot.range(name, Range::prefix(&[]), false).unwrap();
            rows.insert(name, pairs.map(Result::unwrap).collect());
        }
        let life = |who: &Signer, number: u64| Life {
            rows: left_by(&rows, &who.address().to_string()),
            owner: who.address().to_string(),
            provider: host.address().to_string(),
            dseq: dseq(number),
        };
        let (closed, leased, open) = (life(closed, 1), life(leased, 2), life(open_, 3));
        let sequences = providers.iter().map(|it| it.sequence).collect();
        Self { rows, sequences, closed, leased, open }
    }
}

fn open(path: &Path) -> Store {
    Store::open(path, Options { stores: store_names::<Market>(), history: 1 }).unwrap()
}

/// The market's rows that name an owner in their keys.
fn left_by(rows: &Rows, owner: &str) -> Rows {
    let of = |name: &&'static str| {
        let own = rows[name].iter().filter(|(key, _)| find(key, owner.as_bytes()).is_some());
        (*name, own.cloned().collect())
    };
    ["deployment", "escrow", "market", "receipts"].iter().map(of).collect()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|it| it == part)
}

fn replace(text: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len(), "one stands for the other");
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| find(rest, from)) {
        at += found;
        text[at..at + to.len()].copy_from_slice(to);
        at += to.len();
    }
}

fn varint(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(number, &mut bytes);
    bytes
}

impl Life {
    /// The same life of somebody else.
    fn again(&self, owner: &str, provider: &str, dseq: u64, into: &mut store::Changes) {
        let numbers = [
            (self.dseq.to_be_bytes().to_vec(), dseq.to_be_bytes().to_vec()),
            (varint(self.dseq), varint(dseq)),
            (self.dseq.to_string().into_bytes(), dseq.to_string().into_bytes()),
        ];
        for (name, pairs) in &self.rows {
            let store = into.entry(name).or_default();
            for (key, value) in pairs {
                let (mut key, mut value) = (key.clone(), value.clone());
                for text in [&mut key, &mut value] {
                    replace(text, self.owner.as_bytes(), owner.as_bytes());
                    replace(text, self.provider.as_bytes(), provider.as_bytes());
                }
                replace(&mut key, &numbers[0].0, &numbers[0].1);
                replace(&mut key, &numbers[2].0, &numbers[2].1);
                replace(&mut value, &numbers[1].0, &numbers[1].1);
                store.insert(key, Some(value));
            }
        }
    }
}

type Step = (&'static str, fn(&mut Signer, &mut Signer, u64) -> Vec<u8>);

const STEPS: [Step; 5] = [
    ("create", |tenant, _, dseq| sign(tenant, &create(tenant, dseq))),
    ("bid", |tenant, provider, dseq| sign(provider, &bid(tenant, dseq, provider))),
    ("lease", |tenant, provider, dseq| sign(tenant, &lease(tenant, dseq, provider))),
    ("withdraw", |tenant, provider, dseq| sign(provider, &withdraw(tenant, dseq, provider))),
    ("close", |tenant, _, dseq| sign(tenant, &close(tenant, dseq))),
];

/// A list query of at most a hundred rows.
struct List {
    name: &'static str,
    ask: fn(&World, usize) -> (usize, Took),
}

const LISTS: [&List; 3] = [
    &List {
        name: "list of open orders",
        ask: |world, _| {
            let request = QueryOrdersRequest {
                filters: OrderFilters { state: "open".to_owned(), ..OrderFilters::default() },
                pagination: page(),
            };
            let rows = |it: &QueryOrdersResponse| it.orders.len();
            world.ask("/akash.market.v1beta5.Query/Orders", &request, rows)
        },
    },
    &List {
        name: "list of a provider's leases",
        ask: |world, at| {
            let request = QueryLeasesRequest {
                filters: LeaseFilters {
                    provider: world.person(&world.provider_names, at),
                    state: "active".to_owned(),
                    ..LeaseFilters::default()
                },
                pagination: page(),
            };
            let rows = |it: &QueryLeasesResponse| it.leases.len();
            world.ask("/akash.market.v1beta5.Query/Leases", &request, rows)
        },
    },
    &List {
        name: "list of a tenant's deployments",
        ask: |world, at| {
            let request = QueryDeploymentsRequest {
                filters: DeploymentFilters {
                    owner: world.person(&world.tenant_names, at),
                    state: "active".to_owned(),
                    ..DeploymentFilters::default()
                },
                pagination: page(),
            };
            let rows = |it: &QueryDeploymentsResponse| it.deployments.len();
            world.ask("/akash.deployment.v1beta4.Query/Deployments", &request, rows)
        },
    },
];

fn page() -> Option<PageRequest> {
    Some(PageRequest { limit: 100, ..PageRequest::default() })
}

#[derive(Default)]
struct ListTimes {
    rows: usize,
    /// Of the thread's own time, when somebody's rows are asked for the first time.
    first: Vec<Duration>,
    first_elapsed: Vec<Duration>,
    /// The same, asked again: as over the small history, where all rows are one person's.
    again: Vec<Duration>,
}

impl ListTimes {
    fn p95(&self) -> Duration {
        part(&self.first, 95)
    }

    fn p95_elapsed(&self) -> Duration {
        part(&self.first_elapsed, 95)
    }
}

/// A chain over a filled store, and what everything takes on it.
struct World {
    size: Size,
    chain: Chain,
    tenants: Vec<Signer>,
    providers: Vec<Signer>,
    tenant_names: Vec<String>,
    provider_names: Vec<String>,
    /// Per transaction: execution and commit, signatures verified ahead.
    messages: BTreeMap<&'static str, Vec<Duration>>,
    lists: BTreeMap<&'static str, ListTimes>,
}

impl World {
    fn new(
        folder: &Path,
        base: &Base,
        size: Size,
        tenants: &[Signer],
        providers: &[Signer],
    ) -> Self {
        let names = |it: &[Signer]| it.iter().map(|it| it.address().to_string()).collect();
        let (tenant_names, provider_names): (Vec<_>, Vec<_>) = (names(tenants), names(providers));
        let store = fill(&folder.join(size.name), base, &size, &tenant_names, &provider_names);
        let mut providers = providers[..ACTORS].to_vec();
        for (provider, sequence) in providers.iter_mut().zip(&base.sequences) {
            provider.sequence = *sequence;
        }
        Self {
            size,
            chain: Chain::over(store),
            tenants: tenants[..ACTORS].to_vec(),
            providers,
            tenant_names,
            provider_names,
            messages: BTreeMap::new(),
            lists: BTreeMap::new(),
        }
    }

    fn block(&mut self, round: u64, (name, step): Step) {
        let people = self.tenants.iter_mut().zip(&mut self.providers);
        let txs: Vec<Vec<u8>> =
            people.map(|(tenant, provider)| step(tenant, provider, 9_000_000 + round)).collect();
        self.chain.check(&txs);
        let took = self.chain.block(txs).ran / u32::try_from(ACTORS).unwrap();
        self.messages.entry(name).or_default().push(took);
    }

    fn query(&mut self, list: &List, at: usize) {
        let (rows, took) = (list.ask)(self, at);
        let (_, again) = (list.ask)(self, at);
        let times = self.lists.entry(list.name).or_default();
        times.rows = rows;
        times.first_elapsed.push(took.elapsed);
        times.first.push(took.ran);
        times.again.push(again.ran);
    }

    fn ask<Q: Message + Name, A: Message + Default>(
        &self,
        path: &str,
        request: &Q,
        rows: impl Fn(&A) -> usize,
    ) -> (usize, Took) {
        let (answer, took) = self.chain.query(path, request);
        (rows(&answer), took)
    }

    fn person(&self, names: &[String], at: usize) -> String {
        names[at % usize::try_from(self.size.people).unwrap()].clone()
    }

    fn message(&self, name: &str) -> Duration {
        part(&self.messages[name], 50)
    }

    fn list(&self, name: &str) -> &ListTimes {
        &self.lists[name]
    }
}

/// Writes the base and the lives, again and again.
fn fill(path: &Path, base: &Base, size: &Size, tenants: &[String], providers: &[String]) -> Store {
    let started = Instant::now();
    let resident_before = resident_mib();
    let store = open(path);
    let mut changes: store::Changes = base
        .rows
        .iter()
        .map(|(name, pairs)| {
            (*name, pairs.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect())
        })
        .collect();
    let lives = [
        (&base.closed, size.closed_orders / ORDERS_PER_LIFE),
        (&base.leased, size.leases),
        (&base.open, size.open_orders),
    ];
    let (mut height, mut dseq, mut pairs) = (1, FIRST_DSEQ, 0);
    for (life, count) in lives {
        for number in 0..count {
            let tenant = &tenants[usize::try_from(number % size.people).unwrap()];
            let provider = &providers[usize::try_from((number / 7) % size.people).unwrap()];
            dseq += 1;
            life.again(tenant, provider, dseq, &mut changes);
            if changes.values().map(BTreeMap::len).sum::<usize>() > 200_000 {
                pairs += changes.values().map(BTreeMap::len).sum::<usize>();
                store.commit(height, &std::mem::take(&mut changes), false).unwrap();
                height += 1;
            }
        }
    }
    pairs += changes.values().map(BTreeMap::len).sum::<usize>();
    store.commit(height, &changes, false).unwrap();
    store.flush().unwrap();
    drop(changes);
    let filled = started.elapsed();
    store.settle().unwrap();
    println!(
        "filled with {} closed orders, {} leases, {} open orders: {pairs} pairs in {} s, settled in \
         {} s; resident memory {} MiB, {} MiB before",
        size.closed_orders,
        size.leases,
        size.open_orders,
        filled.as_secs(),
        (started.elapsed() - filled).as_secs(),
        resident_mib(),
        resident_before
    );
    store
}

/// Of this process, by the kernel.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap_or_default();
    let kib = line.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}
