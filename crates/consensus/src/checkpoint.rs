//! What a node must know of the chain to go on from a height without the blocks before it.
//!
//! Made by `node` beside a snapshot of the application's state, and read back where that is
//! restored. It proves itself: the block of the height, the header of the next one, and the commits
//! of both fix every part (the state root of a height stands in the next header), so that the hash
//! of either block, heard from somebody trusted, is all that has to be trusted.

use std::path::Path;

use borsh::{BorshDeserialize, BorshSerialize};
use prost::Message;
use types::wire::tendermint::{abci, types as tm};

use crate::{
    app::{Answer, Halt},
    core::{
        block::{BlockError, Sealed, header_hash},
        commit::{self, Certificate, CommitError},
        params,
        state::{State, results_hash},
        time,
    },
    genesis::GenesisDoc,
    store::BlockStore,
};

/// See the head of this file.
#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Checkpoint {
    /// After the block of the height.
    state: State,
    /// The block of the height, encoded.
    block: Vec<u8>,
    /// Who agreed on it.
    certificate: Certificate,
    /// What executing it gave, encoded.
    results: Vec<u8>,
    /// The parameters of the height, encoded.
    params: Vec<u8>,
    /// The header of the next block, encoded.
    next_header: Vec<u8>,
    /// Who agreed on the next block.
    next_certificate: Certificate,
}

/// Why a checkpoint is refused.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Not the bytes of one.
    #[error("the checkpoint cannot be read: {0}")]
    Unreadable(String),
    /// It belongs to another chain.
    #[error("it is of the chain {got}, the genesis document here is for {expected}")]
    WrongChain {
        /// Of the genesis document.
        expected: String,
        /// Of the checkpoint.
        got: String,
    },
    /// Two of its parts contradict each other.
    #[error("its parts do not belong together: {0}")]
    Inconsistent(String),
    /// It is sound by itself, but of another history.
    #[error(
        "neither block {height} ({hash}) nor the next one ({next_hash}) has the trusted hash {trusted}"
    )]
    Untrusted {
        /// Of the checkpoint.
        height: u64,
        /// Of its block.
        hash: String,
        /// Of the next block.
        next_hash: String,
        /// What the caller trusts.
        trusted: String,
    },
}

fn inconsistent(what: impl ToString) -> CheckpointError {
    CheckpointError::Inconsistent(what.to_string())
}

impl From<BlockError> for CheckpointError {
    fn from(error: BlockError) -> CheckpointError {
        inconsistent(error)
    }
}

impl From<CommitError> for CheckpointError {
    fn from(error: CommitError) -> CheckpointError {
        inconsistent(error)
    }
}

impl From<prost::DecodeError> for CheckpointError {
    fn from(error: prost::DecodeError) -> CheckpointError {
        CheckpointError::Unreadable(error.to_string())
    }
}

impl Checkpoint {
    /// Of a height of the chain in `home` (see [`crate::Config::home`]), which no node may use
    /// meanwhile. Without a wish the highest possible one that is not above `most`.
    ///
    /// # Errors
    /// [`Halt`] when the store cannot be read or does not have the height and the next one.
    pub fn read(home: &Path, wanted: Option<u64>, most: u64) -> Answer<Checkpoint> {
        let store = BlockStore::open(&home.join("blocks"))?;
        let height = wanted.unwrap_or(store.height().saturating_sub(1).min(most));
        Checkpoint::of(&store, height)
    }

    /// Of a height whose next block is decided.
    pub(crate) fn of(store: &BlockStore, height: u64) -> Answer<Checkpoint> {
        let base = store.base()?;
        if height == 0 || height < base || height >= store.height() {
            return Err(Halt::new(format!(
                "a checkpoint needs a block and the next one, so its height is at least {} and \
                 below {}; {height} is not",
                base.max(1),
                store.height(),
            )));
        }
        let next = height.saturating_add(1);
        let missing = |what: &str, at: u64| Halt::new(format!("block store: no {what} of {at}"));
        let sets = [height, next, next.saturating_add(1)]
            .map(|at| store.validators(at)?.ok_or_else(|| missing("validator set", at)));
        let [last_validators, validators, next_validators] = sets;
        let block = store.block(height)?.ok_or_else(|| missing("block", height))?;
        let header = store.meta(next)?.ok_or_else(|| missing("header", next))?.header;
        let certificate = |at| {
            let found = store.certificate(at)?;
            found.ok_or_else(|| missing("certificate", at))
        };
        let results = store.results(height)?.ok_or_else(|| missing("results", height))?;
        let params = |at| store.params(at)?.ok_or_else(|| missing("parameters", at));
        let known = store.state()?.ok_or_else(|| Halt::new("block store: no state"))?;
        let state = State {
            chain_id: known.chain_id,
            initial_height: known.initial_height,
            genesis_time_nanos: known.genesis_time_nanos,
            last_height: height,
            last_block_id: Some(block.id),
            last_block_time_nanos: time::to_nanos(&block.block.header.time)
                .ok_or_else(|| missing("time", height))?,
            last_validators: last_validators?,
            validators: validators?,
            next_validators: next_validators?,
            params: params(next)?,
            app_version: header.version.app,
            last_results_hash: header.last_results_hash.clone(),
            app_hash: header.app_hash.clone(),
        };
        Ok(Checkpoint {
            state,
            block: block.bytes.to_vec(),
            certificate: certificate(height)?,
            results: results.encode_to_vec(),
            params: params(height)?.encode_to_vec(),
            next_header: header.encode_to_vec(),
            next_certificate: certificate(next)?,
        })
    }

