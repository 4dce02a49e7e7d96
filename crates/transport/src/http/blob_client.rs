//! Blobs at the client's end: fetched and checked, stored under the name of their bytes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use proving::payload::{BlobDigest, MAX_INLINE_BYTES, Payload};

use super::client::{HttpSettings, Wire, lost, send, understood};
use super::wire::SECRET_HEADER;
use crate::link::LinkError;
use crate::setup::SetupError;

/// The slowest line over which a blob is stored, in bytes a second.
const SLOWEST: u64 = 1 << 20;

/// The memory that a fetch takes before anything has come, whatever length the payload claims.
const FIRST_BYTES: u64 = 1 << 24;

/// Reads and writes the blobs of a dispatcher, wherever its messages come from.
#[derive(Debug, Clone)]
pub struct BlobClient {
    wire: Wire,
}

impl BlobClient {
    /// The blobs at `{url}/v1/blobs/`, with a token of the work scope.
    ///
    /// # Errors
    /// [`SetupError`] with the setting that is at fault; nothing is sent yet.
    pub fn new(url: &str, token: &str, settings: HttpSettings) -> Result<Self, SetupError> {
        Ok(Self { wire: Wire::new(url, token, settings)? })
    }

    pub(super) const fn over(wire: Wire) -> Self {
        Self { wire }
    }

    /// The bytes of a payload, checked against their digest.
    ///
    /// # Errors
    /// [`LinkError::Blob`] where they are missing or damaged.
    pub async fn fetch(&self, payload: &Payload) -> Result<Bytes, LinkError> {
        let (digest, length) = match payload {
            Payload::Inline(bytes) => return Ok(Bytes::copy_from_slice(bytes)),
            Payload::Blob { digest, bytes } => (*digest, *bytes),
        };
        let still = self.wire.settings.call;
        let stood_still = |_| LinkError::Lost(format!("blob {digest} stood still for {still:?}"));
        let request = self.wire.get(&format!("blobs/{digest}"));
        let mut response = tokio::time::timeout(still, send(request)).await.map_err(stood_still)??;
        let mut bytes = BytesMut::with_capacity(usize::try_from(length.min(FIRST_BYTES)).unwrap_or_default());
        let mut hasher = blake3::Hasher::new();
        while let Some(chunk) =
            tokio::time::timeout(still, response.chunk()).await.map_err(stood_still)?.map_err(|error| lost(&error))?
        {
            if (bytes.len() + chunk.len()) as u64 > length {
                return Err(LinkError::Blob(format!("blob {digest} is longer than its {length} bytes")));
            }
            hasher.update(&chunk);
            bytes.extend_from_slice(&chunk);
        }
        if bytes.len() as u64 == length && hasher.finalize() == *digest.as_bytes() {
            Ok(bytes.freeze())
        } else {
            Err(LinkError::Blob(format!("blob {digest} is damaged")))
        }
    }

    /// Keeps bytes where the dispatcher can read them. Few bytes that are no secret need no keeping: they travel in
    /// the payload itself.
    ///
    /// # Errors
    /// [`LinkError::TooLarge`] for more than the dispatcher takes.
    pub async fn store(&self, bytes: Bytes, secret: bool) -> Result<Payload, LinkError> {
        if bytes.len() <= MAX_INLINE_BYTES && !secret {
            return Ok(Payload::Inline(bytes.to_vec()));
        }
        let digest = BlobDigest::of(&bytes);
        let within = self.wire.settings.call + Duration::from_secs(bytes.len() as u64 / SLOWEST);
        let mut request = self.wire.put(&format!("blobs/{digest}")).timeout(within).body(bytes);
        if secret {
            request = request.header(SECRET_HEADER, "true");
        }
        let body = send(request).await?.bytes().await.map_err(|error| lost(&error))?;
        understood(&body)
    }
}
