//! Every way in which the store can fail. None is part of the ledger: the node halts.

use crate::Hash;

/// A failure of this machine's copy of the state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk, or the engine on it, refused.
    #[error("the state database failed")]
    Disk(#[from] fjall::Error),
    /// The rebuilt trees do not give the stored root.
    #[error(
        "the state at height {height} is damaged: its stored root is {stored}, its content gives {found}; restore the home folder from a snapshot or sync again"
    )]
    Damaged {
        /// The height that the database claims.
        height: u64,
        /// The root that was committed.
        stored: Hash,
        /// The root of what is there.
        found: Hash,
    },
    /// A record on disk cannot be read back.
    #[error("a {0} record of the state database cannot be decoded")]
    Undecodable(&'static str),
    /// The height is not kept, or not reached.
    #[error("no state for height {height}: this node has {lowest} to {latest}")]
    NoSuchHeight {
        /// The height asked for.
        height: u64,
        /// The lowest that is kept.
        lowest: u64,
        /// The latest committed.
        latest: u64,
    },
    /// A name that was not declared when the store was opened.
    #[error("no such store: {0}")]
    NoSuchStore(String),
    /// The chain has a store that this build does not have.
    #[error(
        "the state has a store \"{0}\" that this version does not know: a newer version wrote it"
    )]
    NewerStore(String),
    /// A chunk of a state cannot be what was exported.
    #[error("a chunk of the state is malformed: {0}")]
    Chunk(&'static str),
    /// An imported state is not the one that was announced.
    #[error("the imported state has the root {found}, {expected} was announced")]
    WrongRoot {
        /// What the caller expects.
        expected: Hash,
        /// The root of what came.
        found: Hash,
    },
    /// State is imported into an empty database only.
    #[error("there is a state already: an import needs an empty folder")]
    NotEmpty,
    /// A commit that does not follow the latest one.
    #[error("cannot commit height {height} after height {latest}")]
    OutOfOrder {
        /// The height of the refused commit.
        height: u64,
        /// The latest committed.
        latest: u64,
    },
}
