//! The worker's handle on its prover child: one proof at a time, whoever asks.
//!
//! A task of its own, the keeper, owns the child and replaces it when it dies or is recycled; handles send
//! it jobs in the order of their asking.

mod attempt;
mod death;
mod keeper;
mod process;
mod procfs;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proving::id::TaskId;
use proving::kind::Kind;
use proving::lease::{Cause, Token, Usage};
use proving::statement::Statement;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use transport::message::Offering;

use self::keeper::Keeper;
use crate::counters::Counters;
use crate::error::WorkerError;
use crate::frame::{self, Prove};

pub use self::procfs::oom_counters;

/// How a child is started and kept.
#[derive(Debug, Clone)]
pub struct ChildConfig {
    /// The program, usually the worker's own.
    pub program: PathBuf,
    /// What makes it a prover child.
    pub args: Vec<OsString>,
    /// Added to the worker's environment.
    pub env: Vec<(OsString, OsString)>,
    /// The longest message on the pipe, in bytes.
    pub frame_limit: u32,
    /// How long the child may take to build its keys.
    pub ready_within: Duration,
    /// How long a cancelled proof may take to stop by itself.
    pub cancel_grace: Duration,
    /// The largest resident set of the child, in bytes; without one it is not guarded.
    pub memory_limit: Option<u64>,
    /// How often the resident set is looked at.
    pub sample_every: Duration,
    /// The child is replaced after so many proofs.
    pub recycle_after: Option<u64>,
    /// The child is replaced when it is idle and its resident set is over so many bytes.
    pub recycle_above: Option<u64>,
    /// Forward the child's stderr even when it had a secret task.
    pub show_secret_stderr: bool,
    /// Files whose `oom_kill` rises when the kernel kills for memory.
    pub oom_counters: Vec<PathBuf>,
}

impl ChildConfig {
    /// A child of `program` with these arguments and everything else as is usual.
    pub fn new(program: impl Into<PathBuf>, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            frame_limit: frame::DEFAULT_LIMIT,
            ready_within: Duration::from_secs(3600),
            cancel_grace: Duration::from_millis(500),
            memory_limit: None,
            sample_every: Duration::from_millis(100),
            recycle_after: None,
            recycle_above: None,
            show_secret_stderr: false,
            oom_counters: oom_counters(),
        }
    }
}

/// A proof to be made by the child.
#[derive(Clone)]
pub struct Request {
    /// What sort of proof.
    pub kind: Kind,
    /// Under which circuit and mode.
    pub statement: Statement,
    /// The input.
    pub input: Bytes,
    /// The needed proofs, in the task's order.
    pub needs: Vec<Bytes>,
    /// Nothing of the input may be shown.
    pub secret: bool,
    /// The task and lease that it is for, if dispatch knows it.
    pub task: Option<(TaskId, Token)>,
}

impl Request {
    fn into_order(self) -> Prove {
        let Self { kind, statement, input, needs, secret, .. } = self;
        Prove { kind, statement, input, needs, secret }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({}, {} bytes, {} needs)", self.kind, self.input.len(), self.needs.len())
    }
}

/// How far a proof is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The child has it; before, it waits for another proof or for the child.
    pub started: bool,
    /// The stage.
    pub stage: String,
    /// Steps done.
    pub done: u64,
    /// Steps of the stage, 0 where not known.
    pub total: u64,
    /// The child's resident set, in bytes.
    pub rss_bytes: u64,
}

/// How an attempt at a proof ended.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The proof, or why there is none.
    pub outcome: Result<Bytes, Failure>,
    /// What it took in any case.
    pub usage: Usage,
}

/// Why an attempt made no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    /// As a word.
    pub cause: Cause,
    /// For people, without any secret.
    pub reason: String,
}

impl Attempt {
    fn failed(cause: Cause, reason: impl Into<String>, usage: Usage) -> Self {
        Self { outcome: Err(Failure { cause, reason: reason.into() }), usage }
    }
}

/// What the child is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It builds its keys or tests itself.
    Starting,
    /// It lives, has its keys and passed its self test.
    Ready(Arc<[Offering]>),
    /// It does not start; the keeper tries again.
    Down(String),
}

