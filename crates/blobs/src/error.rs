//! What can go wrong with blobs.

use std::path::PathBuf;

use proving::payload::BlobDigest;

/// Why a blob was not kept or not found.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such blob.
    #[error("there is no blob {0}")]
    Missing(BlobDigest),
    /// There is one, but its bytes are not those that were put.
    #[error("blob {digest} is damaged: {reason}")]
    Damaged {
        /// Its name.
        digest: BlobDigest,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The blob is larger than this store takes.
    #[error("a blob of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The most that is taken.
        limit: u64,
    },
    /// The place's secret blobs were put with another key.
    #[error("the secret blobs in {location} were encrypted with another key: give the key file they were made with")]
    WrongKey {
        /// The place.
        location: String,
    },
    /// The place cannot be used.
    #[error("{location} is no place for blobs: {reason}")]
    Location {
        /// The place.
        location: String,
        /// Why not.
        reason: &'static str,
    },
    /// The key file can be read by others.
    #[error("the key file {path} can be read by others (mode {mode:o}): `chmod 600` it, or make a new key")]
    KeyExposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The key file holds something else.
    #[error("{0} is no key file: it must hold 64 lowercase hex digits")]
    NoKey(PathBuf),
    /// The system refused.
    #[error("cannot {what}")]
    Io {
        /// What was done, as in "read the key file".
        what: &'static str,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The object store refused.
    #[error("cannot {what}")]
    Store {
        /// What was done, as in "read a blob".
        what: &'static str,
        /// What it says.
        #[source]
        source: object_store::Error,
    },
}

impl BlobError {
    /// Whether the blob is gone for good. That a disk fails for a moment says nothing about it.
    pub const fn is_lost(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Damaged { .. })
    }
}

impl BlobError {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    pub(crate) fn store(what: &'static str) -> impl FnOnce(object_store::Error) -> Self {
        move |source| Self::Store { what, source }
    }
}
