//! What an operator can set: one struct, validated whole before anything starts.

use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

/// The settings of a node (`config/node.toml`). Every key has a default; unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The name shown to peers and in `status`.
    pub moniker: String,
    /// CometBFT JSON-RPC and WebSocket.
    pub rpc_listen: SocketAddr,
    /// REST gateway.
    pub rest_listen: SocketAddr,
    /// gRPC, gRPC-web.
    pub grpc_listen: SocketAddr,
    /// Where consensus peers connect, as `/ip4/127.0.0.1/tcp/26656`; port 0 picks one.
    pub p2p_listen: String,
    /// Peers to stay connected to, in the same form.
    pub persistent_peers: Vec<String>,
    /// Milliseconds between blocks when nothing waits.
    pub block_time_ms: u64,
    /// Milliseconds after which a waiting transaction may already get a block (one validator).
    pub block_time_busy_ms: u64,
    /// The least price this node takes per unit of gas, as `0.025uakt`, several separated by
    /// commas; empty takes transactions without fees.
    pub minimum_gas_prices: String,
    /// For how many heights back queries and proofs are answered.
    pub history_blocks: u64,
    /// Most transactions waiting for a block.
    pub mempool_txs: usize,
    /// Heights whose upgrade is left out. All validators must agree on it, or the network forks.
    pub unsafe_skip_upgrades: Vec<i64>,
    /// Make a snapshot of the state at every height that this divides; 0 makes none.
    pub snapshot_every_blocks: u64,
    /// How many of the node's own snapshots are kept, the newest ones.
    pub snapshots_kept: usize,
    /// `kv` keeps an index of transactions and blocks by their events, `hash` only by hash.
    pub index: Index,
}

/// What the transaction index holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Index {
    /// Hashes and events: `tx`, `tx_search`, `block_search`.
    Kv,
    /// Hashes only: `tx`; searches answer that they are switched off.
    Hash,
}

impl Default for Config {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            moniker: "haggle".to_owned(),
            rpc_listen: loopback(26657),
            rest_listen: loopback(1317),
            grpc_listen: loopback(9090),
            p2p_listen: "/ip4/127.0.0.1/tcp/26656".to_owned(),
            persistent_peers: Vec::new(),
            block_time_ms: 6_000,
            block_time_busy_ms: 6_000,
            minimum_gas_prices: "0.0025uakt".to_owned(),
            history_blocks: 1_000,
            mempool_txs: 5_000,
            unsafe_skip_upgrades: Vec::new(),
            snapshot_every_blocks: 0,
            snapshots_kept: 2,
            index: Index::Kv,
        }
    }
}

impl Config {
    /// Refuses what cannot work, in one sentence that names the key.
    pub fn check(&self) -> Result<(), String> {
        if self.block_time_ms == 0 {
            return Err("block_time_ms must be positive".to_owned());
        }
        if self.block_time_busy_ms > self.block_time_ms {
            return Err("block_time_busy_ms must not exceed block_time_ms".to_owned());
        }
        if self.history_blocks == 0 {
            return Err("history_blocks must be at least 1".to_owned());
        }
        if self.mempool_txs == 0 {
            return Err("mempool_txs must be at least 1".to_owned());
        }
        if self.snapshots_kept == 0 {
            return Err("snapshots_kept must be at least 1".to_owned());
        }
        let ports = [self.rpc_listen, self.rest_listen, self.grpc_listen];
        for (index, address) in ports.iter().enumerate() {
            if address.port() != 0 && ports.iter().skip(index + 1).any(|other| other == address) {
                return Err(format!(
                    "{address} is given to two of rpc_listen, rest_listen, grpc_listen"
                ));
            }
        }
        Ok(())
    }

    /// The time between blocks when nothing waits.
    pub fn block_time(&self) -> Duration {
        Duration::from_millis(self.block_time_ms)
    }

    /// The shortest time between blocks while transactions wait.
    pub fn block_time_busy(&self) -> Duration {
        Duration::from_millis(self.block_time_busy_ms)
    }
}

impl Config {
    /// The settings of a node's home: its file over the defaults.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file, the place and the key that is wrong.
    pub fn read(home: &std::path::Path) -> Result<Self, crate::Error> {
        let file = crate::home::config_file(home);
        match std::fs::read_to_string(&file) {
            Ok(text) => toml::from_str(&text)
                .map_err(|error| crate::Error::Config(format!("{}: {error}", file.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => {
                Err(crate::Error::Io { doing: format!("read {}", file.display()), source })
            }
        }
    }
}
