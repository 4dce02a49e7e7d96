//! Merkle trees over content-addressed nodes: what is stored, how it is read, how it grows.
//!
//! A node is found by its digest, so a root names a whole tree for ever and old roots stay
//! readable. A [`NodeStore`] holds what is committed; an [`Overlay`] over it takes what is not.

pub mod disk;
pub mod memory;
pub(crate) mod merkle;
pub(crate) mod nullifier;
mod overlay;
mod record;
pub mod store;

use std::path::PathBuf;
use std::sync::LazyLock;

pub use disk::DiskStore;
pub use memory::MemoryStore;
pub use merkle::{fold, leaf, path, subtree_root};
pub use overlay::Overlay;
pub use store::{Batch, Committed, NodeStore};

use crate::field::Digest;
use crate::hash::node;

/// Levels of the deepest tree.
pub const MAX_DEPTH: usize = 32;

static EMPTY: LazyLock<[Digest; MAX_DEPTH + 1]> = LazyLock::new(|| {
    let mut out = [Digest::ZERO; MAX_DEPTH + 1];
    for level in 1..=MAX_DEPTH {
        out[level] = node(&out[level - 1], &out[level - 1]);
    }
    out
});

/// The digest of an empty subtree of `level` levels; level 0 is an empty leaf. Never stored.
///
/// # Panics
/// Above [`MAX_DEPTH`].
pub fn empty(level: usize) -> Digest {
    EMPTY[level]
}

/// Why a tree could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The root is unknown, or the store has lost something.
    #[error("tree node {0} is not in the store: its root is unknown or the store is damaged")]
    MissingNode(Digest),
    /// The index is outside the tree.
    #[error("index {index} is outside a tree of {depth} levels")]
    OutOfRange {
        /// The index.
        index: u64,
        /// Levels of the tree.
        depth: usize,
    },
    /// Nothing more fits.
    #[error("a tree of {0} levels is full")]
    Full(usize),
    /// The nullifier was inserted before; 0 is there from the start.
    #[error("nullifier {0} is already in the tree")]
    NullifierExists(Digest),
    /// The store has moved on since the fork was made.
    #[error("the store no longer holds the state that this fork was built on; fork the current world and build again")]
    Stale,
    /// The store's own record cannot be read.
    #[error("the store's record of its state is damaged; rebuild the store from the published blocks")]
    Damaged,
    /// Another process has the file open.
    #[error("{} is in use by another process; stop it or choose another path", .0.display())]
    InUse(PathBuf),
    /// The database refused.
    #[error("the tree database failed")]
    Database(#[source] Box<redb::Error>),
}
