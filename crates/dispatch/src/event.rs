//! What the state machine hears and what it says.

use proving::id::{Owner, TaskId};
use proving::lease::{Cause, Token, Usage};
use proving::payload::{BlobDigest, Payload};

use crate::model::{Class, JobId, JobState, TaskSpec};
use crate::time::Time;

/// A connected worker or pool, named by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// A question that waits for an answer, named by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Somebody asks for a job, or for more of one; see [`Submit`].
    Submit {
        /// Answered by [`Reply::Submitted`] or [`Reply::NotTaken`].
        request: RequestId,
        /// What is asked for.
        submit: Submit,
    },
    /// The owner wants a job no more.
    Cancel {
        /// Answered by [`Reply::Job`] or [`Reply::NotTaken`].
        request: RequestId,
        /// Which.
        job: JobId,
    },
    /// The dead letters of a failed job are to be tried again.
    Retry {
        /// Answered by [`Reply::Job`] or [`Reply::NotTaken`].
        request: RequestId,
        /// Which.
        job: JobId,
    },
    /// A worker or pool connected.
    Hello {
        /// Answered by [`Reply::Welcome`].
        request: RequestId,
        /// Its name from now on.
        session: SessionId,
        /// What it is.
        hello: Hello,
    },
    /// A worker or pool takes a task. The question stays open until there is one.
    Ask {
        /// Answered by [`Reply::Offer`], or [`Reply::NoSession`].
        request: RequestId,
        /// Who.
        session: SessionId,
    },
    /// Nobody wants to wait any longer for the answer of [`Event::Ask`]: it is [`Reply::Nothing`], unless it was
    /// given already.
    Unask {
        /// Who.
        session: SessionId,
        /// Which.
        request: RequestId,
    },
    /// A worker took an offer out of a pool.
    Claim {
        /// Answered by [`Reply::Claim`] or [`Reply::NoSession`].
        request: RequestId,
        /// Who.
        session: SessionId,
        /// What.
        held: Held,
        /// The broker says that whoever had it before is gone.
        redelivered: bool,
    },
    /// A worker is alive.
    Beat {
        /// Answered by [`Reply::Beat`].
        request: RequestId,
        /// Who.
        session: SessionId,
        /// What it works on.
        held: Held,
        /// How far it is.
        progress: Progress,
    },
    /// A worker has a proof.
    Done {
        /// Answered by [`Reply::Answer`].
        request: RequestId,
        /// Who.
        session: SessionId,
        /// Of what.
        held: Held,
        /// The proof.
        output: Payload,
        /// What it took.
        usage: Usage,
    },
    /// A worker has none.
    Failed {
        /// Answered by [`Reply::Answer`].
        request: RequestId,
        /// Who.
        session: SessionId,
        /// Of what.
        held: Held,
        /// Why.
        cause: Cause,
        /// Why, for people.
        reason: String,
        /// What it took.
        usage: Usage,
    },
    /// The dispatcher itself cannot hear a worker, as while a broker is away: its silence says nothing of it.
    Excuse {
        /// Whose.
        session: SessionId,
    },
    /// The connection of a worker or pool is gone.
    Gone {
        /// Whose.
        session: SessionId,
    },
    /// A proof was checked: the answer to [`Action::Verify`].
    Verdict {
        /// Of which task.
        held: Held,
        /// What came of it.
        verdict: Verdict,
    },
    /// A blob was asked for, and is missing or damaged.
    BlobLost {
        /// Which.
        digest: BlobDigest,
    },
    /// A worker is to take no more tasks.
    Drain {
        /// Answered by [`Reply::Drained`].
        request: RequestId,
        /// Its name.
        worker: String,
    },
    /// A worker that was suspended for wrong proofs is trusted again.
    Clear {
        /// Answered by [`Reply::Drained`].
        request: RequestId,
        /// Its name.
        worker: String,
    },
    /// Time passed: comes several times a second.
    Tick,
}

impl Event {
    /// An offer that nobody was there to take goes back at once, instead of when its lease ends.
    pub fn untaken(request: RequestId, session: SessionId, held: Held) -> Self {
        let reason = "nobody was there to take the offer".to_owned();
        Self::Failed { request, session, held, cause: Cause::Returned, reason, usage: Usage::default() }
    }
}

/// A submission. With the same owner and name it is the same job: what it has already is not added again,
/// so that it can be repeated safely.
#[derive(Debug, Clone, PartialEq)]
pub struct Submit {
    /// The asker's name of the job.
    pub name: String,
    /// Who asks.
    pub owner: Owner,
    /// 0 to 9.
    pub priority: u8,
    /// When it is of no use any more.
    pub deadline: Option<Time>,
    /// Tasks, each after the ones that it needs.
    pub tasks: Vec<TaskSpec>,
    /// The task that the job is for: after it no more are coming. `None` leaves the job open.
    pub root: Option<TaskId>,
}

