//! The quotient of the vanishing polynomial by `X^n − 1`, from the committed evaluations.

use plonky2::field::polynomial::{PolynomialCoeffs, PolynomialValues};
use plonky2::field::types::Field;
use plonky2::plonk::vars::EvaluationVarsBaseBatch;
use rayon::prelude::*;

use super::Challenges;
use crate::domain::{powers, reverse, run_shift};
use crate::{Batch, Common, Digest, F, ProveError};

/// Points that are evaluated together.
const POINTS: usize = 32;

/// The evaluations that the quotient is made of.
#[derive(Debug)]
pub(crate) struct Committed<'a> {
    pub(crate) constants_sigmas: &'a Batch,
    pub(crate) wires: &'a Batch,
    pub(crate) products: &'a Batch,
}

/// The quotients of all challenges, in chunks of the subgroup's size.
pub(crate) fn quotient(
    common: &Common,
    committed: &Committed<'_>,
    public_inputs_hash: &Digest,
    challenges: &Challenges,
) -> Result<Vec<PolynomialCoeffs<F>>, ProveError> {
    let quotient_bits = common.quotient_degree_factor.next_power_of_two().trailing_zeros() as usize;
    let rate_bits = common.config.fri_config.rate_bits;
    if quotient_bits > rate_bits {
        return Err(ProveError::Circuit("its constraints have a higher degree than its evaluations"));
    }
    let evaluator = Evaluator { common, committed, public_inputs_hash, challenges };
    // The first runs of the large domain are the cosets of the smaller one.
    let runs: Vec<Vec<Vec<F>>> =
        (0..1 << quotient_bits).into_par_iter().map(|run| evaluator.run(run, quotient_bits)).collect();
    let degree_bits = common.degree_bits();
    let quotients: Vec<Result<_, ProveError>> = (0..challenges.alphas.len())
        .into_par_iter()
        .map(|i| {
            let mut values = vec![F::ZERO; common.degree() << quotient_bits];
            for (run, columns) in runs.iter().enumerate() {
                let offset = reverse(run, quotient_bits);
                for (t, value) in columns[i].iter().enumerate() {
                    values[offset + (reverse(t, degree_bits) << quotient_bits)] = *value;
                }
            }
            let mut coefficients = PolynomialValues::new(values).coset_ifft(F::coset_shift());
            coefficients.trim_to_len(common.quotient_degree()).map_err(|_| ProveError::Unsatisfied)?;
            Ok(coefficients.chunks(common.degree()))
        })
        .collect();
    Ok(quotients.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

struct Evaluator<'a> {
    common: &'a Common,
    committed: &'a Committed<'a>,
    public_inputs_hash: &'a Digest,
    challenges: &'a Challenges,
}

/// A point's committed values.
struct Row<'a> {
    x: F,
    first_row: F,
    wires: &'a [F],
    sigmas: &'a [F],
    products: &'a [F],
    next_products: &'a [F],
}

