//! `meze bench dispatch`: what the fabric itself costs, with proofs that only sleep.
//!
//! The dispatcher is a process of its own, and its CPU and memory are its alone. Workers and asker are tasks of this
//! process and speak HTTP over loopback. Latencies are taken at their end, so they hold everything: the asker's request
//! or the worker's result, the disk, and the way of the offer to the worker.

mod disk;
mod faults;
mod fleet;
mod lag;
mod load;
mod server;
mod shares;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;
use terminal::{Console, Machine};

use self::server::Server;
use super::stats::{self, median, spread};

/// What the fabric costs: latency, throughput, memory, fairness and recovery, with proofs that sleep
#[derive(Debug, Clone, Args)]
pub struct DispatchArgs {
    /// The durable store that is measured: a SQLite file of its own, or the schema meze_bench, which is made anew each
    /// time, of postgres://… [default: sqlite]
    #[arg(long, value_name = "URL", hide_env_values = true)]
    store: Option<String>,

    /// Seconds of each measurement, over all its runs
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,

    /// Runs of each measurement: the median is reported, with the least and the most
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    runs: usize,

    /// For how long all cores are kept busy to look for false deaths
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    busy_seconds: u64,

    /// Only these measurements
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART,…")]
    parts: Vec<Part>,

    /// Where the stores are: the disk that is measured [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// A measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Ready task to worker, 64 idle workers, in memory.
    Memory,
    /// The same on disk, beside fdatasync.
    Durable,
    /// No-op tasks in, claimed and completed on disk.
    Throughput,
    /// 1,000 workers, 10,000 ready tasks.
    Fleet,
    /// A tree of 256 leaves on 256 workers.
    Tree,
    /// A small job beside one of 10,000 tasks.
    Small,
    /// Killed and frozen workers, cancelling, a killed dispatcher.
    Faults,
    /// Eight real workers with real children.
    Real,
    /// False deaths with all cores busy.
    Busy,
}

/// What `--json` ends with.
#[derive(Debug, Serialize)]
struct Report {
    transport: &'static str,
    store: &'static str,
    workers: usize,
    machine: Machine,
    runs: usize,
    /// What became of each of [`FIGURES`]; `null` where it was not measured.
    #[serde(flatten)]
    figures: BTreeMap<&'static str, Option<serde_json::Number>>,
    /// The least and the most of each figure over its runs.
    spread: BTreeMap<&'static str, (f64, f64)>,
}

/// Every value of each figure, one a run.
type Seen = BTreeMap<&'static str, Vec<f64>>;

/// What is measured.
struct Figure {
    name: &'static str,
    /// What was aimed at.
    target: &'static str,
    /// What of its runs counts.
    counts: Counts,
}

/// What of a figure's runs counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    /// The median.
    Median,
    /// The median, of something that has no fractions.
    Whole,
    /// The highest, of something that has no fractions.
    Worst,
}

const fn figure(name: &'static str, target: &'static str, counts: Counts) -> Figure {
    Figure { name, target, counts }
}

/// Every figure, in the order of the table. `real_workers_overhead_ratio` is of 200 sleepers of 100 ms by eight real
/// workers with real children, over the 2.5 s that they sleep.
const FIGURES: [Figure; 21] = [
    figure("memory_p50_ms", "<= 0.5", Counts::Median),
    figure("memory_p99_ms", "<= 2", Counts::Median),
    figure("fdatasync_p50_ms", "", Counts::Median),
    figure("fdatasync_p99_ms", "", Counts::Median),
    figure("durable_p50_ms", "<= fdatasync + 1.5", Counts::Median),
    figure("durable_p99_ms", "<= fdatasync + 5", Counts::Median),
    figure("durable_tasks_per_second", ">= 20000", Counts::Median),
    figure("p99_1000_workers_ms", "<= 10", Counts::Median),
    figure("completions_per_second", "1000 offered", Counts::Median),
    figure("dispatcher_cpu_cores", "<= 1", Counts::Median),
    figure("dispatcher_rss_bytes", "<= 268435456", Counts::Whole),
    figure("utilisation_ratio", ">= 0.97", Counts::Median),
    figure("tree_overhead_ratio", "<= 0.02", Counts::Median),
    figure("small_job_slowdown", "<= 2", Counts::Median),
    figure("requeue_after_kill_ms", "<= 1000", Counts::Median),
    figure("requeue_after_freeze_ms", "<= 10000", Counts::Median),
    figure("cancel_ms", "<= 1000", Counts::Median),
    figure("dispatcher_back_ms", "<= 5000", Counts::Median),
    figure("tasks_reproved", "0", Counts::Worst),
    figure("real_workers_overhead_ratio", "", Counts::Median),
    figure("false_deaths", "0", Counts::Worst),
];

impl Figure {
    /// What counts of its values; `None` where there is none.
    fn result(&self, values: &[f64]) -> Option<f64> {
        match self.counts {
            Counts::Median | Counts::Whole => median(values),
            Counts::Worst => spread(values).map(|(_, most)| most),
        }
    }

    fn number(&self, values: &[f64]) -> Option<serde_json::Number> {
        let result = self.result(values)?;
        match self.counts {
            Counts::Median => serde_json::Number::from_f64(result),
            Counts::Whole | Counts::Worst => Some((result as u64).into()),
        }
    }
}

