//! Snapshots: the state of one height in files, for nodes that do not execute the past again.
//!
//! A snapshot is a folder, named after its height: `manifest.json`, `consensus.gz` (what consensus
//! goes on from) and `state-00000.gz`, `state-00001.gz`, ... Every piece is named in the manifest by
//! the SHA-256 of its content before compression, so that pieces can come from anywhere, in any
//! order. What is restored proves itself against block headers ([`consensus::Checkpoint`]), never
//! against the manifest.
//!
//! Called by `cli`, and by a node that makes them while it runs. Calls `store` for the state and
//! `consensus` for the checkpoint.

mod beside;
mod create;
mod restore;

use std::{
    fs::{self, File},
    io::{Read, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use beside::Beside;
pub use create::{create, keep_newest};
pub use restore::{Restored, restore};

/// The layout of files that this build writes and reads.
pub const FORMAT: u32 = 1;

const MANIFEST: &str = "manifest.json";
const CONSENSUS: &str = "consensus.gz";
/// A manifest of 64 GiB of state is about one MiB.
const MANIFEST_BYTES_MAX: u64 = 64 << 20;
/// A block, its results and three validator sets.
const CONSENSUS_BYTES_MAX: usize = 512 << 20;

/// Told how far a long work is: pieces done, and of how many if that is known. Says whether it goes
/// on.
pub type Progress<'a> = &'a mut dyn FnMut(usize, Option<usize>) -> ControlFlow<()>;

/// What a snapshot says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] of the build that wrote it.
    pub format: u32,
    /// Of the network.
    pub chain_id: String,
    /// The last block that the state has.
    pub height: u64,
    /// Hash of that block, in upper-case hex.
    pub block_hash: String,
    /// Hash of the block after it, whose header carries the root of the state.
    pub next_block_hash: String,
    /// Root of the state.
    pub app_hash: String,
    /// Version of the rules of the build that wrote it.
    pub state_machine: u64,
    /// The stores that make the root.
    pub stores: Vec<String>,
    /// What consensus goes on from.
    pub consensus: Piece,
    /// The state, in pieces.
    pub chunks: Vec<Piece>,
}

/// A file of a snapshot, by its content before compression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Length.
    pub bytes: u64,
    /// In lower-case hex.
    pub sha256: String,
}

impl Manifest {
    /// Length of the state before compression.
    #[must_use]
    pub fn state_bytes(&self) -> u64 {
        self.chunks.iter().fold(0, |sum, it| sum.saturating_add(it.bytes))
    }
}

/// Why a snapshot cannot be made, listed or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The folder has no manifest, or one that cannot be read.
    #[error("{} is not a snapshot: {}", .0.display(), .1)]
    NotOne(PathBuf, String),
    /// Written by a build with another layout.
    #[error(
        "the snapshot in {} is of format {}, this version reads format {FORMAT}; use the version that wrote it, or have it made again",
        .0.display(), .1
    )]
    Format(PathBuf, u32),
    /// The snapshot is of another network.
    #[error("the snapshot in {} is of the chain {got}, the genesis document of this home is for {expected}", .path.display())]
    WrongChain {
        /// Of the snapshot.
        path: PathBuf,
        /// Of the genesis document.
        expected: String,
        /// Of the manifest.
        got: String,
    },
    /// A file is missing, cut, changed, or not what the manifest names.
    #[error("{} is damaged: {}; copy it again from where it came", .0.display(), .1)]
    Damaged(PathBuf, String),
    /// What consensus would go on from does not hold.
    #[error("the snapshot in {} is refused: {}", .0.display(), .1)]
    Refused(PathBuf, consensus::CheckpointError),
    /// The state does not give the root that the chain agreed on.
    #[error("the state of the snapshot in {} is refused: {}", .0.display(), .1)]
    State(PathBuf, store::Error),
    /// There is something already where the snapshot would be.
    #[error("{} is there already; remove it first, or choose another folder", .0.display())]
    Exists(PathBuf),
    /// The home has a chain.
    #[error(
        "{} has blocks and state already; move that folder away, or choose another home with --home",
        .0.display()
    )]
    HasData(PathBuf),
    /// Whoever asked for it has changed his mind.
    #[error("stopped before it was done")]
    Stopped,
    /// There is no height to make one of.
    #[error("there is nothing to make a snapshot of: {0}")]
    NoHeight(String),
}

