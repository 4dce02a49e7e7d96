//! The values of all polynomials at the challenge point, and the one polynomial that vouches for them.

use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::types::Field;
use plonky2::plonk::proof::OpeningSet;
use rayon::prelude::*;

use crate::extension::scale;
use crate::{Batch, Common, D, Extension, F};

/// Coefficients that one task combines.
const COEFFICIENTS_A_TASK: usize = 256;

/// The committed polynomials, in the order of the protocol's oracles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Oracles<'a> {
    pub(crate) constants_sigmas: &'a Batch,
    pub(crate) wires: &'a Batch,
    pub(crate) products: &'a Batch,
    pub(crate) quotient: &'a Batch,
}

impl<'a> Oracles<'a> {
    /// All of them.
    pub(crate) fn all(&self) -> [&'a Batch; 4] {
        [self.constants_sigmas, self.wires, self.products, self.quotient]
    }
}

/// Evaluates all polynomials at `zeta`, and the `Z`s also in the next row.
pub(crate) fn open(zeta: Extension, common: &Common, oracles: &Oracles<'_>) -> OpeningSet<F, D> {
    let here = extension_powers(zeta, common.degree());
    let next = extension_powers(next_row(zeta, common), common.degree());
    let evaluate = |batch: &Batch, powers: &[(F, F)]| -> Vec<Extension> {
        batch.polynomials.par_iter().map(|p| dot(&p.coeffs, powers)).collect()
    };
    let constants_sigmas = evaluate(oracles.constants_sigmas, &here);
    let products = evaluate(oracles.products, &here);
    let zs = &oracles.products.polynomials[common.zs_range()];
    OpeningSet {
        constants: constants_sigmas[common.constants_range()].to_vec(),
        plonk_sigmas: constants_sigmas[common.sigmas_range()].to_vec(),
        wires: evaluate(oracles.wires, &here),
        plonk_zs: products[common.zs_range()].to_vec(),
        plonk_zs_next: zs.par_iter().map(|p| dot(&p.coeffs, &next)).collect(),
        partial_products: products[common.partial_products_range()].to_vec(),
        quotient_polys: evaluate(oracles.quotient, &here),
        lookup_zs: Vec::new(),
        lookup_zs_next: Vec::new(),
    }
}

/// The openings in the order in which the transcript takes them.
pub(crate) fn in_transcript_order(openings: &OpeningSet<F, D>) -> Vec<Extension> {
    [
        &openings.constants,
        &openings.plonk_sigmas,
        &openings.wires,
        &openings.plonk_zs,
        &openings.partial_products,
        &openings.quotient_polys,
        &openings.plonk_zs_next,
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect()
}

/// The polynomial whose low degree proves the openings. With `p_0, p_1, …` all polynomials in the order
/// of the oracles, `z_0, …, z_(m−1)` the `Z`s, and `g` the subgroup's generator:
/// `α^m·(Σ α^i·p_i(X) − const)/(X − ζ) + (Σ α^i·z_i(X) − const)/(X − g·ζ)`.
pub(crate) fn combine(zeta: Extension, alpha: Extension, common: &Common, oracles: &Oracles<'_>) -> Vec<Extension> {
    let all: Vec<&[F]> =
        oracles.all().iter().flat_map(|batch| &batch.polynomials).map(|p| p.coeffs.as_slice()).collect();
    let zs: Vec<&[F]> = oracles.products.polynomials[common.zs_range()].iter().map(|p| p.coeffs.as_slice()).collect();
    let mut here = sum_of_multiples(&all, alpha);
    divide_by_linear(&mut here, zeta);
    let mut next = sum_of_multiples(&zs, alpha);
    divide_by_linear(&mut next, next_row(zeta, common));
    let shift = alpha.exp_u64(zs.len() as u64);
    here.iter().zip(next).map(|(h, n)| shift * *h + n).collect()
}

fn next_row(zeta: Extension, common: &Common) -> Extension {
    scale(zeta, F::primitive_root_of_unity(common.degree_bits()))
}

/// `Σ α^i·p_i`.
fn sum_of_multiples(polynomials: &[&[F]], alpha: Extension) -> Vec<Extension> {
    let powers = extension_powers(alpha, polynomials.len());
    let size = polynomials.first().map_or(0, |p| p.len());
    let mut sum = vec![Extension::ZERO; size];
    sum.par_chunks_mut(COEFFICIENTS_A_TASK).enumerate().for_each(|(task, sum)| {
        let start = task * COEFFICIENTS_A_TASK;
        for (polynomial, (a, b)) in polynomials.iter().zip(&powers) {
            for (s, c) in sum.iter_mut().zip(&polynomial[start..]) {
                s.0[0] = s.0[0].multiply_accumulate(*c, *a);
                s.0[1] = s.0[1].multiply_accumulate(*c, *b);
            }
        }
    });
    sum
}

/// Replaces a polynomial by its quotient by `X − point`, without the remainder.
fn divide_by_linear(coefficients: &mut [Extension], point: Extension) {
    let mut carry = Extension::ZERO;
    for c in coefficients.iter_mut().rev() {
        (*c, carry) = (carry, carry * point + *c);
    }
}

/// `1, base, base², …`, as pairs of coordinates.
fn extension_powers(base: Extension, count: usize) -> Vec<(F, F)> {
    std::iter::successors(Some(Extension::ONE), |x| Some(*x * base)).take(count).map(|x| (x.0[0], x.0[1])).collect()
}

/// The polynomial's value at the point whose powers are given.
fn dot(coefficients: &[F], powers: &[(F, F)]) -> Extension {
    let mut sum = (F::ZERO, F::ZERO);
    for (c, (a, b)) in coefficients.iter().zip(powers) {
        sum = (sum.0.multiply_accumulate(*c, *a), sum.1.multiply_accumulate(*c, *b));
    }
    QuadraticExtension([sum.0, sum.1])
}
