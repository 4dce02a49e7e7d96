//! What is kept about jobs and tasks: the durable part of the state, as it also goes into snapshots.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use proving::id::{Owner, TaskId, TaskParts};
use proving::kind::Kind;
use proving::lease::{Cause, Token, Usage};
use proving::payload::Payload;
use proving::statement::Statement;
use serde::{Deserialize, Serialize};

use crate::time::Time;

/// A job, by the order of submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What has to be proved, and under what: workers offer classes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Class {
    /// The kind.
    pub kind: Kind,
    /// The circuit and mode.
    pub statement: Statement,
}

/// A task, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// What to prove, under what.
    pub class: Class,
    /// Of which input.
    pub input: Payload,
    /// The input is a secret.
    pub secret: bool,
    /// On top of which tasks' proofs, in the prover's order.
    pub needs: Vec<TaskId>,
    /// How much memory it takes, in bytes.
    pub memory_bytes: u64,
    /// The asker's trace.
    pub traceparent: Option<String>,
}

impl TaskSpec {
    /// The id that it has when `owner` asks for it.
    pub fn id(&self, owner: &Owner) -> TaskId {
        TaskId::of(&TaskParts {
            owner,
            kind: &self.class.kind,
            statement: &self.class.statement,
            input: &self.input.digest().into(),
            needs: &self.needs,
        })
    }
}

/// Something for each task. An id is a digest, so any bytes of it are a hash already; the order of the map is that of
/// nothing, and whatever is decided in its order is sorted first.
pub type TaskMap<T> = HashMap<TaskId, T, BuildHasherDefault<DigestHasher>>;

/// Takes the first bytes of a digest for its hash.
#[derive(Debug, Clone, Copy, Default)]
pub struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8).take(2) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(word);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Everything that survives a restart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Durable {
    /// Every job that is not forgotten.
    pub jobs: BTreeMap<JobId, Job>,
    /// Every task of these jobs.
    pub tasks: TaskMap<Task>,
    /// What each class taught: the time of its proofs.
    pub learned: BTreeMap<Class, Learned>,
    /// CPU that each owner used, in milliseconds.
    pub owners: BTreeMap<Owner, u64>,
    /// The last job's number.
    pub last_job: u64,
    /// The last lease's token.
    pub last_token: u64,
    /// How many records were applied: the number of the last one.
    pub last_record: u64,
}

/// What somebody asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The asker's name of it: with the owner, it makes a second submission the same job.
    pub name: String,
    /// Who asked.
    pub owner: Owner,
    /// 0 to 9; among the jobs of one owner, higher goes first.
    pub priority: u8,
    /// When it is of no use any more.
    pub deadline: Option<Time>,
    /// The number of the record that opened it.
    pub opened: u64,
    /// When it was submitted.
    pub submitted: Time,
    /// Its tasks, and everything of other jobs that these need.
    pub tasks: BTreeSet<TaskId>,
    /// The task that it is for, once it is sealed.
    pub root: Option<TaskId>,
    /// How it stands.
    pub state: JobState,
    /// When it ended.
    pub ended: Option<Time>,
    /// CPU spent on attempts for it, failed ones too, in milliseconds. What jobs share counts for the one that
    /// was there first.
    pub cpu_ms: u64,
}

/// How a job stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// It runs, and may still grow unless it is sealed.
    Open,
    /// Its root has its proof.
    Done,
    /// It will have none.
    Failed {
        /// The task that died, unless it was the deadline.
        task: Option<TaskId>,
        /// Why.
        reason: String,
    },
    /// Its owner wants it no more.
    Cancelled,
}

