//! The protocol's hashes: Poseidon with the tag and the input length in the sponge's capacity.
//!
//! The state is 12 limbs: 8 of rate, 4 of capacity. The capacity starts as `(tag, length, 0, 0)`.
//! Input is absorbed 8 limbs at a time by overwriting the rate; a last short chunk is filled with
//! zeros, which is injective because the length is in the capacity. The digest is the first four
//! limbs. Each tag has one fixed arity, except the two commitments to published limbs, whose
//! arity is fixed by the rollup's shape.

use plonky2_core::field::types::Field;
use plonky2_core::poseidon::{Poseidon, SPONGE_RATE, SPONGE_WIDTH};

use crate::field::{DIGEST_LIMBS, Digest, F};

/// What a hash is for. The numbers start at the ASCII bytes `meze`, far from the small integers
/// that the proof system itself puts into a capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Tag {
    /// A tree node over its two children: 8 limbs, one permutation.
    Node = 0x6d65_7a65_0000_0001,
    /// Account key of an account secret (4).
    AccountKey,
    /// Nullifier key of an account secret (4).
    NullifierKey,
    /// Spending key of a spending secret (4).
    SpendingKey,
    /// The private half of a value note: account key, registered, blinding (9).
    Partial,
    /// A value note: partial, amount, asset, rho (10).
    Value,
    /// An account note: alias hash, account key, spending key (12).
    AccountNote,
    /// Nullifier of a used note: commitment, nullifier key (8).
    Nullifier,
    /// Nullifier of an unused input: four random limbs (4).
    Dummy,
    /// Nullifier that claims an alias: alias hash (4).
    Alias,
    /// Nullifier that claims an account key: account key (4).
    RegisteredKey,
    /// Nullifier of a migration: alias hash, old account key (8).
    Migrated,
    /// Leaf of the nullifier tree: value, next value, next index (9).
    NullifierLeaf,
    /// The state: see [`crate::state::State`] (19).
    State,
    /// Leaf 0 of the data tree: chain id, contract (6).
    Deployment,
    /// Commitment to the published limbs of one inner rollup (28 · N).
    InnerPublished,
    /// Commitment to the published limbs of a rollup: one commitment for each inner (4 · M).
    Published,
}

/// The hash of `input` under `tag`.
pub fn hash(tag: Tag, input: &[F]) -> Digest {
    let mut state = initial_state(tag, input.len());
    for chunk in input.chunks(SPONGE_RATE) {
        state[..SPONGE_RATE].fill(F::ZERO);
        state[..chunk.len()].copy_from_slice(chunk);
        state = F::poseidon(state);
    }
    digest_of(state)
}

/// The parent of two tree nodes: one permutation.
pub fn node(left: &Digest, right: &Digest) -> Digest {
    let mut state = initial_state(Tag::Node, 2 * DIGEST_LIMBS);
    state[..DIGEST_LIMBS].copy_from_slice(&left.0);
    state[DIGEST_LIMBS..2 * DIGEST_LIMBS].copy_from_slice(&right.0);
    digest_of(F::poseidon(state))
}

/// The sponge's state before anything is absorbed.
pub fn initial_state(tag: Tag, length: usize) -> [F; SPONGE_WIDTH] {
    let mut state = [F::ZERO; SPONGE_WIDTH];
    state[SPONGE_RATE] = F::from_canonical_u64(tag as u64);
    state[SPONGE_RATE + 1] = F::from_canonical_usize(length);
    state
}

fn digest_of(state: [F; SPONGE_WIDTH]) -> Digest {
    Digest(std::array::from_fn(|limb| state[limb]))
}
