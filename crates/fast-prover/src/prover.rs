//! The order of a proof: what is committed, what the transcript takes, and when challenges come.

use std::panic::{AssertUnwindSafe, catch_unwind};

use plonky2::field::polynomial::PolynomialValues;
use plonky2::field::types::Field;
use plonky2::fri::FriParamsObserve;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::iop::generator::generate_partial_witness;
use plonky2::iop::witness::{PartialWitness, PartitionWitness, Witness};
use plonky2::plonk::config::Hasher;
use plonky2::plonk::plonk_common::PlonkOracle;
use plonky2::plonk::proof::{Proof, ProofWithPublicInputs};
use rayon::prelude::*;

use crate::commitment::{commit, commit_values};
use crate::constraints::{Challenges, Committed, holds_at, quotient};
use crate::openings::{Oracles, combine, in_transcript_order, open};
use crate::permutation::running_products;
use crate::{Batch, C, Common, D, Extension, F, ProveError, ProverOnly, Transcript, fri};

/// Proves that the inputs extend to a witness of the circuit. The library's verifier accepts the proof.
///
/// # Errors
/// When the circuit has lookup tables, the inputs do not extend to a witness, or the witness breaks a
/// constraint. No inputs lead to a panic.
pub fn prove(
    key: &ProverOnly,
    common: &Common,
    inputs: PartialWitness<F>,
) -> Result<ProofWithPublicInputs<F, C, D>, ProveError> {
    check(key, common)?;
    let witness = catch_unwind(AssertUnwindSafe(|| generate_partial_witness(inputs, key, common)))
        .map_err(|_| ProveError::Generator)?
        .map_err(ProveError::Witness)?;
    prove_with_witness(key, common, &witness)
}

/// Proves with a witness that the circuit's generators have completed.
///
/// # Errors
/// When the circuit has lookup tables, a public input has no value, or the witness breaks a constraint.
pub fn prove_with_witness(
    key: &ProverOnly,
    common: &Common,
    witness: &PartitionWitness<'_, F>,
) -> Result<ProofWithPublicInputs<F, C, D>, ProveError> {
    check(key, common)?;
    let public_inputs = key
        .public_inputs
        .iter()
        .map(|target| witness.try_get_target(*target))
        .collect::<Option<Vec<F>>>()
        .ok_or_else(|| ProveError::Witness(anyhow::anyhow!("a public input has no value")))?;
    let wires = wire_columns(witness);
    let public_inputs_hash = PoseidonHash::hash_no_pad(&public_inputs);
    let rate_bits = common.config.fri_config.rate_bits;
    let cap_height = common.config.fri_config.cap_height;
    let blinds = |oracle: PlonkOracle| common.config.zero_knowledge && oracle.blinding;
    let commit_columns = |columns, oracle| commit_values(columns, rate_bits, blinds(oracle), cap_height);

    let mut transcript = Transcript::new();
    common.fri_params.observe(&mut transcript);
    transcript.observe_hash::<PoseidonHash>(key.circuit_digest);
    transcript.observe_hash::<PoseidonHash>(public_inputs_hash);

    let columns = wires.iter().map(|column| PolynomialValues::new(column.clone())).collect();
    let wires_batch = commit_columns(columns, PlonkOracle::WIRES);
    observe(&mut transcript, &wires_batch);

    let betas = transcript.get_n_challenges(common.config.num_challenges);
    let gammas = transcript.get_n_challenges(common.config.num_challenges);
    let products = running_products(key, common, &wires, &betas, &gammas)?;
    drop(wires);
    let products_batch = commit_columns(products, PlonkOracle::ZS_PARTIAL_PRODUCTS);
    observe(&mut transcript, &products_batch);

    let alphas = transcript.get_n_challenges(common.config.num_challenges);
    let challenges = Challenges { betas, gammas, alphas };
    let committed = Committed {
        constants_sigmas: &key.constants_sigmas_commitment,
        wires: &wires_batch,
        products: &products_batch,
    };
    let chunks = quotient(common, &committed, &public_inputs_hash, &challenges)?;
    let quotient_batch = commit(chunks, rate_bits, blinds(PlonkOracle::QUOTIENT), cap_height);
    observe(&mut transcript, &quotient_batch);

    let zeta = transcript.get_extension_challenge::<D>();
    // A point of the subgroup would open the witness itself.
    if zeta.exp_power_of_2(common.degree_bits()) == Extension::ONE {
        return Err(ProveError::Challenge);
    }
    let oracles = Oracles {
        constants_sigmas: &key.constants_sigmas_commitment,
        wires: &wires_batch,
        products: &products_batch,
        quotient: &quotient_batch,
    };
    let openings = open(zeta, common, &oracles);
    if !holds_at(zeta, common, &openings, &public_inputs_hash, &challenges) {
        return Err(ProveError::Unsatisfied);
    }
    transcript.observe_extension_elements::<D>(&in_transcript_order(&openings));

    let alpha = transcript.get_extension_challenge::<D>();
    let combined = combine(zeta, alpha, common, &oracles);
    let trees = oracles.all().map(|batch| &batch.merkle_tree);
    let opening_proof = fri::prove_low_degree(combined, &trees, &mut transcript, &common.fri_params);

    let proof = Proof {
        wires_cap: wires_batch.merkle_tree.cap,
        plonk_zs_partial_products_cap: products_batch.merkle_tree.cap,
        quotient_polys_cap: quotient_batch.merkle_tree.cap,
        openings,
        opening_proof,
    };
    Ok(ProofWithPublicInputs { proof, public_inputs })
}

/// Refuses what this prover does not know, before any work.
fn check(key: &ProverOnly, common: &Common) -> Result<(), ProveError> {
    if !common.luts.is_empty() || common.num_lookup_polys != 0 {
        return Err(ProveError::Lookups);
    }
    common.check_valid().map_err(ProveError::Circuit)?;
    if common.public_initial_degree_bits() != common.degree_bits() {
        return Err(ProveError::Circuit("its commitments have a higher degree than its rows"));
    }
    if key.constants_sigmas_commitment.merkle_tree.leaves.len() != common.lde_size() {
        return Err(ProveError::Circuit("its key has no commitment to constants and permutation"));
    }
    Ok(())
}

/// The values of all wires, by column; those that nothing sets are 0.
fn wire_columns(witness: &PartitionWitness<'_, F>) -> Vec<Vec<F>> {
    // The first targets are the wires, row by row.
    let value = |row: usize, column: usize| {
        witness.values[witness.representative_map[row * witness.num_wires + column]].unwrap_or(F::ZERO)
    };
    (0..witness.num_wires)
        .into_par_iter()
        .map(|column| (0..witness.degree).map(|row| value(row, column)).collect())
        .collect()
}

fn observe(transcript: &mut Transcript, batch: &Batch) {
    transcript.observe_cap::<PoseidonHash>(&batch.merkle_tree.cap);
}
