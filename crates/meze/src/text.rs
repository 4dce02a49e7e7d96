//! How numbers, times and addresses are written and read.

use std::str::FromStr;

use rollup::field::Digest;
use rollup::transaction::Address;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
pub use terminal::bytes;

/// An address on the chain, written `0x` and 40 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainAddress(pub Address);

impl std::fmt::Display for ChainAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("0x")?;
        self.0.0.iter().try_for_each(|word| write!(f, "{word:08x}"))
    }
}

impl FromStr for ChainAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "an address is 0x and 40 hex digits".to_owned();
        let mut bytes = [0; 20];
        hex::decode_to_slice(text.strip_prefix("0x").ok_or_else(wrong)?, &mut bytes).map_err(|_| wrong())?;
        let mut address = Address::default();
        for (word, chunk) in address.0.iter_mut().zip(bytes.chunks_exact(4)) {
            *word = chunk.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        Ok(Self(address))
    }
}

impl Serialize for ChainAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChainAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Reads a digest: `0x` (or nothing) and 64 hex digits of four canonical limbs.
///
/// # Errors
/// A sentence that says what a digest looks like.
pub fn digest(text: &str) -> Result<Digest, String> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes)
        .map_err(|_| "a state is 0x and 64 hex digits".to_owned())?;
    Digest::from_bytes(&bytes).map_err(|error| error.to_string())
}

/// Rows of text in columns: the first one to the left, the others to the right.
pub fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_and_others_are_refused() {
        let address = ChainAddress(Address([0, 0xdead_beef, 2, 3, u32::MAX]));
        assert_eq!(address.to_string(), "0x00000000deadbeef0000000200000003ffffffff");
        assert_eq!(address.to_string().parse(), Ok(address));
        for text in ["", "0x", "00", &"0".repeat(42), &format!("0x{}", "g".repeat(40))] {
            assert!(text.parse::<ChainAddress>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_digest_reads_with_and_without_its_prefix_and_only_canonical() {
        let one = Digest::from_limbs([1, 2, 3, 4]).unwrap();
        assert_eq!(digest(&one.to_string()), Ok(one));
        assert_eq!(digest(&one.to_string()[2..]), Ok(one));
        assert!(digest(&"f".repeat(64)).unwrap_err().contains("not canonical"));
        assert!(digest("0x12").is_err());
    }
}
