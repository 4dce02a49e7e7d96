//! The proof that a committed function is a polynomial of low degree: folding, grinding, queries.

use plonky2::field::extension::{flatten, unflatten};
use plonky2::field::polynomial::PolynomialCoeffs;
use plonky2::field::types::{Field, PrimeField64};
use plonky2::fri::FriParams;
use plonky2::fri::proof::{FriInitialTreeProof, FriProof, FriQueryRound, FriQueryStep};
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::plonk::plonk_common::reduce_with_powers;
use rayon::prelude::*;

use crate::domain::{log2, reverse};
use crate::extension::lift;
use crate::merkle::merkle_tree;
use crate::poseidon::{RATE, last_of_rate};
use crate::{D, Extension, F, Transcript, Tree};

/// Grinding candidates that one task tries.
const CANDIDATES_A_TASK: usize = 256;

/// Proves that the polynomial, and with it what it combines, has the degree that it seems to have.
/// `oracles` are the trees that the combined polynomials are committed in.
pub(crate) fn prove_low_degree(
    coefficients: Vec<Extension>,
    oracles: &[&Tree],
    transcript: &mut Transcript,
    params: &FriParams,
) -> FriProof<F, PoseidonHash, D> {
    let (trees, final_polynomial) = fold(coefficients, transcript, params);
    transcript.observe_extension_elements::<D>(&final_polynomial);
    let pow_witness = grind(transcript, params.config.proof_of_work_bits);
    let queries = transcript.get_n_challenges(params.config.num_query_rounds);
    let query_round_proofs = queries
        .into_par_iter()
        .map(|query| answer(query.to_canonical_u64() as usize % params.lde_size(), oracles, &trees, params))
        .collect();
    FriProof {
        commit_phase_merkle_caps: trees.into_iter().map(|tree| tree.cap).collect(),
        query_round_proofs,
        final_poly: PolynomialCoeffs::new(final_polynomial),
        pow_witness,
    }
}

/// Commits to the polynomial's evaluations, folds it by a challenge, and so on: `Σ X^i·P_i(X^r)`
/// becomes `Σ β^i·P_i(X)`.
fn fold(
    mut coefficients: Vec<Extension>,
    transcript: &mut Transcript,
    params: &FriParams,
) -> (Vec<Tree>, Vec<Extension>) {
    let mut shift = F::coset_shift();
    let mut trees = Vec::with_capacity(params.reduction_arity_bits.len());
    for arity_bits in &params.reduction_arity_bits {
        let leaves = evaluation_leaves(&coefficients, shift, params.config.rate_bits, *arity_bits);
        let tree = merkle_tree(leaves, params.config.cap_height);
        transcript.observe_cap::<PoseidonHash>(&tree.cap);
        trees.push(tree);
        let beta = transcript.get_extension_challenge::<D>();
        coefficients = coefficients.par_chunks(1 << arity_bits).map(|chunk| reduce_with_powers(chunk, beta)).collect();
        shift = shift.exp_power_of_2(*arity_bits);
    }
    (trees, coefficients)
}

/// The evaluations on the large domain, in bit-reversed order, `2^arity_bits` a leaf.
fn evaluation_leaves(coefficients: &[Extension], shift: F, rate_bits: usize, arity_bits: usize) -> Vec<Vec<F>> {
    let size = coefficients.len() << rate_bits;
    let values = PolynomialCoeffs::new(coefficients.to_vec())
        .padded(size)
        .coset_fft_with_options(lift(shift), Some(rate_bits), None)
        .values;
    let bits = log2(size);
    (0..size >> arity_bits)
        .into_par_iter()
        .map(|leaf| {
            let values: Vec<_> =
                (0..1 << arity_bits).map(|i| values[reverse((leaf << arity_bits) + i, bits)]).collect();
            flatten::<F, D>(&values)
        })
        .collect()
}

/// Finds an element that, observed, makes the next challenge start with `bits` zero bits, and observes
/// it.
fn grind(transcript: &mut Transcript, bits: u32) -> F {
    let mut state = [F::ZERO; 12];
    state.copy_from_slice(transcript.sponge_state().as_ref());
    // The permutation that the observation leads to takes the pending elements first, and its output's
    // last element is the challenge.
    let pending = transcript.input_buffer();
    let position = pending.len();
    state[..position].copy_from_slice(pending);
    debug_assert!(position < RATE, "a full buffer is absorbed at once");
    let witness = (0..F::NEG_ONE.0 / CANDIDATES_A_TASK as u64)
        .into_par_iter()
        .find_map_any(|task| {
            let first = task * CANDIDATES_A_TASK as u64;
            let responses = last_of_rate(&state, position, first, CANDIDATES_A_TASK);
            let found = responses.iter().position(|r| r.to_canonical_u64().leading_zeros() >= bits)?;
            Some(F::from_canonical_u64(first + found as u64))
        })
        .expect("one of 2^64 candidates has few leading zeros");
    transcript.observe_element(witness);
    let response = transcript.get_challenge();
    debug_assert!(response.to_canonical_u64().leading_zeros() >= bits);
    witness
}

/// The leaves that a query reads, with their paths.
fn answer(point: usize, oracles: &[&Tree], trees: &[Tree], params: &FriParams) -> FriQueryRound<F, PoseidonHash, D> {
    let initial = oracles.iter().map(|tree| (tree.get(point).to_vec(), tree.prove(point))).collect();
    let mut leaf = point;
    let steps = trees
        .iter()
        .zip(&params.reduction_arity_bits)
        .map(|(tree, arity_bits)| {
            leaf >>= arity_bits;
            FriQueryStep { evals: unflatten::<F, D>(tree.get(leaf)), merkle_proof: tree.prove(leaf) }
        })
        .collect();
    FriQueryRound { initial_trees_proof: FriInitialTreeProof { evals_proofs: initial }, steps }
}
