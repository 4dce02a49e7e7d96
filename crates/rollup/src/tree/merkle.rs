//! Paths, leaves and replacements, for a tree of any depth below a root.

use super::{Overlay, TreeError, empty};
use crate::field::Digest;
use crate::hash::node;
use crate::witness::MerklePath;

/// Siblings of the node at `level` and `index`, under `root` of a tree of `depth` levels.
///
/// `level` 0 is a leaf's path. Siblings run from the node up.
pub fn path(nodes: &Overlay, root: &Digest, depth: usize, level: usize, index: u64) -> Result<MerklePath, TreeError> {
    descend(nodes, root, depth, level, index).map(|(_, path)| path)
}

/// The leaf at `index` under `root` of a tree of `depth` levels.
pub fn leaf(nodes: &Overlay, root: &Digest, depth: usize, index: u64) -> Result<Digest, TreeError> {
    descend(nodes, root, depth, 0, index).map(|(leaf, _)| leaf)
}

/// The root that a node has with the siblings of a path.
pub fn fold(start: &Digest, path: &MerklePath) -> Digest {
    // A path may come from outside: above 64 levels the index has no bits, and nothing overflows.
    path.siblings.iter().zip(0u32..).fold(*start, |below, (sibling, level)| {
        let above = path.index.checked_shr(level).unwrap_or(0);
        let [left, right] = in_order(above & 1 == 1, below, *sibling);
        node(&left, &right)
    })
}

/// The root of a subtree of `level` levels whose first leaves are `leaves` and the rest empty.
pub fn subtree_root(leaves: &[Digest], level: usize) -> Digest {
    build(leaves, level, |_, _, _| ())
}

/// Puts `leaves` into a new subtree of `level` levels and gives its root.
pub(crate) fn add_subtree(nodes: &mut Overlay, leaves: &[Digest], level: usize) -> Digest {
    build(leaves, level, |parent, children, level| nodes.add_node(parent, children, level))
}

/// Replaces the node at `level` and `index`; gives the new root and the path under the old one.
pub(crate) fn replace(
    nodes: &mut Overlay,
    root: &Digest,
    depth: usize,
    level: usize,
    index: u64,
    new: Digest,
) -> Result<(Digest, MerklePath), TreeError> {
    let (_, path) = descend(nodes, root, depth, level, index)?;
    let mut below = new;
    for (step, sibling) in path.siblings.iter().enumerate() {
        let children = in_order(index >> step & 1 == 1, below, *sibling);
        below = node(&children[0], &children[1]);
        nodes.add_node(below, children, level + step + 1);
    }
    Ok((below, path))
}

fn descend(
    nodes: &Overlay,
    root: &Digest,
    depth: usize,
    level: usize,
    index: u64,
) -> Result<(Digest, MerklePath), TreeError> {
    let steps = depth - level;
    if index >> steps != 0 {
        return Err(TreeError::OutOfRange { index, depth: steps });
    }
    let mut siblings = vec![Digest::ZERO; steps];
    let mut at = *root;
    for step in (0..steps).rev() {
        let [left, right] = nodes.children(&at, level + step + 1)?;
        [at, siblings[step]] = in_order(index >> step & 1 == 1, left, right);
    }
    Ok((at, MerklePath { index, siblings }))
}

fn in_order(swapped: bool, first: Digest, second: Digest) -> [Digest; 2] {
    if swapped { [second, first] } else { [first, second] }
}

fn build(leaves: &[Digest], levels: usize, mut visit: impl FnMut(Digest, [Digest; 2], usize)) -> Digest {
    debug_assert!(leaves.len() <= 1 << levels, "the leaves fit into the subtree");
    let mut row = leaves.to_vec();
    for level in 1..=levels {
        let below = empty(level - 1);
        row = row
            .chunks(2)
            .map(|pair| {
                let children = [pair[0], pair.get(1).copied().unwrap_or(below)];
                let parent = node(&children[0], &children[1]);
                visit(parent, children, level);
                parent
            })
            .collect();
    }
    row.first().copied().unwrap_or_else(|| empty(levels))
}
