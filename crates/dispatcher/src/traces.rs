//! One span for each attempt at a task, from its lease to its end, in the trace of whoever asked.
//!
//! Where no traces are wanted, a batch of records costs one look at a flag. A span lives in this process only: of an
//! attempt that a restart of the dispatcher interrupts, the worker's own span is all that is told.

use std::collections::HashMap;

use dispatch::model::{Phase, Task};
use dispatch::record::Record;
use dispatch::state::State;
use proving::id::TaskId;
use proving::lease::{Token, Usage};
use telemetry::SPANS;
use tracing::Span;
use tracing::field::Empty;

/// The spans of the leases that live.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    live: HashMap<TaskId, Span>,
}

impl Traces {
    /// Records became durable.
    pub(crate) fn records(&mut self, state: &State, records: &[Record]) {
        let wanted = tracing::span_enabled!(target: SPANS, tracing::Level::DEBUG);
        if !wanted && self.live.is_empty() {
            return;
        }
        for record in records {
            match record {
                Record::Leased { task, token, worker, .. } if wanted => {
                    if let Some(found) = state.durable().tasks.get(task) {
                        self.live.insert(*task, attempt(task, found, *token, worker));
                    }
                }
                Record::Accepted { task, usage, .. } => self.end(task, "accepted", usage),
                Record::Ended { task, failure, .. } => self.end(task, failure.cause.name(), &failure.usage),
                Record::JobEnded { .. } => self.stop(state),
                _ => {}
            }
        }
    }

    /// The `traceparent` under which a worker goes on with a task.
    pub(crate) fn traceparent(&self, task: &TaskId) -> Option<String> {
        self.live.get(task).and_then(telemetry::traceparent)
    }

    /// Everything starts again from the store: who works comes back, but not to these spans.
    pub(crate) fn clear(&mut self) {
        self.live.clear();
    }

    fn end(&mut self, task: &TaskId, outcome: &'static str, usage: &Usage) {
        let Some(span) = self.live.remove(task) else { return };
        span.record("outcome", outcome);
        span.record("wall_ms", usage.wall_ms);
        span.record("cpu_ms", usage.cpu_ms);
        span.record("peak_memory_bytes", usage.peak_memory_bytes);
    }

    /// What nobody wants any more has lost its lease without a record of its own.
    fn stop(&mut self, state: &State) {
        let task = |id: &TaskId| state.durable().tasks.get(id);
        self.live.retain(|id, span| {
            let leased = task(id).is_some_and(|task| matches!(task.phase, Phase::Leased { .. } | Phase::Done(_)));
            if !leased {
                span.record("outcome", "stopped");
            }
            leased
        });
    }
}

fn attempt(id: &TaskId, task: &Task, token: Token, worker: &str) -> Span {
    let span = tracing::debug_span!(
        target: SPANS,
        parent: None,
        "task",
        kind = %task.spec.class.kind,
        task = %id,
        token = token.0,
        worker,
        attempt = task.failed + task.lost + 1,
        generation = task.generation,
        outcome = Empty,
        wall_ms = Empty,
        cpu_ms = Empty,
        peak_memory_bytes = Empty,
        owner = %task.owner,
    );
    telemetry::follow(&span, task.spec.traceparent.as_deref());
    span
}
