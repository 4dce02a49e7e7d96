//! Small pieces that several circuits are made of.
//!
//! Every gadget takes the [`Constraint`] that it enforces, so that the tests can leave that one out.
//! Values that a prover could forge (flags, splits, inverses) come in as targets set from outside: no
//! generator computes them, so none can repair a forged one.

pub(crate) mod compare;
pub(crate) mod hash;
pub(crate) mod merkle;

use plonky2::field::types::Field;
use plonky2::iop::target::{BoolTarget, Target};

use crate::plonk::{Builder, DigestTarget, F};
use crate::switches::{Constraint, Switches};

/// A circuit under construction together with the constraints that are on.
pub(crate) struct Cx<'a> {
    pub(crate) b: &'a mut Builder,
    pub(crate) switches: &'a Switches,
}

impl Cx<'_> {
    /// Whether `c` is on.
    pub(crate) fn on(&self, c: Constraint) -> bool {
        self.switches.is_on(c)
    }

    /// Four wires set from outside.
    pub(crate) fn digest(&mut self) -> DigestTarget {
        self.b.add_virtual_target_arr()
    }

    /// A wire set from outside, taken for a boolean; `c` enforces that it is one.
    pub(crate) fn flag(&mut self, c: Constraint) -> BoolTarget {
        let flag = self.b.add_virtual_bool_target_unsafe();
        if self.on(c) {
            self.b.assert_bool(flag);
        }
        flag
    }

    /// `x = y`.
    pub(crate) fn equal(&mut self, c: Constraint, x: Target, y: Target) {
        if self.on(c) {
            self.b.connect(x, y);
        }
    }

    /// `x = y`, limb by limb.
    pub(crate) fn equal_digest(&mut self, c: Constraint, x: DigestTarget, y: DigestTarget) {
        self.equal_all(c, &x, &y);
    }

    /// `x = y`, element by element.
    pub(crate) fn equal_all(&mut self, c: Constraint, x: &[Target], y: &[Target]) {
        assert_eq!(x.len(), y.len(), "both sides of {c:?} have one length");
        for (&x, &y) in x.iter().zip(y) {
            self.equal(c, x, y);
        }
    }

    /// `x = 0`.
    pub(crate) fn zero(&mut self, c: Constraint, x: Target) {
        let zero = self.b.zero();
        self.equal(c, x, zero);
    }

    /// `condition · x = 0`.
    pub(crate) fn zero_if(&mut self, c: Constraint, condition: Target, x: Target) {
        if self.on(c) {
            let product = self.b.mul(condition, x);
            self.b.assert_zero(product);
        }
    }

    /// `condition · (x − y) = 0`, element by element.
    pub(crate) fn equal_if(&mut self, c: Constraint, condition: Target, x: &[Target], y: &[Target]) {
        assert_eq!(x.len(), y.len(), "both sides of {c:?} have one length");
        for (&x, &y) in x.iter().zip(y) {
            if self.on(c) {
                let difference = self.b.sub(x, y);
                self.zero_if(c, condition, difference);
            }
        }
    }

    /// `x < 2^bits`.
    pub(crate) fn range(&mut self, c: Constraint, x: Target, bits: usize) {
        if self.on(c) {
            self.b.range_check(x, bits);
        }
    }

    /// `condition ? x : y`, element by element.
    pub(crate) fn select(&mut self, condition: BoolTarget, x: DigestTarget, y: DigestTarget) -> DigestTarget {
        std::array::from_fn(|limb| self.b.select(condition, x[limb], y[limb]))
    }

    /// `1 − x`.
    pub(crate) fn not(&mut self, x: Target) -> Target {
        let one = self.b.one();
        self.b.sub(one, x)
    }

    /// `Σ bits · 2^k`, the lowest bit first.
    pub(crate) fn sum_of_bits(&mut self, bits: &[BoolTarget]) -> Target {
        let mut sum = self.b.zero();
        for bit in bits.iter().rev() {
            sum = self.b.mul_const_add(F::TWO, sum, bit.target);
        }
        sum
    }

    /// A constant.
    pub(crate) fn constant(&mut self, value: u64) -> Target {
        self.b.constant(F::from_canonical_u64(value))
    }
}
