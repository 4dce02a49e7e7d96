//! What can be wrong with a witness, before anything is proved.

use ethereum_types::H256;

use crate::tables::Table;

/// Why a witness cannot be read, decoded, simulated or proved with the circuits there are.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// More bytes than were allowed.
    #[error("the witness has more than {limit} bytes: give it block by block, or raise the limit")]
    TooLarge {
        /// How many were allowed.
        limit: usize,
    },
    /// Neither a block nor an array of blocks.
    #[error("a witness is one block as a JSON object, or blocks as a JSON array of such objects; {found}")]
    Form {
        /// What it is instead.
        found: String,
    },
    /// A field of a block is missing or not what it should be.
    #[error("{block}, field {field}: {expected}")]
    Field {
        /// Which block.
        block: BlockName,
        /// The field's path, as `other_data.b_data.b_meta.block_number`.
        field: String,
        /// What was expected there, and what was found.
        expected: String,
    },
    /// A block that does not follow the one before it.
    #[error("block {number} does not follow block {after}: {why}")]
    Link {
        /// The block.
        number: u64,
        /// The block before it, in the witness or in the chain of proofs.
        after: u64,
        /// What does not agree, and what to do.
        why: String,
    },
    /// The block does not begin with the state that the chain of proofs is at.
    #[error(
        "inconsistent pre-state: block {number} starts from the state root {found:#x}, but {expected_by} is {expected:#x}; {advice}"
    )]
    PreState {
        /// The block.
        number: u64,
        /// The state root that its tries give.
        found: H256,
        /// The state root it should start from.
        expected: H256,
        /// Who says so.
        expected_by: &'static str,
        /// The likely cause and what to do.
        advice: String,
    },
    /// The decoder refused the block.
    #[error("block {number} cannot be decoded: {why}")]
    Decode {
        /// The block.
        number: u64,
        /// What the decoder said.
        why: String,
    },
    /// The virtual machine refused a batch.
    #[error(
        "block {number}, batch {batch}: the simulation failed in segment {segment}: {why}; the witness describes no block that Ethereum's rules accept, or leaves out what the block reads: fetch it again, from another node if need be"
    )]
    Simulation {
        /// The block.
        number: u64,
        /// The batch, from 0.
        batch: usize,
        /// The segment, from 0.
        segment: usize,
        /// What it said.
        why: String,
    },
    /// A table of a segment has a length that no circuit was built for.
    #[error(
        "block {number}, batch {batch}, segment {segment}: table {table} has 2^{size} rows, outside the configured {range}; {advice}"
    )]
    Table {
        /// The block.
        number: u64,
        /// The batch, from 0.
        batch: usize,
        /// The segment, from 0.
        segment: usize,
        /// The table.
        table: Table,
        /// Its length, as a power of two.
        size: usize,
        /// The range it should be in, as `lo..hi`.
        range: String,
        /// What to set.
        advice: String,
    },
    /// Segments longer or shorter than the virtual machine allows.
    #[error("max-cpu-len-log is the power of two of a segment's cycles, from 7 to 32; this is {0}")]
    CpuLength(usize),
}

/// A block as messages call it: by its number where it can be read, and by its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockName {
    /// Its place in the file, from 0.
    pub place: usize,
    /// Its number, where it could be read.
    pub number: Option<u64>,
}

impl std::fmt::Display for BlockName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.number {
            Some(number) => write!(f, "block {number}"),
            None => write!(f, "block at place {} of the witness", self.place + 1),
        }
    }
}