/// Workers of most measurements.
const WORKERS: usize = 64;

/// Runs the benchmark.
///
/// # Errors
/// A process could not be started or did not do its part.
pub(super) fn run(args: &DispatchArgs, console: Console) -> Result<()> {
    crate::roles::more_files();
    let args = args.clone();
    // In a task: whoever blocks on the runtime is a thread of its own, and is woken later than its tasks are.
    crate::roles::runtime(2)?.block_on(async { tokio::spawn(measure(args, console)).await? })
}

async fn measure(args: DispatchArgs, console: Console) -> Result<()> {
    let temporary = tempfile::tempdir().context("no temporary folder")?;
    let folder = args.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder)?;
    let durable = args.store.clone();
    let wanted = |part: Part| args.parts.is_empty() || args.parts.contains(&part);
    let each = Duration::from_millis(args.seconds * 1000 / args.runs.max(1) as u64);
    let store =
        durable.as_deref().map_or("sqlite", |url| if url.starts_with("postgres") { "postgresql" } else { "sqlite" });
    let mut seen = Seen::new();
    for run in 0..args.runs {
        let mut note = |name: &'static str, value: f64| {
            console.note(format!("run {run}: {name} {value:.3}"));
            seen.entry(name).or_default().push(value);
        };
        if wanted(Part::Memory) {
            let server = Server::start(&folder, Some("memory:")).await?;
            let lag = lag::idle_workers(&server, WORKERS, each).await?;
            note("memory_p50_ms", lag.p50);
            note("memory_p99_ms", lag.p99);
        }
        if wanted(Part::Durable) {
            // Half before and half after, since the disk's neighbours come and go.
            let before = disk::fdatasync(&folder, each / 8)?;
            let server = Server::start(&folder, durable.as_deref()).await?;
            let lag = lag::idle_workers(&server, WORKERS, each).await?;
            drop(server);
            let sync = disk::join(before, disk::fdatasync(&folder, each / 8)?);
            note("fdatasync_p50_ms", sync.p50);
            note("fdatasync_p99_ms", sync.p99);
            note("durable_p50_ms", lag.p50);
            note("durable_p99_ms", lag.p99);
        }
        if wanted(Part::Throughput) {
            let server = Server::trusting(&folder, durable.as_deref()).await?;
            note("durable_tasks_per_second", load::throughput(&server, each).await?);
        }
        if wanted(Part::Fleet) {
            let server = Server::start(&folder, durable.as_deref()).await?;
            let load = load::fleet(&server, 1000, each).await?;
            note("p99_1000_workers_ms", load.p99_ms);
            note("completions_per_second", load.per_second);
            note("dispatcher_cpu_cores", load.cpu_cores);
            note("dispatcher_rss_bytes", load.rss_bytes as f64);
            note("utilisation_ratio", load.utilisation);
        }
        if wanted(Part::Tree) {
            let server = Server::start(&folder, durable.as_deref()).await?;
            note("tree_overhead_ratio", shares::tree(&server).await?);
        }
        if wanted(Part::Small) {
            let server = Server::start(&folder, durable.as_deref()).await?;
            note("small_job_slowdown", shares::small_beside_large(&server, WORKERS).await?);
        }
        if wanted(Part::Faults) {
            let mut server = Server::start(&folder, durable.as_deref()).await?;
            note("requeue_after_kill_ms", faults::killed_worker(&server).await?);
            note("requeue_after_freeze_ms", faults::frozen_worker(&server).await?);
            note("cancel_ms", faults::cancel(&server).await?);
            let back = faults::killed_dispatcher(&mut server).await?;
            note("dispatcher_back_ms", back.resumed_ms);
            note("tasks_reproved", back.reproved as f64);
        }
        if wanted(Part::Real) {
            let server = Server::start(&folder, durable.as_deref()).await?;
            note("real_workers_overhead_ratio", faults::real_workers(&server).await?);
        }
        if wanted(Part::Busy) && run == 0 {
            let server = Server::start(&folder, durable.as_deref()).await?;
            let lost = faults::busy(&server, Duration::from_secs(args.busy_seconds)).await?;
            note("false_deaths", lost as f64);
        }
    }
    let of = |figure: &Figure| (figure.name, seen.get(figure.name).and_then(|values| figure.number(values)));
    let report = Report {
        transport: "http",
        store,
        workers: WORKERS,
        machine: Machine::this(),
        runs: args.runs,
        figures: FIGURES.iter().map(of).collect(),
        spread: seen.iter().filter_map(|(name, values)| Some((*name, spread(values)?))).collect(),
    };
    show(&report, &seen, console);
    console.object(&report);
    Ok(())
}

fn show(report: &Report, seen: &Seen, console: Console) {
    let mut rows = vec![["figure", "result", "least", "most", "target"].map(str::to_owned).to_vec()];
    for figure in FIGURES {
        let Some(values) = seen.get(figure.name) else { continue };
        let (Some(result), Some((least, most))) = (figure.result(values), spread(values)) else { continue };
        let text = |value: f64| format!("{value:.3}");
        rows.push(vec![figure.name.to_owned(), text(result), text(least), text(most), figure.target.to_owned()]);
    }
    crate::text::table(&rows).iter().for_each(|line| console.say(line));
    console.say(format!("store {}, {} runs, on {}", report.store, report.runs, report.machine));
}
