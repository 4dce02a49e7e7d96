//! Poseidon's linear layer on integers: a circulant matrix, and 8 times the first element.
//!
//! The product with the matrix is a product of polynomials modulo `x^12 − 1`. With `y = x^3` that
//! splits into three products of length 3: modulo `y − 1`, `y + 1` and `y^2 + 1`. The matrix was
//! chosen so that every constant is then a power of two, or one apart from a power of two in `i`.

use super::WIDTH;
use crate::lanes::Lanes;

/// Multiplies the vector by the matrix, modulo 2^64.
#[inline(always)]
pub(super) fn linear_layer<L: Lanes>(l: L, x: &mut [L::V; WIDTH]) {
    let diagonal = l.shl::<3>(x[0]);
    // Residues modulo y − 1, y + 1 and y² + 1 (real and imaginary parts).
    let mut plus = [x[0]; 3];
    let mut minus = plus;
    let mut real = plus;
    let mut imaginary = plus;
    for k in 0..3 {
        let (even, odd) = (l.wrapping_add(x[k], x[k + 6]), l.wrapping_add(x[k + 3], x[k + 9]));
        plus[k] = l.wrapping_add(even, odd);
        minus[k] = l.wrapping_sub(even, odd);
        real[k] = l.wrapping_sub(x[k], x[k + 6]);
        imaginary[k] = l.wrapping_sub(x[k + 3], x[k + 9]);
    }
    let plus = modulo_y_minus_1(l, plus);
    let minus = modulo_y_plus_1(l, minus);
    let (real, imaginary) = modulo_y2_plus_1(l, real, imaginary);
    for k in 0..3 {
        let even = l.wrapping_add(plus[k], minus[k]);
        let odd = l.wrapping_sub(plus[k], minus[k]);
        x[k] = l.wrapping_add(even, real[k]);
        x[k + 6] = l.wrapping_sub(even, real[k]);
        x[k + 3] = l.wrapping_add(odd, imaginary[k]);
        x[k + 9] = l.wrapping_sub(odd, imaginary[k]);
    }
    x[0] = l.wrapping_add(x[0], diagonal);
}

/// The circulant of 16, 32, 16.
#[inline(always)]
fn modulo_y_minus_1<L: Lanes>(l: L, [a, b, c]: [L::V; 3]) -> [L::V; 3] {
    let sum = l.wrapping_add(l.wrapping_add(a, b), c);
    [l.shl::<4>(l.wrapping_add(sum, c)), l.shl::<4>(l.wrapping_add(sum, a)), l.shl::<4>(l.wrapping_add(sum, b))]
}

/// The negacyclic product with −1, −8, 2.
#[inline(always)]
fn modulo_y_plus_1<L: Lanes>(l: L, [a, b, c]: [L::V; 3]) -> [L::V; 3] {
    let (a2, b2, c2) = (l.shl::<1>(a), l.shl::<1>(b), l.shl::<1>(c));
    let (a8, b8, c8) = (l.shl::<3>(a), l.shl::<3>(b), l.shl::<3>(c));
    [
        l.wrapping_sub(c8, l.wrapping_add(a, b2)),
        l.wrapping_sub(l.splat(0), l.wrapping_add(l.wrapping_add(a8, b), c2)),
        l.wrapping_sub(a2, l.wrapping_add(b8, c)),
    ]
}

/// The product with `2 + i`, `−4 − i`, `16 − i`, where the cube of the variable is `i`.
#[inline(always)]
fn modulo_y2_plus_1<L: Lanes>(l: L, a: [L::V; 3], b: [L::V; 3]) -> ([L::V; 3], [L::V; 3]) {
    let (a2, b2) = (shift::<L, 1>(l, a), shift::<L, 1>(l, b));
    let (a4, b4) = (shift::<L, 2>(l, a), shift::<L, 2>(l, b));
    let (a16, b16) = (shift::<L, 4>(l, a), shift::<L, 4>(l, b));
    let real = [
        // 2a0 − b0 + a1 − 16b1 + a2 + 4b2
        four_less_two(l, [a2[0], a[1], a[2], b4[2]], [b[0], b16[1]]),
        // −4a0 + b0 + 2a1 − b1 + a2 − 16b2
        three_less_three(l, [b[0], a2[1], a[2]], [a4[0], b[1], b16[2]]),
        // 16a0 + b0 − 4a1 + b1 + 2a2 − b2
        four_less_two(l, [a16[0], b[0], b[1], a2[2]], [a4[1], b[2]]),
    ];
    let imaginary = [
        // a0 + 2b0 + 16a1 + b1 + b2 − 4a2
        l.wrapping_add(l.wrapping_add(a[0], b2[0]), three_less_one(l, [a16[1], b[1], b[2]], a4[2])),
        // −a0 − 4b0 + a1 + 2b1 + 16a2 + b2
        four_less_two(l, [a[1], b2[1], a16[2], b[2]], [a[0], b4[0]]),
        // 16b0 − a0 − a1 − 4b1 + a2 + 2b2
        three_less_three(l, [b16[0], a[2], b2[2]], [a[0], a[1], b4[1]]),
    ];
    (real, imaginary)
}

/// Each of three times a power of two.
#[inline(always)]
fn shift<L: Lanes, const BITS: u32>(l: L, [a, b, c]: [L::V; 3]) -> [L::V; 3] {
    [l.shl::<BITS>(a), l.shl::<BITS>(b), l.shl::<BITS>(c)]
}

/// The sum of four less two.
#[inline(always)]
fn four_less_two<L: Lanes>(l: L, plus: [L::V; 4], minus: [L::V; 2]) -> L::V {
    let first = l.wrapping_sub(l.wrapping_add(plus[0], plus[1]), minus[0]);
    l.wrapping_add(first, l.wrapping_sub(l.wrapping_add(plus[2], plus[3]), minus[1]))
}

/// The sum of three less three.
#[inline(always)]
fn three_less_three<L: Lanes>(l: L, plus: [L::V; 3], minus: [L::V; 3]) -> L::V {
    let plus = l.wrapping_add(l.wrapping_add(plus[0], plus[1]), plus[2]);
    l.wrapping_sub(plus, l.wrapping_add(l.wrapping_add(minus[0], minus[1]), minus[2]))
}

/// The sum of three less one.
#[inline(always)]
fn three_less_one<L: Lanes>(l: L, plus: [L::V; 3], minus: L::V) -> L::V {
    l.wrapping_add(l.wrapping_sub(plus[0], minus), l.wrapping_add(plus[1], plus[2]))
}
