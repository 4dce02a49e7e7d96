//! A nullifier tree in plain data that also takes insertions which the protocol forbids.

use std::collections::BTreeMap;

use rollup::field::Digest;
use rollup::hash::node;
use rollup::state::NULLIFIER_DEPTH;
use rollup::tree::empty;
use rollup::witness::{MerklePath, NullifierInsertion, NullifierLeaf};

use crate::inner::nullifiers::InsertionValues;

/// A tree of few leaves.
#[derive(Debug, Clone, Default)]
pub(super) struct Sparse(BTreeMap<u64, Digest>);

impl Sparse {
    pub(super) fn set(&mut self, index: u64, leaf: Digest) {
        self.0.insert(index, leaf);
    }

    /// The same tree with an empty leaf.
    pub(super) fn without(&self, index: u64) -> Self {
        Self(self.0.iter().filter(|(place, _)| **place != index).map(|(place, leaf)| (*place, *leaf)).collect())
    }

    pub(super) fn path(&self, index: u64) -> MerklePath {
        let siblings = (0..NULLIFIER_DEPTH).map(|level| self.node(level, index >> level ^ 1)).collect();
        MerklePath { index, siblings }
    }

    pub(super) fn root(&self) -> Digest {
        self.node(NULLIFIER_DEPTH, 0)
    }

    fn node(&self, level: usize, index: u64) -> Digest {
        match level {
            _ if self.0.range(index << level..(index + 1) << level).next().is_none() => empty(level),
            0 => self.0[&index],
            _ => node(&self.node(level - 1, 2 * index), &self.node(level - 1, 2 * index + 1)),
        }
    }
}

/// The indexed tree: its leaves and their hashes.
#[derive(Debug, Clone)]
pub(super) struct Indexed {
    pub(super) leaves: Vec<NullifierLeaf>,
    pub(super) tree: Sparse,
}

impl Indexed {
    /// After `values` were inserted in order.
    pub(super) fn of(values: &[Digest]) -> Self {
        let mut tree = Sparse::default();
        tree.set(0, NullifierLeaf::GENESIS.hash());
        let mut out = Self { leaves: vec![NullifierLeaf::GENESIS], tree };
        values.iter().for_each(|value| drop(out.insert(*value)));
        out
    }

    /// The index that the next leaf gets.
    pub(super) fn next(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// Where a value stands.
    pub(super) fn find(&self, value: Digest) -> u64 {
        self.leaves.iter().position(|leaf| leaf.value == value).expect("the value is in the tree") as u64
    }

    /// The leaf that comes before `value`.
    pub(super) fn low(&self, value: Digest) -> u64 {
        let below = (0..).zip(&self.leaves).filter(|(_, leaf)| leaf.value < value);
        below.max_by_key(|(_, leaf)| leaf.value).map(|(index, _)| index).expect("0 is in the tree")
    }

    /// The largest leaf.
    pub(super) fn largest(&self) -> u64 {
        (0..).zip(&self.leaves).max_by_key(|(_, leaf)| leaf.value).map(|(index, _)| index).expect("0 is in the tree")
    }

    pub(super) fn leaf(&self, index: u64) -> NullifierLeaf {
        self.leaves[index as usize]
    }

    /// Inserts `value` honestly.
    pub(super) fn insert(&mut self, value: Digest) -> InsertionValues {
        let low = self.low(value);
        self.insert_after(low, self.leaf(low), value)
    }

    /// Inserts `value` as if `low` stood at `index` and came before it, whatever is true.
    pub(super) fn insert_after(&mut self, index: u64, low: NullifierLeaf, value: Digest) -> InsertionValues {
        let next = self.next();
        let low_path = self.tree.path(index);
        let rewritten = NullifierLeaf { next_value: value, next_index: next, ..low };
        self.tree.set(index, rewritten.hash());
        if let Some(leaf) = self.leaves.get_mut(index as usize) {
            *leaf = rewritten;
        }
        let slot_path = self.tree.path(next);
        let written = NullifierLeaf { value, ..low };
        self.tree.set(next, written.hash());
        self.leaves.push(written);
        InsertionValues::of(&NullifierInsertion { low, low_path, slot_path }, value, next)
    }
}
