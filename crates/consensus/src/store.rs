//! The chest of blocks: blocks, commits, results, validator sets, parameters, and the state
//! record, in one database that this crate owns.
//!
//! Called by the executor, the engine adapter and [`crate::Handle`]. Heights are big-endian, so
//! that key order is height order. Nothing is pruned yet; readers ask [`BlockStore::base`] for
//! the lowest height all the same.
//!
//! What survives a kill: everything written by a method that says "durable", and everything
//! written before it, because all tables share one journal.

use std::{path::Path, sync::Arc};

use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode};
use parking_lot::RwLock;
use prost::Message;
use types::wire::tendermint::{abci, types as tm};

use crate::{
    app::{Answer, Halt},
    core::{
        block::Sealed,
        commit::Certificate,
        evidence,
        merkle::sha256,
        state::State,
        validators::{ConsAddress, ValidatorSet},
        vote::BlockId,
    },
};

/// A full validator set is written at least this often; in between a row says where to look.
const FULL_SET_EVERY: u64 = 512;

const MIB: u64 = 1 << 20;

/// A proposal seen in some round, whose block is in the store.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Proposal {
    pub(crate) height: u64,
    pub(crate) round: u32,
    pub(crate) valid_round: Option<u32>,
    pub(crate) proposer: ConsAddress,
    pub(crate) id: BlockId,
    pub(crate) valid: bool,
}

#[derive(BorshSerialize, BorshDeserialize)]
enum SetRow {
    Full(ValidatorSet),
    /// Same members as at that height, where a full set is.
    Since(u64),
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxPosition {
    /// Of the block.
    pub height: u64,
    /// Inside the block, from 0.
    pub index: u32,
}

/// See the head of this file.
pub(crate) struct BlockStore {
    db: Database,
    /// height, hash -> block. Undecided ones too, until their height is decided.
    blocks: Keyspace,
    /// height, round, hash -> [`Proposal`].
    proposals: Keyspace,
    /// height -> `BlockMeta` of the decided block.
    metas: Keyspace,
    /// block hash -> height.
    hashes: Keyspace,
    /// height -> [`Certificate`], the largest this node has seen.
    certificates: Keyspace,
    /// height -> `ResponseFinalizeBlock`.
    results: Keyspace,
    /// transaction hash -> height, index.
    txs: Keyspace,
    /// height -> [`SetRow`].
    validators: Keyspace,
    /// height of a change -> `ConsensusParams`.
    params: Keyspace,
    /// name -> record: "state", "height", "base", "chain_id".
    records: Keyspace,
    /// height, hash -> `Evidence`, waiting.
    pending_evidence: Keyspace,
    /// height, hash -> nothing; in a block already.
    committed_evidence: Keyspace,
    /// The last decided height, 0 at first.
    height: RwLock<u64>,
}

fn broken(what: &'static str) -> impl FnOnce(fjall::Error) -> Halt {
    move |error| Halt::because(format!("block store: {what}"), error)
}

fn undecodable<E: std::error::Error + Send + Sync + 'static>(
    what: &'static str,
) -> impl FnOnce(E) -> Halt {
    move |error| Halt::because(format!("block store: undecodable {what}"), error)
}

fn height_hash(height: u64, hash: &[u8; 32]) -> Vec<u8> {
    let mut key = height.to_be_bytes().to_vec();
    key.extend_from_slice(hash);
    key
}

fn height_of(key: &[u8]) -> Answer<u64> {
    key.get(..8)
        .and_then(|it| it.try_into().ok())
        .map(u64::from_be_bytes)
        .ok_or_else(|| Halt::new("block store: a key without height"))
}

