//! Poseidon's round constants, rearranged: the partial rounds add a constant to the first element only.
//!
//! The S-box of a partial round leaves the other eleven elements alone, so their constants can pass
//! through the linear layer and be added in the next round; what is left at the end is added before
//! the full round that follows.

use std::sync::LazyLock;

use plonky2::field::types::Field;
use plonky2::hash::poseidon::{ALL_ROUND_CONSTANTS, HALF_N_FULL_ROUNDS, N_PARTIAL_ROUNDS, Poseidon};

use super::WIDTH;
use crate::lanes::EPSILON;
use crate::{F, GoldilocksField};

/// Full rounds at either end.
pub(super) const HALF_FULL_ROUNDS: usize = HALF_N_FULL_ROUNDS;
/// Rounds with one S-box.
pub(super) const PARTIAL_ROUNDS: usize = N_PARTIAL_ROUNDS;

/// A constant as `low + 2^32·high`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Halves {
    pub(super) low: u64,
    pub(super) high: u64,
}

impl From<F> for Halves {
    fn from(x: F) -> Self {
        Self { low: x.0 & EPSILON, high: x.0 >> 32 }
    }
}

/// The constants in the order in which the permutation adds them.
#[derive(Debug)]
pub(crate) struct Constants {
    /// Before the first round.
    pub(super) first: [u64; WIDTH],
    /// After each of the first full rounds but the last.
    pub(super) first_half: [[Halves; WIDTH]; HALF_FULL_ROUNDS - 1],
    /// To the first element, before each partial round.
    pub(super) partial: [Halves; PARTIAL_ROUNDS],
    /// After the partial rounds.
    pub(super) after_partial: [Halves; WIDTH],
    /// After each of the last full rounds but the last.
    pub(super) second_half: [[Halves; WIDTH]; HALF_FULL_ROUNDS - 1],
}

impl Constants {
    /// The constants, computed once.
    pub(crate) fn get() -> &'static Self {
        static CONSTANTS: LazyLock<Constants> = LazyLock::new(Constants::rearrange);
        &CONSTANTS
    }

    fn rearrange() -> Self {
        let mut partial = [Halves::default(); PARTIAL_ROUNDS];
        let mut pending = [F::ZERO; WIDTH];
        for (r, constant) in partial.iter_mut().enumerate() {
            for (p, c) in pending.iter_mut().zip(round(HALF_FULL_ROUNDS + r)) {
                *p += c;
            }
            *constant = canonical(pending[0]).into();
            pending[0] = F::ZERO;
            pending = <F as Poseidon>::mds_layer(&pending);
        }
        let second = HALF_FULL_ROUNDS + PARTIAL_ROUNDS;
        for (p, c) in pending.iter_mut().zip(round(second)) {
            *p += c;
        }
        Self {
            first: round(0).map(|c| c.0),
            first_half: std::array::from_fn(|r| round(r + 1).map(Halves::from)),
            partial,
            after_partial: pending.map(|c| canonical(c).into()),
            second_half: std::array::from_fn(|r| round(second + r + 1).map(Halves::from)),
        }
    }
}

/// The library's constants of a round.
fn round(r: usize) -> [F; WIDTH] {
    std::array::from_fn(|i| GoldilocksField(ALL_ROUND_CONSTANTS[r * WIDTH + i]))
}

fn canonical(x: F) -> F {
    use plonky2::field::types::PrimeField64;
    GoldilocksField(x.to_canonical_u64())
}
