//! The quotient of the vanishing polynomial by `X^n − 1`, from the committed evaluations.

use plonky2::field::polynomial::{PolynomialCoeffs, PolynomialValues};
use plonky2::field::types::Field;
use rayon::prelude::*;

use super::Challenges;
use super::block::{Evaluate, POINTS, Row, Statement};
use super::gates::Kind;
use crate::domain::{powers, reverse, run_shift};
use crate::{Batch, Common, Digest, F, ProveError, lanes};

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
    let kinds: Vec<Kind> = common.gates.iter().map(Kind::of).collect();
    let statement = Statement { common, kinds: &kinds, public_inputs_hash, challenges };
    let evaluator = Evaluator { statement, committed };
    // Run `b` of the smaller domain is run `b` of the large one: both start at the point whose exponent
    // has the bits of `b` backwards, from the highest.
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
    statement: Statement<'a>,
    committed: &'a Committed<'a>,
}

impl Evaluator<'_> {
    /// The quotients on a coset, in bit-reversed order: a column a challenge.
    fn run(&self, run: usize, quotient_bits: usize) -> Vec<Vec<F>> {
        let (degree, degree_bits) = (self.statement.common.degree(), self.statement.common.degree_bits());
        let shift = run_shift(run, degree_bits, quotient_bits);
        let xs = powers(shift, F::primitive_root_of_unity(degree_bits), degree);
        // `X^n − 1` is constant on the coset.
        let vanishing = shift.exp_power_of_2(degree_bits) - F::ONE;
        let inverse_vanishing = vanishing.inverse();
        let n = F::from_canonical_usize(degree);
        let denominators: Vec<F> = xs.iter().map(|x| n * (*x - F::ONE)).collect();
        let first_row: Vec<F> =
            F::batch_multiplicative_inverse(&denominators).into_iter().map(|d| d * vanishing).collect();

        let row = |t: usize| {
            let m = reverse(t, degree_bits);
            let leaf = run * degree + t;
            let next = run * degree + reverse((m + 1) % degree, degree_bits);
            Row {
                x: xs[m],
                first_row: first_row[m],
                constants_sigmas: &self.committed.constants_sigmas.merkle_tree.leaves[leaf],
                wires: &self.committed.wires.merkle_tree.leaves[leaf],
                products: &self.committed.products.merkle_tree.leaves[leaf],
                next_products: &self.committed.products.merkle_tree.leaves[next],
            }
        };
        let blocks: Vec<Vec<[F; POINTS]>> = (0..degree.div_ceil(POINTS))
            .into_par_iter()
            .map(|block| {
                // A circuit with fewer rows than a block repeats the last one.
                let rows = std::array::from_fn(|k| row((block * POINTS + k).min(degree - 1)));
                lanes::run(Evaluate { statement: &self.statement, rows: &rows })
            })
            .collect();
        (0..self.statement.challenges.alphas.len())
            .map(|i| {
                let values = blocks.iter().flat_map(|columns| columns[i]).take(degree);
                values.map(|value| value * inverse_vanishing).collect()
            })
            .collect()
    }
}
