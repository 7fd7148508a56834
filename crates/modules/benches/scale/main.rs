//! Messages and lists of the market over a long history: 2 million closed orders, 200,000 leases
//! and 1,000 providers, against the same over 1,000 orders.
//!
//! `cargo bench -p modules --bench scale`, exit 1 past a limit. `HAGGLE_SCALE=100` fills a hundredth. Ratios are
//! of the time that the executing thread ran, so that other work on the machine does not count;
//! p95 is of elapsed time.
//!
//! How it fills: three lives are lived with real transactions (a deployment with a hundred closed
//! orders, one with a lease, one with an open order). What they left in the stores is then written
//! again and again under other owners, providers and numbers, straight into the store.
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
const ROUNDS: usize = 5;
const QUERIES: usize = 300;

/// In hundredths.
const RATIO_MAX: u128 = 150;
const P95_MAX: Duration = Duration::from_millis(20);

/// How much history there is.
struct Size {
    closed_orders: u64,
    leases: u64,
    open_orders: u64,
}

fn main() {
    let divisor: u64 =
        std::env::var("HAGGLE_SCALE").ok().and_then(|it| it.parse().ok()).unwrap_or(1);
    let folder = tempfile::tempdir().unwrap();
    let tenants = signers(0, PEOPLE);
    let providers = signers(PEOPLE, PEOPLE);
    let base = Base::live(&folder.path().join("base"), &tenants, &providers);

    let small = Size { closed_orders: 600, leases: 200, open_orders: 200 };
    let large = Size {
        closed_orders: 2_000_000 / divisor,
        leases: 200_000 / divisor,
        open_orders: 5_000 / divisor.min(20),
    };
    // Two hundred leases each.
    let people = (large.leases / 200).clamp(1, PEOPLE);
    let before = measure(&folder.path().join("small"), &base, &small, &tenants, &providers, 1);
    let after = measure(&folder.path().join("large"), &base, &large, &tenants, &providers, people);

    let mut bad = false;
    for (name, small) in &before.messages {
        let large = after.messages[name];
        let fails = hundredths(large, *small) > RATIO_MAX;
        bad |= fails;
        println!(
            "market::scale/{name}: {} us over 1,000 orders, {} us at scale, ratio {}{}",
            small.as_micros(),
            large.as_micros(),
            ratio(large, *small),
            if fails { "  OVER 1.50" } else { "" }
        );
    }
    for (name, small) in &before.lists {
        let large = &after.lists[name];
        let slow = hundredths(large.median, small.median) > RATIO_MAX;
        let late = large.p95 > P95_MAX;
        bad |= slow || late;
        println!(
            "market::scale/list {name}, {} rows: {} us over 1,000 orders, {} us at scale, ratio \
             {}{}, p95 {} us{}",
            large.rows,
            small.median.as_micros(),
            large.median.as_micros(),
            ratio(large.median, small.median),
            if slow { "  OVER 1.50" } else { "" },
            large.p95.as_micros(),
            if late { "  OVER 20 ms" } else { "" }
        );
    }
    if bad {
        std::process::exit(1);
    }
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

/// What one world takes.
struct Measured {
    /// Per transaction: execution and commit, signatures verified ahead.
    messages: BTreeMap<&'static str, Duration>,
    lists: BTreeMap<&'static str, ListTimes>,
}

struct ListTimes {
    rows: usize,
    /// Of the thread's own time.
    median: Duration,
    /// Of elapsed time.
    p95: Duration,
}

/// Fills a store and measures. The leases are spread over so many people.
fn measure(
    path: &Path,
    base: &Base,
    size: &Size,
    tenants: &[Signer],
    providers: &[Signer],
    people: u64,
) -> Measured {
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
    let tenant_names: Vec<String> = tenants.iter().map(|it| it.address().to_string()).collect();
    let provider_names: Vec<String> = providers.iter().map(|it| it.address().to_string()).collect();
    let lives = [
        (&base.closed, size.closed_orders / ORDERS_PER_LIFE),
        (&base.leased, size.leases),
        (&base.open, size.open_orders),
    ];
    let (mut height, mut dseq, mut pairs) = (1, FIRST_DSEQ, 0);
    for (life, count) in lives {
        for number in 0..count {
            let tenant = usize::try_from(number % people).unwrap();
            let provider = usize::try_from((number / 7) % people).unwrap();
            dseq += 1;
            life.again(&tenant_names[tenant], &provider_names[provider], dseq, &mut changes);
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
    println!(
        "filled with {} closed orders, {} leases, {} open orders: {pairs} pairs in {} s; resident \
         memory {} MiB, {} MiB before",
        size.closed_orders,
        size.leases,
        size.open_orders,
        started.elapsed().as_secs(),
        resident_mib(),
        resident_before
    );

    let mut tenants = tenants[..ACTORS].to_vec();
    let mut providers = providers[..ACTORS].to_vec();
    for (provider, sequence) in providers.iter_mut().zip(&base.sequences) {
        provider.sequence = *sequence;
    }
    let mut chain = Chain::over(store);
    let mut times: BTreeMap<&'static str, Vec<Duration>> = BTreeMap::new();
    for round in 0..ROUNDS {
        let dseq = 9_000_000 + u64::try_from(round).unwrap();
        type Step = fn(&mut Signer, &mut Signer, u64) -> Vec<u8>;
        let steps: [(&'static str, Step); 5] = [
            ("create", |tenant, _, dseq| sign(tenant, &create(tenant, dseq))),
            ("bid", |tenant, provider, dseq| sign(provider, &bid(tenant, dseq, provider))),
            ("lease", |tenant, provider, dseq| sign(tenant, &lease(tenant, dseq, provider))),
            ("withdraw", |tenant, provider, dseq| {
                sign(provider, &withdraw(tenant, dseq, provider))
            }),
            ("close", |tenant, _, dseq| sign(tenant, &close(tenant, dseq))),
        ];
        for (name, step) in steps {
            let txs: Vec<Vec<u8>> = tenants
                .iter_mut()
                .zip(&mut providers)
                .map(|(tenant, provider)| step(tenant, provider, dseq))
                .collect();
            chain.check(&txs);
            times.entry(name).or_default().push(chain.block(txs));
        }
    }
    let each = u32::try_from(ACTORS).unwrap();
    let messages = times
        .into_iter()
        .map(|(name, mut times)| {
            times.sort();
            (name, times[times.len() / 2] / each)
        })
        .collect();

    let person = |at: usize| at % usize::try_from(people).unwrap();
    let page = || Some(PageRequest { limit: 100, ..PageRequest::default() });
    let mut lists = BTreeMap::new();
    lists.insert(
        "of open orders",
        list(
            &chain,
            "/akash.market.v1beta5.Query/Orders",
            |_| QueryOrdersRequest {
                filters: OrderFilters { state: "open".to_owned(), ..OrderFilters::default() },
                pagination: page(),
            },
            |it: &QueryOrdersResponse| it.orders.len(),
        ),
    );
    lists.insert(
        "of a provider's leases",
        list(
            &chain,
            "/akash.market.v1beta5.Query/Leases",
            |at| QueryLeasesRequest {
                filters: LeaseFilters {
                    provider: provider_names[person(at)].clone(),
                    state: "active".to_owned(),
                    ..LeaseFilters::default()
                },
                pagination: page(),
            },
            |it: &QueryLeasesResponse| it.leases.len(),
        ),
    );
    lists.insert(
        "of a tenant's deployments",
        list(
            &chain,
            "/akash.deployment.v1beta4.Query/Deployments",
            |at| QueryDeploymentsRequest {
                filters: DeploymentFilters {
                    owner: tenant_names[person(at)].clone(),
                    state: "active".to_owned(),
                    ..DeploymentFilters::default()
                },
                pagination: page(),
            },
            |it: &QueryDeploymentsResponse| it.deployments.len(),
        ),
    );
    Measured { messages, lists }
}

fn list<Q: Message + Name, A: Message + Default>(
    chain: &Chain,
    path: &str,
    request: impl Fn(usize) -> Q,
    rows: impl Fn(&A) -> usize,
) -> ListTimes {
    let mut found = 0;
    let (mut times, mut runs) = (Vec::new(), Vec::new());
    for at in 0..QUERIES {
        let (answer, took, ran) = chain.query(path, &request(at));
        found = rows(&answer);
        times.push(took);
        runs.push(ran);
    }
    times.sort();
    runs.sort();
    ListTimes { rows: found, median: runs[QUERIES / 2], p95: times[QUERIES * 95 / 100] }
}

/// Of this process, by the kernel.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap_or_default();
    let kib = line.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}
