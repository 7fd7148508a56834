//! What the next block must build on, and how a block changes it.

use borsh::{BorshDeserialize, BorshSerialize, io};
use prost::Message;
use types::wire::tendermint::{abci, types as tm, version::Consensus};

use super::{
    block::{BLOCK_VERSION, BlockError, Sealed},
    commit, evidence, merkle, params, time,
    validators::{Change, ChangeError, ConsAddress, ValidatorSet},
    vote::{BlockId, signed},
};
use crate::genesis::GenesisDoc;

/// The state after the block of `last_height`, as far as consensus is concerned.
#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct State {
    /// Of the network.
    pub chain_id: String,
    /// Height of the first block.
    pub initial_height: u64,
    /// Nanoseconds since 1970.
    pub genesis_time_nanos: i64,
    /// 0 before the first block.
    pub last_height: u64,
    /// Absent before the first block.
    pub last_block_id: Option<BlockId>,
    /// Genesis time before the first block.
    pub last_block_time_nanos: i64,
    /// Who signed the last block; empty before the first.
    pub last_validators: ValidatorSet,
    /// Who signs the next block.
    pub validators: ValidatorSet,
    /// Who signs the one after.
    pub next_validators: ValidatorSet,
    /// For the next block.
    #[borsh(serialize_with = "write_params", deserialize_with = "read_params")]
    pub params: tm::ConsensusParams,
    /// `version.app` of the next header.
    pub app_version: u64,
    /// Over the results of the last block.
    pub last_results_hash: Vec<u8>,
    /// After the last block.
    pub app_hash: Vec<u8>,
}

/// Why the answer of an application cannot be used. The application is at fault; the node stops.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The validator changes.
    #[error("validator updates: {0}")]
    Validators(#[from] ChangeError),
    /// The parameter changes.
    #[error("consensus parameter updates: {0}")]
    Params(String),
    /// One result per transaction.
    #[error("expected {expected} transaction results, got {got}")]
    Results {
        /// Transactions in the block.
        expected: usize,
        /// Results.
        got: usize,
    },
    /// Times outside the range of nanoseconds in 64 bits.
    #[error("the time of the block is out of range")]
    Time,
    /// Nobody would sign the first block.
    #[error("neither the genesis document nor the application names a validator")]
    NoValidators,
}

fn write_params<W: io::Write>(params: &tm::ConsensusParams, to: &mut W) -> io::Result<()> {
    params.encode_to_vec().serialize(to)
}

fn read_params<R: io::Read>(from: &mut R) -> io::Result<tm::ConsensusParams> {
    let bytes = Vec::<u8>::deserialize_reader(from)?;
    tm::ConsensusParams::decode(bytes.as_slice()).map_err(io::Error::other)
}

