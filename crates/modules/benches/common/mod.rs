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
            abci::{
                CommitInfo, RequestCheckTx, RequestCommit, RequestFinalizeBlock, RequestInitChain,
                VoteInfo,
            },
            types::{BlockParams, ConsensusParams},
        },
    },
};

pub(crate) const CHAIN: &str = "test-1";
pub(crate) const GENESIS_SECONDS: i64 = 1_700_000_000;
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
    pub(crate) height: i64,
    /// Who signed each block before.
    pub(crate) votes: Vec<VoteInfo>,
}

/// What something took.
#[derive(Clone, Copy, Default)]
pub(crate) struct Took {
    /// The time that this thread ran.
    pub(crate) ran: Duration,
    pub(crate) elapsed: Duration,
}

impl std::ops::AddAssign for Took {
    fn add_assign(&mut self, other: Self) {
        self.ran += other.ran;
        self.elapsed += other.elapsed;
    }
}

pub(crate) fn measured<T>(f: impl FnOnce() -> T) -> (T, Took) {
    let (started, ran) = (Instant::now(), cpu_time());
    let outcome = f();
    let took = Took { elapsed: started.elapsed(), ran: cpu_time().saturating_sub(ran) };
    (outcome, took)
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
        let mut chain = Self { app, height: 0, votes: Vec::new() };
        chain.block(Vec::new());
        chain
    }

    /// Over a store that has state already.
    pub(crate) fn over(store: Store) -> Self {
        let height = i64::try_from(store.version().height).unwrap();
        Self { app: App::new(store, Config::default()).unwrap(), height, votes: Vec::new() }
    }

    /// Executes and commits; every transaction must succeed.
    pub(crate) fn block(&mut self, txs: Vec<Vec<u8>>) -> Took {
        let (mut took, commit) = self.block_in_parts(txs);
        took += commit;
        took
    }

    /// Execution with the new root, and commit.
    pub(crate) fn block_in_parts(&mut self, txs: Vec<Vec<u8>>) -> (Took, Took) {
        self.height += 1;
        let request = RequestFinalizeBlock {
            txs,
            height: self.height,
            time: Timestamp { seconds: GENESIS_SECONDS + self.height * 6, nanos: 0 },
            decided_last_commit: CommitInfo { round: 0, votes: self.votes.clone() },
            ..RequestFinalizeBlock::default()
        };
        let (response, executed) = measured(|| self.app.finalize_block(request).unwrap());
        let (_, committed) = measured(|| self.app.commit(RequestCommit {}).unwrap());
        let failed = response.tx_results.iter().find(|it| it.code != 0);
        assert!(failed.is_none(), "{failed:?}");
        (executed, committed)
    }

    /// Verifies signatures ahead, as the mempool does, so that the block need not.
    pub(crate) fn check(&self, txs: &[Vec<u8>]) {
        for tx in txs {
            let request = RequestCheckTx { tx: tx.clone(), ..RequestCheckTx::default() };
            let answer = self.app.check_tx(request).unwrap();
            assert_eq!(answer.code, 0, "{}", answer.log);
        }
    }

    pub(crate) fn query<Q: Message + Name, A: Message + Default>(
        &self,
        path: &str,
        request: &Q,
    ) -> (A, Took) {
        let bytes = request.encode_to_vec();
        let (answer, took) = measured(|| self.app.grpc_query(path, &bytes, 0).unwrap());
        let (bytes, _) = answer.unwrap_or_else(|it| panic!("{path}: {it:?}"));
        (A::decode(bytes.as_slice()).unwrap(), took)
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

/// The time this thread has run on a core so far: other work on the machine does not count.
pub(crate) fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
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

/// The time that so many percent do not pass.
pub(crate) fn part(times: &[Duration], percent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times.get(times.len() * percent / 100).copied().unwrap_or_default()
}

/// Runs as on a machine with one core: nobody helps this thread.
pub(crate) fn on_one_core<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(f)
}

/// Exits with 1 if a bound was missed.
pub(crate) fn verdict(missed: &[String]) {
    if missed.is_empty() {
        println!("every bound holds");
        return;
    }
    println!("missed: {}", missed.join("; "));
    std::process::exit(1);
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
