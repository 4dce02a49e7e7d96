//! `bench`: what leader, fabric and workers add to the library that proves.
//!
//! - `direct`: the library by itself, in a process of its own.
//! - `fabric`: that process, and leaders and workers as people run them.
//! - `cpu`: what they take; `report`: what is said of it.

mod cpu;
mod direct;
mod fabric;
mod report;

use std::path::PathBuf;

use anyhow::{Context, Result};
use block_witness::{BATCH_SIZE, SIZE_LIMIT};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use terminal::{Console, Machine, Usage, files};
use test_services::RabbitMq;

pub use self::direct::{DirectArgs, run as run_direct};

use self::cpu::{Taken, Tree};
use self::fabric::Stage;
use self::report::{Direct, Fabric, Row, TARGET_PERCENT};
use crate::fabric::RuntimeKind;
use crate::settings::{CircuitArgs, Persistence};

/// A block of our own with one transfer, on its checkpoint; a test makes it again.
pub const SMALL_BLOCK: &[u8] = include_bytes!("bench/block.json");

/// Measure what leader, fabric and workers add to the library that proves
///
/// The same blocks are proved in turns: by calling the library in one process, and by a leader with one worker. Every run
/// has new processes and nothing kept from an earlier one. CPU-seconds are user and system time of all processes of a
/// side, from when the circuits are loaded until the proofs are there; every proof is checked. Reported are medians, with
/// the least and the most, and how much more the fabric takes than the library: 5 % are aimed at. The prover makes the
/// library's calls on both sides, and checks what it builds on besides; what all others take is said apart, since other
/// programs on the machine move that least.
///
/// The leader's start (its part of loading circuits: the kernel and the key) is measured by itself and not counted, and
/// shown both ways. In memory the prover is a child of the leader, and what it took until it was ready is not counted
/// either. A broker of its own is started and counted; one that is named with --amqp-uri is not counted.
///
/// Circuits that are not there yet are built first. The machine should have nothing else to do.
#[derive(Debug, Clone, Args)]
#[command(
    mut_arg("preset", |preset| preset.default_value("transfers")),
    after_long_help = "Examples:\n  \
    meze-evm bench --use-test-config\n  \
    meze-evm bench --runtime amqp --runs 5 --json --use-test-config\n  \
    meze-evm bench --witness blocks.json --preset mainnet\n\n\
    A run takes one to two minutes a side with the test configuration; at standard security some minutes and 8 GB."
)]
pub struct BenchArgs {
    /// The witness of the blocks, at most a few small ones [default: one block with a transfer]
    #[arg(long, value_name = "FILE")]
    witness: Option<PathBuf>,

    /// Between leader and prover: a RabbitMQ with a worker process, or nothing
    #[arg(long, value_name = "RUNTIME,…", value_enum, value_delimiter = ',', default_values_t = [RuntimeKind::Amqp, RuntimeKind::InMemory])]
    runtime: Vec<RuntimeKind>,

    /// A broker that is there, which is not counted [default: one is started, and counted]
    #[arg(long, value_name = "URL")]
    amqp_uri: Option<String>,

    /// Runs of each side, in turns
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    runs: u16,

    /// A segment has at most two to the power of so many cycles
    #[arg(long, value_name = "LOG2", default_value_t = 19, value_parser = clap::value_parser!(u8).range(7..=28))]
    max_cpu_len_log: u8,

    /// A batch has at most so many transactions
    #[arg(long, value_name = "COUNT", default_value_t = BATCH_SIZE)]
    batch_size: usize,

    /// The commit that this program was built of, for the report
    #[arg(long, value_name = "COMMIT", default_value = "not said")]
    commit: String,

    /// One JSON object on stdout, everything else on stderr
    #[arg(long)]
    json: bool,

    /// Which circuits.
    #[command(flatten)]
    circuits: CircuitArgs,
}

/// The sides, as the report names them.
const LIBRARY: &str = "library";
const AMQP: &str = "amqp";
const IN_MEMORY: &str = "in-memory";

/// Who brings leader and worker together.
enum Broker {
    /// Started here, and ended with this value.
    Own(RabbitMq),
    /// Somebody else's.
    Named(String),
}

impl Broker {
    fn url(&self) -> String {
        match self {
            Self::Own(broker) => broker.url(),
            Self::Named(url) => url.clone(),
        }
    }

    /// What it took so far, if that can be known.
    fn taken(&self) -> Option<Taken> {
        let Self::Own(broker) = self else { return None };
        broker.pid().map(|pid| Tree::of(pid).all())
    }
}

