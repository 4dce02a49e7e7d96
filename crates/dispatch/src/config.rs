//! What an operator can set, and the limits on what is taken in.

use std::collections::{BTreeMap, BTreeSet};

use proving::id::Owner;
use proving::kind::Kind;

/// Settings of the state machine. They are not part of the durable state: a restart may change them.
#[derive(Debug, Clone)]
pub struct Config {
    /// How long a worker may be silent about a task before it goes to another.
    pub lease_ms: u64,
    /// How often workers are asked to beat.
    pub beat_ms: u64,
    /// How long after a start of the dispatcher the leases of before are kept for their workers.
    pub grace_ms: u64,
    /// Between two events there should be no more than this; a longer gap was the dispatcher's own standstill,
    /// and is given to every lease on top.
    pub standstill_ms: u64,
    /// Attempts that may fail by the task's or the worker's fault before the task is a dead letter.
    pub max_failures: u32,
    /// Leases that may be lost on the way (disconnected, expired, without a blob, cancelled by the worker alone)
    /// before the task is a dead letter.
    pub max_losses: u32,
    /// After a failed attempt, the same worker is not given the task again for this long.
    pub avoid_ms: u64,
    /// Refused proofs after which a worker gets no more tasks until an operator clears it.
    pub max_refusals: u32,
    /// Every so many grants of a worker, one goes to the oldest task that it can run, whatever the order
    /// says: so nothing starves.
    pub oldest_every: u64,
    /// Weights of owners in the fair share; the others have 1.
    pub weights: BTreeMap<Owner, u32>,
    /// The kinds that are taken; any other is an error of the asker.
    pub kinds: BTreeSet<Kind>,
    /// The limits on what is taken in.
    pub limits: Limits,
    /// How many tasks of finished jobs are kept for their results; beyond, the oldest jobs are forgotten.
    pub keep_finished_tasks: usize,
    /// How long finished jobs are kept at most.
    pub keep_finished_ms: u64,
    /// A fault that the simulation has to find.
    #[cfg(test)]
    pub(crate) planted: Option<crate::planted::Fault>,
}

/// Limits on what is taken in.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Tasks in one job.
    pub job_tasks: usize,
    /// Needs of one task.
    pub task_needs: usize,
    /// The longest chain of needs.
    pub depth: u32,
    /// Jobs that are open at the same time.
    pub open_jobs: usize,
    /// Tasks that are kept, finished or not.
    pub tasks: usize,
    /// Bytes of an input.
    pub input_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lease_ms: 8_000,
            beat_ms: 1_000,
            grace_ms: 30_000,
            standstill_ms: 1_000,
            max_failures: 3,
            max_losses: 10,
            avoid_ms: 10_000,
            max_refusals: 3,
            oldest_every: 16,
            weights: BTreeMap::new(),
            kinds: Kind::KNOWN.iter().cloned().collect(),
            limits: Limits::default(),
            keep_finished_tasks: 50_000,
            keep_finished_ms: 7 * 24 * 3_600_000,
            #[cfg(test)]
            planted: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            job_tasks: 100_000,
            task_needs: 4_096,
            depth: 10_000,
            open_jobs: 10_000,
            tasks: 1_000_000,
            input_bytes: 256 << 20,
        }
    }
}
