//! A batch as bytes: the same batch is always the same bytes, so that it is the same task.

use evm_arithmetization::GenerationInputs;

use crate::error::WitnessError;

/// The bytes of a batch.
pub fn batch_to_bytes(batch: &GenerationInputs) -> Vec<u8> {
    serde_json::to_vec(batch).expect("a batch has no map that JSON cannot write")
}

/// Reads a batch back.
///
/// # Errors
/// [`WitnessError::BatchBytes`].
pub fn batch_from_bytes(bytes: &[u8]) -> Result<GenerationInputs, WitnessError> {
    serde_json::from_slice(bytes).map_err(|error| WitnessError::BatchBytes(error.to_string()))
}
