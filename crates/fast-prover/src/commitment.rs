//! Commitments to polynomials: their evaluations on a larger domain, in a Merkle tree.
//!
//! The large domain is a union of cosets, and a coset's rows are neighbours in the tree
//! ([`crate::domain`]). So a task takes a coset: it transforms all polynomials there, a vector of them
//! at a time, and hashes the rows while they are near.

use plonky2::field::polynomial::{PolynomialCoeffs, PolynomialValues};
use plonky2::field::types::{Field, Sample};
use plonky2::fri::oracle::SALT_SIZE;
use rayon::prelude::*;

use crate::domain::{log2, powers, run_shift};
use crate::merkle::tree_over;
use crate::poseidon::hash_leaves;
use crate::transform::{Twiddles, extend_rows, interpolate};
use crate::{Batch, Digest, F};

/// Polynomials that one task interpolates.
const COLUMNS_A_TASK: usize = 8;

/// Commits to polynomials given by coefficients, as the library's `PolynomialBatch::from_coeffs` does.
/// With `blinding`, each leaf ends with four random elements.
///
/// # Panics
/// When there is no polynomial, their lengths differ or are no power of two, or the cap is wider than
/// the tree.
pub fn commit(polynomials: Vec<PolynomialCoeffs<F>>, rate_bits: usize, blinding: bool, cap_height: usize) -> Batch {
    let size = polynomials.first().expect("a commitment is to at least one polynomial").len();
    assert!(polynomials.iter().all(|p| p.len() == size), "committed polynomials are equally long");
    let degree_log = log2(size);
    let forward = Twiddles::forward(degree_log);
    let columns: Vec<&[F]> = polynomials.iter().map(|p| p.coeffs.as_slice()).collect();
    let runs: Vec<(Vec<Vec<F>>, Vec<Digest>)> = (0..1 << rate_bits)
        .into_par_iter()
        .map(|run| {
            let shift_powers = powers(F::ONE, run_shift(run, degree_log, rate_bits), size);
            let width = columns.len() + if blinding { SALT_SIZE } else { 0 };
            let mut rows: Vec<Vec<F>> = (0..size).map(|_| Vec::with_capacity(width)).collect();
            extend_rows(&columns, &shift_powers, &forward, &mut rows);
            if blinding {
                rows.iter_mut().for_each(|row| row.extend(F::rand_array::<SALT_SIZE>()));
            }
            let hashes = hash_leaves(&rows);
            (rows, hashes)
        })
        .collect();
    let mut leaves = Vec::with_capacity(size << rate_bits);
    let mut hashes = Vec::with_capacity(size << rate_bits);
    for (rows, digests) in runs {
        leaves.extend(rows);
        hashes.extend(digests);
    }
    let merkle_tree = tree_over(leaves, hashes, cap_height);
    Batch { polynomials, merkle_tree, degree_log, rate_bits, blinding }
}

/// Commits to polynomials given by their values on the subgroup, as the library's
/// `PolynomialBatch::from_values` does.
///
/// # Panics
/// As [`commit`].
pub fn commit_values(values: Vec<PolynomialValues<F>>, rate_bits: usize, blinding: bool, cap_height: usize) -> Batch {
    let mut columns: Vec<Vec<F>> = values.into_iter().map(|v| v.values).collect();
    let inverse = Twiddles::inverse(columns.first().map_or(0, |column| log2(column.len())));
    columns.par_chunks_mut(COLUMNS_A_TASK).for_each(|columns| interpolate(columns, &inverse));
    commit(columns.into_iter().map(PolynomialCoeffs::new).collect(), rate_bits, blinding, cap_height)
}

#[cfg(test)]
mod tests {
    use plonky2::util::timing::TimingTree;

    use super::*;

    #[test]
    fn commitments_are_those_of_the_library() {
        for (bits, rate_bits, cap_height, count) in [(0, 1, 0, 2), (3, 3, 4, 1), (6, 4, 4, 11), (9, 3, 2, 20)] {
            let values: Vec<_> = (0..count).map(|_| PolynomialValues::new(F::rand_vec(1 << bits))).collect();
            if bits > 0 {
                let ours = commit_values(values.clone(), rate_bits, false, cap_height);
                let theirs =
                    Batch::from_values(values.clone(), rate_bits, false, cap_height, &mut TimingTree::default(), None);
                assert_eq!(ours, theirs);
            }
            let coefficients: Vec<_> = values.into_iter().map(|v| PolynomialCoeffs::new(v.values)).collect();
            let ours = commit(coefficients.clone(), rate_bits, false, cap_height);
            let theirs =
                Batch::from_coeffs(coefficients, rate_bits, false, cap_height, &mut TimingTree::default(), None);
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn blinded_leaves_end_with_salt_that_is_never_the_same() {
        let values = vec![PolynomialValues::new(F::rand_vec(16)); 5];
        let [a, b] = [(); 2].map(|()| commit_values(values.clone(), 2, true, 1));
        let plain = commit_values(values, 2, false, 1);
        for ((a, b), plain) in a.merkle_tree.leaves.iter().zip(&b.merkle_tree.leaves).zip(&plain.merkle_tree.leaves) {
            assert_eq!((&a[..5], &b[..5]), (&plain[..], &plain[..]));
            assert_eq!((a.len(), b.len()), (9, 9));
            assert!((5..9).all(|i| a[i] != b[i]));
        }
        assert_eq!(a.get_lde_values(3, 2), plain.get_lde_values(3, 2));
    }
}
