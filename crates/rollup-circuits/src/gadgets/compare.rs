//! `a < b` for digests, on canonical limbs.
//!
//! The first limb that differs decides, so only that one is split: into two halves of 32 bits, where a
//! high half of 2^32 − 1 forces a low half of 0. Without that last rule a limb x < 2^32 − 1 could also
//! be presented as x + p. All choices are witnesses from outside.

use plonky2::field::types::{Field, PrimeField64};
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use rollup::field::Digest;

use super::Cx;
use crate::plonk::{DigestTarget, F};
use crate::switches::Constraint as Is;

/// The largest high half.
const MAX_HALF: u64 = (1 << 32) - 1;

/// One limb as two halves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SplitTarget {
    pub(crate) high: Target,
    pub(crate) low: Target,
    /// Inverse of `MAX_HALF − high`, where there is one.
    pub(crate) inverse: Target,
}

/// What a comparison takes from outside.
#[derive(Debug, Clone)]
pub(crate) struct LessTarget {
    pub(crate) deciding: [BoolTarget; 4],
    pub(crate) splits: [SplitTarget; 2],
    pub(crate) by_high: BoolTarget,
}

/// The values of a [`LessTarget`]; the tests forge these.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LessValues {
    pub(crate) deciding: [F; 4],
    /// `(high, low)` of the deciding limb of each side.
    pub(crate) halves: [(F, F); 2],
    pub(crate) by_high: F,
}

impl LessValues {
    /// The honest values for `a < b`; for other pairs something that no circuit accepts.
    pub(crate) fn honest(a: &Digest, b: &Digest) -> Self {
        let at = (0..4).find(|&limb| a.0[limb] != b.0[limb]).unwrap_or(3);
        let halves = [a, b].map(|digest| {
            let limb = digest.0[at].to_canonical_u64();
            (F::from_canonical_u64(limb >> 32), F::from_canonical_u64(limb & MAX_HALF))
        });
        let by_high = F::from_bool(halves[0].0 != halves[1].0);
        Self { deciding: std::array::from_fn(|limb| F::from_bool(limb == at)), halves, by_high }
    }
}

impl Cx<'_> {
    /// Enforces `condition → a < b`; `c` is what the comparison stands for.
    pub(crate) fn less_if(&mut self, c: Is, condition: Target, a: DigestTarget, b: DigestTarget) -> LessTarget {
        let deciding: [BoolTarget; 4] = std::array::from_fn(|_| self.flag(Is::I3DecidingBoolean));
        let flags = deciding.map(|flag| flag.target);
        let total = self.b.add_many(flags);
        let one = self.b.one();
        self.equal(Is::I3DecidingOneHot, total, one);
        for limb in 0..3 {
            let later = self.b.add_many(&flags[limb + 1..]);
            let bound = self.b.mul(condition, later);
            self.equal_if(Is::I3EqualPrefix, bound, &a[limb..=limb], &b[limb..=limb]);
        }
        let splits = [a, b].map(|digest| {
            let terms: Vec<Target> = flags.iter().zip(digest).map(|(&flag, limb)| self.b.mul(flag, limb)).collect();
            let limb = self.b.add_many(terms);
            self.split(limb)
        });
        let by_high = self.flag(Is::I3HighBoolean);
        let by_low = self.not(by_high.target);
        let low_decides = self.b.mul(condition, by_low);
        self.equal_if(Is::I3HighEqual, low_decides, &[splits[0].high], &[splits[1].high]);
        let above = self.b.select(by_high, splits[1].high, splits[1].low);
        let below = self.b.select(by_high, splits[0].high, splits[0].low);
        let difference = self.b.sub(above, below);
        let difference = self.b.sub(difference, one);
        let difference = self.b.mul(condition, difference);
        if self.on(c) {
            self.range(Is::I3Difference, difference, 32);
        }
        LessTarget { deciding, splits, by_high }
    }

    /// The two halves of a canonical limb.
    fn split(&mut self, limb: Target) -> SplitTarget {
        let [high, low, inverse] = self.b.add_virtual_target_arr();
        let sum = self.b.mul_const_add(F::from_canonical_u64(1 << 32), high, low);
        self.equal(Is::I3SplitSum, sum, limb);
        self.range(Is::I3SplitRange, high, 32);
        self.range(Is::I3SplitRange, low, 32);
        // low · (1 − (MAX_HALF − high) · inverse) = 0: with a high half of MAX_HALF the bracket is 1.
        let max = self.constant(MAX_HALF);
        let below_max = self.b.sub(max, high);
        let product = self.b.mul(below_max, inverse);
        let bracket = self.not(product);
        self.zero_if(Is::I3SplitCanonical, low, bracket);
        SplitTarget { high, low, inverse }
    }
}

impl LessTarget {
    /// Sets every witness of the comparison.
    pub(crate) fn assign(&self, pw: &mut PartialWitness<F>, values: &LessValues) -> anyhow::Result<()> {
        for (flag, value) in self.deciding.iter().zip(values.deciding) {
            pw.set_target(flag.target, value)?;
        }
        for (split, (high, low)) in self.splits.iter().zip(values.halves) {
            pw.set_target(split.high, high)?;
            pw.set_target(split.low, low)?;
            let below_max = F::from_canonical_u64(MAX_HALF) - high;
            pw.set_target(split.inverse, below_max.try_inverse().unwrap_or(F::ZERO))?;
        }
        pw.set_target(self.by_high.target, values.by_high)
    }
}
