//! How many transactions a rollup has room for: N in each inner rollup, M inner rollups.

use serde::{Deserialize, Serialize};

use crate::field::LIMB_BYTES;
use crate::transaction::layout;

/// Most slots of one rollup; fee sums cannot wrap below it.
pub const MAX_SLOTS: usize = 1 << 14;

/// A shape that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{inner} transactions × {outer} inner rollups is not a shape: both are at least 1, their product at most {MAX_SLOTS}"
)]
pub struct ShapeError {
    /// N.
    pub inner: usize,
    /// M.
    pub outer: usize,
}

/// N slots in each of M inner rollups, with 1 ≤ N, 1 ≤ M and N·M ≤ 2^14.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(usize, usize)", into = "(usize, usize)")]
pub struct Shape {
    inner: usize,
    outer: usize,
}

impl Shape {
    /// `inner` slots in each of `outer` inner rollups.
    pub fn new(inner: usize, outer: usize) -> Result<Self, ShapeError> {
        match inner.checked_mul(outer) {
            Some(1..=MAX_SLOTS) => Ok(Self { inner, outer }),
            _ => Err(ShapeError { inner, outer }),
        }
    }

    /// N: slots in one inner rollup.
    pub fn inner(&self) -> usize {
        self.inner
    }

    /// M: inner rollups.
    pub fn outer(&self) -> usize {
        self.outer
    }

    /// N·M.
    pub fn slots(&self) -> usize {
        self.inner * self.outer
    }

    /// Levels of the aligned data subtree that one inner rollup appends: ⌈log2 2N⌉.
    pub fn subtree_depth(&self) -> usize {
        subtree_depth(self.inner)
    }

    /// Published limbs of one inner rollup: 28·N.
    pub fn inner_limbs(&self) -> usize {
        layout::PUBLISHED * self.inner
    }

    /// Published bytes of the rollup: 8·28·N·M.
    pub fn published_bytes(&self) -> usize {
        LIMB_BYTES * layout::PUBLISHED * self.slots()
    }
}

/// ⌈log2 2N⌉ for an inner rollup of `slots` ≥ 1.
pub fn subtree_depth(slots: usize) -> usize {
    (2 * slots).next_power_of_two().trailing_zeros() as usize
}

impl TryFrom<(usize, usize)> for Shape {
    type Error = ShapeError;

    fn try_from((inner, outer): (usize, usize)) -> Result<Self, ShapeError> {
        Self::new(inner, outer)
    }
}

impl From<Shape> for (usize, usize) {
    fn from(shape: Shape) -> Self {
        (shape.inner, shape.outer)
    }
}
