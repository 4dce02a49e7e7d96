//! The asking plane: what an asker and the dispatcher say to each other about jobs, and the asker's client.
//!
//! Times are milliseconds since the Unix epoch, durations name their unit.

mod client;

pub use client::{AskClient, AskError, News, Watching};

use std::collections::BTreeMap;

use proving::id::{Owner, TaskId};
use proving::kind::Kind;
use proving::lease::Cause;
use proving::payload::BlobDigest;
use proving::statement::Statement;
use serde::{Deserialize, Serialize};

/// What is asked for: a graph of tasks. With the same owner and name it is the same job, and adds what it
/// has not yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// The asker's name of the job.
    pub name: String,
    /// Who asks; `local` if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// 0 to 9, 5 if nothing is said; among the jobs of one owner, higher goes first.
    #[serde(default = "usual_priority")]
    pub priority: u8,
    /// After so many seconds it is of no use any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<u64>,
    /// Tasks in any order, as long as none needs itself.
    #[serde(default)]
    pub tasks: Vec<TaskRequest>,
    /// The task that the job is for, by local name or id. Without it, the job stays open and may grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
}

impl JobRequest {
    /// Puts every task that is in no trace into this one.
    pub fn trace(&mut self, traceparent: Option<String>) {
        let Some(traceparent) = traceparent else { return };
        for task in self.tasks.iter_mut().filter(|task| task.traceparent.is_none()) {
            task.traceparent = Some(traceparent.clone());
        }
    }
}

fn usual_priority() -> u8 {
    5
}

/// One task of a [`JobRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskRequest {
    /// A name within this request, for `needs` and `root`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What to prove.
    pub kind: Kind,
    /// Under which circuit and mode.
    pub statement: Statement,
    /// Of which input; none is the empty one.
    #[serde(default)]
    pub input: Input,
    /// On top of which tasks' proofs, by local name or id, in the prover's order.
    #[serde(default)]
    pub needs: Vec<String>,
    /// How much memory it takes, in bytes; 0 fits into every worker.
    #[serde(default)]
    pub memory_bytes: u64,
    /// The input is a secret.
    #[serde(default)]
    pub secret: bool,
    /// The asker's trace, as in W3C's `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// The input of a task.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// No bytes.
    #[default]
    Empty,
    /// The bytes in hex.
    Hex(String),
    /// A blob that was stored before.
    Blob {
        /// Its name.
        digest: BlobDigest,
        /// How many bytes it has.
        bytes: u64,
    },
}

/// A job, as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobView {
    /// Its number.
    pub id: u64,
    /// The asker's name of it.
    pub name: String,
    /// Who asked.
    pub owner: Owner,
    /// 0 to 9.
    pub priority: u8,
    /// How it stands.
    pub state: JobStanding,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The task that died, where it failed for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_task: Option<TaskId>,
    /// The task that it is for, once it is sealed.
    pub root: Option<TaskId>,
    /// When it was submitted.
    pub submitted_ms: u64,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// When it is of no use any more.
    pub deadline_ms: Option<u64>,
    /// How many tasks stand how.
    pub tasks_by_state: BTreeMap<TaskStanding, usize>,
    /// CPU spent on it, in seconds.
    pub cpu_seconds: f64,
    /// What that costs, where a price is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// How long it will still take.
    pub eta: Option<Eta>,
    /// Its tasks; only where one job was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskView>,
    /// The number of the last event that is in this view: watch on from there.
    pub cursor: u64,
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobStanding {
    /// It runs.
    Open,
    /// Its root has its proof.
    Done,
    /// It will have none.
    Failed,
    /// Its owner wants it no more.
    Cancelled,
}

/// How a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskStanding {
    /// It waits for proofs that it needs.
    Waiting,
    /// It waits for a worker.
    Ready,
    /// A worker has it, or a broker.
    Running,
    /// Its proof is being checked.
    Verifying,
    /// Its proof is there.
    Done,
    /// A dead letter.
    Dead,
    /// No open job wants it.
    Idle,
}

/// How long a job will still take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Eta {
    /// Seconds until its root has its proof, with the workers that are there now.
    pub seconds: f64,
    /// Seconds along the longest chain of proofs: what no number of workers makes shorter.
    pub critical_path_seconds: f64,
    /// The part of the tasks left whose duration was learned from proofs of the same class.
    pub learned: f64,
}

/// A task, as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskView {
    /// Its id.
    pub id: TaskId,
    /// What it proves.
    pub kind: Kind,
    /// Under what.
    pub statement: Statement,
    /// How it stands.
    pub state: TaskStanding,
    /// What it needs.
    pub needs: Vec<TaskId>,
    /// The longest chain of needs below it.
    pub level: u32,
    /// Who has it or made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// Since when it is ready or running, or when it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// How far its proof is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressView>,
    /// What its proof took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_seconds: Option<f64>,
    /// What its proof took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<f64>,
    /// What its proof took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// How large its proof is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof_bytes: Option<u64>,
    /// Workers need so much memory for it.
    pub memory_bytes: u64,
    /// Goes up when its proof was lost and had to be made again.
    pub generation: u32,
    /// Attempts without a proof, the last ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureView>,
}

/// How far a proof is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressView {
    /// The stage.
    pub stage: String,
    /// Steps that are done.
    pub done: u64,
    /// Steps, 0 where not known.
    pub total: u64,
}

/// An attempt without a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureView {
    /// When.
    pub at_ms: u64,
    /// Whose.
    pub worker: String,
    /// Why.
    pub cause: Cause,
    /// Why, for people.
    pub reason: String,
}

/// A connected worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerView {
    /// Its name.
    pub name: String,
    /// It is a queue of offers at a broker.
    pub pool: bool,
    /// What it can prove.
    pub kinds: Vec<Kind>,
    /// Under which circuits and modes: it gets no task of another one.
    #[serde(default)]
    pub statements: Vec<Statement>,
    /// How much memory its tasks may take.
    pub memory_bytes: u64,
    /// How much of it is taken.
    pub used_bytes: u64,
    /// It takes no more tasks.
    pub draining: bool,
    /// It gave too many wrong proofs and gets no more tasks.
    pub suspended: bool,
    /// What it works on.
    pub running: Vec<TaskId>,
}

/// Something that happened to a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobEvent {
    /// Its number: the cursor to go on from.
    pub number: u64,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Happening {
    /// It was opened, or runs again.
    Opened,
    /// A task came in.
    Added {
        /// Which.
        task: TaskId,
    },
    /// No more tasks are coming.
    Sealed {
        /// What it is for.
        root: TaskId,
    },
    /// A worker has a task.
    Started {
        /// Which.
        task: TaskId,
        /// Who.
        worker: String,
    },
    /// An attempt ended without a proof.
    AttemptFailed {
        /// Which.
        task: TaskId,
        /// Whose.
        worker: String,
        /// Why.
        cause: Cause,
        /// Why, for people.
        reason: String,
    },
    /// A proof counts.
    Proved {
        /// Which.
        task: TaskId,
        /// Who.
        worker: String,
        /// What it took.
        wall_seconds: f64,
    },
    /// A task became a dead letter.
    Died {
        /// Which.
        task: TaskId,
    },
    /// A proof is gone and is made again.
    Lost {
        /// Which.
        task: TaskId,
    },
    /// The job is over.
    Ended {
        /// How.
        state: JobStanding,
    },
    /// Events before this one are not kept any more: look at the job anew.
    Reset,
}

/// The answer of draining or clearing a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// How many connections it had.
    pub sessions: usize,
}
