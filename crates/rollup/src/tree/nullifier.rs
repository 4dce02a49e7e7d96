//! The indexed Merkle tree: every leaf names the next larger nullifier, so one leaf proves absence.

use plonky2_core::field::types::Field;

use super::{Overlay, TreeError, merkle};
use crate::field::{Digest, F};
use crate::hash::{Tag, hash};
use crate::state::NULLIFIER_DEPTH;
use crate::witness::{NullifierInsertion, NullifierLeaf};

impl NullifierLeaf {
    /// The leaf that every nullifier tree starts with.
    pub const GENESIS: Self = Self { value: Digest::ZERO, next_value: Digest::ZERO, next_index: 0 };

    /// `H(NULL_LEAF, value, next value, next index)`.
    pub fn hash(&self) -> Digest {
        let mut limbs = [F::ZERO; 9];
        limbs[..4].copy_from_slice(&self.value.0);
        limbs[4..8].copy_from_slice(&self.next_value.0);
        limbs[8] = F::from_canonical_u64(self.next_index);
        hash(Tag::NullifierLeaf, &limbs)
    }
}

/// A nullifier tree that grows: its root and next index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Growing {
    pub(crate) root: Digest,
    pub(crate) next: u64,
}

impl Growing {
    /// Puts the genesis leaf into the empty tree.
    pub(crate) fn genesis(nodes: &mut Overlay) -> Result<Self, TreeError> {
        let root = super::empty(NULLIFIER_DEPTH);
        let leaf = NullifierLeaf::GENESIS.hash();
        let (root, _) = merkle::replace(nodes, &root, NULLIFIER_DEPTH, 0, 0, leaf)?;
        nodes.add_nullifier(Digest::ZERO, 0);
        Ok(Self { root, next: 1 })
    }

    /// Inserts `value` behind its low leaf, as constraint I3 wants it proved.
    pub(crate) fn insert(&mut self, nodes: &mut Overlay, value: Digest) -> Result<NullifierInsertion, TreeError> {
        if self.next >> NULLIFIER_DEPTH != 0 {
            return Err(TreeError::Full(NULLIFIER_DEPTH));
        }
        // 0 is the value of leaf 0, so every value has a low leaf.
        let (low_value, low_index) = nodes.nullifier_at_or_below(&value)?.ok_or(TreeError::Damaged)?;
        if low_value == value {
            return Err(TreeError::NullifierExists(value));
        }
        let (next_value, next_index) = nodes.nullifier_above(&value)?.unwrap_or_default();
        let low = NullifierLeaf { value: low_value, next_value, next_index };
        let rewritten = NullifierLeaf { next_value: value, next_index: self.next, ..low };
        let added = NullifierLeaf { value, ..low };
        let depth = NULLIFIER_DEPTH;
        let (root, low_path) = merkle::replace(nodes, &self.root, depth, 0, low_index, rewritten.hash())?;
        let (root, slot_path) = merkle::replace(nodes, &root, depth, 0, self.next, added.hash())?;
        nodes.add_nullifier(value, self.next);
        *self = Self { root, next: self.next + 1 };
        Ok(NullifierInsertion { low, low_path, slot_path })
    }
}
