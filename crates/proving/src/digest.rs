//! 32-byte BLAKE3 digests as distinct types, so that one is never taken for another.

use std::fmt;

use serde::de::{Error, Visitor};

/// A text that is not 64 lowercase hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest is written as exactly 64 lowercase hex digits")]
pub struct NotHex;

/// Reads 64 lowercase hex digits: one digest has one spelling.
pub(crate) fn parse_hex(text: &str) -> Result<[u8; 32], NotHex> {
    let mut bytes = [0; 32];
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(NotHex);
    }
    hex::decode_to_slice(text, &mut bytes).map_err(|_| NotHex)?;
    Ok(bytes)
}

/// The 64 digits, and their text.
pub(crate) fn with_hex<T>(bytes: &[u8; 32], take: impl FnOnce(&str) -> T) -> T {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    take(std::str::from_utf8(&text).expect("hex digits are ASCII"))
}

/// Reads the bytes of a digest.
pub(crate) struct Reader;

impl Visitor<'_> for Reader {
    type Value = [u8; 32];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the 32 bytes of a digest")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<[u8; 32], E> {
        bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))
    }
}

/// Declares a digest type with its hex text, its bytes and serde: the text for people, the bytes for files.
macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes a digest that was computed elsewhere.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::digest::with_hex(&self.0, |text| f.pad(text))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::digest::NotHex;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::digest::parse_hex(text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    return $crate::digest::with_hex(&self.0, |text| serializer.serialize_str(text));
                }
                serializer.serialize_bytes(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    return $crate::text::parsed(deserializer);
                }
                deserializer.deserialize_bytes($crate::digest::Reader).map(Self)
            }
        }
    };
}

pub(crate) use digest_type;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_64_lowercase_hex_digits_are_a_digest() {
        let good = "0f".repeat(32);
        assert_eq!(parse_hex(&good), Ok([0x0f; 32]));
        for text in ["", &good[1..], &format!("{good}0"), &good.to_uppercase(), &good.replace('f', "g")] {
            assert_eq!(parse_hex(text), Err(NotHex), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,70}") {
            let _ = parse_hex(&text);
        }

        #[test]
        fn hex_reads_back_what_it_wrote(bytes: [u8; 32]) {
            prop_assert_eq!(parse_hex(&hex::encode(bytes)), Ok(bytes));
        }
    }

    #[test]
    fn people_read_hex_and_files_have_bytes() {
        let digest = crate::id::TaskId::from_bytes([0xa5; 32]);
        assert_eq!(digest.to_string(), "a5".repeat(32));
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(json, format!("\"{digest}\""));
        assert_eq!(serde_json::from_str::<crate::id::TaskId>(&json).unwrap(), digest);
        let bytes = postcard::to_stdvec(&digest).unwrap();
        assert_eq!(bytes, [&[32][..], &[0xa5; 32]].concat());
        assert_eq!(postcard::from_bytes::<crate::id::TaskId>(&bytes).unwrap(), digest);
        assert!(postcard::from_bytes::<crate::id::TaskId>(&[31; 32]).is_err());
    }
}
