//! A batch run through the virtual machine: its segments, and how long their tables are.
//!
//! The proving library tells lengths in one way only: it fills the tables, which is the first step of a proof. Measured
//! on two cores, for block 28 of the zero line's tests (a contract call): running its 119,161 cycles takes 0.08 s of
//! processor, filling their tables 1.1 s and 0.7 GiB; an empty batch takes 0.11 s. To prove a block of one transfer
//! takes about 80 s of processor with the insecure test configuration, and minutes at standard security. Before the
//! first batch, the kernel is assembled once a process, in 1.5 s.

use evm_arithmetization::generation::generate_traces;
use evm_arithmetization::proof::RegistersData;
use evm_arithmetization::{AllStark, Field, GenerationInputs, SegmentDataIterator, StarkConfig};
use evm_arithmetization::{EXTENSION_DEGREE, GenerationSegmentData, TrimmedGenerationInputs};
use plonky2::field::polynomial::PolynomialValues;
use plonky2::field::types::Field as _;
use plonky2::util::timing::TimingTree;
use serde::{Deserialize, Serialize};

use crate::caught::caught;
use crate::error::WitnessError;
use crate::tables::{TABLES, Table, TableRanges};

/// The power of two of a segment's cycles where nothing else is said.
pub const MAX_CPU_LEN_LOG: usize = 19;

/// Below this a segment has no room for the cycles that begin and end it.
const MIN_CPU_LEN_LOG: usize = 7;

/// The registers between which a segment runs: they tell it from the others of its batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentEnds {
    /// Before its first cycle.
    pub before: RegistersData,
    /// After its last cycle.
    pub after: RegistersData,
}

/// What one segment takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentShape {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// How many cycles it has, padding not counted.
    pub cycles: usize,
    /// The length of each table as a power of two, in the order of [`Table::ALL`]. None where the segment does without
    /// the table.
    pub sizes: [Option<usize>; TABLES],
    /// Where it begins and ends.
    pub ends: SegmentEnds,
}

/// How many segments a batch has, without filling their tables: for whoever needs no lengths.
/// `place` is the batch's in its block, from 0, for messages.
///
/// # Errors
/// [`WitnessError::Simulation`] and [`WitnessError::CpuLength`].
pub fn count_segments(batch: &GenerationInputs, place: usize, max_cpu_len_log: usize) -> Result<usize, WitnessError> {
    let mut count = 0;
    each_segment(batch, place, max_cpu_len_log, |_, _| {
        count += 1;
        Ok(())
    })?;
    Ok(count)
}

/// Cuts a batch into segments of at most `2^max_cpu_len_log` cycles and measures their tables, one segment at a time.
/// `place` is the batch's in its block, from 0, for messages.
///
/// # Errors
/// [`WitnessError::Simulation`] and [`WitnessError::CpuLength`].
pub fn simulate(
    batch: &GenerationInputs,
    place: usize,
    max_cpu_len_log: usize,
) -> Result<Vec<SegmentShape>, WitnessError> {
    // Lengths depend on nothing in the configuration but the caps' height, which is the same in all of them.
    let (starks, configuration) = (AllStark::default(), StarkConfig::standard_fast_config());
    let mut shapes = Vec::new();
    each_segment(batch, place, max_cpu_len_log, |inputs, mut segment| {
        let filled = caught(|| {
            generate_traces::<Field, EXTENSION_DEGREE>(
                &starks,
                &inputs,
                &configuration,
                &mut segment,
                &mut TimingTree::default(),
            )
        })?
        .map_err(|error| format!("{error:#}"))?;
        let sizes = std::array::from_fn(|table| {
            let rows = filled.tables[table].first().map_or(0, |column| column.values.len());
            filled.table_in_use[table].then(|| rows.next_power_of_two().ilog2() as usize)
        });
        let cycles = cycles(&filled.tables[Table::Cpu.index()]);
        let values = filled.public_values;
        let ends = SegmentEnds { before: values.registers_before, after: values.registers_after };
        shapes.push(SegmentShape { index: shapes.len(), cycles, sizes, ends });
        Ok(())
    })?;
    Ok(shapes)
}

/// Hands each segment of a batch to `visit`, whose refusal is the simulation's.
fn each_segment(
    batch: &GenerationInputs,
    place: usize,
    max_cpu_len_log: usize,
    mut visit: impl FnMut(TrimmedGenerationInputs, GenerationSegmentData) -> Result<(), String>,
) -> Result<(), WitnessError> {
    if !(MIN_CPU_LEN_LOG..=crate::tables::MAX_LOG).contains(&max_cpu_len_log) {
        return Err(WitnessError::CpuLength(max_cpu_len_log));
    }
    let failed = |segment, why| WitnessError::Simulation {
        number: batch.block_metadata.block_number.low_u64(),
        batch: place,
        segment,
        why,
    };
    let mut segments =
        caught(|| SegmentDataIterator::new(batch, Some(max_cpu_len_log))).map_err(|why| failed(0, why))?;
    for index in 0.. {
        match caught(|| segments.next()).map_err(|why| failed(index, why))? {
            None => break,
            Some(Err(error)) => return Err(failed(index, error.to_string())),
            Some(Ok((inputs, segment))) => visit(inputs, segment).map_err(|why| failed(index, why))?,
        }
    }
    Ok(())
}

/// The rows of the table of cycles that are no padding. Padding repeats one row, in which only the clock goes on.
fn cycles(columns: &[PolynomialValues<Field>]) -> usize {
    let padding = columns.iter().filter_map(|column| {
        let [.., before, last] = column.values[..] else { return None };
        let clock = last - before == Field::ONE;
        (!clock).then(|| column.values.iter().rev().take_while(|value| **value == last).count())
    });
    let rows = columns.first().map_or(0, |column| column.values.len());
    rows - padding.min().unwrap_or(0)
}

impl SegmentShape {
    /// Whether circuits of these ranges can prove it: no table may be shorter or longer than they are built for, since
    /// nothing pads a table up to a range.
    ///
    /// # Errors
    /// [`WitnessError::Table`], which names the block `number`, the batch, this segment, the first such table, and what
    /// to set for all of them.
    pub fn check(&self, ranges: &TableRanges, number: u64, batch: usize) -> Result<(), WitnessError> {
        let unfit: Vec<(Table, usize)> = Table::ALL
            .into_iter()
            .filter_map(|table| Some((table, self.sizes[table.index()]?)))
            .filter(|(table, size)| !ranges.of(*table).contains(size))
            .collect();
        let Some(&(table, size)) = unfit.first() else { return Ok(()) };
        let wider = |(table, size): &(Table, usize)| {
            let range = ranges.of(*table);
            (*table, format!("{}..{}", range.start.min(*size), range.end.max(size + 1)))
        };
        let wider: Vec<(Table, String)> = unfit.iter().map(wider).collect();
        let variables: Vec<String> =
            wider.iter().map(|(table, range)| format!("{}={range}", table.variable())).collect();
        let flags: Vec<String> = wider.iter().map(|(table, range)| format!("--{table} {range}")).collect();
        let mut advice = format!("set {} ({})", variables.join(" "), flags.join(" "));
        // The memory that a segment begins with does not get less by cutting it.
        if unfit.iter().all(|(table, size)| *size >= ranges.of(*table).end && *table != Table::MemBefore) {
            advice +=
                &format!(", or make segments shorter with --max-cpu-len-log (this one has {} cycles)", self.cycles);
        }
        let range = format!("{}..{}", ranges.of(table).start, ranges.of(table).end);
        Err(WitnessError::Table { number, batch, segment: self.index, table, size, range, advice })
    }
}
