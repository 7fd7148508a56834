//! A toy application and a small network, for the tests of this crate.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    clippy::print_stdout,
    clippy::allow_attributes,
    reason = "each test binary uses its own share of these helpers"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use consensus::{
    Answer, Application, Config, GenesisDoc, GenesisValidator, Halt, Handle, Timeouts, ValidatorKey,
};
use prost_types::Timestamp;
use sha2::{Digest, Sha256};
use types::wire::tendermint::{
    abci,
    crypto::{PublicKey, public_key},
};

/// Keeps `key=value` pairs. Transactions are text: `key=value` sets, `fail` fails,
/// `power:<hex key>=<n>` changes a validator, `refuse` is refused by CheckTx, `halt` breaks the
/// node. Precommits are extended with the height where the parameters ask for it.
///
/// With a folder it survives kills: state is written beside and renamed, only at commit.
pub struct Toy {
    inner: std::sync::Mutex<Inner>,
    folder: Option<PathBuf>,
    /// Where the node breaks, at the first block with a transaction.
    pub trap: std::sync::Mutex<Option<Trap>>,
    /// The first height that is for another build.
    pub not_ready_at: std::sync::Mutex<Option<u64>>,
    /// Only heights that this divides are written; what comes after is lost with the process.
    pub write_every: std::sync::atomic::AtomicU64,
}

/// A moment in the life of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// The block is durable, nothing is executed.
    BeforeExecution,
    /// Results are durable, the application has not committed.
    BeforeCommit,
    /// The application has committed, the state record is not written.
    AfterCommit,
}

#[derive(Default)]
struct Inner {
    committed: State,
    working: State,
    pub checks: u64,
    misbehavior: Vec<abci::Misbehavior>,
    extensions: u64,
}

#[derive(Clone, Default, borsh::BorshSerialize, borsh::BorshDeserialize)]
struct State {
    height: u64,
    app_hash: Vec<u8>,
    pairs: BTreeMap<String, String>,
    txs: u64,
}

impl Toy {
    pub fn new() -> Arc<Toy> {
        Toy::with(Inner::default(), None)
    }

    pub fn in_folder(folder: &Path) -> Arc<Toy> {
        fs::create_dir_all(folder).unwrap();
        let state = match fs::read(folder.join("state")) {
            Ok(bytes) => borsh::from_slice(&bytes).unwrap(),
            Err(_) => State::default(),
        };
        let inner = Inner { committed: state, ..Inner::default() };
        Toy::with(inner, Some(folder.to_owned()))
    }

    fn with(inner: Inner, folder: Option<PathBuf>) -> Arc<Toy> {
        let (trap, not_ready_at, write_every) = (Default::default(), Default::default(), 1.into());
        Arc::new(Toy { inner: inner.into(), folder, trap, not_ready_at, write_every })
    }

    fn spring(&self, trap: Trap) -> Answer<()> {
        match *self.trap.lock().unwrap() == Some(trap) {
            true => Err(Halt::new(format!("trapped {trap:?}"))),
            false => Ok(()),
        }
    }

    pub fn txs(&self) -> u64 {
        self.inner.lock().unwrap().committed.txs
    }

    pub fn height(&self) -> u64 {
        self.inner.lock().unwrap().committed.height
    }

    pub fn app_hash(&self) -> Vec<u8> {
        self.inner.lock().unwrap().committed.app_hash.clone()
    }

    pub fn get(&self, key: &str) -> Option<String> {
        self.inner.lock().unwrap().committed.pairs.get(key).cloned()
    }

    pub fn misbehavior(&self) -> Vec<abci::Misbehavior> {
        self.inner.lock().unwrap().misbehavior.clone()
    }

    /// How many extensions proposers were given.
    pub fn extensions(&self) -> u64 {
        self.inner.lock().unwrap().extensions
    }

    pub fn checks(&self) -> u64 {
        self.inner.lock().unwrap().checks
    }
}

impl Application for Toy {
    fn info(&self, _: abci::RequestInfo) -> Answer<abci::ResponseInfo> {
        let inner = self.inner.lock().unwrap();
        Ok(abci::ResponseInfo {
            data: "toy".to_owned(),
            last_block_height: i64::try_from(inner.committed.height).unwrap(),
            last_block_app_hash: inner.committed.app_hash.clone(),
            ..Default::default()
        })
    }