/// What a worker or pool says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Hello {
    /// Its name.
    pub worker: String,
    /// A queue of offers at a broker, rather than a worker.
    pub pool: bool,
    /// What it can prove.
    pub classes: Vec<Class>,
    /// How much memory its tasks may take: together for a worker, each for a pool.
    pub memory_bytes: u64,
    /// When it made this connection, by its own clock: of two connections of a worker the later one counts.
    pub since_ms: u64,
    /// The leases that it still holds.
    pub running: Vec<Held>,
}

/// A lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// Of which task.
    pub task: TaskId,
    /// Under which token.
    pub token: Token,
}

/// How far a proof is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// The stage that it is in.
    pub stage: String,
    /// Steps of it that are done.
    pub done: u64,
    /// Steps of it, 0 where not known.
    pub total: u64,
    /// The child's resident set, in bytes.
    pub rss_bytes: u64,
}

/// What came of checking a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds, or nothing here can check it and its worker is trusted.
    Holds,
    /// It does not.
    Refused(String),
    /// Its bytes, or those that it has to be checked against, are missing or damaged.
    Unreadable(BlobDigest),
}

/// What has to be done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// An answer.
    Reply(RequestId, Reply),
    /// Something for a worker that it did not ask for.
    Notify(SessionId, Notice),
    /// A proof to check; exactly one [`Event::Verdict`] is to follow, unless the dispatcher ends.
    Verify(Box<Check>),
}

/// A proof to check.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// The lease.
    pub held: Held,
    /// Under what.
    pub class: Class,
    /// Of which input.
    pub input: Payload,
    /// On top of which proofs.
    pub needs: Vec<Payload>,
    /// The proof.
    pub output: Payload,
}

/// What a worker is told unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Stop this.
    Stop(Token),
    /// Take no more.
    Drain,
}

/// A task for a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The lease.
    pub held: Held,
    /// What is asked for.
    pub spec: TaskSpec,
    /// The needed proofs.
    pub needs: Vec<Payload>,
    /// How much memory it is expected to take.
    pub memory_bytes: u64,
    /// Since when it was ready.
    pub ready: Time,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The submission is kept; so the job stands.
    Submitted(JobId, JobState),
    /// What was asked of a job is done; so it stands.
    Job(JobId, JobState),
    /// What was asked is not possible.
    NotTaken(NotTaken),
    /// The worker is known; these of its leases it has lost.
    Welcome(Vec<Token>),
    /// A task.
    Offer(Box<Offer>),
    /// There was no task until the question was taken back.
    Nothing,
    /// The session has ended, or takes no more tasks.
    NoSession,
    /// The offer is the worker's under this token, or nobody's to take.
    Claim(Option<Token>),
    /// Whether the lease is still the worker's.
    Beat(bool),
    /// What became of a proof, or of a failure.
    Answer(Answer),
    /// How many sessions the worker had.
    Drained(usize),
    /// The dispatcher lost its store for a moment: whether it counts is not known; ask again.
    Unavailable,
}

/// What became of a proof, or of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It counts.
    Accepted,
    /// The lease was lost.
    Stale,
    /// The proof does not verify.
    Refused(String),
}

/// Why something that was asked is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// No such job.
    #[error("there is no job {0}")]
    NoJob(JobId),
    /// Not in this state.
    #[error("job {0} is over, so it cannot grow: submit another one")]
    Over(JobId),
    /// Sealed already.
    #[error("job {0} is sealed: it takes no more tasks and no other root")]
    Sealed(JobId),
    /// Only failed jobs are tried again.
    #[error("job {0} has not failed")]
    NotFailed(JobId),
    /// It would fail again.
    #[error("task {0} has an invalid input: correct it and submit another job")]
    Invalid(TaskId),
    /// What is under it was forgotten.
    #[error("what task {0} needs is not kept any longer: submit all of it in another job")]
    Bereft(TaskId),
    /// A kind that this dispatcher does not know.
    #[error("the kind {0} is not known here")]
    UnknownKind(String),
    /// A need that is neither known nor earlier in the submission.
    #[error("task {task} needs {need}, which is not known: needs come before the tasks that need them")]
    UnknownNeed {
        /// The task.
        task: TaskId,
        /// Its need.
        need: TaskId,
    },
    /// A root that is not a task of the job.
    #[error("the root {0} is not a task of the job")]
    UnknownRoot(TaskId),
    /// More than the limit.
    #[error("{what}: the limit is {limit}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A priority above 9, an empty or too long name, and the like.
    #[error("{0}")]
    Malformed(&'static str),
}
