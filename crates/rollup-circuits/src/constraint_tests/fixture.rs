//! Digests, trees and notes that the forgeries start from.

use rollup::field::Digest;
use rollup::hash::{Tag, hash, node};
use rollup::state::DATA_DEPTH;
use rollup::tree::empty;
use rollup::witness::MerklePath;

use crate::plonk::F;

/// The `n`-th of many digests that have nothing to do with each other.
pub(crate) fn digest(n: u64) -> Digest {
    hashed(Tag::Deployment, &[&[field(n)]])
}

/// The hash of several parts under a tag.
pub(crate) fn hashed(tag: Tag, parts: &[&[F]]) -> Digest {
    hash(tag, &parts.concat())
}

/// A number as a limb.
pub(crate) fn field(n: u64) -> F {
    rollup::field::canonical(n).expect("the tests' numbers are below p")
}

/// A data tree with `leaves` at its start: its root and a path for each.
pub(crate) fn tree(leaves: &[Digest]) -> (Digest, Vec<MerklePath>) {
    let mut paths: Vec<MerklePath> =
        (0..leaves.len() as u64).map(|index| MerklePath { index, siblings: Vec::new() }).collect();
    let mut row = leaves.to_vec();
    for level in 0..DATA_DEPTH {
        row.resize(row.len().next_multiple_of(2), empty(level));
        for path in &mut paths {
            path.siblings.push(row[(path.index as usize >> level) ^ 1]);
        }
        row = row.chunks(2).map(|pair| node(&pair[0], &pair[1])).collect();
    }
    (row[0], paths)
}
