//! The state of the rollup: four roots, two next indices, and the id of the next rollup.

use plonky2_core::field::types::Field;
use serde::{Deserialize, Serialize};

use crate::field::{Digest, F};
use crate::hash::{Tag, hash};

/// Levels of the data tree.
pub const DATA_DEPTH: usize = 32;
/// Levels of the nullifier tree.
pub const NULLIFIER_DEPTH: usize = 32;
/// Levels of the roots tree.
pub const ROOTS_DEPTH: usize = 28;
/// Levels of the defi tree.
pub const DEFI_DEPTH: usize = 30;

/// Everything that the next rollup builds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Id of the next rollup; the first is 0.
    pub rollup_id: u32,
    /// Root of the data tree.
    pub data_root: Digest,
    /// Next index of the data tree.
    pub data_next: u64,
    /// Root of the nullifier tree.
    pub nullifier_root: Digest,
    /// Next index of the nullifier tree.
    pub nullifier_next: u64,
    /// Root of the roots tree.
    pub roots_root: Digest,
    /// Root of the defi tree.
    pub defi_root: Digest,
}

impl State {
    /// The limbs under [`Tag::State`], in order.
    pub fn limbs(&self) -> [F; 19] {
        let mut out = [F::ZERO; 19];
        out[0] = F::from_canonical_u32(self.rollup_id);
        out[1..5].copy_from_slice(&self.data_root.0);
        out[5] = F::from_canonical_u64(self.data_next);
        out[6..10].copy_from_slice(&self.nullifier_root.0);
        out[10] = F::from_canonical_u64(self.nullifier_next);
        out[11..15].copy_from_slice(&self.roots_root.0);
        out[15..19].copy_from_slice(&self.defi_root.0);
        out
    }

    /// `H(STATE, …)`: what a rollup proof exposes.
    pub fn digest(&self) -> Digest {
        hash(Tag::State, &self.limbs())
    }
}

/// The contract that a rollup settles on; every proof is bound to it through its data root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Chain id, below 2^53 so that JSON can carry it.
    pub chain_id: u64,
    /// The contract's address.
    pub contract: crate::transaction::Address,
}

impl Deployment {
    /// `H(DEPLOYMENT, chain id, contract)`: leaf 0 of the data tree.
    pub fn leaf(&self) -> Digest {
        let mut limbs = [F::ZERO; 6];
        limbs[0] = F::from_noncanonical_u64(self.chain_id);
        for (to, word) in limbs[1..].iter_mut().zip(self.contract.0) {
            *to = F::from_canonical_u32(word);
        }
        hash(Tag::Deployment, &limbs)
    }
}
