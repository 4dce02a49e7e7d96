//! `leader`: reads blocks, checks them before anything is proved, has them proved, and hands the proofs over.

pub mod ask;
pub mod before;
pub mod board;
pub mod chain;
pub mod failure;
pub mod graph;
pub mod inputs;
pub mod lane;
pub mod plan;
pub mod proofs;
pub mod rpc;
pub mod service;
pub mod stdio;
pub mod trouble;
pub mod wait;
pub mod watch;

mod args;
mod prove;
mod simulated;

use anyhow::{Context, Result};
use evm_proving::CircuitStore;
use terminal::{Console, Usage, files};

pub use self::args::{LeaderArgs, LeaderCommand, ProvingArgs};
use self::proofs::last_line;
use crate::keys;

/// Proves what comes in.
///
/// # Errors
/// A block is not as it should be, or is not proved.
pub fn run(args: &LeaderArgs, console: Console) -> Result<()> {
    args.circuits.warning().into_iter().for_each(|warning| console.note(format!("leader: {warning}")));
    let line = match &args.command {
        LeaderCommand::Stdio(_) if args.proving.test_only => {
            simulated::stdio(args, console)?;
            None
        }
        LeaderCommand::Stdio(stdio) => whole(prove::stdio(args, stdio, console), console)?,
        LeaderCommand::Rpc(_) if args.proving.test_only => {
            return Err(Usage("--test-only is for leader stdio: it takes a witness".to_owned()).into());
        }
        LeaderCommand::Rpc(rpc) => whole(prove::rpc(args, rpc, console), console)?,
        LeaderCommand::VerificationKey(key) => {
            let found = keys::of_circuits(&args.circuits, None, "leader", console)?;
            files::write(&key.output, &found.to_bytes(), false)?;
            console.note(format!(
                "leader: wrote the verification key {} of {}",
                key.output.display(),
                found.statement()
            ));
            None
        }
        LeaderCommand::Clean => {
            let store = CircuitStore::new(&args.circuits.circuits_dir);
            let bytes = store.clean().context("the circuits cannot be removed")?;
            console.note(format!("leader: removed {} MiB of circuits from {}", bytes >> 20, store.folder().display()));
            None
        }
    };
    // After everything else, so that it is the last line wherever both streams go.
    line.map_or(Ok(()), |line| last_line(&line, true))
}

/// What was proved, if that is all; proofs that would be lost with the error are the last line nevertheless.
fn whole(proved: Result<Option<Vec<u8>>>, console: Console) -> Result<Option<Vec<u8>>> {
    if let Err(error) = &proved
        && let Some(part) = error.downcast_ref::<prove::Part>()
    {
        error.chain().skip(1).for_each(|cause| console.note(format!("meze-evm: {cause}")));
        console.note(format!("leader: {part}"));
        last_line(&part.line, false);
    }
    proved
}
