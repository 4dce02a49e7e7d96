//! The dispatcher's numbers, for Prometheus.
//!
//! Counters count on as things become durable; gauges are of the moment of the scrape. Labels are bounded: kinds are
//! those that the dispatcher knows, and of owners, the first [`OWNERS`] have a name of their own.

mod maker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dispatch::model::{Job, JobState, Phase, TaskSpec};
use dispatch::record::Record;
use dispatch::state::State;
use dispatch::time::Time;
use prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Registry,
    TextEncoder,
};
use proving::kind::Kind;
use proving::lease::{Cause, Usage};
use transport::http::{Refusal, Scope};

use maker::{COST, LONG, MEMORY, Maker, QUICK, WAIT};

/// So many owners are told apart; the rest count together.
const OWNERS: usize = 100;

/// The owner that the rest counts as.
const REST: &str = "other";

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
    proof_cpu: HistogramVec,
    proof_memory: HistogramVec,
    cpu: CounterVec,
    failures: IntCounterVec,
    retries: IntCounterVec,
    refusals: IntCounterVec,
    leases_lost: IntCounterVec,
    dead_lettered: IntCounterVec,
    busy: CounterVec,
    available: CounterVec,
    fleet_busy: Counter,
    fleet_available: Counter,
    jobs_ended: IntCounterVec,
    money: Option<Money>,
    append: Histogram,
    append_bytes: IntCounter,
    pub(crate) store_failures: IntCounter,
    tokens_refused: IntCounterVec,
    requests_refused: IntCounterVec,
    stale_reports: IntCounter,
    pub(crate) messages_refused: IntCounter,
    known: Vec<Kind>,
    owners: Mutex<BTreeSet<String>>,
    /// Up to when the time of workers is counted.
    passed: Mutex<Option<Time>>,
}

/// What things cost, where a price is set.
#[derive(Debug)]
struct Money {
    /// Of a CPU-hour.
    price: f64,
    by_owner: CounterVec,
    by_job: Histogram,
}

