//! The permutation with its S-box inputs as wires, and its linear layer on the extension.

use super::Sink;
use crate::D;
use crate::lanes::Lanes;
use crate::poseidon::{DIGEST, SBoxInputs, WIDTH, linear_layer_of, permute_checked};

/// The wire that says whether the first two digests are swapped.
const SWAP: usize = 2 * WIDTH;
/// The differences that a swap adds and subtracts.
const DELTAS: usize = SWAP + 1;
/// The S-box inputs, in the permutation's order, from the second round on.
const S_BOXES: usize = DELTAS + DIGEST;

/// Inputs, outputs, swap, differences, S-box inputs.
#[inline(always)]
pub(super) fn poseidon<L: Lanes>(l: L, wires: &[L::V], sink: &mut Sink<'_, L>) {
    let swap = wires[SWAP];
    sink.take(l.minus(l.square(swap), swap));
    let mut state = [swap; WIDTH];
    state.copy_from_slice(&wires[..WIDTH]);
    for i in 0..DIGEST {
        let (left, right, delta) = (wires[i], wires[i + DIGEST], wires[DELTAS + i]);
        sink.take(l.minus(l.mul(swap, l.minus(right, left)), delta));
        state[i] = l.plus(left, delta);
        state[i + DIGEST] = l.minus(right, delta);
    }
    permute_checked(l, &mut state, &mut Wires { lanes: l, inputs: wires[S_BOXES..].iter(), sink });
    for (computed, output) in state.iter().zip(&wires[WIDTH..]) {
        sink.take(l.minus(*computed, *output));
    }
}

/// The gate's S-box inputs: wires, each constrained to be what is computed.
struct Wires<'a, 'b, L: Lanes> {
    lanes: L,
    inputs: std::slice::Iter<'a, L::V>,
    sink: &'a mut Sink<'b, L>,
}

impl<L: Lanes> SBoxInputs<L::V> for Wires<'_, '_, L> {
    #[inline(always)]
    fn meet(&mut self, computed: L::V) -> L::V {
        let input = *self.inputs.next().expect("the gate has a wire for each S-box after the first round");
        self.sink.take(self.lanes.minus(computed, input));
        input
    }
}

/// Inputs and outputs of the linear layer, each two wires.
#[inline(always)]
pub(super) fn linear<L: Lanes>(l: L, wires: &[L::V], sink: &mut Sink<'_, L>) {
    let mut computed = [[wires[0]; WIDTH]; D];
    for (c, state) in computed.iter_mut().enumerate() {
        for i in 0..WIDTH {
            state[i] = wires[D * i + c];
        }
        linear_layer_of(l, state);
    }
    for i in 0..WIDTH {
        for (c, state) in computed.iter().enumerate() {
            sink.take(l.minus(wires[D * (WIDTH + i) + c], state[i]));
        }
    }
}
