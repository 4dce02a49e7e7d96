//! Uncommitted trees over a committed store: cheap to make, to share and to throw away.
//!
//! What a rollup adds is first *scratch*; sealing keeps of it what the rollup's final roots reach
//! and freezes that as a layer. Layers are shared between forks and never change, so a fork is a
//! few pointers and dropping it leaves no trace.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::store::{Batch, Committed, NodeStore};
use super::{TreeError, empty};
use crate::field::Digest;
use crate::state::{DATA_DEPTH, Deployment, NULLIFIER_DEPTH, ROOTS_DEPTH, State};

/// What was added since a state; see the module.
#[derive(Debug, Clone, Default)]
struct Layer {
    /// The state that it builds on; `None` for genesis.
    from: Option<State>,
    nodes: HashMap<Digest, [Digest; 2]>,
    nullifiers: BTreeMap<Digest, u64>,
    data_roots: HashMap<Digest, u64>,
}

/// A committed store with uncommitted layers over it.
#[derive(Debug, Clone)]
pub struct Overlay {
    store: Arc<dyn NodeStore>,
    /// The committed state that this overlay stands on; later commits of others are not seen.
    base: Option<State>,
    /// One for each uncommitted rollup, the oldest first.
    layers: Vec<Arc<Layer>>,
    scratch: Layer,
}

impl Overlay {
    /// Nothing over `store`, which is at `base`.
    pub fn new(store: Arc<dyn NodeStore>, base: Option<State>) -> Self {
        Self { store, base, layers: Vec::new(), scratch: Layer { from: base, ..Layer::default() } }
    }

    /// The store underneath.
    pub fn store(&self) -> &Arc<dyn NodeStore> {
        &self.store
    }

    /// The children of a node at `level` ≥ 1 of its tree.
    pub fn children(&self, node: &Digest, level: usize) -> Result<[Digest; 2], TreeError> {
        if *node == empty(level) {
            return Ok([empty(level - 1); 2]);
        }
        let uncommitted = self.newest_first().find_map(|layer| layer.nodes.get(node));
        match uncommitted {
            Some(children) => Ok(*children),
            None => self.store.children(node)?.ok_or(TreeError::MissingNode(*node)),
        }
    }

    /// The largest nullifier up to and including `value`, with its index.
    pub fn nullifier_at_or_below(&self, value: &Digest) -> Result<Option<(Digest, u64)>, TreeError> {
        let committed = self.store.nullifier_at_or_below(value, self.nullifier_bound())?;
        let uncommitted = self.newest_first().filter_map(|layer| layer.nullifiers.range(..=*value).next_back());
        Ok(uncommitted.map(|(found, index)| (*found, *index)).chain(committed).max())
    }

    /// The smallest nullifier above `value`, with its index.
    pub fn nullifier_above(&self, value: &Digest) -> Result<Option<(Digest, u64)>, TreeError> {
        let committed = self.store.nullifier_above(value, self.nullifier_bound())?;
        let range = (Bound::Excluded(*value), Bound::Unbounded);
        let uncommitted = self.newest_first().filter_map(|layer| layer.nullifiers.range(range).next());
        Ok(uncommitted.map(|(found, index)| (*found, *index)).chain(committed).min())
    }

    /// The first index of a data root in the roots tree.
    pub fn data_root_index(&self, root: &Digest) -> Result<Option<u64>, TreeError> {
        let bound = self.base.map_or(0, |state| u64::from(state.rollup_id) + 1);
        let committed = self.store.data_root_index(root, bound)?;
        let uncommitted = self.newest_first().filter_map(|layer| layer.data_roots.get(root).copied());
        Ok(uncommitted.chain(committed).min())
    }

    /// Notes a node; empty ones are constants and are not kept.
    pub(super) fn add_node(&mut self, node: Digest, children: [Digest; 2], level: usize) {
        if node != empty(level) {
            self.scratch.nodes.insert(node, children);
        }
    }

    pub(super) fn add_nullifier(&mut self, value: Digest, index: u64) {
        self.scratch.nullifiers.insert(value, index);
    }

    pub(crate) fn add_data_root(&mut self, root: Digest, index: u64) {
        self.scratch.data_roots.entry(root).or_insert(index);
    }

    /// Forgets what was added since the last seal.
    pub(crate) fn discard(&mut self) {
        self.scratch = Layer { from: self.scratch.from, ..Layer::default() };
    }

    /// Freezes what was added, without the nodes that the roots of `to` do not reach.
    pub(crate) fn seal(&mut self, to: &State) {
        let mut sealed = std::mem::replace(&mut self.scratch, Layer { from: Some(*to), ..Layer::default() });
        let mut all = std::mem::take(&mut sealed.nodes);
        let mut pending =
            vec![(to.data_root, DATA_DEPTH), (to.nullifier_root, NULLIFIER_DEPTH), (to.roots_root, ROOTS_DEPTH)];
        while let Some((node, level)) = pending.pop() {
            // What is not among the new nodes is a leaf, empty, or older, and so is all below it.
            // Removing a node as it is met keeps a shared one from being walked twice.
            if level > 0
                && let Some(children) = all.remove(&node)
            {
                sealed.nodes.insert(node, children);
                pending.extend(children.map(|child| (child, level - 1)));
            }
        }
        self.layers.push(Arc::new(sealed));
    }

    /// Writes the layers that the store does not have yet.
    pub(crate) fn commit(&mut self, deployment: Deployment, to: State) -> Result<(), TreeError> {
        let from = self.store.committed()?.map(|committed| committed.state);
        if from != Some(to) {
            // Another fork may have committed our older layers; then only the younger are missing.
            let first = self.layers.iter().position(|layer| layer.from == from).ok_or(TreeError::Stale)?;
            let layers = &self.layers[first..];
            self.store.commit(&Batch {
                from,
                to: Committed { deployment, state: to },
                nodes: layers.iter().flat_map(|layer| &layer.nodes).map(|(k, v)| (*k, *v)).collect(),
                nullifiers: layers.iter().flat_map(|layer| &layer.nullifiers).map(|(k, v)| (*k, *v)).collect(),
                data_roots: layers.iter().flat_map(|layer| &layer.data_roots).map(|(k, v)| (*k, *v)).collect(),
            })?;
        }
        *self = Self::new(Arc::clone(&self.store), Some(to));
        Ok(())
    }

    /// Nodes that are kept but not committed.
    pub fn uncommitted_nodes(&self) -> usize {
        self.newest_first().map(|layer| layer.nodes.len()).sum()
    }

    fn newest_first(&self) -> impl Iterator<Item = &Layer> {
        std::iter::once(&self.scratch).chain(self.layers.iter().rev().map(Arc::as_ref))
    }

    fn nullifier_bound(&self) -> u64 {
        self.base.map_or(0, |state| state.nullifier_next)
    }
}