impl Evaluator<'_> {
    /// The quotients on a coset, in bit-reversed order: a column a challenge.
    fn run(&self, run: usize, quotient_bits: usize) -> Vec<Vec<F>> {
        let common = self.common;
        let (degree, degree_bits) = (common.degree(), common.degree_bits());
        // Run `b` of the smaller domain starts at point `reverse(b)` of it, and is a run of the large
        // domain at the same place, since both reverse to the same leading bits.
        let shift = run_shift(run, degree_bits, quotient_bits);
        let xs = powers(shift, F::primitive_root_of_unity(degree_bits), degree);
        let vanishing = shift.exp_power_of_2(degree_bits) - F::ONE;
        let inverse_vanishing = vanishing.inverse();
        let n = F::from_canonical_usize(degree);
        let denominators: Vec<F> = xs.iter().map(|x| n * (*x - F::ONE)).collect();
        let first_row: Vec<F> =
            F::batch_multiplicative_inverse(&denominators).into_iter().map(|d| d * vanishing).collect();
        let blocks: Vec<Vec<Vec<F>>> = (0..degree.div_ceil(POINTS))
            .into_par_iter()
            .map(|block| {
                let points = block * POINTS..degree.min((block + 1) * POINTS);
                let rows: Vec<Row<'_>> = points
                    .clone()
                    .map(|t| {
                        let m = reverse(t, degree_bits);
                        let next = reverse((m + 1) % degree, degree_bits);
                        let products = &self.committed.products.merkle_tree.leaves;
                        Row {
                            x: xs[m],
                            first_row: first_row[m],
                            wires: &self.committed.wires.merkle_tree.leaves[run * degree + t],
                            sigmas: &self.committed.constants_sigmas.merkle_tree.leaves[run * degree + t],
                            products: &products[run * degree + t],
                            next_products: &products[run * degree + next],
                        }
                    })
                    .collect();
                let mut columns = self.block(&rows);
                columns.iter_mut().flatten().for_each(|value| *value *= inverse_vanishing);
                columns
            })
            .collect();
        (0..self.challenges.alphas.len())
            .map(|i| blocks.iter().flat_map(|columns| columns[i].iter().copied()).collect())
            .collect()
    }

    /// The vanishing polynomials at some points: a column a challenge.
    fn block(&self, rows: &[Row<'_>]) -> Vec<Vec<F>> {
        let gates = self.gate_constraints(rows);
        let mut columns = vec![vec![F::ZERO; rows.len()]; self.challenges.alphas.len()];
        for (k, row) in rows.iter().enumerate() {
            let mut terms = self.product_terms(row);
            terms.extend(gates.iter().skip(k).step_by(rows.len()));
            for (column, alpha) in columns.iter_mut().zip(&self.challenges.alphas) {
                column[k] = terms.iter().rev().fold(F::ZERO, |sum, term| sum * *alpha + *term);
            }
        }
        columns
    }

    /// The terms of the running products at a point.
    fn product_terms(&self, row: &Row<'_>) -> Vec<F> {
        let common = self.common;
        let challenges = self.challenges.betas.len();
        let routed = common.config.num_routed_wires;
        let group_size = common.permutation_partial_product_degree();
        let sigmas = &row.sigmas[common.sigmas_range()];
        let mut terms: Vec<F> = row.products[..challenges].iter().map(|z| row.first_row * (*z - F::ONE)).collect();
        for (i, (beta, gamma)) in self.challenges.betas.iter().zip(&self.challenges.gammas).enumerate() {
            let products = &row.products[challenges + i * common.num_partial_products..][..common.num_partial_products];
            let beta_x = *beta * row.x;
            let mut before = row.products[i];
            for (i_group, start) in (0..routed).step_by(group_size).enumerate() {
                let after = products.get(i_group).copied().unwrap_or(row.next_products[i]);
                let mut numerator = before;
                let mut denominator = after;
                let group = start..routed.min(start + group_size);
                for ((wire, k), sigma) in
                    row.wires[group.clone()].iter().zip(&common.k_is[group.clone()]).zip(&sigmas[group])
                {
                    let wire = *wire + *gamma;
                    numerator *= wire + *k * beta_x;
                    denominator *= wire + *sigma * *beta;
                }
                terms.push(numerator - denominator);
                before = after;
            }
        }
        terms
    }

    /// The filtered constraints of all gates: constraint `c` of point `k` is at `c·points + k`.
    fn gate_constraints(&self, rows: &[Row<'_>]) -> Vec<F> {
        let common = self.common;
        let columns = |row: fn(&Row<'_>, usize) -> F, count: usize| -> Vec<F> {
            (0..count).flat_map(|i| rows.iter().map(move |r| row(r, i))).collect()
        };
        let constants = columns(|row, i| row.sigmas[i], common.num_constants);
        let wires = columns(|row, i| row.wires[i], common.config.num_wires);
        let vars = EvaluationVarsBaseBatch::new(rows.len(), &constants, &wires, self.public_inputs_hash);
        let selectors = &common.selectors_info;
        let mut sums = vec![F::ZERO; common.num_gate_constraints * rows.len()];
        for (i, gate) in common.gates.iter().enumerate() {
            let selector = selectors.selector_indices[i];
            let group = selectors.groups[selector].clone();
            let constraints = gate.0.eval_filtered_base_batch(vars, i, selector, group, selectors.num_selectors(), 0);
            for (sum, constraint) in sums.iter_mut().zip(constraints) {
                *sum += constraint;
            }
        }
        sums
    }
}
