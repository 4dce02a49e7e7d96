//! Goldilocks arithmetic on several independent elements at once, whichever vectors the CPU has.
//!
//! A vector holds one 64-bit lane an element. A lane is any `u64`, canonical or not, unless a method
//! says otherwise; `p = 2^64 − 2^32 + 1`, and `EPSILON = 2^64 − p = 2^32 − 1`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

use crate::F;
pub(crate) use scalar::Scalar;

/// The order of the field.
pub(crate) const ORDER: u64 = 0xFFFF_FFFF_0000_0001;
/// `2^64` modulo the order.
pub(crate) const EPSILON: u64 = 0xFFFF_FFFF;

/// A CPU's vectors. Methods are meant to be inlined into an [`Op`] that [`run`] starts, and so is all
/// code that calls them: functions are `#[inline(always)]`, and closures hold no vector operations,
/// because a closure that the compiler leaves out of line is compiled for a CPU without vectors.
pub(crate) trait Lanes: Copy + Send + Sync {
    /// Lanes of a vector.
    const WIDTH: usize;
    /// A vector.
    type V: Copy + Send + Sync;

    /// The same value in each lane.
    fn splat(self, x: u64) -> Self::V;
    /// The first `WIDTH` elements of `from`.
    fn load(self, from: &[F]) -> Self::V;
    /// Writes the lanes, in order, to the first `WIDTH` elements of `to`.
    fn store(self, v: Self::V, to: &mut [F]);

    /// Sum modulo 2^64.
    fn wrapping_add(self, a: Self::V, b: Self::V) -> Self::V;
    /// Difference modulo 2^64.
    fn wrapping_sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// Shift to the left.
    fn shl<const BITS: u32>(self, a: Self::V) -> Self::V;
    /// The high 32 bits.
    fn high(self, a: Self::V) -> Self::V;
    /// The low 32 bits.
    fn low(self, a: Self::V) -> Self::V;

    /// The representative below the order.
    fn canonical(self, a: Self::V) -> Self::V;
    /// Sum in the field, where `b` is at most `p`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// Difference in the field, where `b` is at most `p`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// Product in the field.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// Square in the field.
    fn square(self, a: Self::V) -> Self::V;

    /// Sum in the field of any two.
    #[inline(always)]
    fn plus(self, a: Self::V, b: Self::V) -> Self::V {
        self.add(a, self.canonical(b))
    }

    /// Difference in the field of any two.
    #[inline(always)]
    fn minus(self, a: Self::V, b: Self::V) -> Self::V {
        self.sub(a, self.canonical(b))
    }
}

/// A computation written once for every kind of vector. `on` must be `#[inline(always)]`.
pub(crate) trait Op {
    /// What it computes.
    type Output;
    /// Computes with these vectors.
    fn on<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Computes with the widest vectors of this CPU.
#[cfg(target_arch = "x86_64")]
pub(crate) fn run<O: Op>(op: O) -> O::Output {
    if let Some(lanes) = avx512::Avx512::detect() {
        lanes.run(op)
    } else if let Some(lanes) = avx2::Avx2::detect() {
        lanes.run(op)
    } else {
        op.on(Scalar)
    }
}

/// Computes without vectors.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn run<O: Op>(op: O) -> O::Output {
    op.on(Scalar)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
