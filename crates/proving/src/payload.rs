//! Bytes that travel with a task: small ones inline, all others as a blob that is named by its digest.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::digest_type;
use crate::id::InputDigest;

/// Up to this many bytes travel inside messages and records; more of them are a blob.
pub const MAX_INLINE_BYTES: usize = 512;

digest_type! {
    /// The plain BLAKE3 digest of a blob's bytes, which is its name.
    BlobDigest
}

impl BlobDigest {
    /// The name of the blob with these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

/// An input or an output: the bytes themselves, or where they are.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payload {
    /// At most [`MAX_INLINE_BYTES`], never of a secret. JSON writes them in hex.
    Inline(#[serde(with = "inline")] Vec<u8>),
    /// A blob.
    Blob {
        /// Its name.
        digest: BlobDigest,
        /// How many bytes it has.
        bytes: u64,
    },
}

impl Payload {
    /// The payload of no bytes at all.
    pub const fn empty() -> Self {
        Self::Inline(Vec::new())
    }

    /// The blob with these bytes, whatever their number.
    pub fn blob_of(bytes: &[u8]) -> Self {
        Self::Blob { digest: BlobDigest::of(bytes), bytes: bytes.len() as u64 }
    }

    /// The digest of the bytes, inline or not: inputs count by this in a task's id.
    pub fn digest(&self) -> BlobDigest {
        match self {
            Self::Inline(bytes) => BlobDigest::of(bytes),
            Self::Blob { digest, .. } => *digest,
        }
    }

    /// How many bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Blob { bytes, .. } => *bytes,
        }
    }

    /// The blob, if it is one.
    pub fn blob(&self) -> Option<BlobDigest> {
        match self {
            Self::Inline(_) => None,
            Self::Blob { digest, .. } => Some(*digest),
        }
    }
}

/// Hex for people, bytes for files.
mod inline {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_str(&hex::encode(bytes));
        }
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_str(Reader);
        }
        deserializer.deserialize_bytes(Reader)
    }

    struct Reader;

    impl Visitor<'_> for Reader {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes in hex")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
            hex::decode(text).map_err(E::custom)
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
    }
}

impl From<BlobDigest> for InputDigest {
    fn from(digest: BlobDigest) -> Self {
        Self::from_bytes(*digest.as_bytes())
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(bytes) => write!(f, "inline, {} bytes", bytes.len()),
            Self::Blob { digest, bytes } => write!(f, "blob {digest}, {bytes} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_bytes_and_the_blob_of_them_have_one_digest() {
        let inline = Payload::Inline(b"proof".to_vec());
        let blob = Payload::blob_of(b"proof");
        assert_eq!((inline.digest(), inline.size()), (blob.digest(), blob.size()));
        assert_eq!((inline.blob(), blob.blob()), (None, Some(BlobDigest::of(b"proof"))));
    }

    #[test]
    fn debug_never_shows_the_bytes() {
        assert_eq!(format!("{:?}", Payload::Inline(vec![7; 3])), "inline, 3 bytes");
    }

    #[test]
    fn inline_bytes_are_hex_in_json_and_themselves_elsewhere() {
        let payload = Payload::Inline(vec![0, 0xff]);
        let json = serde_json::to_string(&payload).unwrap();
        assert_eq!(json, r#"{"inline":"00ff"}"#);
        assert_eq!(serde_json::from_str::<Payload>(&json).unwrap(), payload);
        assert!(serde_json::from_str::<Payload>(r#"{"inline":"0"}"#).is_err());
        let bytes = postcard::to_stdvec(&payload).unwrap();
        assert_eq!(bytes, [0, 2, 0, 0xff]);
        assert_eq!(postcard::from_bytes::<Payload>(&bytes).unwrap(), payload);
    }
}