/// What `--json` ends with.
#[derive(Debug, Serialize)]
struct Report<'a> {
    ok: bool,
    version: &'static str,
    commit: &'a str,
    machine: Machine,
    security: &'static str,
    ranges: String,
    blocks: usize,
    transactions: usize,
    runs: u16,
    target_percent: f64,
    rows: Vec<Row>,
}

/// What was measured, one of each a run.
#[derive(Debug, Default)]
struct Measured {
    library: Vec<Direct>,
    amqp: Vec<Fabric>,
    in_memory: Vec<Fabric>,
}

impl Measured {
    fn rows(&self) -> Vec<Row> {
        let sides = [
            report::direct(LIBRARY, &self.library),
            report::fabric(AMQP, &self.amqp, &self.library),
            report::fabric(IN_MEMORY, &self.in_memory, &self.library),
        ];
        sides.concat()
    }
}

/// Measures, and prints a table.
///
/// # Errors
/// A process could not be started, or made no good proof.
pub fn run(args: &BenchArgs) -> Result<()> {
    let console = Console::new(args.json);
    let outcome = measure(args, console);
    if let Err(error) = &outcome {
        console.object(&json!({ "ok": false, "error": format!("{error:#}") }));
    }
    outcome
}

fn measure(args: &BenchArgs, console: Console) -> Result<()> {
    args.circuits.warning().into_iter().for_each(|warning| console.say(format!("bench: {warning}")));
    let config = args.circuits.config()?;
    if args.circuits.persistence == Persistence::None {
        return Err(Usage("bench compares with circuits that are loaded: say no --persistence none".to_owned()).into());
    }
    let folder = tempfile::Builder::new().prefix("meze-evm-bench-").tempdir().context("no temporary folder")?;
    let witness = folder.path().join("witness.json");
    let bytes = match &args.witness {
        Some(path) => files::read(path, SIZE_LIMIT as u64)?,
        None => SMALL_BLOCK.to_vec(),
    };
    let blocks = block_witness::read(&bytes)?;
    let (count, transactions) = (blocks.len(), blocks.iter().map(|block| block.transactions()).sum());
    std::fs::write(&witness, bytes)?;
    let key = fabric::key(args, folder.path())?;
    let broker = broker(args)?;
    let machine = Machine::this();
    let (version, security) = (env!("CARGO_PKG_VERSION"), config.security.name());
    console.say(format!("{machine}; version {version}, commit {}", args.commit));
    console.say(format!(
        "{count} block(s) with {transactions} transaction(s); {security}; tables {}; {} runs of each side, in turns",
        config.ranges, args.runs
    ));
    let mut measured = Measured::default();
    for run in 1..=args.runs {
        let note = |side: &str, cpu: f64, wall: f64| {
            console.note(format!("run {run} of {}: {side}: {cpu:.2} CPU-s, {wall:.2} s", args.runs));
        };
        let stage = |side: &str| -> Result<Stage<'_>> {
            let folder = folder.path().join(format!("{run}-{side}"));
            std::fs::create_dir(&folder)?;
            Ok(Stage { args, folder, witness: &witness, key: &key, blocks: count })
        };
        let library = stage(LIBRARY)?.library()?;
        note(LIBRARY, library.cpu_seconds, library.wall_seconds);
        measured.library.push(library);
        if let Some(broker) = &broker {
            let fabric = stage(AMQP)?.amqp(broker)?;
            note(AMQP, fabric.cpu_seconds(), fabric.wall_seconds);
            measured.amqp.push(fabric);
        }
        if args.runtime.contains(&RuntimeKind::InMemory) {
            let fabric = stage(IN_MEMORY)?.in_memory()?;
            note(IN_MEMORY, fabric.cpu_seconds(), fabric.wall_seconds);
            measured.in_memory.push(fabric);
        }
    }
    let rows = measured.rows();
    report::table(&rows).iter().for_each(|line| console.say(line));
    console.say(format!("aimed at: at most {TARGET_PERCENT} % over the library"));
    console.object(&Report {
        ok: true,
        version,
        commit: &args.commit,
        machine,
        security,
        ranges: config.ranges.to_string(),
        blocks: count,
        transactions,
        runs: args.runs,
        target_percent: TARGET_PERCENT,
        rows,
    });
    Ok(())
}

fn broker(args: &BenchArgs) -> Result<Option<Broker>> {
    if !args.runtime.contains(&RuntimeKind::Amqp) {
        return Ok(None);
    }
    Ok(Some(match &args.amqp_uri {
        Some(url) => Broker::Named(crate::fabric::broker(Some(url))?),
        None => Broker::Own(RabbitMq::start().context("no broker; --runtime in-memory measures without one")?),
    }))
}