impl State {
    /// The state before the first block. `app_version` and `answer` come from the application.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub fn genesis(
        genesis: &GenesisDoc,
        genesis_validators: &[Change],
        app_version: u64,
        answer: &abci::ResponseInitChain,
    ) -> Result<State, AnswerError> {
        let members = match answer.validators.is_empty() {
            true => genesis_validators.to_vec(),
            false => answer.validators.iter().map(Change::from_wire).collect::<Result<_, _>>()?,
        };
        if members.is_empty() {
            return Err(AnswerError::NoValidators);
        }
        let validators = ValidatorSet::new(&members)?;
        let mut next_validators = validators.clone();
        next_validators.rotate(1);
        let genesis_time_nanos = time::to_nanos(&genesis.genesis_time).ok_or(AnswerError::Time)?;
        let app_hash = match answer.app_hash.is_empty() {
            true => genesis.app_hash.clone(),
            false => answer.app_hash.clone(),
        };
        let mut state = State {
            chain_id: genesis.chain_id.clone(),
            initial_height: genesis.initial_height,
            genesis_time_nanos,
            last_height: 0,
            last_block_id: None,
            last_block_time_nanos: genesis_time_nanos,
            last_validators: ValidatorSet::default(),
            validators,
            next_validators,
            params: genesis.consensus_params.clone(),
            app_version,
            last_results_hash: merkle::root::<Vec<u8>>(&[]).to_vec(),
            app_hash,
        };
        if let Some(change) = &answer.consensus_params {
            state.change_params(change)?;
        }
        Ok(state)
    }

    /// The height of the next block.
    #[must_use]
    pub fn next_height(&self) -> u64 {
        match self.last_height {
            0 => self.initial_height,
            last => last.saturating_add(1),
        }
    }

    /// The next block. `last_commit` vouches for the last block; it is empty for the first.
    #[must_use]
    pub fn make_block(
        &self,
        txs: Vec<Vec<u8>>,
        last_commit: tm::Commit,
        evidence: Vec<tm::Evidence>,
        proposer: &ConsAddress,
    ) -> Sealed {
        let evidence = tm::EvidenceList { evidence };
        let data = tm::Data { txs };
        let header = tm::Header {
            time: time::from_nanos(self.block_time_nanos(&last_commit)),
            last_commit_hash: commit::hash(&last_commit).to_vec(),
            data_hash: super::block::data_hash(&data.txs).to_vec(),
            evidence_hash: evidence::hash(&evidence).to_vec(),
            proposer_address: proposer.to_vec(),
            ..self.header()
        };
        Sealed::seal(tm::Block { header, data, evidence, last_commit: Some(last_commit) })
    }

    /// The fields of the next header that follow from the state alone.
    fn header(&self) -> tm::Header {
        tm::Header {
            version: Consensus { block: BLOCK_VERSION, app: self.app_version },
            chain_id: self.chain_id.clone(),
            height: signed(self.next_height()),
            last_block_id: self.last_block_id.map(|it| it.to_wire()).unwrap_or_default(),
            validators_hash: self.validators.hash().to_vec(),
            next_validators_hash: self.next_validators.hash().to_vec(),
            consensus_hash: params::hash(&self.params).to_vec(),
            app_hash: self.app_hash.clone(),
            last_results_hash: self.last_results_hash.clone(),
            ..tm::Header::default()
        }
    }

    /// BFT time: genesis time for the first block, then the weighted median of `last_commit`.
    #[must_use]
    pub fn block_time_nanos(&self, last_commit: &tm::Commit) -> i64 {
        match self.last_height {
            0 => self.genesis_time_nanos,
            _ => commit::median_time_nanos(last_commit, &self.last_validators)
                .unwrap_or(self.last_block_time_nanos),
        }
    }

    /// Checks a block (already checked by itself, see [`Sealed::open`]) against the state.
    /// Evidence is checked apart, because it needs the past.
    ///
    /// # Errors
    /// [`BlockError`], the first field that differs.
    pub fn check_block(&self, sealed: &Sealed) -> Result<(), BlockError> {
        let header = &sealed.block.header;
        self.check_header(header)?;
        let text = |bytes: &[u8]| hex::encode_upper(bytes);
        let none = tm::Commit::default();
        let last_commit = sealed.block.last_commit.as_ref().unwrap_or(&none);
        match &self.last_block_id {
            None if *last_commit != commit::none() => {
                return Err(commit::CommitError::Size {
                    expected: 0,
                    got: last_commit.signatures.len(),
                }
                .into());
            }
            None => {}
            Some(id) => commit::verify(
                &self.chain_id,
                &self.last_validators,
                id,
                self.last_height,
                last_commit,
            )?,
        }
        if self.validators.find(&header.proposer_address).is_none() {
            return Err(BlockError::mismatch(
                "proposer_address",
                "a validator",
                text(&header.proposer_address),
            ));
        }
        let time = time::from_nanos(self.block_time_nanos(last_commit));
        if header.time != time {
            return Err(BlockError::mismatch(
                "time",
                time::Rfc3339(&time),
                time::Rfc3339(&header.time),
            ));
        }
        let nanos = self.block_time_nanos(last_commit);
        if self.last_height > 0 && nanos <= self.last_block_time_nanos {
            return Err(BlockError::mismatch("time", "later than the block before", nanos));
        }
        let limit = params::max_block_bytes(&self.params);
        if i64::try_from(sealed.bytes.len()).is_ok_and(|it| it > limit) {
            return Err(BlockError::Malformed(format!("more than {limit} bytes")));
        }
        let most = self.params.evidence.unwrap_or_default().max_bytes;
        if evidence::list_bytes(&sealed.block.evidence.evidence) > most {
            return Err(evidence::EvidenceError::Size.into());
        }
        Ok(())
    }

    /// Checks the fields of the next header that follow from the state alone.
    ///
    /// # Errors
    /// [`BlockError`], the first field that differs.
    pub fn check_header(&self, header: &tm::Header) -> Result<(), BlockError> {
        let expected = self.header();
        let text = |bytes: &[u8]| hex::encode_upper(bytes);
        if header.version != expected.version {
            return Err(BlockError::mismatch(
                "version",
                format!("{}/{}", expected.version.block, expected.version.app),
                format!("{}/{}", header.version.block, header.version.app),
            ));
        }
        if header.chain_id != expected.chain_id {
            return Err(BlockError::mismatch("chain_id", expected.chain_id, &header.chain_id));
        }
        if header.height != expected.height {
            return Err(BlockError::mismatch("height", expected.height, header.height));
        }
        if header.last_block_id != expected.last_block_id {
            return Err(BlockError::mismatch(
                "last_block_id",
                text(&expected.last_block_id.hash),
                text(&header.last_block_id.hash),
            ));
        }
        for (field, expected, got) in [
            ("app_hash", &expected.app_hash, &header.app_hash),
            ("consensus_hash", &expected.consensus_hash, &header.consensus_hash),
            ("last_results_hash", &expected.last_results_hash, &header.last_results_hash),
            ("validators_hash", &expected.validators_hash, &header.validators_hash),
            ("next_validators_hash", &expected.next_validators_hash, &header.next_validators_hash),
        ] {
            if expected != got {
                return Err(BlockError::mismatch(field, text(expected), text(got)));
            }
        }
        Ok(())
    }

    /// The state after `sealed` was executed with `results`.
    ///
    /// Validator changes take effect two heights later, parameter changes at the next.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub fn after(
        &self,
        sealed: &Sealed,
        results: &abci::ResponseFinalizeBlock,
    ) -> Result<State, AnswerError> {
        let expected = sealed.block.data.txs.len();
        if results.tx_results.len() != expected {
            return Err(AnswerError::Results { expected, got: results.tx_results.len() });
        }
        let changes: Vec<Change> =
            results.validator_updates.iter().map(Change::from_wire).collect::<Result<_, _>>()?;
        let mut next_validators = self.next_validators.clone();
        next_validators.update(&changes)?;
        next_validators.rotate(1);
        let mut state = State {
            last_height: sealed.height(),
            last_block_id: Some(sealed.id),
            last_block_time_nanos: time::to_nanos(&sealed.block.header.time)
                .ok_or(AnswerError::Time)?,
            last_validators: self.validators.clone(),
            validators: self.next_validators.clone(),
            next_validators,
            last_results_hash: results_hash(&results.tx_results).to_vec(),
            app_hash: results.app_hash.clone(),
            ..self.clone()
        };
        if let Some(change) = &results.consensus_param_updates {
            state.change_params(change)?;
        }
        Ok(state)
    }

    fn change_params(&mut self, change: &tm::ConsensusParams) -> Result<(), AnswerError> {
        let params = params::updated(&self.params, change);
        params::check(&params).map_err(AnswerError::Params)?;
        self.app_version = params.version.unwrap_or_default().app;
        self.params = params;
        Ok(())
    }
}

