//! `prover-child`: the process that a worker hands its tasks to. People never call it.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use evm_proving::provers::provers;
use evm_proving::{CircuitStore, Circuits, Part};
use proving::error::{ProveError, with_sources};
use proving::prover::Prover;
use worker::child::run_child;

use crate::settings::{CircuitArgs, Persistence};
use crate::worker::{Kinds, PROVING_STACK};

/// Prove what comes in on stdin, as a worker's child
#[derive(Debug, Clone, Args)]
pub struct ChildArgs {
    /// What it proves
    #[arg(long, value_enum)]
    pub kinds: Kinds,

    /// Which circuits.
    #[command(flatten)]
    pub circuits: CircuitArgs,
}

/// Proves until stdin ends. Its exit code tells the worker how it ended.
pub fn run(args: ChildArgs) -> ExitCode {
    // What is said of circuits that are built goes to the worker's log.
    let _telemetry = telemetry::Options::from_env("evm-prover-child").and_then(|options| telemetry::init(&options));
    let proving = move || run_child(|| made(&args), |_| Ok(()));
    let thread = std::thread::Builder::new().name("prover".to_owned()).stack_size(PROVING_STACK).spawn(proving);
    thread.map_or(ExitCode::FAILURE, |thread| thread.join().unwrap_or(ExitCode::FAILURE))
}

fn made(args: &ChildArgs) -> Result<Vec<Arc<dyn Prover>>, ProveError> {
    let part = match args.kinds {
        Kinds::All => Part::All,
        Kinds::Heavy => Part::Heavy,
        Kinds::Light => Part::Light,
    };
    let config = args.circuits.config().map_err(|error| ProveError::worker(error.to_string()))?;
    let circuits = match args.circuits.persistence {
        Persistence::Disk => CircuitStore::new(&args.circuits.circuits_dir).circuits(&config, part),
        Persistence::None => Circuits::build(&config).map(|circuits| Arc::new(circuits.only(part))),
    };
    let circuits = circuits.map_err(|error| ProveError::worker(with_sources(&error)))?;
    Ok(provers(&circuits).into_iter().map(|prover| Arc::new(prover) as Arc<dyn Prover>).collect())
}
