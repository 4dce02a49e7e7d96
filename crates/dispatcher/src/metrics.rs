//! The dispatcher's numbers, for Prometheus.
//!
//! Counters count on as things become durable; gauges are of the moment of the scrape. Kinds are the only
//! label that askers choose, and the dispatcher takes known kinds only, so the number of series is bounded.

use std::collections::BTreeMap;
use std::time::Duration;

use dispatch::model::{JobState, Phase, TaskSpec};
use dispatch::record::Record;
use dispatch::state::State;
use prometheus::{
    CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts,
    Registry, TextEncoder,
};
use proving::kind::Kind;
use proving::lease::Cause;

/// All of them.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    tasks: IntGaugeVec,
    oldest: GaugeVec,
    demand: IntGaugeVec,
    jobs: IntGaugeVec,
    workers: IntGaugeVec,
    dead: Gauge,
    latency: HistogramVec,
    proof_seconds: HistogramVec,
    proof_cpu: CounterVec,
    proof_memory: HistogramVec,
    proofs: IntCounterVec,
    failures: IntCounterVec,
    leases_lost: IntCounterVec,
    jobs_ended: IntCounterVec,
    job_cost: CounterVec,
    price: Option<f64>,
    append: Histogram,
    append_bytes: IntCounter,
    pub(crate) store_failures: IntCounter,
    pub(crate) tokens_refused: IntCounterVec,
    known: Vec<Kind>,
}

/// From a tenth of a millisecond to ten seconds.
const QUICK: [f64; 15] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// From half a second to half a day.
const LONG: [f64; 14] = [0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0, 3600.0, 14400.0, 43200.0];
/// From 64 MiB to 256 GiB.
const MEMORY: [f64; 13] = {
    let mut bounds = [0.0; 13];
    let mut index = 0;
    while index < bounds.len() {
        bounds[index] = (1u64 << (26 + index)) as f64;
        index += 1;
    }
    bounds
};