/// Root over the parts of results that nodes must agree on: code, data, gas wanted and used.
#[must_use]
pub fn results_hash(results: &[abci::ExecTxResult]) -> merkle::Hash {
    let leaves: Vec<Vec<u8>> = results
        .iter()
        .map(|it| {
            abci::ExecTxResult {
                code: it.code,
                data: it.data.clone(),
                gas_wanted: it.gas_wanted,
                gas_used: it.gas_used,
                ..abci::ExecTxResult::default()
            }
            .encode_to_vec()
        })
        .collect();
    merkle::root(&leaves)
}

/// The request that executes a block.
#[must_use]
pub fn finalize_request(
    sealed: &Sealed,
    last_validators: &ValidatorSet,
) -> abci::RequestFinalizeBlock {
    let block = &sealed.block;
    abci::RequestFinalizeBlock {
        txs: block.data.txs.clone(),
        decided_last_commit: last_commit_info(block, last_validators),
        misbehavior: evidence::misbehavior(&block.evidence.evidence),
        hash: sealed.id.hash.to_vec(),
        height: block.header.height,
        time: block.header.time,
        next_validators_hash: block.header.next_validators_hash.clone(),
        proposer_address: block.header.proposer_address.clone(),
    }
}

/// What the application is told about the commit inside a block.
#[must_use]
pub fn last_commit_info(block: &tm::Block, last_validators: &ValidatorSet) -> abci::CommitInfo {
    block.last_commit.as_ref().map(|it| commit::info(it, last_validators)).unwrap_or_default()
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