impl Metrics {
    pub(crate) fn new(known: Vec<Kind>, price: Option<f64>) -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("meze_dispatcher".to_owned()), None)?;
        let make = Maker { registry: &registry };
        let money = |price| {
            let by_owner = make.counters("cost_total", "What attempts cost, by owner.", &["owner"])?;
            let by_job = make.histogram("job_cost", "What jobs cost that are over.", &COST)?;
            Ok::<_, prometheus::Error>(Money { price, by_owner, by_job })
        };
        Ok(Self {
            tasks: make.int_gauges("tasks", "Tasks by kind and how they stand.", &["kind", "state"])?,
            oldest: make.gauges("oldest_ready_seconds", "How long the oldest ready task waits.", &["kind"])?,
            demand: make.int_gauges(
                "demand_tasks",
                "Ready and running tasks: what a fleet is scaled by.",
                &["kind"],
            )?,
            jobs: make.int_gauges("open_jobs", "Jobs that run.", &["owner"])?,
            workers: make.int_gauges(
                "workers",
                "Connected workers by kind and whether they work.",
                &["kind", "state"],
            )?,
            dead: make.gauge("dead_letters", "Tasks that are tried no more.")?,
            latency: make.histograms(
                "dispatch_latency_seconds",
                "From a task being ready to its offer being handed to a worker.",
                &["kind"],
                &WAIT,
            )?,
            proof_seconds: make.histograms("proof_seconds", "Wall time of proofs that count.", &["kind"], &LONG)?,
            proof_cpu: make.histograms("proof_cpu_seconds", "CPU of proofs that count.", &["kind"], &LONG)?,
            proof_memory: make.histograms("proof_memory_bytes", "Peak memory of proofs.", &["kind"], &MEMORY)?,
            cpu: make.counters("cpu_seconds_total", "CPU of attempts, failed ones too.", &["kind"])?,
            failures: make.int_counters("attempts_failed_total", "Attempts without a proof.", &["kind", "cause"])?,
            retries: make.int_counters("retries_total", "Failed attempts that are tried again.", &["kind", "cause"])?,
            refusals: make.int_counters("verification_refusals_total", "Proofs that do not verify.", &["kind"])?,
            leases_lost: make.int_counters("leases_lost_total", "Leases that were lost on the way.", &["cause"])?,
            dead_lettered: make.int_counters("dead_lettered_total", "Tasks given up.", &["kind"])?,
            busy: make.counters("worker_busy_seconds_total", "Time that workers held tasks of a kind.", &["kind"])?,
            available: make.counters(
                "worker_available_seconds_total",
                "Time that workers for a kind were there, draining and suspended ones left out.",
                &["kind"],
            )?,
            fleet_busy: make.float_counter("fleet_busy_seconds_total", "Time that workers held any task.")?,
            fleet_available: make.float_counter(
                "fleet_available_seconds_total",
                "Time that workers were there, draining and suspended ones left out.",
            )?,
            jobs_ended: make.int_counters("jobs_ended_total", "Jobs by how they ended.", &["state"])?,
            money: price.map(money).transpose()?,
            append: make.histogram("store_append_seconds", "Making a batch durable.", &QUICK)?,
            append_bytes: make.counter("store_appended_bytes_total", "Bytes made durable.")?,
            store_failures: make.counter("store_failures_total", "Failures of the store.")?,
            tokens_refused: make.int_counters("tokens_refused_total", "Requests sent away.", &["scope", "reason"])?,
            requests_refused: make.int_counters("requests_refused_total", "Requests without sense.", &["status"])?,
            stale_reports: make.counter("stale_reports_total", "Proofs and failures under a token that is stale.")?,
            messages_refused: make
                .counter("messages_refused_total", "Messages of the broker that were dead-lettered.")?,
            known,
            owners: Mutex::default(),
            passed: Mutex::default(),
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

    /// A request was sent away.
    pub(crate) fn refused(&self, scope: Scope, refusal: Refusal) {
        self.tokens_refused.with_label_values(&[scope.name(), refusal.name()]).inc();
    }

    /// A request was refused for what it says.
    pub(crate) fn request_refused(&self, status: u16) {
        self.requests_refused.with_label_values(&[&status.to_string()]).inc();
    }

    /// A worker reported under a token that is not that of the lease.
    pub(crate) fn stale_report(&self) {
        self.stale_reports.inc();
    }

    /// Records became durable.
    pub(crate) fn records(&self, state: &State, records: &[Record]) {
        for (index, record) in records.iter().enumerate() {
            match record {
                Record::Accepted { task, usage, .. } => {
                    let Some(task) = state.durable().tasks.get(task) else { continue };
                    let kind = [task.spec.class.kind.as_str()];
                    self.proof_seconds.with_label_values(&kind).observe(usage.wall_ms as f64 / 1000.0);
                    self.proof_cpu.with_label_values(&kind).observe(usage.cpu_ms as f64 / 1000.0);
                    self.proof_memory.with_label_values(&kind).observe(usage.peak_memory_bytes as f64);
                    self.spent(&task.spec, task.owner.as_str(), usage);
                }
                Record::Ended { task: id, failure, .. } => {
                    if matches!(failure.cause, Cause::Disconnected | Cause::Expired) {
                        self.leases_lost.with_label_values(&[failure.cause.name()]).inc();
                    }
                    let Some(task) = state.durable().tasks.get(id) else { continue };
                    let labels = [task.spec.class.kind.as_str(), failure.cause.name()];
                    self.failures.with_label_values(&labels).inc();
                    if failure.cause == Cause::Refused {
                        self.refusals.with_label_values(&labels[..1]).inc();
                    }
                    // The attempt that makes a task a dead letter is followed by that at once.
                    if !matches!(records.get(index + 1), Some(Record::Died { task }) if task == id) {
                        self.retries.with_label_values(&labels).inc();
                    }
                    self.spent(&task.spec, task.owner.as_str(), &failure.usage);
                }
                Record::Died { task } => {
                    let Some(task) = state.durable().tasks.get(task) else { continue };
                    self.dead_lettered.with_label_values(&[task.spec.class.kind.as_str()]).inc();
                }
                Record::JobEnded { job, state: ended, .. } => self.ended(state.durable().jobs.get(job), ended),
                _ => {}
            }
        }
    }

    fn ended(&self, job: Option<&Job>, state: &JobState) {
        let name = match state {
            JobState::Open => "open",
            JobState::Done => "done",
            JobState::Failed { .. } => "failed",
            JobState::Cancelled => "cancelled",
        };
        self.jobs_ended.with_label_values(&[name]).inc();
        if let (Some(money), Some(job)) = (&self.money, job) {
            money.by_job.observe(job.cpu_ms as f64 / 3_600_000.0 * money.price);
        }
    }

    fn spent(&self, spec: &TaskSpec, owner: &str, usage: &Usage) {
        let seconds = usage.cpu_ms as f64 / 1000.0;
        self.cpu.with_label_values(&[spec.class.kind.as_str()]).inc_by(seconds);
        if let Some(money) = &self.money {
            money.by_owner.with_label_values(&[&self.owner(owner)]).inc_by(seconds / 3600.0 * money.price);
        }
    }

    /// An owner's label: its own name, unless there are too many.
    fn owner(&self, name: &str) -> String {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if !owners.contains(name) {
            if owners.len() >= OWNERS {
                return REST.to_owned();
            }
            owners.insert(name.to_owned());
        }
        name.to_owned()
    }

    /// Time passed: what workers did in it counts as what they do now.
    pub(crate) fn passed(&self, state: &State) {
        let now = state.now();
        let before = self.passed.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        let Some(seconds) = before.map(|before| now.ms_since(before) as f64 / 1000.0) else { return };
        for (_, session) in state.sessions().filter(|(_, session)| !session.pool) {
            if !session.holding.is_empty() {
                self.fleet_busy.inc_by(seconds);
            }
            for task in session.holding.iter().filter_map(|id| state.durable().tasks.get(id)) {
                self.busy.with_label_values(&[task.spec.class.kind.as_str()]).inc_by(seconds);
            }
            if session.draining || state.suspended(&session.worker) {
                continue;
            }
            self.fleet_available.inc_by(seconds);
            for kind in session.kinds(state).iter().filter(|kind| self.known.contains(kind)) {
                self.available.with_label_values(&[kind.as_str()]).inc_by(seconds);
            }
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
            self.jobs.with_label_values(&[&self.owner(job.owner.as_str())]).inc();
        }
        for (_, session) in state.sessions().filter(|(_, session)| !session.pool) {
            let name = if session.holding.is_empty() { "idle" } else { "busy" };
            for kind in session.kinds(state).iter().filter(|kind| self.known.contains(kind)) {
                self.workers.with_label_values(&[kind.as_str(), name]).inc();
            }
        }
    }

    /// The text that is scraped.
    pub(crate) fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}
