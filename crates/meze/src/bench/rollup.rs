//! `meze bench rollup`: every circuit, several shapes, trees and keys.

use std::path::Path;

use anyhow::Result;
use clap::Args;
use rollup::shape::Shape;
use serde::Serialize;
use terminal::{Console, Machine};

use super::circuits::{self, CircuitReport};
use super::trees::{self, TreeReport};
use crate::settings::{CircuitArgs, DEFAULT_INNER, DEFAULT_OUTER};
use crate::text::{bytes, table};

/// What to measure.
#[derive(Debug, Clone, Args)]
#[command(
    long_about = "Measures every circuit, each in a process of its own: rows, degree, building, proving (wall and \
        CPU), verifying, proof size, peak memory; then loading of keys, and the trees.\n\n\
        CPU-seconds per transaction are those of inner, outer and root verifier, witness generation included, for a \
        rollup whose slots are all filled: (M × one full inner + outer + root) ÷ (N × M). Client proofs and wraps are \
        apart. `meze demo` measures whole rollups instead."
)]
pub struct RollupArgs {
    /// One small shape, each proof once
    #[arg(long)]
    quick: bool,

    /// Shapes, such as 4x3
    #[arg(long, value_name = "NxM", value_delimiter = ',', value_parser = shape, default_value = "2x2,5x3,11x7")]
    shapes: Vec<Shape>,

    /// How often each proof is made [default: 3, quick 1]
    #[arg(long, value_name = "COUNT")]
    repeat: Option<usize>,

    /// How circuits are built; the shape here is that of --quick.
    #[command(flatten)]
    circuits: CircuitArgs,
}

fn shape(text: &str) -> Result<Shape, String> {
    let numbers = text.split_once(['x', '×']).and_then(|(n, m)| Some((n.parse().ok()?, m.parse().ok()?)));
    let (inner, outer) = numbers.ok_or_else(|| "a shape is written NxM, such as 4x3".to_owned())?;
    Shape::new(inner, outer).map_err(|error| error.to_string())
}

/// A shape with its cost by transaction.
#[derive(Debug, Serialize)]
struct ShapeReport {
    shape: Shape,
    circuits: Vec<CircuitReport>,
    /// Inner, outer and root verifier, by transaction of a full rollup.
    cpu_seconds_per_transaction: f64,
    fill: f64,
    inner_peak_rss_bytes: u64,
    /// Loading the three keys of the provider and the wrap key from disk.
    key_load_seconds: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    proverless: bool,
    machine: Machine,
    repeat: usize,
    client: Vec<CircuitReport>,
    /// A join-split with its wrap.
    client_cpu_seconds: f64,
    client_peak_rss_bytes: u64,
    shapes: Vec<ShapeReport>,
    trees: Vec<TreeReport>,
}

/// Measures everything.
pub(super) fn run(args: &RollupArgs, console: Console) -> Result<()> {
    let work = tempfile::Builder::new().prefix("meze-bench-").tempdir()?;
    let repeat = args.repeat.unwrap_or(if args.quick { 1 } else { 3 }).max(1);
    let quick = if args.quick { vec![args.circuits.shape()?] } else { Vec::new() };
    let shapes = if args.quick { &quick } else { &args.shapes };
    let settings =
        CircuitArgs { persist: true, lazy_init: true, data_dir: work.path().to_owned(), ..args.circuits.clone() };
    let report = measure(&settings, shapes, repeat, work.path(), console)?;
    show(&report, console);
    console.object(&report);
    Ok(())
}

fn measure(settings: &CircuitArgs, shapes: &[Shape], repeat: usize, work: &Path, console: Console) -> Result<Report> {
    let most = shapes.iter().map(Shape::inner).max().unwrap_or(DEFAULT_INNER * DEFAULT_OUTER);
    let bench = circuits::Bench { settings, repeat, work, console };
    let (client, wrapped) = bench.clients(most)?;
    let mut reports = Vec::new();
    for shape in shapes {
        let circuits = bench.provider(*shape, &wrapped)?;
        let [inner, outer, root] = [0, 1, 2].map(|place| circuits[place].prove_cpu_seconds);
        let total = inner * shape.outer() as f64 + outer + root;
        reports.push(ShapeReport {
            shape: *shape,
            cpu_seconds_per_transaction: total / shape.slots() as f64,
            fill: 1.0,
            inner_peak_rss_bytes: circuits[0].peak_rss_bytes,
            key_load_seconds: circuits.iter().map(|circuit| circuit.load_seconds).sum(),
            circuits,
        });
    }
    console.note("trees");
    let of = |name: &'static str| client.iter().filter(move |report| report.circuit == name);
    let transaction = || of("join-split").chain(of("wrap"));
    Ok(Report {
        ok: true,
        proverless: settings.proverless,
        machine: Machine::this(),
        repeat,
        client_cpu_seconds: transaction().map(|report| report.prove_cpu_seconds).sum(),
        client_peak_rss_bytes: transaction().map(|report| report.peak_rss_bytes).max().unwrap_or(0),
        client,
        shapes: reports,
        trees: trees::run(work, repeat)?,
    })
}

fn show(report: &Report, console: Console) {
    if report.proverless {
        console.say("MOCK (PROVERLESS): constraints were checked, nothing was proved; these are no figures of proofs");
    }
    console.say(&report.machine);
    console.say(format!("each proof {} times; medians, with the spread of wall seconds", report.repeat));
    console.say("");
    let mut rows = vec![CircuitReport::head()];
    rows.extend(report.client.iter().map(|circuit| circuit.row("")));
    for shape in &report.shapes {
        let name = format!(" {}x{}", shape.shape.inner(), shape.shape.outer());
        rows.extend(shape.circuits.iter().map(|circuit| circuit.row(&name)));
    }
    table(&rows).iter().for_each(|line| console.say(line));
    console.say("");
    let mut rows =
        vec![["shape", "fill", "CPU-s by transaction", "inner peak", "keys load"].map(str::to_owned).to_vec()];
    rows.extend(report.shapes.iter().map(|shape| {
        vec![
            format!("{} × {}", shape.shape.inner(), shape.shape.outer()),
            format!("{:.0} %", 100.0 * shape.fill),
            format!("{:.2}", shape.cpu_seconds_per_transaction),
            bytes(shape.inner_peak_rss_bytes),
            format!("{:.1} s", shape.key_load_seconds),
        ]
    }));
    table(&rows).iter().for_each(|line| console.say(line));
    console.say("");
    console.say(format!(
        "client transaction with its wrap: {:.2} CPU-s, {}",
        report.client_cpu_seconds,
        bytes(report.client_peak_rss_bytes)
    ));
    for tree in &report.trees {
        console
            .say(format!("{} transactions into the trees ({}): {:.3} s", tree.transactions, tree.store, tree.seconds));
    }
}