impl BlockStore {
    /// Opens or creates the store in `folder`.
    pub(crate) fn open(folder: &Path) -> Answer<BlockStore> {
        let db = Database::builder(folder)
            .cache_size(64 * MIB)
            .max_journaling_size(256 * MIB)
            .worker_threads(2)
            .open()
            .map_err(|error| {
                Halt::because(format!("cannot open the block store in {}", folder.display()), error)
            })?;
        let small = |name: &str| {
            db.keyspace(name, KeyspaceCreateOptions::default).map_err(broken("cannot open a table"))
        };
        let large = |name: &str| {
            db.keyspace(name, || {
                KeyspaceCreateOptions::default()
                    .with_kv_separation(Some(KvSeparationOptions::default()))
            })
            .map_err(broken("cannot open a table"))
        };
        let store = BlockStore {
            blocks: large("blocks")?,
            results: large("results")?,
            proposals: small("proposals")?,
            metas: small("metas")?,
            hashes: small("hashes")?,
            certificates: small("certificates")?,
            txs: small("txs")?,
            validators: small("validators")?,
            params: small("params")?,
            records: small("records")?,
            pending_evidence: small("pending_evidence")?,
            committed_evidence: small("committed_evidence")?,
            height: RwLock::new(0),
            db,
        };
        *store.height.write() = store.number("height")?.unwrap_or(0);
        store.check()?;
        Ok(store)
    }

    /// The last block must be whole: its height is written in the batch that wrote the rest.
    fn check(&self) -> Answer<()> {
        let height = self.height();
        if height > 0 && (self.block(height)?.is_none() || self.certificate(height)?.is_none()) {
            return Err(Halt::new(format!(
                "the block store is damaged: block {height} is missing; restore it from a copy"
            )));
        }
        Ok(())
    }

    // Records.

    fn number(&self, name: &str) -> Answer<Option<u64>> {
        let row = self.records.get(name).map_err(broken("cannot read a record"))?;
        row.map(|it| height_of(&it)).transpose()
    }

    /// The last decided height, 0 at first.
    pub(crate) fn height(&self) -> u64 {
        *self.height.read()
    }

    /// The lowest height that can be read, 0 before the first block.
    pub(crate) fn base(&self) -> Answer<u64> {
        Ok(self.number("base")?.unwrap_or(0))
    }

    pub(crate) fn state(&self) -> Answer<Option<State>> {
        let row = self.records.get("state").map_err(broken("cannot read the state"))?;
        row.map(|it| borsh::from_slice(&it).map_err(undecodable("state"))).transpose()
    }

    // Proposals.

