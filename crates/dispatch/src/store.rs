//! Where decisions are kept: an append-only log of batches with a snapshot before it, owned by one
//! dispatcher at a time.
//!
//! Durable means on disk through a power cut. What a batch says is not the store's business: it keeps
//! bytes, in order, and refuses whoever lost the ownership.

mod memory;

use std::pin::Pin;

pub use memory::{MemoryDisk, MemoryStore};

/// The version of the layout that this build writes; it also reads the one before.
pub const FORMAT: u32 = 1;

/// The work of a store, to be awaited.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What a store holds: everything since the dispatcher's first start, in the order in which it was kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// The number of the last batch that `snapshot` covers; 0 where there is none.
    pub covered: u64,
    /// The newest snapshot.
    pub snapshot: Option<Vec<u8>>,
    /// The batches after it; the first has the number `covered + 1`.
    pub batches: Vec<Vec<u8>>,
}

impl Kept {
    /// The number of the last batch.
    pub fn last(&self) -> u64 {
        self.covered + self.batches.len() as u64
    }
}

/// A store that was opened by one dispatcher, who then owns it until another opens it.
///
/// Opening is each store's own (`open`), since each is found in its own way. It takes the next *epoch*, and
/// from then on every call of an owner with an older epoch is [`StoreError::Fenced`] and changes nothing. An
/// owner who is alive is not robbed: see [`StoreError::Held`].
pub trait Store: Send + Sync + std::fmt::Debug {
    /// The epoch under which it was opened; greater than all before it.
    fn epoch(&self) -> u64;

    /// Everything that is kept.
    fn load(&self) -> StoreFuture<'_, Kept>;

    /// Keeps batch `number`, which is one more than the last. When it resolves with `Ok`, the batch is
    /// durable; with [`StoreError::Io`] it may or may not be, and only [`load`](Store::load) tells.
    fn append<'a>(&'a self, number: u64, batch: &'a [u8]) -> StoreFuture<'a, ()>;

    /// Keeps a snapshot that covers the batches up to `covered`, and forgets them and the snapshot before.
    fn snapshot<'a>(&'a self, covered: u64, snapshot: &'a [u8]) -> StoreFuture<'a, ()>;

    /// Shows that the owner is alive, and learns whether it still is the owner. Called about once a second.
    fn renew(&self) -> StoreFuture<'_, ()>;

    /// Gives the ownership up, so that the next one need not wait for its end.
    fn release(&self) -> StoreFuture<'_, ()>;
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another dispatcher has opened the store since.
    #[error("the store belongs to another dispatcher now: epoch {theirs} came after ours, {ours}")]
    Fenced {
        /// The epoch of the caller.
        ours: u64,
        /// The epoch of the owner.
        theirs: u64,
    },
    /// Another dispatcher has the store open, and is alive.
    #[error("another dispatcher holds the store and is alive (epoch {epoch}): stop it, or wait with --standby")]
    Held {
        /// Its epoch.
        epoch: u64,
    },
    /// A batch came out of order: an error of the caller.
    #[error("batch {found} does not follow batch {last}")]
    OutOfOrder {
        /// The number of the last batch.
        last: u64,
        /// The number that was given.
        found: u64,
    },
    /// The store was written by another version of Meze.
    #[error("the store has format {found}, and this version of meze reads up to {FORMAT}")]
    Format {
        /// The format.
        found: u32,
    },
    /// What is kept cannot be read.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The disk, the server or the way to it failed.
    #[error("the store cannot {what}")]
    Io {
        /// What it was doing, as in "append a batch".
        what: &'static str,
        /// What lies under it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