    /// The bytes that [`Checkpoint::from_bytes`] reads.
    ///
    /// # Errors
    /// Never in practice: memory is the only place written to.
    pub fn to_bytes(&self) -> Answer<Vec<u8>> {
        borsh::to_vec(self).map_err(|error| Halt::because("a checkpoint cannot be encoded", error))
    }

    /// Reads a checkpoint; nothing in it is checked yet.
    ///
    /// # Errors
    /// [`CheckpointError::Unreadable`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
        borsh::from_slice(bytes).map_err(|error| CheckpointError::Unreadable(error.to_string()))
    }

    /// Of the network.
    #[must_use]
    pub fn chain_id(&self) -> &str {
        &self.state.chain_id
    }

    /// The last block that the restored node has.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.state.last_height
    }

    /// Hash of that block.
    #[must_use]
    pub fn block_hash(&self) -> [u8; 32] {
        self.certificate.block_id.hash
    }

    /// Hash of the block after it, which carries the root of the application's state.
    #[must_use]
    pub fn next_block_hash(&self) -> [u8; 32] {
        self.next_certificate.block_id.hash
    }

    /// Root of the application's state after that block.
    #[must_use]
    pub fn app_hash(&self) -> &[u8] {
        &self.state.app_hash
    }

    /// Checks that it is of the chain of `genesis`, that its parts fix each other, that two thirds
    /// of the power signed both blocks, and that one of them has the trusted hash, if there is one.
    /// Priorities of proposers are not in any header; a wrong one costs the node its first rounds.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn verify(
        &self,
        genesis: &GenesisDoc,
        trusted: Option<&[u8; 32]>,
    ) -> Result<(), CheckpointError> {
        let state = &self.state;
        if state.chain_id != genesis.chain_id {
            return Err(CheckpointError::WrongChain {
                expected: genesis.chain_id.clone(),
                got: state.chain_id.clone(),
            });
        }
        if state.initial_height != genesis.initial_height
            || Some(state.genesis_time_nanos) != time::to_nanos(&genesis.genesis_time)
        {
            return Err(inconsistent("the genesis document is of another time or first height"));
        }
        self.verify_block()?;
        self.verify_next()?;
        let (hash, next_hash) = (self.block_hash(), self.next_block_hash());
        match trusted {
            Some(trusted) if *trusted != hash && *trusted != next_hash => {
                Err(CheckpointError::Untrusted {
                    height: state.last_height,
                    hash: hex::encode_upper(hash),
                    next_hash: hex::encode_upper(next_hash),
                    trusted: hex::encode_upper(trusted),
                })
            }
            _ => Ok(()),
        }
    }

    fn verify_block(&self) -> Result<(), CheckpointError> {
        let (state, certificate) = (&self.state, &self.certificate);
        let sealed = Sealed::open(self.block.clone().into())?;
        let header = &sealed.block.header;
        if sealed.height() != state.last_height
            || state.last_block_id != Some(sealed.id)
            || time::to_nanos(&header.time) != Some(state.last_block_time_nanos)
        {
            return Err(inconsistent("the state is not that after the block"));
        }
        if header.validators_hash != state.last_validators.hash()
            || header.next_validators_hash != state.validators.hash()
        {
            return Err(inconsistent("the validators are not those of the block"));
        }
        let params = tm::ConsensusParams::decode(self.params.as_slice())?;
        if header.consensus_hash != params::hash(&params) {
            return Err(inconsistent("the parameters are not those of the block"));
        }
        let results = abci::ResponseFinalizeBlock::decode(self.results.as_slice())?;
        if state.last_results_hash != results_hash(&results.tx_results)
            || state.app_hash != results.app_hash
            || results.tx_results.len() != sealed.block.data.txs.len()
        {
            return Err(inconsistent("the results are not those of the block"));
        }
        let commit = certificate.to_commit(&state.last_validators);
        let (chain, height) = (&state.chain_id, state.last_height);
        Ok(commit::verify(chain, &state.last_validators, &sealed.id, height, &commit)?)
    }

    fn verify_next(&self) -> Result<(), CheckpointError> {
        let (state, certificate) = (&self.state, &self.next_certificate);
        let header = tm::Header::decode(self.next_header.as_slice())?;
        state.check_header(&header)?;
        if header_hash(&header) != certificate.block_id.hash {
            return Err(inconsistent("the next header is not the one that was signed"));
        }
        let commit = certificate.to_commit(&state.validators);
        let (chain, height) = (&state.chain_id, state.next_height());
        Ok(commit::verify(chain, &state.validators, &certificate.block_id, height, &commit)?)
    }

    /// Writes a block store that begins with this checkpoint into `home` (see
    /// [`crate::Config::home`]), durably.
    ///
    /// # Errors
    /// [`Halt`] when there are blocks already, or the disk refuses.
    pub fn write(&self, home: &Path) -> Answer<()> {
        let folder = home.join("blocks");
        std::fs::create_dir_all(&folder)
            .map_err(|error| Halt::because(format!("cannot create {}", folder.display()), error))?;
        let store = BlockStore::open(&folder)?;
        if store.height() > 0 || store.state()?.is_some() {
            return Err(Halt::new("there are blocks already: a checkpoint needs an empty home"));
        }
        let broken =
            |what: &'static str| move |error| Halt::because(format!("checkpoint: {what}"), error);
        let sealed = Sealed::open(self.block.clone().into())
            .map_err(|error| Halt::because("checkpoint: the block", error))?;
        let results = abci::ResponseFinalizeBlock::decode(self.results.as_slice())
            .map_err(broken("the results"))?;
        let params = tm::ConsensusParams::decode(self.params.as_slice())
            .map_err(broken("the parameters"))?;
        store.save_decided(&sealed, &self.certificate)?;
        store.save_results(&sealed, &results)?;
        store.begin_at(&self.state, &params)?;
        store.sync()
    }
}