/// One proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// What was asked for.
    pub spec: TaskSpec,
    /// Who asked.
    pub owner: Owner,
    /// The jobs that hold it, ended ones too.
    pub jobs: BTreeSet<JobId>,
    /// The tasks that need it, as often as they do.
    pub dependents: Vec<TaskId>,
    /// How many of its needs have no proof.
    pub missing: u32,
    /// The longest chain of needs below it, of those that came with its job and had no proof then.
    pub level: u32,
    /// The number of the record that added it: its age.
    pub added: u64,
    /// Workers with less memory are not asked; grows when it ran out.
    pub memory_bytes: u64,
    /// How it stands.
    pub phase: Phase,
    /// Goes up when the output was lost; an output is `(task, generation)`.
    pub generation: u32,
    /// Attempts that failed by its own or the worker's fault, since it was last revived.
    pub failed: u32,
    /// Leases that were lost on the way, or given up for want of a blob, since it was last revived.
    pub lost: u32,
    /// The last failures, newest last; see [`MAX_FAILURES_KEPT`].
    pub failures: Vec<Failure>,
}

/// So many failures of a task are kept; of more, the first and the last ones.
pub const MAX_FAILURES_KEPT: usize = 16;

/// How a task stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// No open job wants it now.
    Idle,
    /// It waits for its needs, or is ready if none is missing.
    Queued,
    /// A worker or a pool has it.
    Leased {
        /// The token of the lease.
        token: Token,
        /// The worker's name.
        worker: String,
        /// Since when.
        at: Time,
    },
    /// Its proof is there.
    Done(Accepted),
    /// A dead letter: tried too often, or its input is not valid.
    Dead,
}

/// A proof that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The lease under which it was made.
    pub token: Token,
    /// Its bytes.
    pub output: Payload,
    /// What it took.
    pub usage: Usage,
    /// Who made it.
    pub worker: String,
    /// When it was leased and when it was accepted.
    pub leased: Time,
    /// When it was accepted.
    pub at: Time,
}

/// An attempt without a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When.
    pub at: Time,
    /// Whose.
    pub worker: String,
    /// Why.
    pub cause: Cause,
    /// Why, for people.
    pub reason: String,
    /// What it took all the same.
    pub usage: Usage,
}

/// What the proofs of a class took so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// How many there were.
    pub proofs: u64,
    /// The moving average of their wall time, in milliseconds.
    pub wall_ms: f64,
    /// The moving average of their CPU, in milliseconds.
    pub cpu_ms: f64,
    /// The most memory that one took.
    pub peak_memory_bytes: u64,
}

impl Learned {
    /// The weight of the newest proof in the averages, once there are a few.
    const NEWEST: f64 = 0.2;

    pub(crate) fn learn(&mut self, usage: &Usage) {
        self.proofs += 1;
        let weight = Self::NEWEST.max(1.0 / self.proofs as f64);
        self.wall_ms += weight * (usage.wall_ms as f64 - self.wall_ms);
        self.cpu_ms += weight * (usage.cpu_ms as f64 - self.cpu_ms);
        self.peak_memory_bytes = self.peak_memory_bytes.max(usage.peak_memory_bytes);
    }
}

impl Default for Learned {
    fn default() -> Self {
        Self { proofs: 0, wall_ms: 0.0, cpu_ms: 0.0, peak_memory_bytes: 0 }
    }
}

impl Task {
    /// The proof, if it is there.
    pub fn accepted(&self) -> Option<&Accepted> {
        match &self.phase {
            Phase::Done(accepted) => Some(accepted),
            _ => None,
        }
    }

    /// The level of a task right on top of it, in a job that was opened by this record. A chain begins anew with each
    /// job and on each proof, or it would reach its limit some day.
    pub(crate) fn next_level(&self, opened: u64) -> u32 {
        if self.added < opened || self.accepted().is_some() { 0 } else { self.level + 1 }
    }

    /// Whether a worker can take it now.
    pub fn ready(&self) -> bool {
        self.phase == Phase::Queued && self.missing == 0
    }

    /// The token of its lease.
    pub fn token(&self) -> Option<Token> {
        match &self.phase {
            Phase::Leased { token, .. } => Some(*token),
            _ => None,
        }
    }
}

impl Job {
    /// Whether it still runs.
    pub fn open(&self) -> bool {
        self.state == JobState::Open
    }
}
