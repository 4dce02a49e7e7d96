//! `meze bench`: what proofs cost on this machine.

mod cached;
mod child;
mod circuits;
mod dispatch;
mod miden;
mod parameters;
mod production;
mod rollup;
mod stats;
mod trees;

use anyhow::Result;
use clap::Subcommand;
use terminal::Console;

/// Measure what proofs cost on this machine
#[derive(Debug, Clone, Subcommand)]
pub enum BenchCommand {
    /// Each circuit and several shapes: rows, build, prove, verify, sizes, memory, CPU-seconds per transaction
    Rollup(rollup::RollupArgs),
    /// What the free choices of a proof cost, client and provider side by side
    Parameters(parameters::ParametersArgs),
    /// One rollup of production size, of real transactions, built and proved once; may be killed and run again
    Production(production::ProductionArgs),
    /// What the fabric costs: latency, throughput, memory, fairness and recovery, with proofs that sleep
    Dispatch(dispatch::DispatchArgs),
    /// The Miden proving service, side by side with the one that it replaces
    Miden(miden::MidenArgs),
    /// One circuit in a process of its own, for `bench rollup`
    #[command(hide = true)]
    Child(child::ChildArgs),
}

/// Runs a benchmark.
///
/// # Errors
/// Something could not be proved or written.
pub fn run(command: &BenchCommand, console: Console) -> Result<()> {
    match command {
        BenchCommand::Rollup(args) => rollup::run(args, console),
        BenchCommand::Parameters(args) => parameters::run(args, console),
        BenchCommand::Production(args) => production::run(args, console),
        BenchCommand::Dispatch(args) => dispatch::run(args, console),
        BenchCommand::Miden(args) => miden::run(args, console),
        BenchCommand::Child(args) => child::run(args, console),
    }
}
