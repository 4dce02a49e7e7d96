//! Where polynomials are evaluated: cosets of a subgroup, in the order in which trees keep them.
//!
//! With `ω` of order `2^(n + r)` and `g` the library's coset shift, point `i` of the large domain is
//! `g·ω^i`, and leaf `reverse(i)` holds its row. So the leaves fall into `2^r` runs of `2^n`, and run
//! `b` is the coset `g·ω^reverse(b)` of the subgroup of order `2^n`, in bit-reversed order.

use plonky2::field::types::Field;

use crate::F;

/// The number whose `bits` bits are those of `i` backwards.
pub(crate) fn reverse(i: usize, bits: usize) -> usize {
    if bits == 0 { 0 } else { i.reverse_bits() >> (usize::BITS as usize - bits) }
}

/// The shift of coset run `run`, of `2^rate_bits` runs of a domain over a subgroup of `2^degree_bits`.
pub(crate) fn run_shift(run: usize, degree_bits: usize, rate_bits: usize) -> F {
    let generator = F::primitive_root_of_unity(degree_bits + rate_bits);
    F::coset_shift() * generator.exp_u64(reverse(run, rate_bits) as u64)
}

/// `first`, `first·base`, `first·base²`, …
pub(crate) fn powers(first: F, base: F, count: usize) -> Vec<F> {
    std::iter::successors(Some(first), |x| Some(*x * base)).take(count).collect()
}

/// The logarithm of a power of two.
pub(crate) fn log2(n: usize) -> usize {
    assert!(n.is_power_of_two(), "the size of a domain is a power of two");
    n.trailing_zeros() as usize
}
