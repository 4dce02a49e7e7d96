//! Blobs: bytes that are named by their BLAKE3 digest, checked against it on every read, and encrypted at
//! rest where they are secret.
//!
//! | file | what it holds |
//! |---|---|
//! | `blobs` | [`Blobs`]: put, get, delete, list, sweep |
//! | `place` | where the bytes lie: a folder, memory, an object store |
//! | `folder` | writing files so that they survive a power cut, for nobody else's eyes |
//! | `sealed` | the bytes of a secret blob as they are stored |
//! | `key` | the key of the secret blobs, and its file |
//! | `error` | what can go wrong |
//!
//! Layout, version 1, below the place's root: `v1/plain/<digest>` holds a blob's bytes as they are;
//! `v1/secret/<keyed digest>` a secret blob's, sealed (the name is a BLAKE3 keyed by the secret key, so that
//! nobody without it can test a guess of the content); `v1/key` tells which key the secret blobs have.

mod blobs;
mod error;
mod folder;
mod key;
mod place;
mod sealed;

pub use blobs::{BlobName, Blobs, DEFAULT_LIMIT, Sensitivity, StoredBlob, Swept};
pub use error::BlobError;
pub use key::SecretKey;