    /// Durable: a proposal that was answered for is proposed again after a crash.
    pub(crate) fn save_proposal(&self, proposal: &Proposal, bytes: &Bytes) -> Answer<()> {
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncData));
        let key = height_hash(proposal.height, &proposal.id.hash);
        let known = self.blocks.contains_key(&key).map_err(broken("cannot read a block"))?;
        if !known {
            batch.insert(&self.blocks, key, bytes.to_vec());
        }
        batch.insert(&self.proposals, proposal_key(proposal), encode(proposal)?);
        batch.commit().map_err(broken("cannot write a proposal"))
    }

    /// All proposals of a height, by round.
    pub(crate) fn proposals(&self, height: u64) -> Answer<Vec<Proposal>> {
        self.proposals
            .prefix(height.to_be_bytes())
            .map(|row| {
                let value = row.value().map_err(broken("cannot read a proposal"))?;
                borsh::from_slice(&value).map_err(undecodable("proposal"))
            })
            .collect()
    }

    /// The bytes of a block by height and hash, decided or not.
    pub(crate) fn block_bytes(&self, height: u64, hash: &[u8; 32]) -> Answer<Option<Bytes>> {
        let row =
            self.blocks.get(height_hash(height, hash)).map_err(broken("cannot read a block"))?;
        Ok(row.map(|it| Bytes::copy_from_slice(&it)))
    }

    // Decisions.

    /// Durable: the block of `certificate` is decided. Its bytes must be in the store already,
    /// as a proposal. What else was proposed for that height or below is dropped.
    pub(crate) fn save_decided(&self, sealed: &Sealed, certificate: &Certificate) -> Answer<()> {
        let height = certificate.height;
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncData));
        let key = height_hash(height, &sealed.id.hash);
        let known = self.blocks.contains_key(&key).map_err(broken("cannot read a block"))?;
        if !known {
            batch.insert(&self.blocks, key, sealed.bytes.to_vec());
        }
        for row in self.proposals.range(..height.saturating_add(1).to_be_bytes()) {
            let (key, value) = row.into_inner().map_err(broken("cannot read a proposal"))?;
            let other: Proposal = borsh::from_slice(&value).map_err(undecodable("proposal"))?;
            if other.height == height && other.id.hash != sealed.id.hash {
                batch.remove(&self.blocks, height_hash(other.height, &other.id.hash));
            }
            batch.remove(&self.proposals, key);
        }
        batch.insert(&self.metas, height.to_be_bytes(), sealed.meta().encode_to_vec());
        batch.insert(&self.hashes, sealed.id.hash, height.to_be_bytes());
        batch.insert(&self.certificates, height.to_be_bytes(), encode(certificate)?);
        batch.insert(&self.records, "height", height.to_be_bytes());
        if self.number("base")?.is_none() {
            batch.insert(&self.records, "base", height.to_be_bytes());
        }
        batch.commit().map_err(broken("cannot write a block"))?;
        let mut last = self.height.write();
        *last = height.max(*last);
        Ok(())
    }

    /// A certificate with more signatures for a decided block.
    pub(crate) fn save_certificate(&self, certificate: &Certificate) -> Answer<()> {
        self.certificates
            .insert(certificate.height.to_be_bytes(), encode(certificate)?)
            .map_err(broken("cannot write a certificate"))
    }

    /// Durable: what executing a block gave, before the application commits it.
    pub(crate) fn save_results(
        &self,
        sealed: &Sealed,
        results: &abci::ResponseFinalizeBlock,
    ) -> Answer<()> {
        let height = sealed.height();
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncData));
        batch.insert(&self.results, height.to_be_bytes(), results.encode_to_vec());
        for (tx, index) in sealed.block.data.txs.iter().zip(0_u32..) {
            let mut position = height.to_be_bytes().to_vec();
            position.extend_from_slice(&index.to_be_bytes());
            batch.insert(&self.txs, sha256(tx), position);
        }
        batch.commit().map_err(broken("cannot write results"))
    }

    /// The state after a block, with the sets and parameters that follow from it, and the
    /// evidence that the block used up. Made durable by the next durable write.
    pub(crate) fn save_state(&self, state: &State, used: &[tm::Evidence]) -> Answer<()> {
        let mut batch = self.db.batch();
        let next = state.next_height();
        if state.last_height == 0 {
            batch.insert(&self.validators, next.to_be_bytes(), full(&state.validators)?);
            batch = self.put_set(batch, next.saturating_add(1), &state.next_validators, None)?;
        } else {
            let known = Some(&state.validators);
            batch = self.put_set(batch, next.saturating_add(1), &state.next_validators, known)?;
        }
        if self.params(next)?.as_ref() != Some(&state.params) {
            batch.insert(&self.params, next.to_be_bytes(), state.params.encode_to_vec());
        }
        for item in used {
            let key = height_hash(evidence::height(item).unwrap_or(0), &evidence::item_hash(item));
            batch.remove(&self.pending_evidence, key.clone());
            batch.insert(&self.committed_evidence, key, []);
        }
        batch.insert(&self.records, "state", encode(state)?);
        batch.commit().map_err(broken("cannot write the state"))
    }

    /// Sets, parameters and state of a chain whose earlier blocks are not here.
    pub(crate) fn begin_at(&self, state: &State, params: &tm::ConsensusParams) -> Answer<()> {
        let mut batch = self.db.batch();
        let sets = [&state.last_validators, &state.validators, &state.next_validators];
        for (height, set) in (state.last_height..).zip(sets) {
            batch.insert(&self.validators, height.to_be_bytes(), full(set)?);
        }
        let next = state.next_height();
        batch.insert(&self.params, state.last_height.to_be_bytes(), params.encode_to_vec());
        batch.insert(&self.params, next.to_be_bytes(), state.params.encode_to_vec());
        batch.insert(&self.records, "state", encode(state)?);
        batch.commit().map_err(broken("cannot write the state"))
    }

    fn put_set(
        &self,
        mut batch: fjall::OwnedWriteBatch,
        height: u64,
        set: &ValidatorSet,
        before: Option<&ValidatorSet>,
    ) -> Answer<fjall::OwnedWriteBatch> {
        let row = match before {
            Some(before) if before.same_members(set) => {
                match self.set_row(height.saturating_sub(1))? {
                    Some(SetRow::Full(_)) if !height.is_multiple_of(FULL_SET_EVERY) => {
                        encode(&SetRow::Since(height.saturating_sub(1)))?
                    }
                    Some(SetRow::Since(since)) if !height.is_multiple_of(FULL_SET_EVERY) => {
                        encode(&SetRow::Since(since))?
                    }
                    _ => full(set)?,
                }
            }
            _ => full(set)?,
        };
        batch.insert(&self.validators, height.to_be_bytes(), row);
        Ok(batch)
    }

    fn set_row(&self, height: u64) -> Answer<Option<SetRow>> {
        let row = self
            .validators
            .get(height.to_be_bytes())
            .map_err(broken("cannot read a validator set"))?;
        row.map(|it| borsh::from_slice(&it).map_err(undecodable("validator set"))).transpose()
    }

    // Reads.

    pub(crate) fn meta(&self, height: u64) -> Answer<Option<tm::BlockMeta>> {
        let row = self.metas.get(height.to_be_bytes()).map_err(broken("cannot read a block"))?;
        row.map(|it| tm::BlockMeta::decode(&*it).map_err(undecodable("block meta"))).transpose()
    }

    pub(crate) fn height_by_hash(&self, hash: &[u8]) -> Answer<Option<u64>> {
        let row = self.hashes.get(hash).map_err(broken("cannot read a hash"))?;
        row.map(|it| height_of(&it)).transpose()
    }

    /// The decided block of a height.
    pub(crate) fn block(&self, height: u64) -> Answer<Option<Sealed>> {
        let Some(meta) = self.meta(height)? else { return Ok(None) };
        let id = BlockId::from_wire(&meta.block_id)
            .ok_or_else(|| Halt::new("block store: a malformed block id"))?;
        let Some(bytes) = self.block_bytes(height, &id.hash)? else { return Ok(None) };
        let block = tm::Block::decode(bytes.clone()).map_err(undecodable("block"))?;
        Ok(Some(Sealed { id, block, bytes }))
    }

    pub(crate) fn certificate(&self, height: u64) -> Answer<Option<Certificate>> {
        let row = self
            .certificates
            .get(height.to_be_bytes())
            .map_err(broken("cannot read a certificate"))?;
        row.map(|it| borsh::from_slice(&it).map_err(undecodable("certificate"))).transpose()
    }

    pub(crate) fn results(&self, height: u64) -> Answer<Option<abci::ResponseFinalizeBlock>> {
        let row = self.results.get(height.to_be_bytes()).map_err(broken("cannot read results"))?;
        row.map(|it| abci::ResponseFinalizeBlock::decode(&*it).map_err(undecodable("results")))
            .transpose()
    }

    pub(crate) fn tx(&self, hash: &[u8]) -> Answer<Option<TxPosition>> {
        let row = self.txs.get(hash).map_err(broken("cannot read a transaction's place"))?;
        row.map(|it| {
            let index = it
                .get(8..12)
                .and_then(|it| it.try_into().ok())
                .map(u32::from_be_bytes)
                .ok_or_else(|| Halt::new("block store: a malformed transaction place"))?;
            Ok(TxPosition { height: height_of(&it)?, index })
        })
        .transpose()
    }

    /// The validators of a height, priorities as they were then.
    pub(crate) fn validators(&self, height: u64) -> Answer<Option<ValidatorSet>> {
        match self.set_row(height)? {
            None => Ok(None),
            Some(SetRow::Full(set)) => Ok(Some(set)),
            Some(SetRow::Since(since)) => match self.set_row(since)? {
                Some(SetRow::Full(mut set)) => {
                    // One step per height, as they were made.
                    (since..height).for_each(|_| set.rotate(1));
                    Ok(Some(set))
                }
                _ => Err(Halt::new(format!("block store: no validator set at height {since}"))),
            },
        }
    }

    pub(crate) fn params(&self, height: u64) -> Answer<Option<tm::ConsensusParams>> {
        match self.params.range(..=height.to_be_bytes()).next_back() {
            None => Ok(None),
            Some(row) => {
                let value = row.value().map_err(broken("cannot read parameters"))?;
                tm::ConsensusParams::decode(&*value).map(Some).map_err(undecodable("parameters"))
            }
        }
    }

    // Evidence.

    pub(crate) fn save_evidence(&self, items: &[tm::Evidence]) -> Answer<()> {
        let mut batch = self.db.batch();
        for item in items {
            let key = height_hash(evidence::height(item).unwrap_or(0), &evidence::item_hash(item));
            if !self
                .committed_evidence
                .contains_key(&key)
                .map_err(broken("cannot read evidence"))?
            {
                batch.insert(&self.pending_evidence, key, item.encode_to_vec());
            }
        }
        batch.commit().map_err(broken("cannot write evidence"))
    }

    /// Waiting items, oldest first, while they fit into `max_bytes`.
    pub(crate) fn pending_evidence(&self, max_bytes: i64) -> Answer<Vec<tm::Evidence>> {
        let mut items = Vec::new();
        for row in self.pending_evidence.iter() {
            let value = row.value().map_err(broken("cannot read evidence"))?;
            items.push(tm::Evidence::decode(&*value).map_err(undecodable("evidence"))?);
            if evidence::list_bytes(&items) > max_bytes {
                items.pop();
                break;
            }
        }
        Ok(items)
    }

    pub(crate) fn drop_evidence(&self, items: &[tm::Evidence]) -> Answer<()> {
        let mut batch = self.db.batch();
        for item in items {
            let key = height_hash(evidence::height(item).unwrap_or(0), &evidence::item_hash(item));
            batch.remove(&self.pending_evidence, key);
        }
        batch.commit().map_err(broken("cannot write evidence"))
    }

    pub(crate) fn evidence_committed(&self, item: &tm::Evidence) -> Answer<bool> {
        let key = height_hash(evidence::height(item).unwrap_or(0), &evidence::item_hash(item));
        self.committed_evidence.contains_key(key).map_err(broken("cannot read evidence"))
    }

    /// Everything written so far becomes durable.
    pub(crate) fn sync(&self) -> Answer<()> {
        self.db.persist(PersistMode::SyncAll).map_err(broken("cannot sync"))
    }
}

fn proposal_key(proposal: &Proposal) -> Vec<u8> {
    let mut key = proposal.height.to_be_bytes().to_vec();
    key.extend_from_slice(&proposal.round.to_be_bytes());
    key.extend_from_slice(&proposal.id.hash);
    key
}

fn encode(value: &impl BorshSerialize) -> Answer<Vec<u8>> {
    borsh::to_vec(value).map_err(|error| Halt::because("block store: cannot encode", error))
}

fn full(set: &ValidatorSet) -> Answer<Vec<u8>> {
    encode(&SetRow::Full(set.clone()))
}

/// Shared by everything that reads blocks.
pub(crate) type SharedStore = Arc<BlockStore>;
