//! The vanishing polynomials at some points, in vectors.

use plonky2::field::types::Field;

use super::Challenges;
use super::gates::{Columns, Kind, add_constraints, by_the_library};
use crate::lanes::{Lanes, Op};
use crate::{Common, Digest, F};

/// Points that are evaluated together.
pub(crate) const POINTS: usize = 32;

/// A point's committed values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) x: F,
    /// The polynomial that is 1 in the first row and 0 in the others.
    pub(crate) first_row: F,
    pub(crate) constants_sigmas: &'a [F],
    pub(crate) wires: &'a [F],
    pub(crate) products: &'a [F],
    pub(crate) next_products: &'a [F],
}

/// What is the same at all points.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) common: &'a Common,
    pub(crate) kinds: &'a [Kind],
    pub(crate) public_inputs_hash: &'a Digest,
    pub(crate) challenges: &'a Challenges,
}

/// Evaluates at some points.
#[derive(Debug)]
pub(crate) struct Evaluate<'a> {
    pub(crate) statement: &'a Statement<'a>,
    pub(crate) rows: &'a [Row<'a>; POINTS],
}

impl Op for Evaluate<'_> {
    /// The values for each challenge.
    type Output = Vec<[F; POINTS]>;

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) -> Self::Output {
        let Statement { common, kinds, public_inputs_hash, challenges } = *self.statement;
        let constants_sigmas = columns(common.sigmas_range().end, |i| self.rows.map(|row| row.constants_sigmas[i]));
        let wires = columns(common.config.num_wires, |i| self.rows.map(|row| row.wires[i]));
        let products = columns(common.partial_products_range().end, |i| self.rows.map(|row| row.products[i]));
        let next_zs = columns(common.zs_range().end, |i| self.rows.map(|row| row.next_products[i]));
        let points = [self.rows.map(|row| row.x), self.rows.map(|row| row.first_row)];
        let by_library: Vec<Vec<F>> = kinds
            .iter()
            .zip(&common.gates)
            .map(|(kind, gate)| match kind {
                Kind::Other => by_the_library(
                    common,
                    gate,
                    POINTS,
                    &constants_sigmas.as_flattened()[..common.num_constants * POINTS],
                    wires.as_flattened(),
                    public_inputs_hash,
                ),
                _ => Vec::new(),
            })
            .collect();

        let mut results = vec![[F::ZERO; POINTS]; challenges.alphas.len()];
        for start in (0..POINTS).step_by(L::WIDTH) {
            let group = Group {
                points: [lanes.load(&points[0][start..]), lanes.load(&points[1][start..])],
                constants_sigmas: &load(lanes, &constants_sigmas, start),
                wires: &load(lanes, &wires, start),
                products: &load(lanes, &products, start),
                next_zs: &load(lanes, &next_zs, start),
            };
            let mut terms = Vec::with_capacity(challenges.betas.len() * (2 + common.num_partial_products) + 1);
            product_terms(lanes, common, challenges, &group, &mut terms);
            let mut sums = vec![lanes.splat(0); common.num_gate_constraints];
            let columns = Columns { constants: &group.constants_sigmas[..common.num_constants], wires: group.wires };
            for (i, kind) in kinds.iter().enumerate() {
                let others = load(lanes, by_library[i].as_chunks::<POINTS>().0, start);
                add_constraints(lanes, common, (i, kind), &columns, &others, &mut sums);
            }
            for (result, alpha) in results.iter_mut().zip(&challenges.alphas) {
                let alpha = lanes.splat(alpha.0);
                let mut value = lanes.splat(0);
                for term in sums.iter().rev() {
                    value = lanes.plus(*term, lanes.mul(value, alpha));
                }
                for term in terms.iter().rev() {
                    value = lanes.plus(*term, lanes.mul(value, alpha));
                }
                lanes.store(value, &mut result[start..]);
            }
        }
        results
    }
}

/// One column an index.
#[inline(always)]
fn columns(count: usize, column: impl Fn(usize) -> [F; POINTS]) -> Vec<[F; POINTS]> {
    (0..count).map(column).collect()
}

/// The vectors of each column that begin at point `start`.
#[inline(always)]
fn load<L: Lanes>(lanes: L, columns: &[[F; POINTS]], start: usize) -> Vec<L::V> {
    let mut vectors = Vec::with_capacity(columns.len());
    for column in columns {
        vectors.push(lanes.load(&column[start..]));
    }
    vectors
}

/// A vector of points.
struct Group<'a, V> {
    points: [V; 2],
    constants_sigmas: &'a [V],
    wires: &'a [V],
    products: &'a [V],
    next_zs: &'a [V],
}

/// The terms of the running products.
#[inline(always)]
fn product_terms<L: Lanes>(
    l: L,
    common: &Common,
    challenges: &Challenges,
    group: &Group<'_, L::V>,
    terms: &mut Vec<L::V>,
) {
    let [x, first_row] = group.points;
    let count = challenges.betas.len();
    let one = l.splat(1);
    for z in &group.products[..count] {
        terms.push(l.mul(first_row, l.sub(*z, one)));
    }
    let routed = common.config.num_routed_wires;
    let sigmas = &group.constants_sigmas[common.sigmas_range()];
    let size = common.permutation_partial_product_degree();
    for (i, (beta, gamma)) in challenges.betas.iter().zip(&challenges.gammas).enumerate() {
        let partial = &group.products[count + i * common.num_partial_products..][..common.num_partial_products];
        let (beta, gamma) = (l.splat(beta.0), l.canonical(l.splat(gamma.0)));
        let beta_x = l.mul(beta, x);
        let mut before = group.products[i];
        for (g, start) in (0..routed).step_by(size).enumerate() {
            let after = partial.get(g).copied().unwrap_or(group.next_zs[i]);
            let (mut numerator, mut denominator) = (before, after);
            let routed = start..routed.min(start + size);
            let wires = group.wires[routed.clone()].iter().zip(&common.k_is[routed.clone()]).zip(&sigmas[routed]);
            for ((wire, k), sigma) in wires {
                let wire = l.canonical(l.add(*wire, gamma));
                numerator = l.mul(numerator, l.add(l.mul(l.splat(k.0), beta_x), wire));
                denominator = l.mul(denominator, l.add(l.mul(*sigma, beta), wire));
            }
            terms.push(l.minus(numerator, denominator));
            before = after;
        }
    }
}