    fn ready(&self, height: u64) -> Answer<()> {
        match *self.not_ready_at.lock().unwrap() {
            Some(stop) if height >= stop => Err(Halt::planned(format!("not for {height}"))),
            _ => Ok(()),
        }
    }

    fn init_chain(&self, _: abci::RequestInitChain) -> Answer<abci::ResponseInitChain> {
        Ok(abci::ResponseInitChain { app_hash: vec![7; 32], ..Default::default() })
    }

    fn check_tx(&self, request: abci::RequestCheckTx) -> Answer<abci::ResponseCheckTx> {
        self.inner.lock().unwrap().checks += 1;
        let code = u32::from(request.tx.starts_with(b"refuse"));
        Ok(abci::ResponseCheckTx { code, gas_wanted: 1, ..Default::default() })
    }

    fn prepare_proposal(
        &self,
        request: abci::RequestPrepareProposal,
    ) -> Answer<abci::ResponsePrepareProposal> {
        for vote in &request.local_last_commit.votes {
            if vote.block_id_flag == 2 && !vote.extension_signature.is_empty() {
                assert_eq!(vote.vote_extension, (request.height - 1).to_be_bytes());
                self.inner.lock().unwrap().extensions += 1;
            }
        }
        Ok(abci::ResponsePrepareProposal { txs: request.txs })
    }

    fn extend_vote(&self, request: abci::RequestExtendVote) -> Answer<abci::ResponseExtendVote> {
        Ok(abci::ResponseExtendVote { vote_extension: request.height.to_be_bytes().to_vec() })
    }

    fn verify_vote_extension(
        &self,
        request: abci::RequestVerifyVoteExtension,
    ) -> Answer<abci::ResponseVerifyVoteExtension> {
        use abci::response_verify_vote_extension::VerifyStatus;
        let good = request.vote_extension == request.height.to_be_bytes();
        let status = if good { VerifyStatus::Accept } else { VerifyStatus::Reject };
        Ok(abci::ResponseVerifyVoteExtension { status: status.into() })
    }

    fn finalize_block(
        &self,
        request: abci::RequestFinalizeBlock,
    ) -> Answer<abci::ResponseFinalizeBlock> {
        let mut inner = self.inner.lock().unwrap();
        let mut state = inner.committed.clone();
        assert_eq!(i64::try_from(state.height).unwrap() + 1, request.height);
        if request.txs.iter().any(|it| it == b"halt") {
            return Err(Halt::new("the toy's disk is full"));
        }
        if !request.txs.is_empty() {
            self.spring(Trap::BeforeExecution)?;
        }
        inner.misbehavior.extend(request.misbehavior);
        let mut validator_updates = Vec::new();
        let mut tx_results = Vec::new();
        let mut hasher = Sha256::new();
        hasher.update(&state.app_hash);
        for tx in &request.txs {
            let text = String::from_utf8_lossy(tx).into_owned();
            let mut code = 0;
            match text.split_once('=') {
                Some((key, power)) if key.starts_with("power:") => {
                    let key = hex::decode(key.trim_start_matches("power:")).unwrap();
                    validator_updates.push(abci::ValidatorUpdate {
                        pub_key: PublicKey { sum: Some(public_key::Sum::Ed25519(key)) },
                        power: power.parse().unwrap(),
                    });
                }
                Some((key, value)) => {
                    state.pairs.insert(key.to_owned(), value.to_owned());
                }
                None => code = 1,
            }
            state.txs += 1;
            hasher.update(Sha256::digest(tx));
            tx_results.push(abci::ExecTxResult {
                code,
                data: tx.get(..4).unwrap_or_default().to_vec(),
                gas_wanted: 10,
                gas_used: 5,
                ..Default::default()
            });
        }
        hasher.update(request.height.to_be_bytes());
        state.height += 1;
        state.app_hash = hasher.finalize().to_vec();
        let app_hash = state.app_hash.clone();
        inner.working = state;
        Ok(abci::ResponseFinalizeBlock {
            tx_results,
            validator_updates,
            app_hash,
            ..Default::default()
        })
    }

