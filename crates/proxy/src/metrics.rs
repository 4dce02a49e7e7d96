//! The numbers, for Prometheus: the thirteen names of the service's 0.9 line, and better ones beside them under
//! `meze_proxy_`.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

/// The 0.9 line's buckets, in seconds, and those above that proofs really take.
const OLD: [f64; 10] = [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0];

/// From a millisecond to an hour.
const FINE: [f64; 18] =
    [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];

/// All of them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub(crate) queue_size: IntGauge,
    pub(crate) queue_latency: Histogram,
    pub(crate) queue_drop_count: IntCounter,
    pub(crate) worker_count: IntGauge,
    pub(crate) worker_unhealthy: IntCounterVec,
    pub(crate) worker_busy: IntGauge,
    pub(crate) worker_request_count: IntCounterVec,
    pub(crate) request_failure_count: IntCounter,
    pub(crate) request_retries: IntCounter,
    pub(crate) request_count: IntCounter,
    pub(crate) request_latency: Histogram,
    pub(crate) rate_limited_requests: IntCounter,
    pub(crate) rate_limit_violations: IntCounter,
    pub(crate) requests: IntCounterVec,
    pub(crate) request_seconds: HistogramVec,
    pub(crate) queue_seconds: Histogram,
    pub(crate) proof_seconds: HistogramVec,
    pub(crate) attempts_failed: IntCounterVec,
    pub(crate) running: IntGauge,
    pub(crate) healthy: IntGauge,
}

struct Maker<'a>(&'a Registry);

impl Maker<'_> {
    fn register<T: Collector + Clone + 'static>(&self, made: prometheus::Result<T>) -> prometheus::Result<T> {
        let made = made?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.register(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, label: &str) -> prometheus::Result<IntCounterVec> {
        self.register(IntCounterVec::new(Opts::new(name, help), &[label]))
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.register(IntGauge::new(name, help))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<Histogram> {
        self.register(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
    }

    fn histograms(&self, name: &str, help: &str, label: &str) -> prometheus::Result<HistogramVec> {
        self.register(HistogramVec::new(HistogramOpts::new(name, help).buckets(FINE.to_vec()), &[label]))
    }
}

impl Metrics {
    /// All at zero.
    ///
    /// # Errors
    /// Two of one name: an error of the program.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let make = Maker(&registry);
        Ok(Self {
            queue_size: make.gauge("queue_size", "Requests that wait for a worker.")?,
            queue_latency: make.histogram("queue_latency", "Seconds that requests waited for a worker.", &OLD)?,
            queue_drop_count: make.counter("queue_drop_count", "Requests refused because the queue was full.")?,
            worker_count: make.gauge("worker_count", "Workers on the list, healthy or not.")?,
            worker_unhealthy: make.counters("worker_unhealthy", "Checks of a worker that failed.", "worker_id")?,
            worker_busy: make.gauge("worker_busy", "Workers that cannot take a request now.")?,
            worker_request_count: make.counters(
                "worker_request_count",
                "Requests handed to a worker, again or not.",
                "worker_id",
            )?,
            request_failure_count: make.counter("request_failure_count", "Requests that the proxy itself failed.")?,
            request_retries: make.counter("request_retries", "Requests tried again for their worker's fault.")?,
            request_count: make.counter("request_count", "Requests that arrived.")?,
            request_latency: make.histogram("request_latency", "Seconds from arrival to answer.", &OLD)?,
            rate_limited_requests: make.counter("rate_limited_requests", "Requests refused by the rate limit.")?,
            rate_limit_violations: make
                .counter("rate_limit_violations", "Seconds in which an address asked too often.")?,
            requests: make.counters("meze_proxy_requests_total", "Requests by how they ended.", "outcome")?,
            request_seconds: make.histograms(
                "meze_proxy_request_seconds",
                "From arrival to answer, by how it ended.",
                "outcome",
            )?,
            queue_seconds: make.histogram("meze_proxy_queue_seconds", "Waiting for a worker.", &FINE)?,
            proof_seconds: make.histograms(
                "meze_proxy_worker_proof_seconds",
                "From handing a request to a worker to its proof.",
                "worker_id",
            )?,
            attempts_failed: make.counters(
                "meze_proxy_attempts_failed_total",
                "Attempts without a proof, by cause.",
                "cause",
            )?,
            running: make.gauge("meze_proxy_running", "Requests that a worker has.")?,
            healthy: make.gauge("meze_proxy_healthy_workers", "Workers that take requests.")?,
            registry,
        })
    }

    /// A request ended.
    pub(crate) fn ended(&self, outcome: &str, took: Duration) {
        self.request_latency.observe(took.as_secs_f64());
        self.requests.with_label_values(&[outcome]).inc();
        self.request_seconds.with_label_values(&[outcome]).observe(took.as_secs_f64());
    }

    /// A worker is not on the list any more.
    pub(crate) fn forget_worker(&self, address: &str) {
        // There may have been nothing to count.
        let _ = self.worker_unhealthy.remove_label_values(&[address]);
        let _ = self.worker_request_count.remove_label_values(&[address]);
        let _ = self.proof_seconds.remove_label_values(&[address]);
    }

    /// In the text format of Prometheus.
    pub(crate) fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}
