//! What a worker counts: read by its metrics page, by operators' dashboards, and by tests that count how
//! often a task was proved.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::{
    Counter, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};
use proving::id::TaskId;
use proving::kind::Kind;
use proving::lease::{Cause, Token, Usage};
use serde::Serialize;

use crate::error::WorkerError;

/// The starts of so many tasks are remembered, the latest ones.
const REMEMBERED_TASKS: usize = 4096;

/// Proofs take from hundredths of a second to hours.
const DURATION_BUCKETS: [f64; 12] = [0.05, 0.2, 1.0, 5.0, 15.0, 60.0, 180.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0];

/// The counters of one worker. Clones count together.
#[derive(Clone)]
pub struct Counters(Arc<Inner>);

struct Inner {
    registry: Registry,
    starts: Mutex<Starts>,
    proofs: IntCounterVec,
    failures: IntCounterVec,
    started: IntCounter,
    deaths: IntCounterVec,
    child_starts: IntCounter,
    recycled: IntCounter,
    reconnects: IntCounter,
    busy: Counter,
    available: Counter,
    cpu: Counter,
    duration: HistogramVec,
    peak: IntGauge,
    resident: IntGauge,
    ready: IntGauge,
}

/// How often each task's proof was started here, and the file that this is written to.
#[derive(Default)]
struct Starts {
    by_task: HashMap<TaskId, u64>,
    order: VecDeque<TaskId>,
    log: Option<File>,
}

/// One line of the log of starts.
#[derive(Serialize)]
struct StartLine<'a> {
    task: &'a TaskId,
    token: Token,
    kind: &'a Kind,
    pid: u32,
    unix_ms: u64,
}

/// What was counted, at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// Proofs made.
    pub proofs: u64,
    /// Proofs started.
    pub started: u64,
    /// Attempts without a proof, by cause.
    pub failures: BTreeMap<Cause, u64>,
    /// Children that died or had to be ended, by cause.
    pub deaths: BTreeMap<Cause, u64>,
    /// Children that were started.
    pub child_starts: u64,
    /// Children that were replaced after many proofs or for their size.
    pub recycled: u64,
    /// Connections that were lost.
    pub reconnects: u64,
    /// Seconds in which a proof ran.
    pub busy_seconds: f64,
    /// Seconds in which a child was ready, busy or not.
    pub available_seconds: f64,
    /// CPU of all proofs.
    pub cpu_seconds: f64,
    /// The largest resident set of any proof.
    pub peak_memory_bytes: u64,
}

