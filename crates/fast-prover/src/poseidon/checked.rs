//! The permutation as the library's gates see it: with every S-box input replaced by a wire.

use super::constants::{Constants, HALF_FULL_ROUNDS, PARTIAL_ROUNDS};
use super::linear::linear_layer;
use super::{ROUNDS_UNFOLDED, WIDTH, fold, full_round, seventh_powers, split};
use crate::lanes::Lanes;

/// Where the S-box inputs come from.
pub(crate) trait SBoxInputs<V> {
    /// Takes a computed input, and gives the one to go on with. `#[inline(always)]`, like all vector code.
    fn meet(&mut self, computed: V) -> V;
}

/// Permutes, giving `inputs` each computed S-box input after the first round, in order, and going on
/// with what it returns.
#[inline(always)]
pub(crate) fn permute_checked<L: Lanes>(lanes: L, state: &mut [L::V; WIDTH], inputs: &mut impl SBoxInputs<L::V>) {
    let constants = Constants::get();
    for (element, constant) in state.iter_mut().zip(&constants.first) {
        *element = lanes.add(*element, lanes.splat(*constant));
    }
    for round in 0..HALF_FULL_ROUNDS - 1 {
        full_round(lanes, state, Some(&constants.first_half[round]));
        meet_all(state, inputs);
    }
    full_round(lanes, state, None);

    let mut low = [lanes.splat(0); WIDTH];
    let mut high = low;
    for i in 0..WIDTH {
        (low[i], high[i]) = split(lanes, state[i]);
    }
    for round in 0..PARTIAL_ROUNDS {
        let constant = constants.partial[round];
        let computed = fold(
            lanes,
            lanes.wrapping_add(low[0], lanes.splat(constant.low)),
            lanes.wrapping_add(high[0], lanes.splat(constant.high)),
        );
        let mut element = [inputs.meet(computed)];
        seventh_powers(lanes, &mut element);
        (low[0], high[0]) = split(lanes, element[0]);
        linear_layer(lanes, &mut low);
        linear_layer(lanes, &mut high);
        if round % ROUNDS_UNFOLDED == ROUNDS_UNFOLDED - 1 {
            for i in 1..WIDTH {
                (low[i], high[i]) = split(lanes, fold(lanes, low[i], high[i]));
            }
        }
    }
    for i in 0..WIDTH {
        let constant = constants.after_partial[i];
        state[i] = fold(
            lanes,
            lanes.wrapping_add(low[i], lanes.splat(constant.low)),
            lanes.wrapping_add(high[i], lanes.splat(constant.high)),
        );
    }

    for round in 0..HALF_FULL_ROUNDS - 1 {
        meet_all(state, inputs);
        full_round(lanes, state, Some(&constants.second_half[round]));
    }
    meet_all(state, inputs);
    full_round(lanes, state, None);
}

#[inline(always)]
fn meet_all<V: Copy>(state: &mut [V; WIDTH], inputs: &mut impl SBoxInputs<V>) {
    for element in state {
        *element = inputs.meet(*element);
    }
}

/// The linear layer alone, on elements of the field.
#[inline(always)]
pub(crate) fn linear_layer_of<L: Lanes>(lanes: L, state: &mut [L::V; WIDTH]) {
    let mut low = [lanes.splat(0); WIDTH];
    let mut high = low;
    for i in 0..WIDTH {
        (low[i], high[i]) = split(lanes, state[i]);
    }
    linear_layer(lanes, &mut low);
    linear_layer(lanes, &mut high);
    for i in 0..WIDTH {
        state[i] = fold(lanes, low[i], high[i]);
    }
}
