//! Fourier transforms of several polynomials side by side, a polynomial a lane.

use plonky2::field::types::Field;

use crate::domain::{log2, powers, reverse};
use crate::lanes::{Lanes, Op, run};
use crate::{F, GoldilocksField};

/// The widest vector.
const MAX_LANES: usize = 8;
/// Rows that fit the first-level cache: halvings below this size are finished one block at a time.
const CACHED_ROWS: usize = 256;

/// Powers of the roots of unity of orders 2, 4, …, `size`.
#[derive(Debug)]
pub(crate) struct Twiddles {
    /// Entry `k` has the first `2^k` powers of the root of order `2^(k + 1)`.
    levels: Vec<Vec<F>>,
}

impl Twiddles {
    /// Those to evaluate polynomials of `2^bits` coefficients.
    pub(crate) fn forward(bits: usize) -> Self {
        Self { levels: (1..=bits).map(|k| powers(F::ONE, F::primitive_root_of_unity(k), 1 << (k - 1))).collect() }
    }

    /// Those to interpolate `2^bits` values.
    pub(crate) fn inverse(bits: usize) -> Self {
        Self {
            levels: (1..=bits).map(|k| powers(F::ONE, F::primitive_root_of_unity(k).inverse(), 1 << (k - 1))).collect(),
        }
    }
}

/// Replaces values on the subgroup by coefficients. All columns have the length of the twiddles.
pub(crate) fn interpolate(columns: &mut [Vec<F>], inverse: &Twiddles) {
    run(Interpolate { columns, inverse });
}

/// Evaluates the polynomials on the coset whose `powers` of the shift are given, and appends each
/// point's values to its row. Points are in bit-reversed order.
pub(crate) fn extend_rows(polynomials: &[&[F]], powers: &[F], forward: &Twiddles, rows: &mut [Vec<F>]) {
    run(ExtendRows { polynomials, powers, forward, rows });
}

struct Interpolate<'a> {
    columns: &'a mut [Vec<F>],
    inverse: &'a Twiddles,
}

impl Op for Interpolate<'_> {
    type Output = ();

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        let Some(size) = self.columns.first().map(Vec::len) else { return };
        let bits = log2(size);
        let scale = lanes.splat(F::inverse_2exp(bits).0);
        let mut buffer = vec![lanes.splat(0); size];
        for columns in self.columns.chunks_mut(L::WIDTH) {
            for (i, x) in buffer.iter_mut().enumerate() {
                let mut row = [GoldilocksField(0); MAX_LANES];
                for (slot, column) in row.iter_mut().zip(columns.iter()) {
                    *slot = column[i];
                }
                *x = lanes.load(&row);
            }
            transform(lanes, &mut buffer, self.inverse);
            for (i, x) in buffer.iter().enumerate() {
                let mut row = [GoldilocksField(0); MAX_LANES];
                lanes.store(lanes.mul(*x, scale), &mut row);
                let i = reverse(i, bits);
                for (value, column) in row.iter().zip(columns.iter_mut()) {
                    column[i] = *value;
                }
            }
        }
    }
}

struct ExtendRows<'a> {
    polynomials: &'a [&'a [F]],
    powers: &'a [F],
    forward: &'a Twiddles,
    rows: &'a mut [Vec<F>],
}

impl Op for ExtendRows<'_> {
    type Output = ();

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        let mut buffer = vec![lanes.splat(0); self.powers.len()];
        for polynomials in self.polynomials.chunks(L::WIDTH) {
            for (i, (x, power)) in buffer.iter_mut().zip(self.powers).enumerate() {
                let mut row = [GoldilocksField(0); MAX_LANES];
                for (slot, polynomial) in row.iter_mut().zip(polynomials) {
                    *slot = polynomial[i];
                }
                *x = lanes.mul(lanes.load(&row), lanes.splat(power.0));
            }
            transform(lanes, &mut buffer, self.forward);
            for (x, row) in buffer.iter().zip(self.rows.iter_mut()) {
                let mut values = [GoldilocksField(0); MAX_LANES];
                lanes.store(*x, &mut values);
                row.extend_from_slice(&values[..polynomials.len()]);
            }
        }
    }
}

/// The transform of each lane, from natural to bit-reversed order.
#[inline(always)]
fn transform<L: Lanes>(lanes: L, values: &mut [L::V], twiddles: &Twiddles) {
    let mut size = values.len();
    while size > CACHED_ROWS {
        for block in values.chunks_exact_mut(size) {
            halve(lanes, block, &twiddles.levels[log2(size) - 1]);
        }
        size /= 2;
    }
    for cached in values.chunks_exact_mut(size) {
        let mut size = size;
        while size > 1 {
            for block in cached.chunks_exact_mut(size) {
                halve(lanes, block, &twiddles.levels[log2(size) - 1]);
            }
            size /= 2;
        }
    }
}

/// Splits a transform into two of half the size.
#[inline(always)]
fn halve<L: Lanes>(lanes: L, block: &mut [L::V], twiddles: &[F]) {
    let (left, right) = block.split_at_mut(block.len() / 2);
    if let ([a], [b]) = (&mut *left, &mut *right) {
        let v = lanes.canonical(*b);
        (*a, *b) = (lanes.add(*a, v), lanes.sub(*a, v));
        return;
    }
    for ((a, b), twiddle) in left.iter_mut().zip(right).zip(twiddles) {
        let v = lanes.canonical(*b);
        let difference = lanes.sub(*a, v);
        *a = lanes.add(*a, v);
        *b = lanes.mul(difference, lanes.splat(twiddle.0));
    }
}

#[cfg(test)]
mod tests {
    use plonky2::field::polynomial::{PolynomialCoeffs, PolynomialValues};
    use plonky2::field::types::Sample;

    use super::*;

    #[test]
    fn transforms_are_those_of_the_library() {
        for (bits, count) in [(0, 1), (1, 3), (5, 8), (10, 19)] {
            let values: Vec<Vec<F>> = (0..count).map(|_| F::rand_vec(1 << bits)).collect();
            let mut coefficients = values.clone();
            interpolate(&mut coefficients, &Twiddles::inverse(bits));
            for (ours, values) in coefficients.iter().zip(values) {
                assert_eq!(*ours, if bits == 0 { values } else { PolynomialValues::new(values).ifft().coeffs });
            }
            let shift = F::rand();
            let mut rows = vec![Vec::new(); 1 << bits];
            let polynomials: Vec<&[F]> = coefficients.iter().map(Vec::as_slice).collect();
            extend_rows(&polynomials, &powers(F::ONE, shift, 1 << bits), &Twiddles::forward(bits), &mut rows);
            for (k, polynomial) in coefficients.iter().enumerate() {
                let theirs = PolynomialCoeffs::new(polynomial.clone()).coset_fft(shift).values;
                let ours: Vec<F> = (0..1 << bits).map(|i| rows[reverse(i, bits)][k]).collect();
                assert_eq!(ours, theirs);
            }
        }
    }
}
