//! The library's Merkle trees, hashed level by level so that vectors are full.

use plonky2::hash::merkle_tree::MerkleCap;
use rayon::prelude::*;

use crate::domain::log2;
use crate::poseidon::{compress, hash_leaves};
use crate::{Digest, F, Tree};

/// Leaves that one task hashes.
const LEAVES_A_TASK: usize = 512;
/// Parents that one task hashes.
const PARENTS_A_TASK: usize = 1024;

/// The tree that the library's `MerkleTree::new` makes of these leaves.
///
/// # Panics
/// When the number of leaves is not a power of two, or less than `2^cap_height`.
pub fn merkle_tree(leaves: Vec<Vec<F>>, cap_height: usize) -> Tree {
    let hashes = leaves.par_chunks(LEAVES_A_TASK).flat_map_iter(hash_equal_leaves).collect();
    tree_over(leaves, hashes, cap_height)
}

/// Hashes of leaves of any lengths.
fn hash_equal_leaves(leaves: &[Vec<F>]) -> Vec<Digest> {
    leaves.chunk_by(|a, b| a.len() == b.len()).flat_map(hash_leaves).collect()
}

/// The tree over leaves whose hashes are known.
pub(crate) fn tree_over(leaves: Vec<Vec<F>>, hashes: Vec<Digest>, cap_height: usize) -> Tree {
    let height = log2(leaves.len()).checked_sub(cap_height).expect("a cap is no wider than its tree");
    let mut digests = vec![Digest::ZERO; 2 * (leaves.len() - (1 << cap_height))];
    let mut level = hashes;
    for below in 0..height {
        place(&mut digests, &level, below, height);
        level = level.par_chunks(2 * PARENTS_A_TASK).flat_map_iter(compress).collect();
    }
    Tree { leaves, digests, cap: MerkleCap(level) }
}

/// Stores a level where the library keeps it. Within a subtree under the cap, the pair `q` of level
/// `k` follows the subtree of its left node: there are `2·(2^k·(2q + 1) − 1)` digests before it.
fn place(digests: &mut [Digest], level: &[Digest], k: usize, height: usize) {
    let subtree_digests = (2 << height) - 2;
    let (pairs, _) = level.as_chunks::<2>();
    let pairs_a_subtree = 1 << (height - k - 1);
    for (digests, pairs) in digests.chunks_exact_mut(subtree_digests).zip(pairs.chunks_exact(pairs_a_subtree)) {
        for (q, pair) in pairs.iter().enumerate() {
            let at = 2 * (((2 * q + 1) << k) - 1);
            digests[at..at + 2].copy_from_slice(pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use plonky2::field::types::Sample;

    use super::*;

    #[test]
    fn trees_are_those_of_the_library() {
        for (bits, cap_height, width) in [(0, 0, 3), (3, 3, 9), (4, 0, 1), (6, 4, 17), (9, 2, 139), (10, 4, 0)] {
            let leaves: Vec<Vec<F>> = (0..1 << bits).map(|_| F::rand_vec(width)).collect();
            assert_eq!(merkle_tree(leaves.clone(), cap_height), Tree::new(leaves, cap_height));
        }
    }

    #[test]
    fn leaves_of_unequal_lengths_hash_as_in_the_library() {
        let leaves: Vec<Vec<F>> = (0..64).map(|i| F::rand_vec(i % 7 / 2)).collect();
        assert_eq!(merkle_tree(leaves.clone(), 1), Tree::new(leaves, 1));
    }
}