/// `snapshots`: where a node's own snapshots lie.
pub fn folder(home: &Path) -> PathBuf {
    home.join("snapshots")
}

fn chunk_file(index: usize) -> String {
    format!("state-{index:05}.gz")
}

/// What a snapshot says of itself.
///
/// # Errors
/// [`SnapshotError::NotOne`], [`SnapshotError::Format`].
pub fn manifest(path: &Path) -> Result<Manifest, SnapshotError> {
    let not_one = |why: String| SnapshotError::NotOne(path.to_owned(), why);
    let file = path.join(MANIFEST);
    let file = File::open(&file).map_err(|error| not_one(format!("{MANIFEST}: {error}")))?;
    let mut text = String::new();
    file.take(MANIFEST_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| not_one(format!("{MANIFEST}: {error}")))?;
    // The format is looked at first: the rest may be unknown to this build.
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let head: Head =
        serde_json::from_str(&text).map_err(|error| not_one(format!("{MANIFEST}: {error}")))?;
    if head.format != FORMAT {
        return Err(SnapshotError::Format(path.to_owned(), head.format));
    }
    serde_json::from_str(&text).map_err(|error| not_one(format!("{MANIFEST}: {error}")))
}

/// The snapshots in a folder, oldest first. Other things in it are passed over.
///
/// # Errors
/// [`crate::Error::Io`] if the folder cannot be read; a missing one has none.
pub fn list(folder: &Path) -> Result<Vec<(PathBuf, Manifest)>, crate::Error> {
    let io = |source| crate::Error::Io { doing: format!("read {}", folder.display()), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(io)?.path();
        let is_whole = path.extension().is_none();
        if let (true, Ok(manifest)) = (is_whole, manifest(&path)) {
            found.push((path, manifest));
        }
    }
    found.sort_by_key(|(_, manifest)| manifest.height);
    Ok(found)
}

/// Tells how far the work is, and ends it when it is not wanted any more.
fn tell(progress: Progress<'_>, done: usize, all: Option<usize>) -> Result<(), SnapshotError> {
    match progress(done, all) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(SnapshotError::Stopped),
    }
}

/// Writes a compressed piece, durably.
fn write_piece(file: &Path, content: &[u8]) -> std::io::Result<Piece> {
    let mut encoder = GzEncoder::new(File::create(file)?, Compression::default());
    encoder.write_all(content)?;
    encoder.finish()?.sync_all()?;
    let bytes = u64::try_from(content.len()).unwrap_or(u64::MAX);
    Ok(Piece { bytes, sha256: hex::encode(Sha256::digest(content)) })
}

/// Reads a piece that must be what the manifest names, of `most` bytes at most.
fn read_piece(file: &Path, piece: &Piece, most: usize) -> Result<Vec<u8>, SnapshotError> {
    let damaged = |why: String| SnapshotError::Damaged(file.to_owned(), why);
    let length = usize::try_from(piece.bytes).ok().filter(|it| *it <= most);
    let length = length.ok_or_else(|| damaged(format!("{} bytes are too many", piece.bytes)))?;
    let opened = File::open(file).map_err(|error| damaged(error.to_string()))?;
    let mut content = Vec::with_capacity(length);
    // One byte more than there may be: a bomb is noticed, not unpacked.
    GzDecoder::new(opened)
        .take(piece.bytes.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(|error| damaged(error.to_string()))?;
    if content.len() != length {
        return Err(damaged(format!("it does not have {length} bytes")));
    }
    if hex::encode(Sha256::digest(&content)) != piece.sha256 {
        return Err(damaged("its checksum is another".to_owned()));
    }
    Ok(content)
}
