//! The library by itself: one process that loads the circuits and then proves, as whoever calls the library would.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use block_witness::{DecodedBlock, SIZE_LIMIT, decode, read};
use clap::Args;
use evm_proving::direct::prove_block;
use evm_proving::{BlockProof, CircuitStore, Part};
use serde::{Deserialize, Serialize};
use terminal::{Console, files};

use super::cpu;
use crate::deep;
use crate::settings::CircuitArgs;

/// Prove blocks by calling the library, for bench
#[derive(Debug, Clone, Args)]
pub struct DirectArgs {
    /// The witness
    #[arg(long, value_name = "FILE")]
    pub(super) witness: PathBuf,

    /// Where the proofs go
    #[arg(long, value_name = "FILE")]
    pub(super) output: PathBuf,

    /// A segment has at most two to the power of so many cycles
    #[arg(long, value_name = "LOG2")]
    pub(super) max_cpu_len_log: u8,

    /// A batch has at most so many transactions
    #[arg(long, value_name = "COUNT")]
    pub(super) batch_size: usize,

    /// Which circuits.
    #[command(flatten)]
    pub(super) circuits: CircuitArgs,
}

/// What it took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DirectReport {
    /// Until the circuits were there.
    pub(super) loading_cpu_seconds: f64,
    /// From there to the proofs.
    pub(super) cpu_seconds: f64,
    /// The same, on the wall.
    pub(super) wall_seconds: f64,
    /// Resident memory of the process at its highest.
    pub(super) peak_bytes: u64,
}

/// Proves; what it took is the last line of stdout.
///
/// # Errors
/// The blocks cannot be read or proved.
pub fn run(args: &DirectArgs) -> Result<()> {
    let args = args.clone();
    let report = crate::runtime()?.block_on(deep::deep(move || measured(&args)))??;
    Console::new(true).object(&report);
    Ok(())
}

fn measured(args: &DirectArgs) -> Result<DirectReport> {
    let circuits = CircuitStore::new(&args.circuits.circuits_dir).circuits(&args.circuits.config()?, Part::All)?;
    let (before, wall) = (cpu::this(), Instant::now());
    let mut blocks: Vec<DecodedBlock> = Vec::new();
    for block in read(&files::read(&args.witness, SIZE_LIMIT as u64)?)? {
        let previous = blocks.last().map(DecodedBlock::as_previous);
        blocks.push(decode(block, previous.as_ref(), args.batch_size)?);
    }
    let mut proofs: Vec<BlockProof> = Vec::new();
    for block in blocks {
        proofs.push(prove_block(&circuits, &block.batches, args.max_cpu_len_log, proofs.last())?);
    }
    files::write(&args.output, &BlockProof::list_to_json(&proofs), false)?;
    let (wall_seconds, after) = (wall.elapsed().as_secs_f64(), cpu::this());
    Ok(DirectReport {
        loading_cpu_seconds: before.cpu_seconds,
        cpu_seconds: after.since(before).cpu_seconds,
        wall_seconds,
        peak_bytes: after.peak_bytes,
    })
}
