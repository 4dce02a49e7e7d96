//! What the circuits compute from a witness, honest or not: the public inputs that fit it.
//!
//! A forgery changes one thing and lets the rest follow, so that it breaks one constraint alone.

use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::types::{Field, PrimeField64};
use rollup::field::Digest;
use rollup::hash::{Tag, hash};
use rollup::published::{self, Extension};
use rollup::shape::subtree_depth;
use rollup::transaction::layout;
use rollup::tree::{fold, subtree_root};

use super::fixtures::{at, digest_at, put};
use crate::client::join_split::inverse;
use crate::inner::nullifiers::LeafValues;
use crate::inner::values::InnerValues;
use crate::outer::OuterValues;
use crate::plonk::F;

/// Where each field starts among the public limbs of a rollup.
pub(super) mod outer_at {
    pub(in super::super) const OLD_STATE: usize = 0;
    pub(in super::super) const NEW_STATE: usize = 4;
    pub(in super::super) const ROLLUP_ID: usize = 8;
    pub(in super::super) const BENEFICIARY: usize = 9;
    pub(in super::super) const SHAPE: usize = 14;
    pub(in super::super) const FEE_SUMS: usize = 20;
    pub(in super::super) const COMMITMENT: usize = 24;
    pub(in super::super) const EVALUATION: usize = 30;
}

pub(super) fn hash_leaf(leaf: &LeafValues) -> Digest {
    hash(Tag::NullifierLeaf, &[&leaf.value.0[..], &leaf.next_value.0, &[leaf.next_index]].concat())
}

/// The published limbs of all slots.
pub(super) fn published_limbs(values: &InnerValues) -> Vec<F> {
    let published = |child: &[F]| child[..layout::PUBLISHED].to_vec();
    values.slots.iter().flat_map(|slot| published(slot.child.public_inputs())).collect()
}

/// `r` of a proof.
pub(super) fn challenge(public: &[F]) -> [u64; 2] {
    [0, 1].map(|limb| public[at::CHALLENGE + limb].to_canonical_u64())
}

/// Sets every output of an inner rollup to what its circuit computes.
pub(super) fn settle(values: &mut InnerValues) {
    settle_nullifiers(values);
    settle_fees(values);
    settle_data(values);
    let limbs = published_limbs(values);
    put(&mut values.public, at::COMMITMENT, &published::inner_commitment(&limbs));
    settle_evaluation(values, &limbs);
}

/// Sets `e_i` to that of `limbs`, from the exponent that the index bits say, whatever they are.
pub(super) fn settle_evaluation(values: &mut InnerValues, limbs: &[F]) {
    let point = challenge(&values.public);
    let own = published::extension(published::evaluate(limbs, 0, point));
    let mut power = published::extension(point).exp_u64((layout::PUBLISHED * values.slots.len()) as u64);
    let mut evaluation = own;
    for bit in values.index_bits {
        evaluation *= Extension::ONE + (power - Extension::ONE) * Extension::from(bit);
        power *= power;
    }
    values.public[at::EVALUATION..][..2].copy_from_slice(&evaluation.0);
}

fn settle_nullifiers(values: &mut InnerValues) {
    let mut root = digest_at(&values.public, at::OLD_NULLIFIER_ROOT);
    let mut next = values.public[at::OLD_NULLIFIER_NEXT];
    for slot in &values.slots {
        for insertion in &slot.insertions {
            if slot.real == F::ONE {
                root = fold(&hash_leaf(&insertion.written), &insertion.slot_path);
            }
            next += slot.real;
        }
    }
    put(&mut values.public, at::NEW_NULLIFIER_ROOT, &root);
    values.public[at::NEW_NULLIFIER_NEXT] = next;
}

fn settle_fees(values: &mut InnerValues) {
    for asset in 0..4 {
        let fees =
            values.slots.iter().map(|slot| slot.selector[asset] * slot.real * slot.child.public_inputs()[layout::FEE]);
        values.public[at::FEE_SUMS + asset] = fees.sum();
    }
}

fn settle_data(values: &mut InnerValues) {
    let depth = subtree_depth(values.slots.len());
    let (root, next) = if values.subtree.any == F::ONE {
        let path = &values.subtree.path;
        let root = fold(&subtree_root(&commitments(values), depth), path);
        (root, F::from_canonical_u64((path.index + 1) << depth))
    } else {
        (digest_at(&values.public, at::OLD_DATA_ROOT), values.public[at::OLD_DATA_NEXT])
    };
    put(&mut values.public, at::NEW_DATA_ROOT, &root);
    values.public[at::NEW_DATA_NEXT] = next;
}

/// The data leaves of all slots.
pub(super) fn commitments(values: &InnerValues) -> Vec<Digest> {
    let two = |child: &[F]| [0, 4].map(|limb| digest_at(child, layout::COMMITMENTS + limb));
    values.slots.iter().flat_map(|slot| two(slot.child.public_inputs())).collect()
}

/// Sets every output of a rollup to what its circuit computes; `masked` is whether real flags count.
pub(super) fn settle_outer(values: &mut OuterValues, masked: bool) {
    use outer_at as to;
    let old = values.old.limbs();
    let mut state = old;
    let mut sums = [F::ZERO; 6];
    let mut commitments = Vec::new();
    let step = |limbs: &[F]| inverse(limbs[at::NEW_DATA_NEXT] - limbs[at::OLD_DATA_NEXT]);
    values.steps = values.children.iter().map(|child| step(child.public_inputs())).collect();
    for (child, real) in values.children.iter().zip(&values.real) {
        let limbs = child.public_inputs();
        for (place, from, count) in [
            (1, at::NEW_DATA_ROOT, 4),
            (5, at::NEW_DATA_NEXT, 1),
            (6, at::NEW_NULLIFIER_ROOT, 4),
            (10, at::NEW_NULLIFIER_NEXT, 1),
        ] {
            for limb in 0..count {
                let running = state[place + limb];
                state[place + limb] = running + *real * (limbs[from + limb] - running);
            }
        }
        let mask = if masked { *real } else { F::ONE };
        let outputs = (at::FEE_SUMS..at::FEE_SUMS + 4).chain(at::EVALUATION..at::EVALUATION + 2);
        for (sum, limb) in sums.iter_mut().zip(outputs) {
            *sum += mask * limbs[limb];
        }
        commitments.extend(limbs[at::COMMITMENT..at::COMMITMENT + 4].iter().map(|limb| mask * *limb));
    }
    let roots_root = fold(&digest_at(&state, 1), &values.roots_path);
    values.new_roots_root = roots_root.0;
    put(&mut state, 11, &roots_root);
    state[0] += F::ONE;
    put(&mut values.public, to::OLD_STATE, &hash(Tag::State, &old));
    put(&mut values.public, to::NEW_STATE, &hash(Tag::State, &state));
    values.public[to::ROLLUP_ID] = old[0];
    values.public[to::FEE_SUMS..][..4].copy_from_slice(&sums[..4]);
    put(&mut values.public, to::COMMITMENT, &hash(Tag::Published, &commitments));
    values.public[to::EVALUATION..][..2].copy_from_slice(&sums[4..]);
}

/// `e · r^exponent`.
pub(super) fn shifted(evaluation: [F; 2], challenge: [u64; 2], exponent: u64) -> [F; 2] {
    (QuadraticExtension(evaluation) * published::extension(challenge).exp_u64(exponent)).0
}
