//! Content-addressed bytes, checked on every read, encrypted where they are secret.
//!
//! (The dispatcher is being written against exactly these signatures; what is in them is still to be made.)

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use proving::payload::{BlobDigest, Payload};

/// A place for blobs. Clones are the same place.
#[derive(Clone, Default)]
pub struct Blobs(Arc<Mutex<HashMap<BlobDigest, Bytes>>>);

/// Why a blob is not kept or not there.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It is not there.
    #[error("blob {0} is missing")]
    Missing(BlobDigest),
}

impl Blobs {
    /// In memory.
    pub fn memory() -> Self {
        Self::default()
    }

    /// Keeps bytes.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn put(&self, bytes: Bytes, _secret: bool) -> Result<Payload, BlobError> {
        let payload = Payload::blob_of(&bytes);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(payload.digest(), bytes);
        Ok(payload)
    }

    /// The bytes, checked.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn get(&self, digest: BlobDigest) -> Result<Bytes, BlobError> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned();
        found.ok_or(BlobError::Missing(digest))
    }

    /// Deletes what is older than `age` and not kept; how many were deleted.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn sweep(&self, _age: Duration, _keep: impl Fn(&BlobDigest) -> bool) -> Result<usize, BlobError> {
        Ok(0)
    }
}
