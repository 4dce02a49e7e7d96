//! What a store of committed trees must do; [`super::MemoryStore`] and [`super::DiskStore`] do it.

use std::fmt;

use super::TreeError;
use crate::field::Digest;
use crate::state::{Deployment, State};

/// What the store holds, beside the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Whose rollup it is.
    pub deployment: Deployment,
    /// The state after the last commit.
    pub state: State,
}

/// Everything that one commit adds. Nodes and entries are never changed or removed.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The state that the batch was built on; `None` for genesis.
    pub from: Option<State>,
    /// What holds afterwards.
    pub to: Committed,
    /// Nodes by digest: left and right child.
    pub nodes: Vec<(Digest, [Digest; 2])>,
    /// Nullifiers and their leaf indices.
    pub nullifiers: Vec<(Digest, u64)>,
    /// Data roots and their indices in the roots tree; the first index of a root counts.
    pub data_roots: Vec<(Digest, u64)>,
}

/// Committed tree nodes, the ordered nullifiers, the data roots and the committed state.
///
/// Lookups of nullifiers and data roots take a bound on the index: entries at or above it came
/// after the state that the reader stands on and are passed over.
pub trait NodeStore: fmt::Debug + Send + Sync {
    /// The two children of a node.
    fn children(&self, node: &Digest) -> Result<Option<[Digest; 2]>, TreeError>;

    /// The largest nullifier up to and including `value`, with its index.
    fn nullifier_at_or_below(&self, value: &Digest, bound: u64) -> Result<Option<(Digest, u64)>, TreeError>;

    /// The smallest nullifier above `value`, with its index.
    fn nullifier_above(&self, value: &Digest, bound: u64) -> Result<Option<(Digest, u64)>, TreeError>;

    /// The first index of a data root in the roots tree.
    fn data_root_index(&self, root: &Digest, bound: u64) -> Result<Option<u64>, TreeError>;

    /// What is committed; `None` before genesis.
    fn committed(&self) -> Result<Option<Committed>, TreeError>;

    /// Adds the whole batch or nothing; [`TreeError::Stale`] unless the store is at `batch.from`.
    fn commit(&self, batch: &Batch) -> Result<(), TreeError>;
}
