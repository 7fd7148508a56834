//! At which heights an event attribute has a value.
//!
//! A follower of committed blocks: it catches up from the height it wrote last, so a crash leaves
//! no gap. One row per (attribute, value) and height: the first 16 bytes of
//! SHA-256(`type.key` 0x00 `value`), then the height. Readers look at the blocks themselves, so a
//! collision of hashes costs a look and nothing else.

use std::{collections::BTreeSet, path::Path};

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use sha2::{Digest, Sha256};
use types::wire::tendermint::abci::{Event, ResponseFinalizeBlock};

use crate::Error;

/// The index on disk.
pub(crate) struct Index {
    database: Database,
    rows: Keyspace,
    meta: Keyspace,
}

type Row = [u8; 16];

const LAST: &str = "last";

impl Index {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let database = Database::builder(path).cache_size(32 << 20).open()?;
        let open = |name| database.keyspace(name, KeyspaceCreateOptions::default);
        let (rows, meta) = (open("rows")?, open("meta")?);
        Ok(Self { database, rows, meta })
    }

    /// The last height that is in the index, 0 for none.
    pub(crate) fn height(&self) -> Result<u64, Error> {
        let stored = self.meta.get(LAST)?;
        let bytes = stored.as_deref().and_then(|it| <[u8; 8]>::try_from(it).ok());
        Ok(bytes.map_or(0, u64::from_be_bytes))
    }

    /// Adds what a block's execution told. Adding a height twice changes nothing.
    pub(crate) fn add(&self, height: u64, results: &ResponseFinalizeBlock) -> Result<(), Error> {
        let mut rows = BTreeSet::new();
        let of_txs = results.tx_results.iter().flat_map(|it| &it.events);
        for event in results.events.iter().chain(of_txs) {
            collect(event, &mut rows);
        }
        let mut batch = self.database.batch();
        for row in rows {
            batch.insert(&self.rows, key(row, height), []);
        }
        batch.insert(&self.meta, LAST, height.to_be_bytes());
        Ok(batch.commit()?)
    }

    /// The heights that have every pair, ascending.
    pub(crate) fn heights(&self, pairs: &[(&str, &str)]) -> Result<Vec<u64>, Error> {
        let mut found: Option<BTreeSet<u64>> = None;
        for (name, value) in pairs {
            let row = row(name, value);
            let mut heights = BTreeSet::new();
            for guard in self.rows.prefix(row) {
                let key = guard.key()?;
                let height = key.get(16..).and_then(|it| <[u8; 8]>::try_from(it).ok());
                heights.extend(height.map(u64::from_be_bytes));
            }
            found = Some(match found {
                None => heights,
                Some(before) => before.intersection(&heights).copied().collect(),
            });
        }
        Ok(found.unwrap_or_default().into_iter().collect())
    }
}

fn collect(event: &Event, rows: &mut BTreeSet<Row>) {
    rows.insert(row(&event.r#type, ""));
    for attribute in event.attributes.iter().filter(|it| it.index) {
        rows.insert(row(&format!("{}.{}", event.r#type, attribute.key), &attribute.value));
    }
}

fn row(name: &str, value: &str) -> Row {
    let hash = Sha256::new().chain_update(name).chain_update([0]).chain_update(value).finalize();
    let mut row = Row::default();
    row.copy_from_slice(hash.split_at(16).0);
    row
}

fn key(row: Row, height: u64) -> Vec<u8> {
    [&row[..], &height.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use types::wire::tendermint::abci::{EventAttribute, ExecTxResult};

    use super::*;

    fn event(kind: &str, pairs: &[(&str, &str)]) -> Event {
        let attribute = |(key, value): &(&str, &str)| EventAttribute {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
            index: true,
        };
        Event { r#type: kind.to_owned(), attributes: pairs.iter().map(attribute).collect() }
    }

    #[test]
    fn heights_are_found_by_all_their_attributes_and_survive_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let block = |events, txs| ResponseFinalizeBlock {
            events,
            tx_results: vec![ExecTxResult { events: txs, ..Default::default() }],
            ..Default::default()
        };
        {
            let index = Index::open(folder.path()).expect("opens");
            assert_eq!(index.height().expect("reads"), 0);
            let send = |to: &str| event("transfer", &[("sender", "a"), ("recipient", to)]);
            index.add(1, &block(vec![], vec![send("b")])).expect("writes");
            index.add(2, &block(vec![event("mint", &[("amount", "3")])], vec![])).expect("writes");
            index.add(300, &block(vec![], vec![send("c")])).expect("writes");
            index.add(300, &block(vec![], vec![send("c")])).expect("writes twice");
        }
        let index = Index::open(folder.path()).expect("opens again");
        assert_eq!(index.height().expect("reads"), 300);
        let heights = |pairs: &[(&str, &str)]| index.heights(pairs).expect("reads");
        assert_eq!(heights(&[("transfer.sender", "a")]), [1, 300]);
        assert_eq!(heights(&[("transfer.sender", "a"), ("transfer.recipient", "c")]), [300]);
        assert_eq!(heights(&[("mint.amount", "3")]), [2]);
        assert!(heights(&[("mint.amount", "3"), ("transfer.sender", "a")]).is_empty());
        assert!(heights(&[("transfer.sender", "b")]).is_empty());
    }
}
