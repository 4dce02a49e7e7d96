//! The library's Poseidon permutation, applied to as many states at once as vectors have lanes.
//!
//! A state of 12 elements is 12 vectors, one lane a state. The linear layer works on the low and high
//! 32-bit halves of the elements as integers, with no carries until [`Lanes`] folds them back; the
//! partial rounds fold only the element that meets the S-box, and the others every third round.

mod checked;
mod constants;
mod linear;
mod sponge;

pub(crate) use checked::{SBoxInputs, linear_layer_of, permute_checked};
pub(crate) use sponge::{compress, hash_leaves, last_of_rate};

use crate::lanes::Lanes;
use constants::{Constants, HALF_FULL_ROUNDS, Halves, PARTIAL_ROUNDS};
use linear::linear_layer;

/// Elements of a state.
pub(crate) const WIDTH: usize = 12;
/// Elements that a sponge step absorbs.
pub(crate) const RATE: usize = 8;
/// Elements of a digest.
pub(crate) const DIGEST: usize = 4;

/// Partial rounds between two foldings of a whole state: each multiplies the halves by less than
/// `2^8.1`, and they start below `2^32`, so they stay below `2^57`.
const ROUNDS_UNFOLDED: usize = 3;

/// Permutes `GROUPS` vectors of states.
#[inline(always)]
pub(crate) fn permute<L: Lanes, const GROUPS: usize>(
    lanes: L,
    constants: &Constants,
    states: &mut [[L::V; WIDTH]; GROUPS],
) {
    for state in states.iter_mut() {
        for (element, constant) in state.iter_mut().zip(&constants.first) {
            *element = lanes.add(*element, lanes.splat(*constant));
        }
    }
    for round in 0..HALF_FULL_ROUNDS - 1 {
        for state in states.iter_mut() {
            full_round(lanes, state, Some(&constants.first_half[round]));
        }
    }
    for state in states.iter_mut() {
        full_round(lanes, state, None);
    }
    partial_rounds(lanes, constants, states);
    for round in 0..HALF_FULL_ROUNDS - 1 {
        for state in states.iter_mut() {
            full_round(lanes, state, Some(&constants.second_half[round]));
        }
    }
    for state in states.iter_mut() {
        full_round(lanes, state, None);
    }
}

/// S-boxes, linear layer, and the constants of the next round.
#[inline(always)]
fn full_round<L: Lanes>(lanes: L, state: &mut [L::V; WIDTH], next: Option<&[Halves; WIDTH]>) {
    let mut low = [lanes.splat(0); WIDTH];
    let mut high = low;
    seventh_powers(lanes, state);
    for i in 0..WIDTH {
        (low[i], high[i]) = split(lanes, state[i]);
    }
    linear_layer(lanes, &mut low);
    linear_layer(lanes, &mut high);
    for i in 0..WIDTH {
        if let Some(constants) = next {
            low[i] = lanes.wrapping_add(low[i], lanes.splat(constants[i].low));
            high[i] = lanes.wrapping_add(high[i], lanes.splat(constants[i].high));
        }
        state[i] = fold(lanes, low[i], high[i]);
    }
}

/// All the partial rounds, and the constants of the full round that follows.
#[inline(always)]
fn partial_rounds<L: Lanes, const GROUPS: usize>(
    lanes: L,
    constants: &Constants,
    states: &mut [[L::V; WIDTH]; GROUPS],
) {
    let zero = [lanes.splat(0); WIDTH];
    let mut low = [zero; GROUPS];
    let mut high = [zero; GROUPS];
    for g in 0..GROUPS {
        for i in 0..WIDTH {
            (low[g][i], high[g][i]) = split(lanes, states[g][i]);
        }
    }
    for round in 0..PARTIAL_ROUNDS {
        let constant = constants.partial[round];
        let mut elements = [lanes.splat(0); GROUPS];
        for g in 0..GROUPS {
            elements[g] = fold(
                lanes,
                lanes.wrapping_add(low[g][0], lanes.splat(constant.low)),
                lanes.wrapping_add(high[g][0], lanes.splat(constant.high)),
            );
        }
        seventh_powers(lanes, &mut elements);
        for g in 0..GROUPS {
            let (low, high) = (&mut low[g], &mut high[g]);
            (low[0], high[0]) = split(lanes, elements[g]);
            linear_layer(lanes, low);
            linear_layer(lanes, high);
            if round % ROUNDS_UNFOLDED == ROUNDS_UNFOLDED - 1 {
                for i in 1..WIDTH {
                    (low[i], high[i]) = split(lanes, fold(lanes, low[i], high[i]));
                }
            }
        }
    }
    for g in 0..GROUPS {
        for i in 0..WIDTH {
            let constant = constants.after_partial[i];
            states[g][i] = fold(
                lanes,
                lanes.wrapping_add(low[g][i], lanes.splat(constant.low)),
                lanes.wrapping_add(high[g][i], lanes.splat(constant.high)),
            );
        }
    }
}

/// The low and high 32 bits.
#[inline(always)]
fn split<L: Lanes>(lanes: L, x: L::V) -> (L::V, L::V) {
    (lanes.low(x), lanes.high(x))
}

/// `low + 2^32·high` in the field, for halves below `2^60`.
#[inline(always)]
fn fold<L: Lanes>(lanes: L, low: L::V, high: L::V) -> L::V {
    let top = lanes.high(high);
    let top = lanes.wrapping_sub(lanes.shl::<32>(top), top);
    lanes.add(lanes.shl::<32>(high), lanes.wrapping_add(low, top))
}

/// The S-box of each. Step by step, so that one's multiplication fills the others' waits.
#[inline(always)]
fn seventh_powers<L: Lanes, const N: usize>(lanes: L, x: &mut [L::V; N]) {
    let mut squares = *x;
    for i in 0..N {
        squares[i] = lanes.square(x[i]);
    }
    for i in 0..N {
        x[i] = lanes.mul(squares[i], x[i]);
    }
    for square in &mut squares {
        *square = lanes.square(*square);
    }
    for i in 0..N {
        x[i] = lanes.mul(squares[i], x[i]);
    }
}

#[cfg(test)]
mod tests;
