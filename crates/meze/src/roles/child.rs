//! `meze prover-child`: the process that a worker hands its tasks to. People never call it.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use proving::error::ProveError;
use rollup_circuits::family::Family;
use rollup_circuits::self_test::self_test;
use worker::child::run_child;

use crate::fleet::circuits::Skill;
use crate::fleet::provers::provers;
use crate::settings::CircuitArgs;

/// Prove what comes in on stdin, as a worker's child
#[derive(Debug, Clone, Args)]
pub struct ChildArgs {
    /// What it proves
    #[arg(long, value_delimiter = ',', required = true)]
    pub kinds: Vec<Skill>,

    /// How circuits are built.
    #[command(flatten)]
    pub circuits: CircuitArgs,
}

/// Proves until stdin ends. Its exit code tells the worker how it ended.
pub fn run(args: &ChildArgs) -> ExitCode {
    let make = || {
        let settings = args.circuits.settings().map_err(|error| ProveError::worker(error.to_string()))?;
        let family = Arc::new(Family::new(settings, Arc::new(|line: &str| eprintln!("{line}"))));
        provers(&family, &args.kinds)
    };
    let any = |of: fn(&Skill) -> bool| args.kinds.iter().any(of);
    let (circuits, miden) =
        (any(|skill| matches!(skill, Skill::Circuit(_))), any(|skill| matches!(skill, Skill::Miden(_))));
    run_child(make, |_| {
        if circuits {
            self_test()?;
        }
        if miden { miden_proving::self_test() } else { Ok(()) }
    })
}