impl Metrics {
    pub(crate) fn new(known: Vec<Kind>, price: Option<f64>) -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("meze_dispatcher".to_owned()), None)?;
        let make = Maker { registry: &registry };
        Ok(Self {
            tasks: make.int_gauges("tasks", "Tasks by kind and how they stand.", &["kind", "state"])?,
            oldest: make.gauges("oldest_ready_seconds", "How long the oldest ready task waits.", &["kind"])?,
            demand: make.int_gauges("demand_tasks", "Ready and running tasks: what a fleet is scaled by.", &["kind"])?,
            jobs: make.int_gauges("open_jobs", "Jobs that run.", &["owner"])?,
            workers: make.int_gauges("workers", "Connected workers by kind and whether they work.", &["kind", "state"])?,
            dead: make.gauge("dead_letters", "Tasks that are tried no more.")?,
            latency: make.histograms(
                "dispatch_latency_seconds",
                "From a task being ready to its offer being handed to a worker, for workers that waited and ones that came later.",
                &["kind"],
                &QUICK,
            )?,
            proof_seconds: make.histograms("proof_seconds", "Wall time of proofs.", &["kind"], &LONG)?,
            proof_cpu: make.counters("proof_cpu_seconds_total", "CPU of attempts, failed ones too.", &["kind"])?,
            proof_memory: make.histograms("proof_memory_bytes", "Peak memory of proofs.", &["kind"], &MEMORY)?,
            proofs: make.int_counters("proofs_total", "Proofs that count.", &["kind"])?,
            failures: make.int_counters("attempts_failed_total", "Attempts without a proof.", &["kind", "cause"])?,
            leases_lost: make.int_counters("leases_lost_total", "Leases that were lost on the way.", &["cause"])?,
            jobs_ended: make.int_counters("jobs_ended_total", "Jobs by how they ended.", &["state"])?,
            job_cost: make.counters("cost_total", "What attempts cost, by owner, where a price is set.", &["owner"])?,
            append: make.histogram("store_append_seconds", "Making a batch durable.", &QUICK)?,
            append_bytes: make.counter("store_appended_bytes_total", "Bytes made durable.")?,
            store_failures: make.counter("store_failures_total", "Failures of the store.")?,
            tokens_refused: make.int_counters("tokens_refused_total", "Requests sent away.", &["scope", "reason"])?,
            price,
            known,
            registry,
        })
    }

    /// A batch was made durable.
    pub(crate) fn kept(&self, took: Duration, bytes: usize) {
        self.append.observe(took.as_secs_f64());
        self.append_bytes.inc_by(bytes as u64);
    }

    /// A task was handed to a worker.
    pub(crate) fn offered(&self, kind: &Kind, waited_us: u64) {
        self.latency.with_label_values(&[kind.as_str()]).observe(waited_us as f64 / 1e6);
    }

    /// Records became durable.
    pub(crate) fn records(&self, state: &State, records: &[Record]) {
        for record in records {
            match record {
                Record::Accepted { task, usage, .. } => {
                    let Some(task) = state.durable().tasks.get(task) else { continue };
                    let kind = [task.spec.class.kind.as_str()];
                    self.proofs.with_label_values(&kind).inc();
                    self.proof_seconds.with_label_values(&kind).observe(usage.wall_ms as f64 / 1000.0);
                    self.proof_memory.with_label_values(&kind).observe(usage.peak_memory_bytes as f64);
                    self.spent(&task.spec, task.owner.as_str(), usage.cpu_ms);
                }
                Record::Ended { task, failure, .. } => {
                    if matches!(failure.cause, Cause::Disconnected | Cause::Expired) {
                        self.leases_lost.with_label_values(&[failure.cause.name()]).inc();
                    }
                    let Some(task) = state.durable().tasks.get(task) else { continue };
                    let labels = [task.spec.class.kind.as_str(), failure.cause.name()];
                    self.failures.with_label_values(&labels).inc();
                    self.spent(&task.spec, task.owner.as_str(), failure.usage.cpu_ms);
                }
                Record::JobEnded { state, .. } => {
                    let name = match state {
                        JobState::Open => "open",
                        JobState::Done => "done",
                        JobState::Failed { .. } => "failed",
                        JobState::Cancelled => "cancelled",
                    };
                    self.jobs_ended.with_label_values(&[name]).inc();
                }
                _ => {}
            }
        }
    }

    fn spent(&self, spec: &TaskSpec, owner: &str, cpu_ms: u64) {
        let seconds = cpu_ms as f64 / 1000.0;
        self.proof_cpu.with_label_values(&[spec.class.kind.as_str()]).inc_by(seconds);
        if let Some(hour) = self.price {
            self.job_cost.with_label_values(&[owner]).inc_by(seconds / 3600.0 * hour);
        }
    }

    /// Sets the gauges to how things stand.
    pub(crate) fn observe(&self, state: &State) {
        self.tasks.reset();
        self.oldest.reset();
        self.demand.reset();
        self.jobs.reset();
        self.workers.reset();
        // A kind without demand still has a series: an autoscaler must see the zero.
        for kind in &self.known {
            self.demand.with_label_values(&[kind.as_str()]).set(0);
        }
        let mut counts: BTreeMap<(&Kind, &str), i64> = BTreeMap::new();
        let mut dead = 0;
        for task in state.durable().tasks.values() {
            let name = match &task.phase {
                Phase::Idle => "idle",
                Phase::Queued if task.missing > 0 => "waiting",
                Phase::Queued => "ready",
                Phase::Leased { .. } => "running",
                Phase::Done(_) => "done",
                Phase::Dead => "dead",
            };
            dead += u32::from(task.phase == Phase::Dead);
            *counts.entry((&task.spec.class.kind, name)).or_default() += 1;
        }
        for ((kind, name), count) in counts {
            self.tasks.with_label_values(&[kind.as_str(), name]).set(count);
            if matches!(name, "ready" | "running") {
                self.demand.with_label_values(&[kind.as_str()]).add(count);
            }
        }
        self.dead.set(f64::from(dead));
        let mut oldest: BTreeMap<&Kind, u64> = BTreeMap::new();
        for (id, since) in state.ready() {
            let Some(task) = state.durable().tasks.get(id) else { continue };
            let age = state.now().ms_since(since);
            let entry = oldest.entry(&task.spec.class.kind).or_default();
            *entry = age.max(*entry);
        }
        for (kind, age) in oldest {
            self.oldest.with_label_values(&[kind.as_str()]).set(age as f64 / 1000.0);
        }
        for job in state.durable().jobs.values().filter(|job| job.open()) {
            self.jobs.with_label_values(&[job.owner.as_str()]).inc();
        }
        for (_, session) in state.sessions().filter(|(_, session)| !session.pool) {
            let name = if session.holding.is_empty() { "idle" } else { "busy" };
            for kind in session.kinds(state) {
                self.workers.with_label_values(&[kind.as_str(), name]).inc();
            }
        }
    }

    /// The text that is scraped.
    pub(crate) fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

/// Makes and registers.
struct Maker<'a> {
    registry: &'a Registry,
}

impl Maker<'_> {
    fn keep<C: prometheus::core::Collector + Clone + 'static>(&self, made: C) -> Result<C, prometheus::Error> {
        self.registry.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
        self.keep(Gauge::new(name, help)?)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.keep(IntCounter::new(name, help)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, prometheus::Error> {
        self.keep(GaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn int_gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
        self.keep(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<CounterVec, prometheus::Error> {
        self.keep(CounterVec::new(Opts::new(name, help), labels)?)
    }

    fn int_counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.keep(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, prometheus::Error> {
        self.keep(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        self.keep(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?)
    }
}
