//! The store without a disk, for tests and for what can be rebuilt.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::TreeError;
use super::store::{Batch, Committed, NodeStore};
use crate::field::Digest;

/// Trees in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(RwLock<Contents>);

#[derive(Debug, Default)]
struct Contents {
    nodes: HashMap<Digest, [Digest; 2]>,
    nullifiers: BTreeMap<Digest, u64>,
    data_roots: HashMap<Digest, u64>,
    committed: Option<Committed>,
}

impl MemoryStore {
    /// A reader that died holding the lock cannot have left half a change: readers change nothing.
    fn read(&self) -> RwLockReadGuard<'_, Contents> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NodeStore for MemoryStore {
    fn children(&self, node: &Digest) -> Result<Option<[Digest; 2]>, TreeError> {
        Ok(self.read().nodes.get(node).copied())
    }

    fn nullifier_at_or_below(&self, value: &Digest, bound: u64) -> Result<Option<(Digest, u64)>, TreeError> {
        let contents = self.read();
        let found = contents.nullifiers.range(..=*value).rev().find(|(_, index)| **index < bound);
        Ok(found.map(|(value, index)| (*value, *index)))
    }

    fn nullifier_above(&self, value: &Digest, bound: u64) -> Result<Option<(Digest, u64)>, TreeError> {
        let contents = self.read();
        let range = (Bound::Excluded(*value), Bound::Unbounded);
        let found = contents.nullifiers.range(range).find(|(_, index)| **index < bound);
        Ok(found.map(|(value, index)| (*value, *index)))
    }

    fn data_root_index(&self, root: &Digest, bound: u64) -> Result<Option<u64>, TreeError> {
        Ok(self.read().data_roots.get(root).copied().filter(|index| *index < bound))
    }

    fn committed(&self) -> Result<Option<Committed>, TreeError> {
        Ok(self.read().committed)
    }

    fn commit(&self, batch: &Batch) -> Result<(), TreeError> {
        let mut contents = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if contents.committed.map(|committed| committed.state) != batch.from {
            return Err(TreeError::Stale);
        }
        contents.nodes.extend(batch.nodes.iter().copied());
        contents.nullifiers.extend(batch.nullifiers.iter().copied());
        for (root, index) in &batch.data_roots {
            contents.data_roots.entry(*root).or_insert(*index);
        }
        contents.committed = Some(batch.to);
        Ok(())
    }
}