impl Counters {
    /// Counters at zero; every start of a task's proof is also appended to `starts_log` as a line of JSON.
    ///
    /// # Errors
    /// [`WorkerError::StartsLog`] where the file cannot be opened.
    pub fn new(starts_log: Option<&Path>) -> Result<Self, WorkerError> {
        let log = starts_log.map(|path| {
            File::options()
                .create(true)
                .append(true)
                .open(path)
                .map_err(|source| WorkerError::StartsLog { path: path.display().to_string(), source })
        });
        let starts = Starts { log: log.transpose()?, ..Starts::default() };
        let registry = Registry::new_custom(Some("meze_worker".to_owned()), None)?;
        let own = &registry;
        let by_kind = HistogramOpts::new("proof_duration_seconds", "Time that a proof took, by kind.");
        let inner = Inner {
            starts: Mutex::new(starts),
            proofs: vec(own, "proofs_total", "Proofs that were made, by kind.", "kind")?,
            failures: vec(own, "failures_total", "Attempts that ended without a proof, by cause.", "cause")?,
            started: counter(own, "proof_starts_total", "Proofs that were started.")?,
            deaths: vec(own, "child_deaths_total", "Prover children that died or were ended, by cause.", "cause")?,
            child_starts: counter(own, "child_starts_total", "Prover children that were started.")?,
            recycled: counter(own, "child_recycled_total", "Prover children that were replaced while idle.")?,
            reconnects: counter(own, "reconnects_total", "Connections to dispatch that were lost.")?,
            busy: seconds(own, "busy_seconds_total", "Time in which a proof ran.")?,
            available: seconds(own, "available_seconds_total", "Time in which the prover was ready, busy or not.")?,
            cpu: seconds(own, "cpu_seconds_total", "CPU time of all proofs.")?,
            duration: register(own, HistogramVec::new(by_kind.buckets(DURATION_BUCKETS.to_vec()), &["kind"])?)?,
            peak: gauge(own, "peak_memory_bytes", "Largest resident set of any proof.")?,
            resident: gauge(own, "child_resident_memory_bytes", "Resident set of the prover child.")?,
            ready: gauge(own, "ready", "Whether the prover is ready: 1 or 0.")?,
            registry,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The registry that they are in, to add others.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Everything in the text form of Prometheus.
    ///
    /// # Errors
    /// [`WorkerError::Metrics`], which only another metric of the registry can cause.
    pub fn text(&self) -> Result<String, WorkerError> {
        Ok(TextEncoder::new().encode_to_string(&self.0.registry.gather())?)
    }

    /// How often the proof of `task` was started here, for the latest 4096 tasks.
    pub fn starts_of(&self, task: &TaskId) -> u64 {
        let starts = self.0.starts.lock().unwrap_or_else(PoisonError::into_inner);
        starts.by_task.get(task).copied().unwrap_or(0)
    }

    /// What was counted so far.
    pub fn snapshot(&self) -> Snapshot {
        let Inner { proofs, failures, deaths, .. } = &*self.0;
        let by_cause = |vec: &IntCounterVec| {
            let count = |cause: &Cause| vec.with_label_values(&[cause.name()]).get();
            Cause::ALL.iter().map(|cause| (*cause, count(cause))).filter(|(_, count)| *count > 0).collect()
        };
        let families = prometheus::core::Collector::collect(proofs);
        let made: f64 =
            families.iter().flat_map(|family| family.get_metric()).map(|one| one.get_counter().get_value()).sum();
        Snapshot {
            proofs: made as u64,
            started: self.0.started.get(),
            failures: by_cause(failures),
            deaths: by_cause(deaths),
            child_starts: self.0.child_starts.get(),
            recycled: self.0.recycled.get(),
            reconnects: self.0.reconnects.get(),
            busy_seconds: self.0.busy.get(),
            available_seconds: self.0.available.get(),
            cpu_seconds: self.0.cpu.get(),
            peak_memory_bytes: u64::try_from(self.0.peak.get()).unwrap_or(0),
        }
    }

    pub(crate) fn proof_started(&self, kind: &Kind, task: Option<(TaskId, Token)>, pid: u32) {
        self.0.started.inc();
        let Some((task, token)) = task else { return };
        let mut starts = self.0.starts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = starts.by_task.entry(task).or_default();
        *known += 1;
        if *known == 1 {
            starts.order.push_back(task);
        }
        if starts.order.len() > REMEMBERED_TASKS
            && let Some(oldest) = starts.order.pop_front()
        {
            starts.by_task.remove(&oldest);
        }
        let Some(log) = &mut starts.log else { return };
        let unix_ms = unix_ms();
        let line = serde_json::to_string(&StartLine { task: &task, token, kind, pid, unix_ms }).unwrap_or_default();
        // In one write, so that the lines of two workers on one file stay whole.
        if let Err(error) = log.write_all(format!("{line}\n").as_bytes()) {
            tracing::warn!(%error, "the log of starts cannot be written");
        }
    }

    pub(crate) fn proof_ended(&self, kind: &Kind, usage: &Usage, failure: Option<Cause>) {
        match failure {
            None => {
                self.0.proofs.with_label_values(&[kind.as_str()]).inc();
                self.0.duration.with_label_values(&[kind.as_str()]).observe(usage.wall_ms as f64 / 1e3);
            }
            Some(cause) => self.0.failures.with_label_values(&[cause.name()]).inc(),
        }
        self.0.cpu.inc_by(usage.cpu_ms as f64 / 1e3);
        self.0.peak.set(self.0.peak.get().max(signed(usage.peak_memory_bytes)));
    }

    pub(crate) fn child_started(&self) {
        self.0.child_starts.inc();
    }

    pub(crate) fn child_died(&self, cause: Cause) {
        self.0.deaths.with_label_values(&[cause.name()]).inc();
    }

    pub(crate) fn child_recycled(&self) {
        self.0.recycled.inc();
    }

    pub(crate) fn connection_lost(&self) {
        self.0.reconnects.inc();
    }

    pub(crate) fn was_available(&self, time: Duration, busy: bool) {
        self.0.available.inc_by(time.as_secs_f64());
        if busy {
            self.0.busy.inc_by(time.as_secs_f64());
        }
    }

    pub(crate) fn ready(&self, ready: bool) {
        self.0.ready.set(i64::from(ready));
    }

    pub(crate) fn resident(&self, bytes: u64) {
        self.0.resident.set(signed(bytes));
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn register<T: prometheus::core::Collector + Clone + 'static>(to: &Registry, metric: T) -> Result<T, WorkerError> {
    to.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn counter(to: &Registry, name: &str, help: &str) -> Result<IntCounter, WorkerError> {
    register(to, IntCounter::new(name, help)?)
}

fn seconds(to: &Registry, name: &str, help: &str) -> Result<Counter, WorkerError> {
    register(to, Counter::new(name, help)?)
}

fn gauge(to: &Registry, name: &str, help: &str) -> Result<IntGauge, WorkerError> {
    register(to, IntGauge::new(name, help)?)
}

fn vec(to: &Registry, name: &str, help: &str, label: &str) -> Result<IntCounterVec, WorkerError> {
    register(to, IntCounterVec::new(Opts::new(name, help), &[label])?)
}

/// Milliseconds since the Unix epoch, by this machine's clock.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(number: u64) -> TaskId {
        TaskId::from_bytes(*blake3::hash(&number.to_be_bytes()).as_bytes())
    }

    #[test]
    fn starts_are_counted_by_task_and_logged_a_line_each() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("starts");
        let counters = Counters::new(Some(&path)).unwrap();
        for token in 1..=2 {
            counters.proof_started(&Kind::ROLLUP_INNER, Some((task(1), Token(token))), 7);
        }
        counters.proof_started(&Kind::ROLLUP_INNER, None, 7);
        assert_eq!((counters.starts_of(&task(1)), counters.starts_of(&task(2))), (2, 0));
        assert_eq!(counters.snapshot().started, 3);
        let log = std::fs::read_to_string(path).unwrap();
        let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["task"], task(1).to_string());
        assert_eq!(lines[1]["token"], 2);
    }

