//! `leader stdio`: blocks from a witness on stdin, all of it read and checked before anything is proved.

use std::io::Read;

use anyhow::{Context, Result, bail};
use block_witness::{BlockWitness, DecodedBlock, Previous, SIZE_LIMIT, check_links, decode, read};

/// Reads a witness of at most [`SIZE_LIMIT`] bytes.
///
/// # Errors
/// It cannot be read, is too long, or is no witness.
pub fn blocks(input: impl Read) -> Result<Vec<BlockWitness>> {
    let mut bytes = Vec::new();
    // One byte more, so that what is too long is seen to be.
    input.take(SIZE_LIMIT as u64 + 1).read_to_end(&mut bytes).context("stdin cannot be read")?;
    if bytes.is_empty() {
        bail!("stdin is empty: give a witness, as in leader stdio < witness.json");
    }
    Ok(read(&bytes)?)
}

/// Checks that blocks follow each other and what is before them, and decodes them.
///
/// # Errors
/// The first block that is not as it should be.
pub fn decoded(blocks: Vec<BlockWitness>, previous: Option<&Previous>, batch_size: usize) -> Result<Vec<DecodedBlock>> {
    check_links(&blocks, previous)?;
    let mut decoded: Vec<DecodedBlock> = Vec::with_capacity(blocks.len());
    for block in blocks {
        let before = decoded.last().map(DecodedBlock::as_previous);
        decoded.push(decode(block, before.as_ref().or(previous), batch_size)?);
    }
    Ok(decoded)
}
