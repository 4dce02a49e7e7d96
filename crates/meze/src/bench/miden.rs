//! `meze bench miden`: the Miden proving service, side by side with the one that it replaces.
//!
//! Both are processes of their own on loopback, with the same number of workers, asked for the same sorts of requests in
//! one run, by turns; each is given requests of its own line, since no request is of both.

mod faults;
mod load;
mod proofs;
mod service;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::json;
use terminal::{Console, Machine};

use self::service::{Make, Maker};

/// The Miden proving service, side by side with the one that it replaces
#[derive(Debug, Clone, Args)]
pub struct MidenArgs {
    /// The program miden-proving-service 0.9.4; without it, Meze alone is measured
    #[arg(long, value_name = "FILE")]
    peer: Option<PathBuf>,

    /// The program miden-0-9-client, which asks as the network's own client of the line 0.9
    #[arg(long, value_name = "FILE", requires = "peer")]
    peer_client: Option<PathBuf>,

    /// The program miden-test-client, which asks as the network's own client of the line 0.15
    #[arg(long, value_name = "FILE")]
    client: PathBuf,

    /// Runs of each measurement: the median is reported, with the least and the most
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    runs: usize,

    /// Seconds of each measurement under load
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    seconds: u64,

    /// Workers behind each proxy, where small requests are measured
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    workers: usize,

    /// Only these measurements
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART,…")]
    parts: Vec<Part>,
}

/// A measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// What the service adds to a transaction.
    Transaction,
    /// A batch, there and back.
    Batch,
    /// Small requests of 1, 4 and 16 clients.
    Small,
    /// CPU of a proxy whose queue stands still.
    Still,
    /// Clients and workers killed, and workers frozen.
    Faults,
}

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
struct Row {
    what: String,
    who: &'static str,
    figure: String,
    spread: String,
}

/// Rows, shown as they come.
struct Table {
    console: Console,
    rows: Vec<Row>,
}

impl Table {
    fn add(&mut self, what: &str, who: &'static str, figure: impl Into<String>, spread: impl Into<String>) {
        let row = Row { what: what.to_owned(), who, figure: figure.into(), spread: spread.into() };
        self.console.say(format!("{:<58} {:<6} {:>14}  {}", row.what, row.who, row.figure, row.spread));
        self.rows.push(row);
    }
}

/// Measures, and prints a table.
///
/// # Errors
/// A program is missing, or does not do what it should.
pub(super) fn run(args: &MidenArgs, console: Console) -> Result<()> {
    crate::roles::more_files();
    let runtime = crate::roles::runtime(1)?;
    let folder = tempfile::Builder::new().prefix("meze-bench-miden-").tempdir().context("no folder")?;
    let meze = std::env::current_exe().context("the path of this program cannot be found")?;
    let mut makers = Vec::new();
    if let (Some(program), Some(client)) = (&args.peer, &args.peer_client) {
        makers.push(Maker::new(Make::Peer, program.clone(), client.clone(), folder.path())?);
    }
    makers.push(Maker::new(Make::Meze, meze, args.client.clone(), folder.path())?);
    let machine = Machine::this();
    console.say(format!("{machine}; {} runs; one run of both, by turns", args.runs));
    let wanted = |part: Part| args.parts.is_empty() || args.parts.contains(&part);
    let mut table = Table { console, rows: Vec::new() };
    if wanted(Part::Small) {
        runtime.block_on(load::small(&makers, args.seconds, args.workers, &mut table))?;
    }
    if wanted(Part::Still) {
        runtime.block_on(load::still(&makers, args.seconds, &mut table))?;
    }
    if wanted(Part::Batch) {
        runtime.block_on(proofs::batches(&makers, args.runs, &mut table))?;
    }
    if wanted(Part::Transaction) {
        proofs::transactions(&makers, args.runs, &mut table)?;
    }
    if wanted(Part::Faults) {
        runtime.block_on(faults::all(&makers, &mut table))?;
    }
    console.object(&json!({ "ok": true, "machine": machine, "runs": args.runs, "rows": table.rows }));
    Ok(())
}
