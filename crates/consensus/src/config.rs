//! What a node must be told before it starts.

use std::{path::PathBuf, time::Duration};

/// Everything the consensus needs to know from its operator. Units are in the types.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder that this crate owns whole: `blocks/` (store), `wal/`, and a lock.
    /// By convention `<node home>/data/consensus`.
    pub home: PathBuf,
    /// CometBFT-form `priv_validator_key.json`; made when absent.
    pub validator_key: PathBuf,
    /// CometBFT-form `node_key.json`; made when absent.
    pub node_key: PathBuf,
    /// Shown to peers and in `status`.
    pub moniker: String,
    /// Where consensus peers reach this node, as `/ip4/127.0.0.1/tcp/26656`; port 0 picks one.
    pub listen_addr: String,
    /// Peers to stay connected to, in the same form.
    pub persistent_peers: Vec<String>,
    /// How often a block comes when nothing is waiting. On a network of several validators this
    /// is also the time in which late precommits are still gathered (`engine.md` 1.4, trap 2).
    pub block_time: Duration,
    /// With a single validator: how soon after a block the next may come when transactions wait.
    /// Equal to `block_time` for a steady beat, smaller for quicker answers.
    pub block_time_busy: Duration,
    /// How long the steps of a round may take.
    pub timeouts: Timeouts,
    /// Bounds of the pool.
    pub mempool: MempoolConfig,
    /// How many committed blocks a slow subscriber may fall behind before it loses some.
    pub subscription_buffer: usize,
}

impl Config {
    /// A local node in `home` with keys beside its data and a block per second.
    pub fn local(home: impl Into<PathBuf>) -> Config {
        let home = home.into();
        Config {
            validator_key: home.join("priv_validator_key.json"),
            node_key: home.join("node_key.json"),
            home,
            moniker: "haggle".to_owned(),
            listen_addr: "/ip4/127.0.0.1/tcp/0".to_owned(),
            persistent_peers: Vec::new(),
            block_time: Duration::from_secs(1),
            block_time_busy: Duration::from_secs(1),
            timeouts: Timeouts::default(),
            mempool: MempoolConfig::default(),
            subscription_buffer: 256,
        }
    }

    /// Refuses what cannot work, before anything is started.
    ///
    /// # Errors
    /// One sentence that names the setting.
    pub fn check(&self) -> Result<(), String> {
        if self.block_time.is_zero() {
            return Err("block_time must be positive".to_owned());
        }
        if self.block_time_busy > self.block_time {
            return Err("block_time_busy must not exceed block_time".to_owned());
        }
        if self.subscription_buffer == 0 {
            return Err("subscription_buffer must be positive".to_owned());
        }
        if self.mempool.max_txs == 0 || self.mempool.max_tx_bytes == 0 {
            return Err("the mempool must have room for a transaction".to_owned());
        }
        Ok(())
    }
}

/// Step timeouts; each grows by `delta` with every round of a height.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Wait for a proposal, execution of it by the others included.
    pub propose: Duration,
    /// Wait after two thirds of any prevotes.
    pub prevote: Duration,
    /// Wait after two thirds of any precommits.
    pub precommit: Duration,
    /// Added per round.
    pub delta: Duration,
    /// When votes are sent again.
    pub rebroadcast: Duration,
    /// No step waits longer.
    pub max: Duration,
}

impl Default for Timeouts {
    /// `engine.md` 1.8.
    fn default() -> Timeouts {
        Timeouts {
            propose: Duration::from_millis(1_500),
            prevote: Duration::from_millis(750),
            precommit: Duration::from_millis(750),
            delta: Duration::from_millis(500),
            rebroadcast: Duration::from_secs(5),
            max: Duration::from_secs(60),
        }
    }
}

/// Bounds of the pool, with the defaults of the reference node (`cosmos.md` 1.15).
#[derive(Clone, Debug)]
pub struct MempoolConfig {
    /// Most transactions waiting.
    pub max_txs: usize,
    /// Most bytes waiting, all together.
    pub max_bytes: usize,
    /// Most bytes of one transaction.
    pub max_tx_bytes: usize,
    /// Hashes remembered, so that the same bytes are refused.
    pub cache_txs: usize,
    /// Keep the hashes of refused transactions too.
    pub keep_invalid_in_cache: bool,
    /// Look at every waiting transaction again after each block.
    pub recheck: bool,
    /// Drop a transaction after this many blocks; 0 never.
    pub ttl_blocks: u64,
    /// Drop a transaction after this long; zero never.
    pub ttl: Duration,
}

impl Default for MempoolConfig {
    fn default() -> MempoolConfig {
        MempoolConfig {
            max_txs: 5_000,
            max_bytes: 1 << 30,
            max_tx_bytes: 1 << 20,
            cache_txs: 10_000,
            keep_invalid_in_cache: false,
            recheck: true,
            ttl_blocks: 0,
            ttl: Duration::ZERO,
        }
    }
}
