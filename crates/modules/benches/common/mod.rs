//! What the benchmarks of the market share: a world of tenants and providers with keys, messages of
//! a lease's life, blocks, and numbers.

#![allow(dead_code, reason = "each benchmark uses a part")]

use std::time::{Duration, Instant};

use ledger::{
    App, Config, Tx,
    sign::{self, SignerData, verify_secp256k1},
    testing::Signer,
};
use modules::Market;
use prost::{Message, Name};
use prost_types::Timestamp;
use serde_json::{Value, json};
use store::Store;
use types::{
    BidId, Coin, Coins, DecCoin, DeploymentId,
    wire::{
        akash::{
            base::{
                deposit::v1::{Deposit, Source},
                resources::v1beta4::{Cpu, Gpu, Memory, ResourceValue, Resources, Storage},
            },
            deployment::v1beta4::{
                GroupSpec, MsgCloseDeployment, MsgCreateDeployment, ResourceUnit,
            },
            market::v1beta5::{MsgCreateBid, MsgCreateLease, MsgWithdrawLease},
            provider::v1beta4::{Info, MsgCreateProvider},
        },
        tendermint::{
            abci::{RequestCheckTx, RequestCommit, RequestFinalizeBlock, RequestInitChain},
            types::{BlockParams, ConsensusParams},
        },
    },
};

const CHAIN: &str = "test-1";
const GENESIS_SECONDS: i64 = 1_700_000_000;
pub(crate) const PRICE: &str = "10uact";

/// A person with a key, whose account number is its place in genesis.
pub(crate) fn signers(first: u64, count: u64) -> Vec<Signer> {
    (first..first + count)
        .map(|number| {
            let mut signer = Signer::new(number, CHAIN);
            signer.account_number = number;
            signer.gas_limit = 5_000_000;
            signer.fee = vec![Coin::new("uakt", 5_000u64).into()];
            signer
        })
        .collect()
}

/// Everybody is rich.
pub(crate) fn genesis(people: &[&[Signer]]) -> Value {
    let coins = || Coins::new(["uact", "uakt"].map(|it| Coin::new(it, 1_000_000_000_000u64)));
    let accounts: Vec<_> =
        people.iter().flat_map(|it| it.iter()).map(|it| (it.address(), coins().unwrap())).collect();
    let mut state = modules::genesis::local(&accounts);
    state["market"]["params"]["order_max_bids"] = json!(500);
    state
}

/// An app with a height.
pub(crate) struct Chain {
    pub(crate) app: App<Market>,
    height: i64,
}

impl Chain {
    pub(crate) fn new(store: Store, genesis: &Value) -> Self {
        let app = App::new(store, Config::default()).unwrap();
        let block = BlockParams { max_bytes: 22_020_096, max_gas: -1 };
        app.init_chain(RequestInitChain {
            chain_id: CHAIN.to_owned(),
            time: Timestamp { seconds: GENESIS_SECONDS, nanos: 0 },
            consensus_params: Some(ConsensusParams { block: Some(block), ..Default::default() }),
            app_state_bytes: genesis.to_string().into_bytes(),
            initial_height: 1,
            ..RequestInitChain::default()
        })
        .unwrap();
        let mut chain = Self { app, height: 0 };
        chain.block(Vec::new());
        chain
    }

    /// Over a store that has state already.
    pub(crate) fn over(store: Store) -> Self {
        let height = i64::try_from(store.version().height).unwrap();
        Self { app: App::new(store, Config::default()).unwrap(), height }
    }

    /// Executes and commits; every transaction must succeed. Returns the time it took this thread.
    pub(crate) fn block(&mut self, txs: Vec<Vec<u8>>) -> Duration {
        self.height += 1;
        let started = cpu_time();
        let response = self
            .app
            .finalize_block(RequestFinalizeBlock {
                txs,
                height: self.height,
                time: Timestamp { seconds: GENESIS_SECONDS + self.height * 6, nanos: 0 },
                ..RequestFinalizeBlock::default()
            })
            .unwrap();
        self.app.commit(RequestCommit {}).unwrap();
        let took = cpu_time().saturating_sub(started);
        let failed = response.tx_results.iter().find(|it| it.code != 0);
        assert!(failed.is_none(), "{failed:?}");
        took
    }

    /// Verifies signatures ahead, as the mempool does, so that the block need not.
    pub(crate) fn check(&self, txs: &[Vec<u8>]) {
        for tx in txs {
            let request = RequestCheckTx { tx: tx.clone(), ..RequestCheckTx::default() };
            let answer = self.app.check_tx(request).unwrap();
            assert_eq!(answer.code, 0, "{}", answer.log);
        }
    }

