//! The permutation on every kind of vector against the library's.

use plonky2::field::types::PrimeField64;
use plonky2::hash::poseidon::{Poseidon, PoseidonHash};
use plonky2::plonk::config::Hasher;
use proptest::prelude::*;

use super::{WIDTH, compress, constants::Constants, hash_leaves, last_of_rate, permute};
use crate::lanes::testing::{EDGES, element, on_every_kind};
use crate::lanes::{Lanes, Op};
use crate::{Digest, F, GoldilocksField};

struct Permute<const GROUPS: usize>(Vec<[F; WIDTH]>);

impl<const GROUPS: usize> Op for Permute<GROUPS> {
    type Output = Vec<[F; WIDTH]>;

    #[inline(always)]
    fn on<L: Lanes>(mut self, lanes: L) -> Self::Output {
        assert!(self.0.len().is_multiple_of(GROUPS * L::WIDTH), "no state is left out");
        for batch in self.0.chunks_exact_mut(GROUPS * L::WIDTH) {
            let mut states = [[lanes.splat(0); WIDTH]; GROUPS];
            for (state, rows) in states.iter_mut().zip(batch.chunks(L::WIDTH)) {
                for i in 0..WIDTH {
                    state[i] = lanes.load(&rows.iter().map(|row| row[i]).collect::<Vec<_>>());
                }
            }
            permute(lanes, Constants::get(), &mut states);
            for (state, rows) in states.iter().zip(batch.chunks_mut(L::WIDTH)) {
                for i in 0..WIDTH {
                    let mut column = [GoldilocksField(0); 8];
                    lanes.store(state[i], &mut column);
                    rows.iter_mut().zip(column).for_each(|(row, x)| row[i] = x);
                }
            }
        }
        self.0
    }
}

fn canonical(x: F) -> u64 {
    x.to_canonical_u64()
}

fn check(states: Vec<[F; WIDTH]>) {
    let expected: Vec<_> = states.iter().map(|s| F::poseidon(s.map(|x| GoldilocksField(canonical(x))))).collect();
    for permuted in on_every_kind(|| Permute::<1>(states.clone())) {
        compare(&permuted, &expected);
    }
    for permuted in on_every_kind(|| Permute::<4>(states.clone())) {
        compare(&permuted, &expected);
    }
}

/// One state at a time, so that a failure is readable.
fn compare(permuted: &[[F; WIDTH]], expected: &[[F; WIDTH]]) {
    assert_eq!(permuted.len(), expected.len());
    for (i, (ours, theirs)) in permuted.iter().zip(expected).enumerate() {
        assert_eq!(ours, theirs, "state {i}");
    }
}

#[test]
fn edge_values_permute_as_in_the_library() {
    let same = EDGES.iter().map(|x| [GoldilocksField(*x); WIDTH]);
    let rotated = (0..16 * EDGES.len())
        .map(|k| std::array::from_fn(|i| GoldilocksField(EDGES[(k * 7 + i * (k % 5 + 1)) % EDGES.len()])));
    let mut states: Vec<_> = same.chain(rotated).collect();
    // Full batches of the widest vectors, by repeating the first states.
    while !states.len().is_multiple_of(32) {
        states.push(states[states.len() % 13]);
    }
    check(states);
}

proptest! {
    #[test]
    fn any_values_permute_as_in_the_library(states in prop::collection::vec(prop::array::uniform12(element()), 32)) {
        check(states);
    }

    #[test]
    fn leaves_hash_as_in_the_library(
        rows in (1usize..40, 0usize..70).prop_flat_map(|(n, len)| prop::collection::vec(prop::collection::vec(element(), len), n)),
    ) {
        let expected: Vec<Digest> = rows.iter().map(|row| PoseidonHash::hash_leaf(row)).collect();
        prop_assert_eq!(hash_leaves(&rows), expected);
    }

    #[test]
    fn pairs_compress_as_in_the_library(
        children in (1usize..40).prop_flat_map(|n| prop::collection::vec(prop::array::uniform4(element()), 2 * n)),
    ) {
        let children: Vec<_> = children.into_iter().map(|elements| Digest { elements }).collect();
        let expected: Vec<Digest> = children.chunks(2).map(|c| PoseidonHash::two_to_one(c[0], c[1])).collect();
        prop_assert_eq!(compress(&children), expected);
    }

    #[test]
    fn candidates_permute_as_in_the_library(
        state in prop::array::uniform12(element()), position in 0usize..8, first in 0u64..1 << 40, count in 1usize..40,
    ) {
        let expected: Vec<F> = (0..count as u64).map(|k| {
            let mut candidate = state;
            candidate[position] = GoldilocksField(first + k);
            F::poseidon(candidate)[7]
        }).collect();
        prop_assert_eq!(last_of_rate(&state, position, first, count), expected);
    }
}
