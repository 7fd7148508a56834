//! Why a node does not start or must stop, in sentences for whoever runs it.

use std::path::PathBuf;

/// A failure of a node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two processes must not share a home: they would sign twice.
    #[error(
        "{} is in use by another process; stop it, or choose another folder with --home",
        .0.display()
    )]
    HomeLocked(PathBuf),
    /// `node start` before `node init`.
    #[error(
        "there is no genesis in {}; make one with `haggle node init --home {}`, or copy the network's genesis.json there",
        .0.display(), .0.display()
    )]
    NoGenesis(PathBuf),
    /// `node init`, `testnet` or `join` on a home that has a chain.
    #[error("{} already has a genesis; choose another folder with --home", .0.display())]
    HasGenesis(PathBuf),
    /// A port that somebody else listens on.
    #[error(
        "cannot listen on {} for {}: {}; stop what listens there, or choose another address (`--help` shows the flags, port 0 picks a free one)",
        .0.addr, .0.what, .0.source
    )]
    Listen(rpc::ServeError),
    /// A setting that cannot work.
    #[error("bad node configuration: {0}")]
    Config(String),
    /// The genesis document.
    #[error(transparent)]
    Genesis(#[from] consensus::GenesisError),
    /// The state database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The index database.
    #[error("the index of transactions failed")]
    Index(#[from] fjall::Error),
    /// Consensus could not start.
    #[error(transparent)]
    Consensus(consensus::StartError),
    /// The chain goes on with another build. The text is the whole line.
    #[error("{0}")]
    Upgrade(String),
    /// A snapshot.
    #[error(transparent)]
    Snapshot(#[from] crate::snapshots::SnapshotError),
    /// This node had to stop.
    #[error("the node stopped: {0}")]
    Halt(String),
    /// The file system.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl From<consensus::StartError> for Error {
    fn from(error: consensus::StartError) -> Error {
        match error {
            consensus::StartError::Halt(halt) if halt.is_planned() => {
                Error::Upgrade(halt.to_string())
            }
            other => Error::Consensus(other),
        }
    }
}
