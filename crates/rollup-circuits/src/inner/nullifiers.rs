//! Insertions into the indexed nullifier tree, one after the other.

use plonky2::field::types::Field;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use rollup::field::Digest;
use rollup::hash::Tag;
use rollup::state::NULLIFIER_DEPTH;
use rollup::witness::{MerklePath, NullifierInsertion};

use crate::gadgets::Cx;
use crate::gadgets::compare::{LessTarget, LessValues};
use crate::gadgets::merkle::PathTarget;
use crate::inner::layout::InnerPublicTarget;
use crate::plonk::{DigestTarget, F};
use crate::switches::Constraint as Is;

/// A leaf's three fields.
#[derive(Debug, Clone, Copy)]
struct LeafTarget {
    value: DigestTarget,
    next_value: DigestTarget,
    next_index: Target,
}

/// Every wire of one insertion that is set from outside.
#[derive(Debug, Clone)]
pub(crate) struct InsertionTarget {
    low: LeafTarget,
    low_path: PathTarget,
    infinity: BoolTarget,
    below: LessTarget,
    above: LessTarget,
    /// The low leaf as it is written back.
    rewritten: LeafTarget,
    /// The new leaf as it is written.
    written: LeafTarget,
    slot_path: PathTarget,
}

/// Root and next index as insertions move them on.
pub(crate) struct Chain {
    root: DigestTarget,
    next: Target,
}

impl Chain {
    /// Before the first insertion.
    pub(crate) fn start(public: &InnerPublicTarget) -> Self {
        Self { root: public.old_nullifier_root, next: public.old_nullifier_next }
    }

    /// After the last one.
    pub(crate) fn finish(self, cx: &mut Cx<'_>, public: &InnerPublicTarget) {
        cx.equal_digest(Is::I3NewRoot, public.new_nullifier_root, self.root);
        cx.equal(Is::I3Next, public.new_nullifier_next, self.next);
    }

    /// Inserts `value` where `real` is 1; moves nothing where it is 0.
    pub(crate) fn insert(&mut self, cx: &mut Cx<'_>, real: Target, value: DigestTarget) -> InsertionTarget {
        let low = leaf(cx);
        let low_path = cx.path(NULLIFIER_DEPTH);
        let hashed = hash_leaf(cx, low);
        let root = cx.root(hashed, &low_path);
        cx.equal_if(Is::I3LowMembership, real, &root, &self.root);

        let below = cx.less_if(Is::I3LowBelow, real, low.value, value);
        let infinity = cx.flag(Is::I3InfinityBoolean);
        for limb in low.next_value {
            cx.zero_if(Is::I3Infinity, infinity.target, limb);
        }
        let finite = cx.not(infinity.target);
        let bounded = cx.b.mul(real, finite);
        let above = cx.less_if(Is::I3BelowNext, bounded, value, low.next_value);

        let rewritten = leaf(cx);
        cx.equal_digest(Is::I3LowRewrite, rewritten.value, low.value);
        cx.equal_digest(Is::I3LowRewrite, rewritten.next_value, value);
        cx.equal(Is::I3LowRewrite, rewritten.next_index, self.next);
        let hashed = hash_leaf(cx, rewritten);
        let updated = cx.root(hashed, &low_path);

        // The empty slot at `next`, under the updated root.
        let slot_path = cx.path(NULLIFIER_DEPTH);
        let index = cx.sum_of_bits(&slot_path.bits);
        cx.equal_if(Is::I3SlotIndex, real, &[index], &[self.next]);
        let empty = [cx.b.zero(); 4];
        let root = cx.root(empty, &slot_path);
        cx.equal_if(Is::I3SlotEmpty, real, &root, &updated);

        let written = leaf(cx);
        cx.equal_digest(Is::I3NewLeaf, written.value, value);
        cx.equal_digest(Is::I3NewLeaf, written.next_value, low.next_value);
        cx.equal(Is::I3NewLeaf, written.next_index, low.next_index);
        let hashed = hash_leaf(cx, written);
        let root = cx.root(hashed, &slot_path);
        let real_flag = BoolTarget::new_unsafe(real);
        self.root = cx.select(real_flag, root, self.root);
        self.next = cx.b.add(self.next, real);
        InsertionTarget { low, low_path, infinity, below, above, rewritten, written, slot_path }
    }
}

fn leaf(cx: &mut Cx<'_>) -> LeafTarget {
    LeafTarget { value: cx.digest(), next_value: cx.digest(), next_index: cx.b.add_virtual_target() }
}

fn hash_leaf(cx: &mut Cx<'_>, leaf: LeafTarget) -> DigestTarget {
    cx.hash(Tag::NullifierLeaf, &[&leaf.value[..], &leaf.next_value, &[leaf.next_index]].concat())
}

/// A leaf, in values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeafValues {
    pub(crate) value: Digest,
    pub(crate) next_value: Digest,
    pub(crate) next_index: F,
}

/// The values of an [`InsertionTarget`]; the tests forge these.
#[derive(Debug, Clone)]
pub(crate) struct InsertionValues {
    pub(crate) low: LeafValues,
    pub(crate) low_path: MerklePath,
    pub(crate) infinity: F,
    pub(crate) below: LessValues,
    pub(crate) above: LessValues,
    pub(crate) rewritten: LeafValues,
    pub(crate) written: LeafValues,
    pub(crate) slot_path: MerklePath,
}

impl InsertionValues {
    /// The honest values; `next` is the index of the slot.
    pub(crate) fn of(insertion: &NullifierInsertion, value: Digest, next: u64) -> Self {
        let low = LeafValues {
            value: insertion.low.value,
            next_value: insertion.low.next_value,
            next_index: F::from_noncanonical_u64(insertion.low.next_index),
        };
        let infinity = low.next_value.is_zero();
        Self {
            low,
            low_path: insertion.low_path.clone(),
            infinity: F::from_bool(infinity),
            below: LessValues::honest(&low.value, &value),
            above: LessValues::honest(&value, &low.next_value),
            rewritten: LeafValues { value: low.value, next_value: value, next_index: F::from_noncanonical_u64(next) },
            written: LeafValues { value, ..low },
            slot_path: insertion.slot_path.clone(),
        }
    }

    /// What an empty slot sets: nothing is looked up, nothing written.
    pub(crate) fn empty(next: u64) -> Self {
        let nowhere = MerklePath { index: 0, siblings: vec![] };
        let low = rollup::witness::NullifierLeaf { value: Digest::ZERO, next_value: Digest::ZERO, next_index: 0 };
        let insertion = NullifierInsertion { low, low_path: nowhere.clone(), slot_path: nowhere };
        Self::of(&insertion, Digest::ZERO, next)
    }
}

impl LeafTarget {
    fn assign(&self, pw: &mut PartialWitness<F>, values: &LeafValues) -> anyhow::Result<()> {
        pw.set_target_arr(&self.value, &values.value.0)?;
        pw.set_target_arr(&self.next_value, &values.next_value.0)?;
        pw.set_target(self.next_index, values.next_index)
    }
}

impl InsertionTarget {
    pub(crate) fn assign(&self, pw: &mut PartialWitness<F>, values: &InsertionValues) -> anyhow::Result<()> {
        self.low.assign(pw, &values.low)?;
        self.low_path.assign(pw, &values.low_path)?;
        pw.set_target(self.infinity.target, values.infinity)?;
        self.below.assign(pw, &values.below)?;
        self.above.assign(pw, &values.above)?;
        self.rewritten.assign(pw, &values.rewritten)?;
        self.written.assign(pw, &values.written)?;
        self.slot_path.assign(pw, &values.slot_path)
    }
}
