//! The copy constraints' running products: for each challenge, `Z` and the partial products that keep
//! the constraints' degree low.
//!
//! In row `x`, each group of at most `quotient_degree_factor` routed wires contributes
//! `∏ (w_j + β·k_j·x + γ) / ∏ (w_j + β·σ_j(x) + γ)`. `Z` is the product of all rows before; partial
//! product `i` is `Z` times the first `i + 1` groups of the row.

use plonky2::field::polynomial::PolynomialValues;
use plonky2::field::types::Field;
use rayon::prelude::*;

use crate::{Common, F, ProveError, ProverOnly};

/// Rows that one task works on.
const ROWS_A_TASK: usize = 256;

/// The polynomials in the order of the commitment: all `Z`s, then each challenge's partial products.
/// `wires[j][i]` is wire `j` of row `i`.
pub(crate) fn running_products(
    key: &ProverOnly,
    common: &Common,
    wires: &[Vec<F>],
    betas: &[F],
    gammas: &[F],
) -> Result<Vec<PolynomialValues<F>>, ProveError> {
    let mut zs = Vec::new();
    let mut partial_products = Vec::new();
    for (beta, gamma) in betas.iter().zip(gammas) {
        let mut columns = running_product(key, common, wires, *beta, *gamma)?.into_iter();
        zs.extend(columns.next());
        partial_products.extend(columns);
    }
    zs.append(&mut partial_products);
    Ok(zs.into_iter().map(PolynomialValues::new).collect())
}

/// `Z`, then the partial products, of one challenge.
fn running_product(
    key: &ProverOnly,
    common: &Common,
    wires: &[Vec<F>],
    beta: F,
    gamma: F,
) -> Result<Vec<Vec<F>>, ProveError> {
    let groups = common.num_partial_products + 1;
    let group_size = common.permutation_partial_product_degree();
    let routed = &wires[..common.config.num_routed_wires];
    let beta_ks: Vec<F> = common.k_is.iter().map(|k| beta * *k).collect();
    // All groups of row 0, then of row 1, and so on.
    let ratios: Vec<Vec<F>> = (0..common.degree().div_ceil(ROWS_A_TASK))
        .into_par_iter()
        .map(|task| {
            let rows = task * ROWS_A_TASK..common.degree().min((task + 1) * ROWS_A_TASK);
            let mut numerators = Vec::with_capacity(rows.len() * groups);
            let mut denominators = Vec::with_capacity(rows.len() * groups);
            for row in rows {
                let (x, sigmas) = (key.subgroup[row], &key.sigmas[row]);
                for start in (0..routed.len()).step_by(group_size) {
                    let mut numerator = F::ONE;
                    let mut denominator = F::ONE;
                    for j in start..routed.len().min(start + group_size) {
                        let wire = routed[j][row] + gamma;
                        numerator *= wire + beta_ks[j] * x;
                        denominator *= wire + beta * sigmas[j];
                    }
                    numerators.push(numerator);
                    denominators.push(denominator);
                }
            }
            if denominators.iter().any(Field::is_zero) {
                return Err(ProveError::Challenge);
            }
            let inverses = F::batch_multiplicative_inverse(&denominators);
            Ok(numerators.into_iter().zip(inverses).map(|(n, d)| n * d).collect())
        })
        .collect::<Result<_, _>>()?;
    let mut columns = vec![Vec::with_capacity(common.degree()); groups];
    let mut z = F::ONE;
    for row in ratios.iter().flat_map(|rows| rows.chunks_exact(groups)) {
        columns[0].push(z);
        for (k, ratio) in row.iter().enumerate() {
            z *= *ratio;
            if k + 1 < groups {
                columns[k + 1].push(z);
            }
        }
    }
    Ok(columns)
}
