//! The published limbs: one commitment, one evaluation at the challenge.

use plonky2::field::types::Field;
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::util::reducing::ReducingFactorTarget;
use rollup::hash::Tag;
use rollup::transaction::layout;

use crate::gadgets::Cx;
use crate::inner::layout::InnerPublicTarget;
use crate::plonk::{D, F};
use crate::switches::Constraint as Is;

/// An inner's index is below the largest number of slots of a rollup.
pub(crate) const INDEX_BITS: usize = 14;

/// The bits of the inner's index, set from outside.
#[derive(Debug, Clone)]
pub(crate) struct PublishedTarget {
    bits: [BoolTarget; INDEX_BITS],
}

/// Commits to the limbs of `slots` slots and evaluates them from exponent `28 · N · index` on.
pub(crate) fn define(cx: &mut Cx<'_>, public: &InnerPublicTarget, limbs: &[Target], slots: usize) -> PublishedTarget {
    let commitment = cx.hash(Tag::InnerPublished, limbs);
    cx.equal_digest(Is::I6Commitment, public.commitment, commitment);

    let challenge = ExtensionTarget::<D>(public.challenge);
    let own = ReducingFactorTarget::new(challenge).reduce_base(limbs, cx.b);

    let bits: [BoolTarget; INDEX_BITS] = std::array::from_fn(|_| cx.flag(Is::I6Offset));
    let index = cx.sum_of_bits(&bits);
    cx.equal(Is::I6Offset, index, public.index);
    let mut base = cx.b.exp_u64_extension(challenge, (layout::PUBLISHED * slots) as u64);
    let one = cx.b.one_extension();
    let mut offset = one;
    for bit in bits {
        let factor = cx.b.select_ext(bit, base, one);
        offset = cx.b.mul_extension(offset, factor);
        base = cx.b.square_extension(base);
    }
    let evaluation = cx.b.mul_extension(offset, own);
    cx.equal_all(Is::I6Evaluation, &public.evaluation, &evaluation.0);
    PublishedTarget { bits }
}

impl PublishedTarget {
    pub(crate) fn assign(&self, pw: &mut PartialWitness<F>, bits: &[F; INDEX_BITS]) -> anyhow::Result<()> {
        pw.set_target_arr(&self.bits.map(|bit| bit.target), bits)
    }
}

/// The bits of an inner's index, the lowest first.
pub(crate) fn index_bits(index: u64) -> [F; INDEX_BITS] {
    std::array::from_fn(|bit| F::from_bool(index >> bit & 1 == 1))
}
