//! The commitments of an inner rollup enter the data tree as one aligned subtree.

use plonky2::field::types::Field;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use rollup::field::Digest;
use rollup::hash;
use rollup::state::DATA_DEPTH;
use rollup::witness::MerklePath;

use crate::gadgets::Cx;
use crate::gadgets::merkle::PathTarget;
use crate::inner::layout::InnerPublicTarget;
use crate::plonk::{DigestTarget, F};
use crate::switches::Constraint as Is;

/// Every wire that is set from outside.
#[derive(Debug, Clone)]
pub(crate) struct SubtreeTarget {
    path: PathTarget,
    any: BoolTarget,
    count_inverse: Target,
}

/// Levels of the subtree that takes the commitments of `slots` transactions.
pub(crate) fn depth(slots: usize) -> usize {
    (2 * slots).next_power_of_two().trailing_zeros() as usize
}

/// Defines the insertion of `leaves`; `reals` are the slots' flags.
pub(crate) fn define(
    cx: &mut Cx<'_>,
    public: &InnerPublicTarget,
    leaves: &[DigestTarget],
    reals: &[Target],
) -> SubtreeTarget {
    let depth = depth(reals.len());
    let size = F::from_canonical_u64(1 << depth);

    // any = 1 if and only if a slot is real; the count of real slots is far below p.
    let any = cx.b.add_virtual_bool_target_unsafe();
    let count_inverse = cx.b.add_virtual_target();
    let count = cx.b.add_many(reals);
    let product = cx.b.mul(count, count_inverse);
    cx.equal(Is::I5Advances, any.target, product);
    let nothing = cx.not(any.target);
    cx.zero_if(Is::I5Advances, count, nothing);

    // The subtree starts at the next aligned index: 0 ≤ start − old next < size.
    let path = cx.path(DATA_DEPTH - depth);
    let position = cx.sum_of_bits(&path.bits);
    let start = cx.b.mul_const(size, position);
    let gap = cx.b.sub(start, public.old_data_next);
    let gap = cx.b.mul(any.target, gap);
    cx.range(Is::I5Aligned, gap, depth);

    let empty = cx.b.constant_hash(empty_root(depth).into()).elements;
    let root = cx.root(empty, &path);
    cx.equal_if(Is::I5Empty, any.target, &root, &public.old_data_root);
    let filled = filled_root(cx, leaves, depth);
    let root = cx.root(filled, &path);
    let expected = cx.select(any, root, public.old_data_root);
    cx.equal_digest(Is::I5NewRoot, public.new_data_root, expected);
    let end = cx.b.add_const(start, size);
    let expected = cx.b.select(any, end, public.old_data_next);
    cx.equal(Is::I5Next, public.new_data_next, expected);
    SubtreeTarget { path, any, count_inverse }
}

/// The root of an empty subtree.
pub(crate) fn empty_root(depth: usize) -> Digest {
    (0..depth).fold(Digest::ZERO, |child, _| hash::node(&child, &child))
}

/// The root of `leaves` followed by empty ones.
fn filled_root(cx: &mut Cx<'_>, leaves: &[DigestTarget], depth: usize) -> DigestTarget {
    let keep_order = cx.b._false();
    let mut level = leaves.to_vec();
    for height in 0..depth {
        let filler = cx.b.constant_hash(empty_root(height).into()).elements;
        level =
            level.chunks(2).map(|pair| cx.node(pair[0], pair.get(1).copied().unwrap_or(filler), keep_order)).collect();
    }
    level[0]
}

/// The values of a [`SubtreeTarget`]; the tests forge these.
#[derive(Debug, Clone)]
pub(crate) struct SubtreeValues {
    pub(crate) path: MerklePath,
    pub(crate) any: F,
    pub(crate) count_inverse: F,
}

impl SubtreeValues {
    /// The honest values for `count` real slots.
    pub(crate) fn of(path: &MerklePath, count: usize) -> Self {
        let count = F::from_canonical_usize(count);
        Self {
            path: path.clone(),
            any: F::from_bool(count != F::ZERO),
            count_inverse: crate::client::join_split::inverse(count),
        }
    }
}

impl SubtreeTarget {
    pub(crate) fn assign(&self, pw: &mut PartialWitness<F>, values: &SubtreeValues) -> anyhow::Result<()> {
        self.path.assign(pw, &values.path)?;
        pw.set_target(self.any.target, values.any)?;
        pw.set_target(self.count_inverse, values.count_inverse)
    }
}
