//! The check that the verifier makes at the challenge point, made here first: a witness that breaks a
//! constraint is then an error, not a proof that nobody accepts.

use plonky2::field::types::Field;
use plonky2::plonk::plonk_common::{eval_l_0, reduce_with_powers};
use plonky2::plonk::proof::OpeningSet;
use plonky2::plonk::vars::EvaluationVars;

use super::Challenges;
use crate::extension::{lift, scale};
use crate::{Common, D, Digest, Extension, F};

/// Whether `vanishing(ζ) = (ζ^n − 1)·quotient(ζ)` for each challenge.
pub(crate) fn holds_at(
    zeta: Extension,
    common: &Common,
    openings: &OpeningSet<F, D>,
    public_inputs_hash: &Digest,
    challenges: &Challenges,
) -> bool {
    let terms = terms_at(zeta, common, openings, public_inputs_hash, challenges);
    let zeta_n = zeta.exp_power_of_2(common.degree_bits());
    let quotients = openings.quotient_polys.chunks(common.quotient_degree_factor);
    challenges.alphas.iter().zip(quotients).all(|(alpha, chunks)| {
        let vanishing = reduce_with_powers(&terms, lift(*alpha));
        vanishing == (zeta_n - Extension::ONE) * reduce_with_powers(chunks, zeta_n)
    })
}

/// The terms of the vanishing polynomial at the challenge point.
fn terms_at(
    zeta: Extension,
    common: &Common,
    openings: &OpeningSet<F, D>,
    public_inputs_hash: &Digest,
    challenges: &Challenges,
) -> Vec<Extension> {
    let first_row = eval_l_0(common.degree(), zeta);
    let mut terms: Vec<_> = openings.plonk_zs.iter().map(|z| first_row * (*z - Extension::ONE)).collect();
    for (i, (beta, gamma)) in challenges.betas.iter().zip(&challenges.gammas).enumerate() {
        let products = &openings.partial_products[i * common.num_partial_products..][..common.num_partial_products];
        let mut before = openings.plonk_zs[i];
        let group_size = common.permutation_partial_product_degree();
        for (group, start) in (0..common.config.num_routed_wires).step_by(group_size).enumerate() {
            let after = products.get(group).copied().unwrap_or(openings.plonk_zs_next[i]);
            let mut numerator = Extension::ONE;
            let mut denominator = Extension::ONE;
            for j in start..common.config.num_routed_wires.min(start + group_size) {
                let wire = openings.wires[j] + lift(*gamma);
                numerator *= wire + scale(zeta, common.k_is[j] * *beta);
                denominator *= wire + scale(openings.plonk_sigmas[j], *beta);
            }
            terms.push(before * numerator - after * denominator);
            before = after;
        }
    }
    terms.extend(gate_constraints(common, openings, public_inputs_hash));
    terms
}

/// The sum over gates of their filtered constraints.
fn gate_constraints(common: &Common, openings: &OpeningSet<F, D>, hash: &Digest) -> Vec<Extension> {
    let selectors = &common.selectors_info;
    let mut sums = vec![Extension::ZERO; common.num_gate_constraints];
    for (i, gate) in common.gates.iter().enumerate() {
        let vars = EvaluationVars {
            local_constants: &openings.constants,
            local_wires: &openings.wires,
            public_inputs_hash: hash,
        };
        let selector = selectors.selector_indices[i];
        let group = selectors.groups[selector].clone();
        let constraints = gate.0.eval_filtered(vars, i, selector, group, selectors.num_selectors(), 0);
        for (sum, constraint) in sums.iter_mut().zip(constraints) {
            *sum += constraint;
        }
    }
    sums
}