/// A proof on its way to the child.
struct Job {
    request: Request,
    cancel: CancellationToken,
    standing: watch::Sender<Standing>,
    reply: oneshot::Sender<Attempt>,
}

/// The handle. Clones speak to the same child; it is ended with the last of them.
#[derive(Debug, Clone)]
pub struct ProverChild {
    jobs: mpsc::Sender<Job>,
    state: watch::Receiver<State>,
    counters: Counters,
}

/// So many jobs may wait; further callers wait for a place.
const WAITING_JOBS: usize = 64;

impl ProverChild {
    /// Starts a child and its keeper, without waiting for either.
    pub fn spawn(config: ChildConfig, counters: Counters) -> Self {
        let (jobs, waiting) = mpsc::channel(WAITING_JOBS);
        let (told, state) = watch::channel(State::Starting);
        let keeper = Keeper::new(config, counters.clone(), told, waiting);
        tokio::spawn(keeper.keep());
        Self { jobs, state, counters }
    }

    /// Starts a child and waits until it is ready for the first time.
    ///
    /// # Errors
    /// [`WorkerError::NotReady`] with what went wrong.
    pub async fn start(config: ChildConfig, counters: Counters) -> Result<Self, WorkerError> {
        let child = Self::spawn(config, counters);
        let mut state = child.state.clone();
        let state = state.wait_for(|state| *state != State::Starting).await.map_err(|_| WorkerError::Ended)?.clone();
        match state {
            State::Down(reason) => Err(WorkerError::NotReady { cause: Cause::Prover, reason }),
            State::Starting | State::Ready(_) => Ok(child),
        }
    }

    /// What it offers, as soon as it is ready, however often it has to be started before.
    ///
    /// # Errors
    /// [`WorkerError::Ended`] where nobody starts it any more.
    pub async fn ready(&self) -> Result<Arc<[Offering]>, WorkerError> {
        let mut state = self.state.clone();
        let state = state.wait_for(|state| matches!(state, State::Ready(_))).await;
        match state.as_deref() {
            Ok(State::Ready(offers)) => Ok(Arc::clone(offers)),
            _ => Err(WorkerError::Ended),
        }
    }

    /// What the child is doing, and what it will be doing.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// What the child is doing.
    pub fn state(&self) -> State {
        if self.jobs.is_closed() {
            return State::Down("the worker is ending".to_owned());
        }
        self.state.borrow().clone()
    }

    /// The counters that its keeper counts with.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Proves, after everything that was asked for before, and tells `standing` how far it is.
    ///
    /// Cancelled while it waits it ends at once, cancelled while it runs within
    /// [`ChildConfig::cancel_grace`]. Dropping the future cancels it too.
    pub async fn prove(
        &self,
        request: Request,
        cancel: CancellationToken,
        standing: watch::Sender<Standing>,
    ) -> Attempt {
        let span = tracing::debug_span!(target: telemetry::SPANS, "child", kind = %request.kind);
        self.ordered(request, cancel, standing).instrument(span).await
    }

    async fn ordered(&self, request: Request, cancel: CancellationToken, standing: watch::Sender<Standing>) -> Attempt {
        // The job's token also falls when this future is dropped.
        let job_cancel = cancel.child_token();
        let _dropped = job_cancel.clone().drop_guard();
        let (reply, mut replied) = oneshot::channel();
        let seen = standing.subscribe();
        let job = Job { request, cancel: job_cancel, standing, reply };
        let ended = || Attempt::failed(Cause::Returned, "the worker is ending", Usage::default());
        let cancelled = || Attempt::failed(Cause::Cancelled, "cancelled before it began", Usage::default());
        let sent = tokio::select! {
            sent = self.jobs.send(job) => sent,
            () = cancel.cancelled() => return cancelled(),
        };
        if sent.is_err() {
            return ended();
        }
        tokio::select! {
            attempt = &mut replied => return attempt.unwrap_or_else(|_| ended()),
            () = cancel.cancelled() => {}
        }
        if !seen.borrow().started {
            return cancelled();
        }
        replied.await.unwrap_or_else(|_| ended())
    }
}
