//! The code of contracts, in the three ways that witnesses write it.

use std::collections::BTreeSet;
use std::fmt;

use ethereum_types::H256;
use keccak_hash::keccak;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// No list is longer than this before its elements are seen.
const RESERVED: usize = 1 << 16;

/// Pieces of code, each with its hash where the witness says one: `null` or absent, a map from hash to bytes (0.6), or
/// a list of bytes (0.7). Bytes are an array of numbers or hex.
#[derive(Debug, Default)]
pub(crate) struct Codes(Vec<(Option<H256>, Vec<u8>)>);

impl Codes {
    /// The set of them.
    pub(crate) fn checked(self) -> Result<BTreeSet<Vec<u8>>, String> {
        self.0
            .into_iter()
            .map(|(said, code)| match said {
                Some(hash) if keccak(&code) != hash => {
                    Err(format!("code by its Keccak hash; {hash:#x} is not the hash of its {} bytes", code.len()))
                }
                _ => Ok(code),
            })
            .collect()
    }
}

impl<'de> Deserialize<'de> for Codes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CodesVisitor)
    }
}

struct CodesVisitor;

impl<'de> Visitor<'de> for CodesVisitor {
    type Value = Codes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a list of code, or a map from hash to code")
    }

    fn visit_unit<E: Error>(self) -> Result<Codes, E> {
        Ok(Codes::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut codes: A) -> Result<Codes, A::Error> {
        let mut all = Vec::with_capacity(codes.size_hint().unwrap_or_default().min(RESERVED));
        while let Some(Bytes(code)) = codes.next_element()? {
            all.push((None, code));
        }
        Ok(Codes(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut codes: A) -> Result<Codes, A::Error> {
        let mut all = Vec::new();
        while let Some((hash, Bytes(code))) = codes.next_entry()? {
            all.push((Some(hash), code));
        }
        Ok(Codes(all))
    }
}

/// Bytes, as an array of numbers or as hex with or without `0x`.
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes, as an array of numbers or as hex")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
        hex::decode(text.strip_prefix("0x").unwrap_or(text)).map(Bytes).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Bytes, A::Error> {
        let mut bytes = Vec::with_capacity(numbers.size_hint().unwrap_or_default().min(RESERVED));
        while let Some(byte) = numbers.next_element()? {
            bytes.push(byte);
        }
        Ok(Bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(json: &str) -> Result<BTreeSet<Vec<u8>>, String> {
        serde_json::from_str::<Codes>(json).map_err(|error| error.to_string())?.checked()
    }

    #[test]
    fn code_is_read_in_all_its_forms() {
        let expected = BTreeSet::from([vec![1, 2], vec![3]]);
        let (first, second) = (keccak([1, 2]), keccak([3]));
        assert_eq!(codes("null"), Ok(BTreeSet::new()));
        assert_eq!(codes("[[1,2],[3]]"), Ok(expected.clone()));
        assert_eq!(codes(r#"["0x0102","03"]"#), Ok(expected.clone()));
        assert_eq!(codes(&format!(r#"{{"{first:#x}":[1,2],"{second:#x}":"0x03"}}"#)), Ok(expected));
    }

    #[test]
    fn code_under_a_wrong_hash_is_refused() {
        let wrong = keccak([9]);
        let refused = codes(&format!(r#"{{"{wrong:#x}":[1,2]}}"#)).unwrap_err();
        assert!(refused.contains("is not the hash of its 2 bytes"), "{refused}");
        assert!(codes("7").unwrap_err().contains("a map from hash to code"));
    }
}
