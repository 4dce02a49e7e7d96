//! Makes requests for proofs of the Miden network, and asks for them with the network's own client.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use miden_protocol::utils::serde::Serializable;
use miden_test_client::client::{Asking, Kind, ask};
use miden_test_client::fixtures::{Chain, MOST, prove, prove_batch};
use proving::context::ProveContext;
use serde_json::json;

// What is proved here is compared with what a worker proves, so both have their memory from the same allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Makes requests for proofs of the Miden network, and asks for them with the network's own client.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write requests into a folder.
    Fixtures(Fixtures),
    /// Prove in this process, and say in a line of JSON for each proof how long it took.
    ProveLocal(ProveLocal),
    /// Ask for one proof, check it, and say in one line of JSON what came of it.
    Prove(Prove),
}

#[derive(Debug, Args)]
struct Fixtures {
    /// The folder, made if it is not there.
    #[arg(long)]
    output: PathBuf,
    /// How many different transactions, as transaction-<i>.bin.
    #[arg(long, default_value_t = 1)]
    transactions: usize,
    /// Prove the first one or two here, as proven-<i>.bin, with batch.bin, block.bin and block-request.bin over them.
    #[arg(long)]
    prove: bool,
    /// How many different batches over the proven transactions, as batch-<i>.bin.
    #[arg(long, default_value_t = 0, requires = "prove")]
    batches: usize,
}

#[derive(Debug, Args)]
struct ProveLocal {
    /// What to prove.
    #[arg(long)]
    kind: Kind,
    /// The file with the request.
    #[arg(long)]
    input: PathBuf,
    /// How many times.
    #[arg(long, default_value_t = 1)]
    repeat: u32,
}

#[derive(Debug, Args)]
struct Prove {
    /// Who to ask, as http://host:port.
    #[arg(long)]
    endpoint: String,
    /// What to ask for.
    #[arg(long)]
    kind: Kind,
    /// The file with the request.
    #[arg(long)]
    input: PathBuf,
    /// Seconds to wait for each answer; without it, what the client waits by itself (10).
    #[arg(long)]
    timeout: Option<f64>,
    /// How often to ask at most: again at once when the answer is an error.
    #[arg(long, default_value_t = 1)]
    asks: u32,
    /// Where to write the proof.
    #[arg(long)]
    output: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Fixtures(fixtures) => write_fixtures(&fixtures).map(|()| ExitCode::SUCCESS),
        Command::ProveLocal(local) => prove_here(&local).map(|()| ExitCode::SUCCESS),
        Command::Prove(prove) => ask_for_proof(&prove),
    }
}

fn write_fixtures(fixtures: &Fixtures) -> Result<()> {
    if fixtures.batches > MOST {
        bail!("at most {MOST} batches are made of the same transactions");
    }
    let folder = &fixtures.output;
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let mut chain = Chain::new(fixtures.transactions)?;
    let mut proven = Vec::new();
    for index in 0..fixtures.transactions {
        let inputs = chain.transaction(index)?;
        write(folder, &format!("transaction-{index}.bin"), &inputs.to_bytes())?;
        if fixtures.prove && index < 2 {
            let transaction = prove(&inputs)?;
            write(folder, &format!("proven-{index}.bin"), &transaction.to_bytes())?;
            proven.push(transaction);
        }
    }
    if !fixtures.prove {
        return Ok(());
    }
    let batch = chain.batch(&proven)?;
    write(folder, "batch.bin", &batch.to_bytes())?;
    let block = chain.block(prove_batch(batch)?)?;
    write(folder, "block.bin", &block.proposed_bytes())?;
    write(folder, "block-request.bin", &block.request_bytes())?;
    for index in 0..fixtures.batches {
        chain.grow()?;
        write(folder, &format!("batch-{index}.bin"), &chain.batch(&proven)?.to_bytes())?;
    }
    Ok(())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))
}

fn prove_here(local: &ProveLocal) -> Result<()> {
    let input = fs::read(&local.input).with_context(|| format!("{} cannot be read", local.input.display()))?;
    let kind = match local.kind {
        Kind::Transaction => proving::kind::Kind::MIDEN_TRANSACTION,
        Kind::Batch => proving::kind::Kind::MIDEN_BATCH,
        Kind::Block => proving::kind::Kind::MIDEN_BLOCK,
    };
    let prover = miden_proving::prover(&kind).context("there is no prover of this kind")?;
    for _ in 0..local.repeat {
        let begun = Instant::now();
        let proof = prover.prove(&input, &[], &ProveContext::default())?;
        println!("{}", json!({ "seconds": begun.elapsed().as_secs_f64(), "bytes": proof.bytes().len() }));
    }
    Ok(())
}

fn ask_for_proof(prove: &Prove) -> Result<ExitCode> {
    let input = fs::read(&prove.input).with_context(|| format!("{} cannot be read", prove.input.display()))?;
    let timeout = prove.timeout.map(Duration::try_from_secs_f64).transpose().context("--timeout")?;
    let asking = Asking { endpoint: prove.endpoint.clone(), timeout, asks: prove.asks.max(1) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(ask(prove.kind, &input, &asking))?;
    if let (Some(path), Some(proof)) = (&prove.output, &outcome.proof) {
        fs::write(path, proof).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    println!("{}", outcome.json());
    Ok(if outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
