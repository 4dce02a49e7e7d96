//! The store on disk: one `redb` file, one ACID transaction a commit.

use std::fmt;
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use redb::{Database, DatabaseError, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition};

use super::store::{Batch, Committed, NodeStore};
use super::{TreeError, record};
use crate::field::Digest;

type Key = [u8; 32];

/// Node digest to left and right child.
const NODES: TableDefinition<'_, Key, [u8; 64]> = TableDefinition::new("nodes");
/// Nullifier to leaf index; the key's byte order is the order of nullifiers.
const NULLIFIERS: TableDefinition<'_, Key, u64> = TableDefinition::new("nullifiers");
/// Data root to its first index in the roots tree.
const DATA_ROOTS: TableDefinition<'_, Key, u64> = TableDefinition::new("data-roots");
/// One entry: the record of deployment and state.
const COMMITTED: TableDefinition<'_, (), Vec<u8>> = TableDefinition::new("committed");

/// Memory for pages of the database.
const CACHE_BYTES: usize = 128 << 20;

/// Trees in a `redb` file. One process at a time can hold it open.
pub struct DiskStore {
    database: Database,
    // Opening a read transaction for each node would cost more than the lookup, so the tables of
    // the last commit are kept open and exchanged after the next one.
    tables: RwLock<Tables>,
}

struct Tables {
    nodes: ReadOnlyTable<Key, [u8; 64]>,
    nullifiers: ReadOnlyTable<Key, u64>,
    data_roots: ReadOnlyTable<Key, u64>,
    committed: Option<Committed>,
}

impl DiskStore {
    /// Opens the file, or creates it with nothing committed.
    pub fn open(path: &Path) -> Result<Self, TreeError> {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(path);
        let database = database.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => TreeError::InUse(path.to_owned()),
            error => database_error(error),
        })?;
        let transaction = database.begin_write().map_err(database_error)?;
        transaction.open_table(NODES).map_err(database_error)?;
        transaction.open_table(NULLIFIERS).map_err(database_error)?;
        transaction.open_table(DATA_ROOTS).map_err(database_error)?;
        transaction.open_table(COMMITTED).map_err(database_error)?;
        transaction.commit().map_err(database_error)?;
        let tables = RwLock::new(Tables::open(&database)?);
        Ok(Self { database, tables })
    }

    /// A panic elsewhere cannot leave the tables half exchanged: they are replaced in one move.
    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, batch: &Batch) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            // Sorted keys touch each page once.
            let mut nodes: Vec<_> = batch.nodes.iter().map(|(node, children)| (node.to_bytes(), children)).collect();
            nodes.sort_unstable_by_key(|(node, _)| *node);
            let mut table = transaction.open_table(NODES)?;
            for (node, children) in nodes {
                table.insert(node, join(children))?;
            }
            let mut table = transaction.open_table(NULLIFIERS)?;
            for (value, index) in &batch.nullifiers {
                table.insert(value.to_bytes(), index)?;
            }
            let mut table = transaction.open_table(DATA_ROOTS)?;
            for (root, index) in &batch.data_roots {
                let key = root.to_bytes();
                if table.get(key)?.is_none() {
                    table.insert(key, index)?;
                }
            }
            transaction.open_table(COMMITTED)?.insert((), record::encode(&batch.to))?;
        }
        Ok(transaction.commit()?)
    }
}

impl Tables {
    fn open(database: &Database) -> Result<Self, TreeError> {
        let transaction = database.begin_read().map_err(database_error)?;
        let record = transaction.open_table(COMMITTED).map_err(database_error)?.get(()).map_err(database_error)?;
        Ok(Self {
            nodes: transaction.open_table(NODES).map_err(database_error)?,
            nullifiers: transaction.open_table(NULLIFIERS).map_err(database_error)?,
            data_roots: transaction.open_table(DATA_ROOTS).map_err(database_error)?,
            committed: record.map(|guard| record::decode(&guard.value())).transpose()?,
        })
    }
}

impl NodeStore for DiskStore {
    fn children(&self, node: &Digest) -> Result<Option<[Digest; 2]>, TreeError> {
        let found = self.read().nodes.get(node.to_bytes()).map_err(database_error)?;
        found.map(|guard| split(&guard.value())).transpose()
    }

    fn nullifier_at_or_below(&self, value: &Digest, bound: u64) -> Result<Option<(Digest, u64)>, TreeError> {
        let range = self.read().nullifiers.range(..=value.to_bytes()).map_err(database_error)?;
        first_below(range.rev(), bound)
    }

    fn nullifier_above(&self, value: &Digest, bound: u64) -> Result<Option<(Digest, u64)>, TreeError> {
        let key = value.to_bytes();
        let range = self.read().nullifiers.range(key..).map_err(database_error)?;
        first_below(range.filter(|entry| !matches!(entry, Ok((found, _)) if found.value() == key)), bound)
    }

    fn data_root_index(&self, root: &Digest, bound: u64) -> Result<Option<u64>, TreeError> {
        let found = self.read().data_roots.get(root.to_bytes()).map_err(database_error)?;
        Ok(found.map(|guard| guard.value()).filter(|index| *index < bound))
    }

    fn committed(&self) -> Result<Option<Committed>, TreeError> {
        Ok(self.read().committed)
    }

    fn commit(&self, batch: &Batch) -> Result<(), TreeError> {
        // Held throughout, so the check and the change are one step.
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        if tables.committed.map(|committed| committed.state) != batch.from {
            return Err(TreeError::Stale);
        }
        self.write(batch).map_err(database_error)?;
        *tables = Tables::open(&self.database)?;
        Ok(())
    }
}

impl fmt::Debug for DiskStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskStore").field("committed", &self.read().committed).finish_non_exhaustive()
    }
}

type Entry<'a> = (redb::AccessGuard<'a, Key>, redb::AccessGuard<'a, u64>);

fn first_below<'a>(
    entries: impl Iterator<Item = Result<Entry<'a>, redb::StorageError>>,
    bound: u64,
) -> Result<Option<(Digest, u64)>, TreeError> {
    for entry in entries {
        let (value, index) = entry.map_err(database_error)?;
        if index.value() < bound {
            let value = Digest::from_bytes(&value.value()).map_err(|_| TreeError::Damaged)?;
            return Ok(Some((value, index.value())));
        }
    }
    Ok(None)
}

fn join(children: &[Digest; 2]) -> [u8; 64] {
    let mut out = [0; 64];
    out[..32].copy_from_slice(&children[0].to_bytes());
    out[32..].copy_from_slice(&children[1].to_bytes());
    out
}

fn split(bytes: &[u8; 64]) -> Result<[Digest; 2], TreeError> {
    let (left, right) = bytes.split_at(32);
    let read = |half: &[u8]| Digest::from_bytes(half.try_into().ok()?).ok();
    read(left).zip(read(right)).map(|(left, right)| [left, right]).ok_or(TreeError::Damaged)
}

fn database_error(error: impl Into<redb::Error>) -> TreeError {
    TreeError::Database(Box::new(error.into()))
}
