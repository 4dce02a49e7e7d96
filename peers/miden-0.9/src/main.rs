//! The Miden network's own client of proving services, line 0.9, unmodified, as a program: it asks a service
//! for proofs and checks what comes back. The service may be Miden's own or Meze.
//!
//! - [`input`]: what is to be proved, read from a file; proving it here; what a proof must be like
//! - [`remote`]: asking a service
//! - [`fixtures`]: inputs of a chain that exists only here
//!
//! Results are JSON, one object a line, on standard output.

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use futures_util::future::join_all;
use serde_json::json;

use crate::fixtures::Plan;
use crate::input::{Input, Kind};
use crate::remote::Remote;

mod fixtures;
mod input;
mod remote;

/// Asks a proving service of the Miden network, line 0.9, for proofs, with Miden's own client.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes inputs: transaction-<i>.bin; with --prove also transaction-<i>.proof, batch.bin and block.bin.
    Fixtures(Plan),
    /// Asks a service for the proof of an input. Exits with 1 if not every answer is right.
    Prove(Prove),
    /// Proves an input in this process, on all cores.
    ProveLocal(ProveLocal),
}

#[derive(clap::Args)]
struct Prove {
    /// Where the service listens, as http://127.0.0.1:8082
    #[arg(long)]
    endpoint: String,
    #[arg(long)]
    kind: Kind,
    /// A file as `fixtures` writes it; may be said several times.
    #[arg(long, required = true)]
    input: Vec<PathBuf>,
    /// How many times to ask for each input; everything is asked at once, over one connection.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    asks: u32,
    /// Where to write the first proof.
    #[arg(long)]
    output: Option<PathBuf>,
}

#[derive(clap::Args)]
struct ProveLocal {
    #[arg(long)]
    kind: Kind,
    /// A file as `fixtures` writes it.
    #[arg(long)]
    input: PathBuf,
    /// How many times to prove it.
    #[arg(long, default_value_t = 1)]
    repeat: u32,
}

// One thread is enough: the client's futures cannot leave theirs, and the prover brings its own threads.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Fixtures(plan) => fixtures::write(&plan).await.map(|()| true),
        Command::Prove(command) => prove(&command).await,
        Command::ProveLocal(command) => prove_locally(&command).await.map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Asks, checks, prints one line; whether every answer was right.
async fn prove(command: &Prove) -> Result<bool> {
    let mut asks = Vec::new();
    for path in &command.input {
        let input = Rc::new(Input::read(command.kind, path)?);
        asks.extend((0..command.asks).map(|_| input.clone()));
    }
    let remote = Remote::new(command.kind, &command.endpoint);

    let start = Instant::now();
    let answers = join_all(asks.iter().map(|input| remote.prove(input))).await;
    let seconds = start.elapsed().as_secs_f64();

    let mut proofs = Vec::new();
    let mut verified = true;
    let mut failure = None;
    for (input, answer) in asks.iter().zip(answers) {
        match answer {
            Ok(proof) => {
                if let Err(error) = input.check(&proof) {
                    verified = false;
                    failure = failure.or(Some(error));
                }
                proofs.push(proof);
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    let ok = failure.is_none();
    println!(
        "{}",
        json!({
            "ok": ok,
            "kind": command.kind.name(),
            "seconds": seconds,
            "asks": asks.len(),
            "proved": proofs.len(),
            "bytes": proofs.first().map(Vec::len),
            "verified": verified && !proofs.is_empty(),
            "error": failure.as_ref().map(|error| format!("{error:#}")),
            "code": failure.as_ref().and_then(remote::code),
        })
    );
    if let (Some(path), Some(proof)) = (&command.output, proofs.first()) {
        std::fs::write(path, proof).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ok)
}

async fn prove_locally(command: &ProveLocal) -> Result<()> {
    ensure!(command.repeat > 0, "--repeat must be at least 1");
    let input = Input::read(command.kind, &command.input)?;
    for run in 0..command.repeat {
        let start = Instant::now();
        let proof = input.prove().await?;
        println!(
            "{}",
            json!({
                "kind": command.kind.name(),
                "run": run,
                "seconds": start.elapsed().as_secs_f64(),
                "bytes": proof.len(),
            })
        );
    }
    Ok(())
}
