//! The hashes that a proof needs, many at a time: leaves, pairs of nodes, grinding candidates.

use super::constants::Constants;
use super::{DIGEST, RATE, WIDTH, permute};
use crate::lanes::{Lanes, Op, run};
use crate::{Digest, F, GoldilocksField};

/// Vectors of states that are permuted side by side, so that one's latency hides behind the other's.
const GROUPS: usize = 4;
/// The widest vector.
const MAX_LANES: usize = 8;

/// The library's `hash_leaf` of each row. The rows are equally long.
pub(crate) fn hash_leaves(rows: &[Vec<F>]) -> Vec<Digest> {
    let mut digests = vec![Digest::ZERO; rows.len()];
    run(HashLeaves { rows, digests: &mut digests });
    digests
}

/// The library's `two_to_one` of each pair of neighbours.
pub(crate) fn compress(children: &[Digest]) -> Vec<Digest> {
    let mut parents = vec![Digest::ZERO; children.len() / 2];
    run(Compress { children, parents: &mut parents });
    parents
}

/// Permutes `state` with element `position` replaced by each of `first`, `first + 1`, …, and gives
/// element `RATE − 1` of each result.
pub(crate) fn last_of_rate(state: &[F; WIDTH], position: usize, first: u64, count: usize) -> Vec<F> {
    let mut results = vec![GoldilocksField(0); count];
    run(LastOfRate { state, position, first, results: &mut results });
    results
}

struct HashLeaves<'a> {
    rows: &'a [Vec<F>],
    digests: &'a mut [Digest],
}

impl Op for HashLeaves<'_> {
    type Output = ();

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        let constants = Constants::get();
        let length = self.rows.first().map_or(0, Vec::len);
        // The library separates leaves from nodes by the length, plus one, in the capacity.
        let domain = lanes.splat(length as u64 + 1);
        for (rows, digests) in self.rows.chunks(GROUPS * L::WIDTH).zip(self.digests.chunks_mut(GROUPS * L::WIDTH)) {
            let mut states = [[lanes.splat(0); WIDTH]; GROUPS];
            for state in &mut states {
                state[RATE] = domain;
            }
            for start in (0..length).step_by(RATE) {
                let end = length.min(start + RATE);
                for (g, state) in states.iter_mut().enumerate() {
                    let mut columns = [[GoldilocksField(0); MAX_LANES]; RATE];
                    for lane in 0..L::WIDTH {
                        // Lanes beyond the last row repeat it.
                        let row = &rows[(g * L::WIDTH + lane).min(rows.len() - 1)][start..end];
                        let mut block = [GoldilocksField(0); RATE];
                        match row.first_chunk() {
                            Some(full) => block = *full,
                            None => block[..row.len()].copy_from_slice(row),
                        }
                        for i in 0..RATE {
                            columns[i][lane] = block[i];
                        }
                    }
                    for (element, column) in state.iter_mut().zip(&columns[..end - start]) {
                        *element = lanes.load(column);
                    }
                }
                permute(lanes, constants, &mut states);
            }
            write_digests(lanes, &states, digests);
        }
    }
}

struct Compress<'a> {
    children: &'a [Digest],
    parents: &'a mut [Digest],
}

impl Op for Compress<'_> {
    type Output = ();

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        let constants = Constants::get();
        let (pairs, _) = self.children.as_chunks::<2>();
        for (pairs, parents) in pairs.chunks(GROUPS * L::WIDTH).zip(self.parents.chunks_mut(GROUPS * L::WIDTH)) {
            let mut states = [[lanes.splat(0); WIDTH]; GROUPS];
            for (g, state) in states.iter_mut().enumerate() {
                let mut columns = [[GoldilocksField(0); MAX_LANES]; 2 * DIGEST];
                for lane in 0..L::WIDTH {
                    let [left, right] = &pairs[(g * L::WIDTH + lane).min(pairs.len() - 1)];
                    for (column, x) in columns.iter_mut().zip(left.elements.iter().chain(&right.elements)) {
                        column[lane] = *x;
                    }
                }
                for (element, column) in state.iter_mut().zip(&columns) {
                    *element = lanes.load(column);
                }
            }
            permute(lanes, constants, &mut states);
            write_digests(lanes, &states, parents);
        }
    }
}

struct LastOfRate<'a> {
    state: &'a [F; WIDTH],
    position: usize,
    first: u64,
    results: &'a mut [F],
}

impl Op for LastOfRate<'_> {
    type Output = ();

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        let constants = Constants::get();
        let mut template = [lanes.splat(0); WIDTH];
        for (element, x) in template.iter_mut().zip(self.state) {
            *element = lanes.splat(x.0);
        }
        let mut next = self.first;
        for results in self.results.chunks_mut(GROUPS * L::WIDTH) {
            let mut states = [template; GROUPS];
            for state in &mut states {
                let candidates: [F; MAX_LANES] = std::array::from_fn(|lane| GoldilocksField(next + lane as u64));
                state[self.position] = lanes.load(&candidates);
                next += L::WIDTH as u64;
            }
            permute(lanes, constants, &mut states);
            for (state, results) in states.iter().zip(results.chunks_mut(L::WIDTH)) {
                let mut lasts = [GoldilocksField(0); MAX_LANES];
                lanes.store(state[RATE - 1], &mut lasts);
                results.copy_from_slice(&lasts[..results.len()]);
            }
        }
    }
}

/// The first elements of each state, for the lanes that have a digest to write.
#[inline(always)]
fn write_digests<L: Lanes>(lanes: L, states: &[[L::V; WIDTH]; GROUPS], digests: &mut [Digest]) {
    for (state, digests) in states.iter().zip(digests.chunks_mut(L::WIDTH)) {
        for (i, element) in state[..DIGEST].iter().enumerate() {
            let mut column = [GoldilocksField(0); MAX_LANES];
            lanes.store(*element, &mut column);
            for (digest, x) in digests.iter_mut().zip(column) {
                digest.elements[i] = x;
            }
        }
    }
}
