//! What dispatch and a worker say to each other, on whatever way: the shapes that HTTP and AMQP both
//! carry as JSON.

use proving::id::TaskId;
use proving::kind::Kind;
use proving::lease::{Cause, Token, Usage};
use proving::payload::Payload;
use proving::statement::Statement;
use serde::{Deserialize, Serialize};

/// The longest free text in a message: names, reasons, stages. Longer ones are cut by the sender and
/// refused by the receiver.
pub const MAX_TEXT_BYTES: usize = 4096;

/// The longest name of a worker or of its version, in characters.
pub const MAX_NAME_CHARS: usize = 128;

/// The most offerings of a worker, and the most leases that it says it still holds.
pub const MAX_LISTED: usize = 1024;

/// The first word of a worker: who it is and what it can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// Its name, unique in the fleet and the same after it reconnects.
    pub worker: String,
    /// The version of its binary, for people.
    pub version: String,
    /// What it can prove.
    pub offers: Vec<Offering>,
    /// How much memory its tasks may take together, in bytes.
    pub memory_bytes: u64,
    /// When it made this connection, by its own clock, in milliseconds since the Unix epoch: what it said in an
    /// earlier one may come later.
    #[serde(default)]
    pub since_ms: u64,
    /// The leases that it still holds, after a lost connection.
    #[serde(default)]
    pub running: Vec<Held>,
}

/// One sort of proof that a worker can make.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offering {
    /// The kind.
    pub kind: Kind,
    /// The circuit and mode.
    pub statement: Statement,
}

/// A lease, by task and token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The task.
    pub task: TaskId,
    /// The token of its lease.
    pub token: Token,
}

/// The answer to [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// How long a worker may be silent about a task before it goes to another, in milliseconds.
    pub lease_ms: u64,
    /// How often it should beat while it works, in milliseconds.
    pub beat_ms: u64,
    /// Those of [`Hello::running`] that are its own no longer: stop them.
    pub stale: Vec<Token>,
}

/// A task for a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The task.
    pub task: TaskId,
    /// The token of the lease under which it is offered.
    pub token: Token,
    /// What to prove.
    pub kind: Kind,
    /// Under which circuit and mode.
    pub statement: Statement,
    /// The input's bytes.
    pub input: Payload,
    /// The bytes of the needed proofs, in the task's order.
    pub needs: Vec<Payload>,
    /// The input is a secret: it is never written in clear, logged or traced.
    pub secret: bool,
    /// How much memory the task is expected to take, in bytes.
    pub memory_bytes: u64,
    /// The trace that the asker's request belongs to, as in W3C's `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// A worker is alive and works on this task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beat {
    /// The lease.
    pub held: Held,
    /// The stage that the proof is in.
    pub stage: String,
    /// Steps of the stage that are done.
    pub done: u64,
    /// Steps of the stage, 0 where not known.
    pub total: u64,
    /// The child's resident set, in bytes.
    pub rss_bytes: u64,
}

/// A worker has the proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// The lease.
    pub held: Held,
    /// The proof; a blob was stored before this is said.
    pub output: Payload,
    /// What it took.
    pub usage: Usage,
}

/// A worker has no proof, and will not have one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// The lease.
    pub held: Held,
    /// Why.
    pub cause: Cause,
    /// Why, for people, without any secret of the input.
    pub reason: String,
    /// What it took all the same.
    pub usage: Usage,
}

/// The answer to [`Done`] and [`Failed`]; after any of them the worker is rid of the task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It counts, and is durable.
    Accepted,
    /// The lease was lost: it changes nothing.
    Stale,
    /// The proof does not verify.
    Refused {
        /// The check that failed, and what it saw.
        reason: String,
    },
}

/// What dispatch tells a worker unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// Stop this task: nobody wants it any more, or it is another's now.
    Stop(Token),
    /// Take no more tasks, and end when the running one is over.
    Drain,
}
