//! One lane, for CPUs without the vectors that the others need, and as the model in tests.

use super::{EPSILON, Lanes, ORDER};
use crate::F;

/// No vectors: a lane is a register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalar;

impl Lanes for Scalar {
    const WIDTH: usize = 1;
    type V = u64;

    #[inline(always)]
    fn splat(self, x: u64) -> u64 {
        x
    }

    #[inline(always)]
    fn load(self, from: &[F]) -> u64 {
        from[0].0
    }

    #[inline(always)]
    fn store(self, v: u64, to: &mut [F]) {
        to[0] = crate::GoldilocksField(v);
    }

    #[inline(always)]
    fn wrapping_add(self, a: u64, b: u64) -> u64 {
        a.wrapping_add(b)
    }

    #[inline(always)]
    fn wrapping_sub(self, a: u64, b: u64) -> u64 {
        a.wrapping_sub(b)
    }

    #[inline(always)]
    fn shl<const BITS: u32>(self, a: u64) -> u64 {
        a << BITS
    }

    #[inline(always)]
    fn high(self, a: u64) -> u64 {
        a >> 32
    }

    #[inline(always)]
    fn low(self, a: u64) -> u64 {
        a & EPSILON
    }

    #[inline(always)]
    fn canonical(self, a: u64) -> u64 {
        a.min(a.wrapping_sub(ORDER))
    }

    #[inline(always)]
    fn add(self, a: u64, b: u64) -> u64 {
        let (sum, over) = a.overflowing_add(b);
        sum.wrapping_add(EPSILON * u64::from(over))
    }

    #[inline(always)]
    fn sub(self, a: u64, b: u64) -> u64 {
        let (difference, under) = a.overflowing_sub(b);
        difference.wrapping_sub(EPSILON * u64::from(under))
    }

    #[inline(always)]
    fn mul(self, a: u64, b: u64) -> u64 {
        (crate::GoldilocksField(a) * crate::GoldilocksField(b)).0
    }

    #[inline(always)]
    fn square(self, a: u64) -> u64 {
        self.mul(a, a)
    }
}
