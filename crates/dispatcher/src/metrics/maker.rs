//! How metrics are made and registered, and the bounds of their histograms.

use prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGaugeVec, Opts, Registry,
};

/// Seconds, from a tenth of a millisecond to ten.
pub(super) const QUICK: [f64; 15] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Seconds, from a millisecond to an hour.
pub(super) const WAIT: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0, 900.0, 3600.0];
/// Seconds, from a tenth to half a day.
pub(super) const LONG: [f64; 16] =
    [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0, 3600.0, 14400.0, 43200.0];
/// Bytes, from 64 MiB to 256 GiB.
pub(super) const MEMORY: [f64; 13] = {
    let mut bounds = [0.0; 13];
    let mut index = 0;
    while index < bounds.len() {
        bounds[index] = (1u64 << (26 + index)) as f64;
        index += 1;
    }
    bounds
};
/// Money, in whatever currency.
pub(super) const COST: [f64; 10] = [0.0001, 0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0, 100.0, 1000.0];

/// Makes and registers.
pub(super) struct Maker<'a> {
    pub(super) registry: &'a Registry,
}

impl Maker<'_> {
    fn keep<C: prometheus::core::Collector + Clone + 'static>(&self, made: C) -> Result<C, prometheus::Error> {
        self.registry.register(Box::new(made.clone()))?;
        Ok(made)
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
        self.keep(Gauge::new(name, help)?)
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.keep(IntCounter::new(name, help)?)
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, prometheus::Error> {
        self.keep(GaugeVec::new(Opts::new(name, help), labels)?)
    }

    pub(super) fn float_counter(&self, name: &str, help: &str) -> Result<Counter, prometheus::Error> {
        self.keep(Counter::new(name, help)?)
    }

    pub(super) fn int_gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
        self.keep(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<CounterVec, prometheus::Error> {
        self.keep(CounterVec::new(Opts::new(name, help), labels)?)
    }

    pub(super) fn int_counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        self.keep(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    pub(super) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, prometheus::Error> {
        self.keep(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?)
    }

    pub(super) fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        self.keep(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?)
    }
}
