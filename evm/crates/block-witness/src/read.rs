//! Bytes to witnesses: blocks in an array or one by one, either version of the format, within limits.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{BlockName, WitnessError};
use crate::wire;
use crate::witness::BlockWitness;

/// How many bytes a witness may have where nothing else is said. A block of Ethereum's takes 8 to 16 MB.
pub const SIZE_LIMIT: usize = 256 << 20;

/// Reads the blocks of a witness of at most [`SIZE_LIMIT`] bytes: an array of blocks, one block, or several of either
/// one after the other.
///
/// # Errors
/// [`WitnessError::TooLarge`], [`WitnessError::Form`], and [`WitnessError::Field`], which names the block and the field.
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
    let mut blocks = Vec::new();
    for value in serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>() {
        let value = value.map_err(not_json)?;
        match value.get().as_bytes().first() {
            Some(b'[') => {
                for block in serde_json::from_str::<Vec<&RawValue>>(value.get()).map_err(not_json)? {
                    blocks.push(read_block(block.get(), blocks.len())?);
                }
            }
            Some(b'{') => blocks.push(read_block(value.get(), blocks.len())?),
            _ => {
                let begin: String = value.get().chars().take(20).collect();
                return Err(WitnessError::Form { found: format!("this begins with {begin}") });
            }
        }
    }
    if blocks.is_empty() {
        return Err(WitnessError::Form { found: "there is no block in it".to_owned() });
    }
    Ok(blocks)
}

fn not_json(error: serde_json::Error) -> WitnessError {
    WitnessError::Form { found: format!("this is no JSON: {error}") }
}

fn read_block(json: &str, place: usize) -> Result<BlockWitness, WitnessError> {
    let refused = |field: String, expected: String| WitnessError::Field {
        block: BlockName { place, number: number_of(json) },
        field,
        expected,
    };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let block: wire::Block = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        let said = error.into_inner().to_string();
        // The place that it names is counted within the block, so it helps nobody.
        let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
        refused(if field == "." { "(the block itself)".to_owned() } else { field }, said.to_owned())
    })?;
    BlockWitness::try_from(block).map_err(|fault| refused(fault.field, format!("expected {}", fault.expected)))
}

/// The number of a block that is otherwise not read.
fn number_of(json: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Block {
        other_data: Other,
    }
    #[derive(Deserialize)]
    struct Other {
        b_data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        b_meta: Header,
    }
    #[derive(Deserialize)]
    struct Header {
        block_number: ethereum_types::U256,
    }
    let block: Block = serde_json::from_str(json).ok()?;
    u64::try_from(block.other_data.b_data.b_meta.block_number).ok()
}
