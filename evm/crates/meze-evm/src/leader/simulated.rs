//! `leader --test-only`: everything but proving.

use anyhow::Result;
use block_witness::{Table, simulate};
use terminal::Console;

use super::{LeaderArgs, stdio as input};

/// Checks, decodes and simulates the blocks of a witness.
pub(super) fn stdio(args: &LeaderArgs, console: Console) -> Result<()> {
    let ranges = args.circuits.config()?.ranges;
    let (batch_size, limit) = (args.proving.batch_size, usize::from(args.proving.max_cpu_len_log));
    let work = move || -> Result<()> {
        for block in input::decoded(input::blocks(std::io::stdin().lock())?, None, batch_size)? {
            let mut segments = 0;
            for (index, batch) in block.batches.iter().enumerate() {
                for shape in simulate(batch, index, limit)? {
                    shape.check(&ranges, block.number, index)?;
                    segments += 1;
                    let sizes = Table::ALL.into_iter().zip(shape.sizes);
                    let sizes: Vec<String> =
                        sizes.filter_map(|(table, size)| Some(format!("{table} {}", size?))).collect();
                    console.note(format!(
                        "block {}, batch {index}, segment {}: {}",
                        block.number,
                        shape.index,
                        sizes.join(", ")
                    ));
                }
            }
            let (number, batches) = (block.number, block.batches.len());
            console.note(format!(
                "block {number}: {} transactions, {batches} batches, {segments} segments",
                block.transactions
            ));
        }
        console.note("All proof witnesses have been generated successfully.");
        Ok(())
    };
    crate::runtime()?.block_on(crate::deep::deep(work))?
}