    #[test]
    fn only_the_latest_tasks_are_remembered() {
        let counters = Counters::new(None).unwrap();
        for number in 0..5000 {
            counters.proof_started(&Kind::ROLLUP_INNER, Some((task(number), Token(number))), 7);
        }
        assert_eq!((counters.starts_of(&task(0)), counters.starts_of(&task(4999))), (0, 1));
    }

    #[test]
    fn a_snapshot_shows_what_was_counted() {
        let counters = Counters::new(None).unwrap();
        let usage = Usage { wall_ms: 1000, cpu_ms: 1500, peak_memory_bytes: 42 };
        counters.proof_ended(&Kind::ROLLUP_INNER, &usage, None);
        counters.proof_ended(&Kind::ROLLUP_OUTER, &usage, None);
        counters.proof_ended(&Kind::ROLLUP_INNER, &usage, Some(Cause::Panic));
        counters.child_died(Cause::Panic);
        let shown = counters.snapshot();
        assert_eq!((shown.proofs, shown.cpu_seconds, shown.peak_memory_bytes), (2, 4.5, 42));
        assert_eq!(shown.failures, BTreeMap::from([(Cause::Panic, 1)]));
        assert_eq!(shown.deaths, BTreeMap::from([(Cause::Panic, 1)]));
        assert!(counters.text().unwrap().contains("meze_worker_proofs_total{kind=\"rollup.inner\"} 1"));
    }
}
