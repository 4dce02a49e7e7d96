//! Sums, products, and evaluations of polynomials, in the field and in its extension.

use plonky2::field::extension::Extendable;

use super::Sink;
use crate::lanes::Lanes;
use crate::{D, F};

/// `output = product·c_0 + addend·c_1`.
#[inline(always)]
pub(super) fn arithmetic<L: Lanes>(
    l: L,
    wires: &[L::V],
    constants: &[L::V],
    operations: usize,
    sink: &mut Sink<'_, L>,
) {
    let (operations, _) = wires[..4 * operations].as_chunks::<4>();
    for [a, b, addend, output] in operations {
        let product = l.mul(l.mul(*a, *b), constants[0]);
        sink.take(l.minus(l.minus(*output, product), l.mul(*addend, constants[1])));
    }
}

/// The same in the extension.
#[inline(always)]
pub(super) fn arithmetic_extension<L: Lanes>(
    l: L,
    wires: &[L::V],
    constants: &[L::V],
    operations: usize,
    sink: &mut Sink<'_, L>,
) {
    let (operations, _) = wires[..8 * operations].as_chunks::<8>();
    for [a0, a1, b0, b1, addend0, addend1, output0, output1] in operations {
        let product = multiply(l, [*a0, *a1], [*b0, *b1]);
        for (product, addend, output) in [(product[0], addend0, output0), (product[1], addend1, output1)] {
            let rest = l.minus(*output, l.mul(product, constants[0]));
            sink.take(l.minus(rest, l.mul(*addend, constants[1])));
        }
    }
}

/// `output = product·c_0` in the extension.
#[inline(always)]
pub(super) fn mul_extension<L: Lanes>(
    l: L,
    wires: &[L::V],
    constants: &[L::V],
    operations: usize,
    sink: &mut Sink<'_, L>,
) {
    let (operations, _) = wires[..6 * operations].as_chunks::<6>();
    for [a0, a1, b0, b1, output0, output1] in operations {
        let product = multiply(l, [*a0, *a1], [*b0, *b1]);
        sink.take(l.minus(*output0, l.mul(product[0], constants[0])));
        sink.take(l.minus(*output1, l.mul(product[1], constants[0])));
    }
}

/// A number is the sum of its bits, and the bits are bits.
#[inline(always)]
pub(super) fn base_sum<L: Lanes>(l: L, wires: &[L::V], limbs: usize, sink: &mut Sink<'_, L>) {
    let limbs = &wires[1..=limbs];
    sink.take(l.minus(sum_of_bits(l, limbs), wires[0]));
    for limb in limbs {
        sink.take(l.minus(l.square(*limb), *limb));
    }
}

/// A polynomial's value by Horner's rule, step by step; its coefficients are of the extension or not.
/// Wires: output, point, first accumulator, coefficients, the other accumulators.
#[inline(always)]
pub(super) fn reducing<L: Lanes>(
    l: L,
    wires: &[L::V],
    coefficients: usize,
    in_extension: bool,
    sink: &mut Sink<'_, L>,
) {
    let width = if in_extension { D } else { 1 };
    let accumulators = 3 * D + coefficients * width;
    let point = pair::<L>(wires, D);
    let mut before = pair::<L>(wires, 2 * D);
    for i in 0..coefficients {
        let at = 3 * D + i * width;
        let after = pair::<L>(wires, if i + 1 == coefficients { 0 } else { accumulators + i * D });
        let product = multiply(l, before, point);
        let low = l.plus(product[0], wires[at]);
        let high = if in_extension { l.plus(product[1], wires[at + 1]) } else { product[1] };
        sink.take(l.minus(low, after[0]));
        sink.take(l.minus(high, after[1]));
        before = after;
    }
}

/// An element of the extension.
#[inline(always)]
fn pair<L: Lanes>(wires: &[L::V], at: usize) -> [L::V; 2] {
    [wires[at], wires[at + 1]]
}

/// The number that the bits, from the lowest, are of.
#[inline(always)]
pub(super) fn sum_of_bits<L: Lanes>(l: L, bits: &[L::V]) -> L::V {
    let mut sum = l.splat(0);
    for bit in bits.iter().rev() {
        sum = l.plus(l.plus(sum, sum), *bit);
    }
    sum
}

/// The product in the extension, whose generator squares to `W`.
#[inline(always)]
fn multiply<L: Lanes>(l: L, a: [L::V; 2], b: [L::V; 2]) -> [L::V; 2] {
    let w = l.splat(<F as Extendable<D>>::W.0);
    [l.plus(l.mul(a[0], b[0]), l.mul(w, l.mul(a[1], b[1]))), l.plus(l.mul(a[0], b[1]), l.mul(a[1], b[0]))]
}