    /// The answer, how long it took, and how much of that this thread ran.
    pub(crate) fn query<Q: Message + Name, A: Message + Default>(
        &self,
        path: &str,
        request: &Q,
    ) -> (A, Duration, Duration) {
        let bytes = request.encode_to_vec();
        let (started, ran) = (Instant::now(), cpu_time());
        let answer = self.app.grpc_query(path, &bytes, 0).unwrap();
        let (took, ran) = (started.elapsed(), cpu_time().saturating_sub(ran));
        let (bytes, _) = answer.unwrap_or_else(|it| panic!("{path}: {it:?}"));
        (A::decode(bytes.as_slice()).unwrap(), took, ran)
    }
}

/// Signs and counts up.
pub(crate) fn sign<M: Message + Name>(signer: &mut Signer, message: &M) -> Vec<u8> {
    let tx = signer.sign_one(message);
    signer.sequence += 1;
    tx
}

fn funds(amount: u64) -> Deposit {
    Deposit { amount: Coin::new("uact", amount).into(), sources: vec![Source::Balance.into()] }
}

fn value(text: &str) -> ResourceValue {
    ResourceValue { val: text.into() }
}

fn group() -> GroupSpec {
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
    let price = PRICE.parse::<DecCoin>().unwrap().into();
    GroupSpec {
        name: "group".to_owned(),
        resources: vec![ResourceUnit { resource, count: 1, price }],
        ..GroupSpec::default()
    }
}

pub(crate) fn deployment(tenant: &Signer, dseq: u64) -> DeploymentId {
    DeploymentId { owner: tenant.address(), dseq }
}

pub(crate) fn bid_of(tenant: &Signer, dseq: u64, provider: &Signer) -> BidId {
    deployment(tenant, dseq).group(1).order(1).bid(provider.address())
}

pub(crate) fn register(provider: &Signer) -> MsgCreateProvider {
    MsgCreateProvider {
        owner: provider.address().to_string(),
        host_uri: "https://provider.example.com:8443".to_owned(),
        attributes: Vec::new(),
        info: Info::default(),
    }
}

pub(crate) fn create(tenant: &Signer, dseq: u64) -> MsgCreateDeployment {
    MsgCreateDeployment {
        id: (&deployment(tenant, dseq)).into(),
        groups: vec![group()],
        hash: vec![7; 32],
        deposit: funds(5_000_000),
        reclamation: None,
    }
}

pub(crate) fn bid(tenant: &Signer, dseq: u64, provider: &Signer) -> MsgCreateBid {
    MsgCreateBid {
        id: (&bid_of(tenant, dseq, provider)).into(),
        deposit: funds(500_000),
        price: PRICE.parse::<DecCoin>().unwrap().into(),
        resources_offer: Vec::new(),
        reclamation_window: None,
    }
}

pub(crate) fn lease(tenant: &Signer, dseq: u64, provider: &Signer) -> MsgCreateLease {
    MsgCreateLease { bid_id: (&bid_of(tenant, dseq, provider)).into() }
}

pub(crate) fn withdraw(tenant: &Signer, dseq: u64, provider: &Signer) -> MsgWithdrawLease {
    MsgWithdrawLease { id: (&bid_of(tenant, dseq, provider).lease()).into() }
}

pub(crate) fn close(tenant: &Signer, dseq: u64) -> MsgCloseDeployment {
    MsgCloseDeployment { id: (&deployment(tenant, dseq)).into() }
}

/// The time this thread has run on a core so far, by the kernel: other work on the machine does not
/// count. Elapsed time where the kernel does not say.
pub(crate) fn cpu_time() -> Duration {
    static BEGAN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let run = stat.split_whitespace().next().and_then(|it| it.parse().ok());
    run.map_or_else(|| BEGAN.elapsed(), Duration::from_nanos)
}

/// How long bare verification of these transactions' signatures takes, on this core.
pub(crate) fn bare_verification(signed: &[(Signer, Vec<u8>)]) -> Duration {
    let prepared: Vec<_> = signed
        .iter()
        .map(|(signer, bytes)| {
            let tx = Tx::decode(bytes).unwrap();
            let address = signer.address();
            let data = SignerData {
                chain_id: CHAIN,
                address: &address,
                account_number: signer.account_number,
                sequence: signer.sequence,
                index: 0,
            };
            let message = sign::sign_bytes(&tx, 1, &data).unwrap();
            (signer.public_key(), message, tx.signatures.first().unwrap().clone())
        })
        .collect();
    let started = cpu_time();
    for (key, message, signature) in &prepared {
        assert!(verify_secp256k1(key, message, signature));
    }
    cpu_time().saturating_sub(started)
}

pub(crate) fn per_second(count: usize, took: Duration) -> u128 {
    count as u128 * 1_000_000 / took.as_micros().max(1)
}

/// `1.25`.
pub(crate) fn ratio(one: Duration, other: Duration) -> String {
    let hundredths = hundredths(one, other);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

pub(crate) fn hundredths(one: Duration, other: Duration) -> u128 {
    one.as_nanos() * 100 / other.as_nanos().max(1)
}
