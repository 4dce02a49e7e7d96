//! Bytes to witnesses: an array or one object, either version, within limits.

use crate::error::WitnessError;
use crate::witness::BlockWitness;

/// How many bytes a witness may have where nothing else is said.
pub const SIZE_LIMIT: usize = 256 << 20;

/// Reads the blocks of a witness of at most [`SIZE_LIMIT`] bytes.
///
/// # Errors
/// [`WitnessError::TooLarge`], [`WitnessError::Form`] and [`WitnessError::Field`].
pub fn read(bytes: &[u8]) -> Result<Vec<BlockWitness>, WitnessError> {
    read_within(bytes, SIZE_LIMIT)
}

/// Reads the blocks of a witness of at most `limit` bytes.
///
/// # Errors
/// As [`read`].
pub fn read_within(bytes: &[u8], limit: usize) -> Result<Vec<BlockWitness>, WitnessError> {
    if bytes.len() > limit {
        return Err(WitnessError::TooLarge { limit });
    }
    serde_json::from_slice(bytes).map_err(|error| WitnessError::Form { found: error.to_string() })
}
