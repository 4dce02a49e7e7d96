//! Merkle paths in a circuit.

use plonky2::field::types::Field;
use plonky2::iop::target::BoolTarget;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use rollup::field::Digest;
use rollup::witness::MerklePath;

use super::Cx;
use crate::plonk::{DigestTarget, F};

/// A path whose index bits and siblings are set from outside.
#[derive(Debug, Clone)]
pub(crate) struct PathTarget {
    /// The lowest bit first; the permutation gate enforces that they are boolean.
    pub(crate) bits: Vec<BoolTarget>,
    /// The lowest level first.
    pub(crate) siblings: Vec<DigestTarget>,
}

impl Cx<'_> {
    /// A path of `depth` levels.
    pub(crate) fn path(&mut self, depth: usize) -> PathTarget {
        PathTarget {
            bits: (0..depth).map(|_| self.b.add_virtual_bool_target_unsafe()).collect(),
            siblings: (0..depth).map(|_| self.digest()).collect(),
        }
    }

    /// The root above `leaf`: one row a level.
    pub(crate) fn root(&mut self, leaf: DigestTarget, path: &PathTarget) -> DigestTarget {
        path.bits.iter().zip(&path.siblings).fold(leaf, |child, (&bit, &sibling)| self.node(child, sibling, bit))
    }
}

impl PathTarget {
    /// Sets bits and siblings. A path without siblings is one that nobody looks at: all of them are 0.
    pub(crate) fn assign(&self, pw: &mut PartialWitness<F>, path: &MerklePath) -> anyhow::Result<()> {
        let depth = self.bits.len();
        anyhow::ensure!(
            path.siblings.is_empty() || path.siblings.len() == depth,
            "a path of {} siblings where the tree has {depth} levels",
            path.siblings.len()
        );
        anyhow::ensure!(path.index >> depth == 0, "place {} in a tree of {depth} levels", path.index);
        for (level, (bit, sibling)) in self.bits.iter().zip(&self.siblings).enumerate() {
            pw.set_target(bit.target, F::from_bool(path.index >> level & 1 == 1))?;
            let value = path.siblings.get(level).copied().unwrap_or(Digest::ZERO);
            pw.set_target_arr(sibling, &value.0)?;
        }
        Ok(())
    }
}