    fn commit(&self, _: abci::RequestCommit) -> Answer<abci::ResponseCommit> {
        let mut inner = self.inner.lock().unwrap();
        let busy = inner.working.txs > inner.committed.txs;
        if busy {
            self.spring(Trap::BeforeCommit)?;
        }
        inner.committed = std::mem::take(&mut inner.working);
        let every = self.write_every.load(std::sync::atomic::Ordering::Relaxed);
        if let Some(folder) = &self.folder
            && inner.committed.height.is_multiple_of(every)
        {
            let write = || -> std::io::Result<()> {
                let beside = folder.join("state.new");
                let file = fs::File::create(&beside)?;
                std::io::Write::write_all(&mut &file, &borsh::to_vec(&inner.committed)?)?;
                file.sync_all()?;
                fs::rename(&beside, folder.join("state"))
            };
            write().map_err(|error| Halt::because("toy", error))?;
        }
        if busy {
            self.spring(Trap::AfterCommit)?;
        }
        Ok(abci::ResponseCommit::default())
    }

    fn query(&self, request: abci::RequestQuery) -> Answer<abci::ResponseQuery> {
        let value = self.get(&request.path).unwrap_or_default().into_bytes();
        Ok(abci::ResponseQuery { value, ..Default::default() })
    }
}

pub fn key(index: u8) -> ValidatorKey {
    ValidatorKey::from_seed(Sha256::digest([index]).into())
}

/// A genesis document in which the keys 0, 1, ... have these powers.
pub fn genesis(powers: &[i64]) -> GenesisDoc {
    let validators = powers
        .iter()
        .zip(0_u8..)
        .map(|(power, index)| GenesisValidator {
            pub_key: key(index).public_key(),
            power: *power,
            name: format!("v{index}"),
        })
        .collect();
    let time = Timestamp { seconds: 1_700_000_000, nanos: 0 };
    GenesisDoc::new("toy-1", time, validators, "{}").unwrap()
}

/// Settings of a node in `home` with the key of that index.
pub fn config(home: &Path, index: u8) -> Config {
    fs::create_dir_all(home).unwrap();
    let seed: [u8; 32] = Sha256::digest([index]).into();
    let mut secret = seed.to_vec();
    secret.extend_from_slice(&key(index).public_key());
    let base64 = |bytes: &[u8]| {
        use base64::{Engine, engine::general_purpose::STANDARD};
        STANDARD.encode(bytes)
    };
    let file = format!(
        r#"{{"address":"{}","pub_key":{{"type":"tendermint/PubKeyEd25519","value":"{}"}},
        "priv_key":{{"type":"tendermint/PrivKeyEd25519","value":"{}"}}}}"#,
        hex::encode_upper(key(index).address()),
        base64(&key(index).public_key()),
        base64(&secret),
    );
    fs::write(home.join("priv_validator_key.json"), file).unwrap();
    Config {
        moniker: format!("n{index}"),
        block_time: Duration::from_millis(50),
        block_time_busy: Duration::ZERO,
        ..Config::local(home)
    }
}

/// Starts a network of as many nodes as powers on loopback, in this process.
pub async fn network(home: &Path, powers: &[i64], block_time: Duration) -> Vec<(Handle, Arc<Toy>)> {
    let doc = genesis(powers);
    let addresses: Vec<String> = free_ports(powers.len())
        .into_iter()
        .map(|port| format!("/ip4/127.0.0.1/tcp/{port}"))
        .collect();
    let mut nodes = Vec::new();
    for (index, address) in (0_u8..).zip(&addresses) {
        let mut config = config(&home.join(format!("n{index}")), index);
        config.listen_addr = address.clone();
        config.persistent_peers = addresses.iter().filter(|it| *it != address).cloned().collect();
        config.block_time = block_time;
        config.timeouts = Timeouts { propose: Duration::from_secs(2), ..Timeouts::default() };
        let toy = Toy::new();
        nodes.push((consensus::start(config, doc.clone(), toy.clone()).await.unwrap(), toy));
    }
    nodes
}

pub fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> =
        (0..count).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|it| it.local_addr().unwrap().port()).collect()
}

/// Waits until the node has committed that height.
pub async fn reach(node: &Handle, height: u64) {
    let wait = async {
        while node.height() < height {
            if let Some(halt) = node.health().halted {
                panic!("halted: {halt}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), wait)
        .await
        .unwrap_or_else(|_| panic!("stuck at height {}", node.height()));
}

pub fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
}
