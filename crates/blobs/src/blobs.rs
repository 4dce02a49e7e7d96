//! Content-addressed blobs: put, get, delete, list, sweep.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proving::payload::{BlobDigest, Payload};

use crate::place::Place;
use crate::sealed::{OVERHEAD, seal, unseal};
use crate::{BlobError, SecretKey};

/// The most bytes that a blob has, unless [`Blobs::with_limit`] says otherwise.
pub const DEFAULT_LIMIT: u64 = 1 << 30;

const PLAIN: &str = "v1/plain";
const SECRET: &str = "v1/secret";
const KEY: &str = "v1/key";

/// Whether bytes may lie readable on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sensitivity {
    /// They may.
    Public,
    /// They are encrypted at rest, under a name that gives nothing away.
    Secret,
}

/// Blobs in one place.
#[derive(Debug)]
pub struct Blobs {
    place: Place,
    key: SecretKey,
    limit: u64,
}

/// The name under which a blob is stored. Of a public blob it is the digest; of a secret one it says nothing
/// to those without the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobName(String);

/// A blob as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its stored name.
    pub name: BlobName,
    /// How it is stored.
    pub sensitivity: Sensitivity,
    /// How many bytes it takes.
    pub bytes: u64,
    /// How long ago it was put for the last time.
    pub age: Duration,
}

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many blobs.
    pub blobs: u64,
    /// How many bytes they took.
    pub bytes: u64,
}

impl Blobs {
    /// Opens the blobs at `location`: a folder's path (which is made), `memory:`, or the URL of an object store
    /// (`s3://`, `gs://`, `az://`, each a feature). `key` must be the one with which the place was first opened.
    pub async fn open(location: &str, key: SecretKey) -> Result<Self, BlobError> {
        let place = Place::open(location).await?;
        let fingerprint = key.fingerprint();
        match place.read(KEY, 1024).await? {
            None => place.write(KEY, fingerprint.into()).await?,
            Some(Ok(found)) if found == fingerprint.as_bytes() => {}
            Some(_) => return Err(BlobError::WrongKey { location: location.to_owned() }),
        }
        Ok(Self { place, key, limit: DEFAULT_LIMIT })
    }

    /// Takes and gives no blob of more than `bytes`.
    pub fn with_limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    /// Keeps `bytes`, and gives the payload that names them. When it resolves, they survive a power cut.
    /// Putting the same bytes again is the same blob, younger.
    pub async fn put(&self, bytes: Bytes, sensitivity: Sensitivity) -> Result<Payload, BlobError> {
        let size = bytes.len() as u64;
        if size > self.limit {
            return Err(BlobError::TooLarge { bytes: size, limit: self.limit });
        }
        let key = self.key.clone();
        let (digest, stored) = compute(size, move || {
            let digest = BlobDigest::of(&bytes);
            match sensitivity {
                Sensitivity::Public => (digest, bytes),
                Sensitivity::Secret => (digest, seal(&key, digest.as_bytes(), &bytes, rand::random()).into()),
            }
        })
        .await?;
        self.place.write(&self.path(&digest, sensitivity), stored).await?;
        Ok(Payload::Blob { digest, bytes: size })
    }

    /// The bytes of a blob, which have this digest: they are checked on every read. Those of a secret blob are
    /// wiped from memory with the last clone of them.
    pub async fn get(&self, digest: BlobDigest) -> Result<Bytes, BlobError> {
        let damaged = |reason| BlobError::Damaged { digest, reason };
        for (sensitivity, overhead) in [(Sensitivity::Public, 0), (Sensitivity::Secret, OVERHEAD as u64)] {
            let limit = self.limit.saturating_add(overhead);
            let stored = match self.place.read(&self.path(&digest, sensitivity), limit).await? {
                None => continue,
                Some(Err(size)) => return Err(BlobError::TooLarge { bytes: size - overhead, limit: self.limit }),
                Some(Ok(stored)) => stored,
            };
            let key = self.key.clone();
            let checked = compute(stored.len() as u64, move || {
                let bytes = match sensitivity {
                    Sensitivity::Public => stored,
                    Sensitivity::Secret => {
                        let plain = unseal(&key, digest.as_bytes(), &stored).map_err(|error| error.reason())?;
                        Bytes::from_owner(plain)
                    }
                };
                if BlobDigest::of(&bytes) == digest { Ok(bytes) } else { Err("its bytes have another digest") }
            });
            return checked.await?.map_err(damaged);
        }
        Err(BlobError::Missing(digest))
    }

    /// Deletes a blob, secret or not; no error if there is none.
    pub async fn delete(&self, digest: BlobDigest) -> Result<(), BlobError> {
        self.place.remove(&self.path(&digest, Sensitivity::Public)).await?;
        self.place.remove(&self.path(&digest, Sensitivity::Secret)).await
    }

    /// Every blob that is stored, with its age at `now`.
    pub async fn list(&self, now: SystemTime) -> Result<Vec<StoredBlob>, BlobError> {
        let mut blobs = Vec::new();
        for (folder, sensitivity) in [(PLAIN, Sensitivity::Public), (SECRET, Sensitivity::Secret)] {
            for stored in self.place.list(folder).await? {
                let Some(name) = stored.location.filename() else { continue };
                let age = now.duration_since(stored.last_modified.into()).unwrap_or_default();
                blobs.push(StoredBlob { name: BlobName(name.to_owned()), sensitivity, bytes: stored.size, age });
            }
        }
        Ok(blobs)
    }

    /// Deletes every blob that is not `live` and was older than `older_than` at `now`; the age spares those
    /// that were just put and are not yet named by anything.
    pub async fn sweep(
        &self,
        live: &HashSet<BlobDigest>,
        older_than: Duration,
        now: SystemTime,
    ) -> Result<Swept, BlobError> {
        let names = |sensitivity| live.iter().map(move |digest| self.path(digest, sensitivity));
        let live: HashSet<String> = names(Sensitivity::Public).chain(names(Sensitivity::Secret)).collect();
        let mut swept = Swept::default();
        for blob in self.list(now).await? {
            let path = format!("{}/{}", folder_of(blob.sensitivity), blob.name.0);
            if blob.age > older_than && !live.contains(&path) {
                self.place.remove(&path).await?;
                swept.blobs += 1;
                swept.bytes += blob.bytes;
            }
        }
        Ok(swept)
    }

    /// Where the blobs are, as it was given.
    pub fn location(&self) -> &str {
        &self.place.location
    }

    fn path(&self, digest: &BlobDigest, sensitivity: Sensitivity) -> String {
        let name = match sensitivity {
            Sensitivity::Public => digest.to_string(),
            Sensitivity::Secret => self.key.name(digest.as_bytes()),
        };
        format!("{}/{name}", folder_of(sensitivity))
    }
}

fn folder_of(sensitivity: Sensitivity) -> &'static str {
    match sensitivity {
        Sensitivity::Public => PLAIN,
        Sensitivity::Secret => SECRET,
    }
}

impl std::fmt::Display for BlobName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Up to this many bytes are hashed and sealed in less time than it takes to wake a thread.
const SMALL: u64 = 16 << 10;

/// Runs what takes long on a thread of its own kind: a gigabyte takes a second to hash.
async fn compute<T: Send + 'static>(bytes: u64, work: impl FnOnce() -> T + Send + 'static) -> Result<T, BlobError> {
    if bytes <= SMALL {
        return Ok(work());
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| BlobError::io("compute a digest")(std::io::Error::other(error)))
}
