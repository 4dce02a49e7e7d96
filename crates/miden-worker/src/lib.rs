//! A worker of the Miden proving service: gRPC in front of a prover child, one proof at a time.
//!
//! [`MidenWorker`] is what [`miden_wire::server`] serves; [`MidenWorker::tell`] keeps its health true.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use miden_wire::kind::ProofKind;
use miden_wire::proto::remote_prover::{ProxyStatus, WorkerStatus};
use miden_wire::refusal;
use miden_wire::server::{Call, Health, Proofs};
use proving::id::{Owner, TaskId, TaskParts};
use proving::lease::{Cause, Token};
use proving::payload::BlobDigest;
use proving::statement::Statement;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tracing::Instrument as _;
use worker::prover::{Failure, ProverChild, Request, State};

/// How long a request waits for a child that is being replaced.
const REPLACED_WITHIN: Duration = Duration::from_secs(30);

/// How a worker presents itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it proves.
    pub kind: ProofKind,
    /// Under which line.
    pub statement: Statement,
    /// The version that it reports, of Miden.
    pub version: String,
    /// The version of Meze.
    pub meze_version: String,
    /// The longest that a request takes, whatever its client says.
    pub timeout: Option<Duration>,
}

/// The worker. Clones are the same one.
#[derive(Debug, Clone)]
pub struct MidenWorker {
    settings: Arc<Settings>,
    child: ProverChild,
    /// The one place that there is.
    seat: Arc<Semaphore>,
    draining: CancellationToken,
    /// How many requests it had.
    asked: Arc<AtomicU64>,
    owner: Owner,
}

impl MidenWorker {
    /// A worker that proves with `child`, and takes no more requests once `draining` falls.
    pub fn new(settings: Settings, child: ProverChild, draining: CancellationToken) -> Self {
        Self {
            settings: Arc::new(settings),
            child,
            seat: Arc::new(Semaphore::new(1)),
            draining,
            asked: Arc::default(),
            owner: "client".parse().expect("a plain word is an owner"),
        }
    }

    /// Why it would take no request, leaving aside that it may have one.
    fn why_not_ready(&self) -> Option<String> {
        if self.draining.is_cancelled() {
            return Some("the worker is ending".to_owned());
        }
        match self.child.state() {
            State::Ready(_) => None,
            State::Starting => Some("the prover is starting".to_owned()),
            State::Down(reason) => Some(format!("the prover does not start: {reason}")),
        }
    }

    /// Tells `health` how the worker is, for as long as it lives.
    pub async fn tell(&self, health: Health) {
        let mut state = self.child.watch();
        loop {
            state.borrow_and_update();
            health.set(self.why_not_ready().is_none()).await;
            tokio::select! {
                changed = state.changed() => if changed.is_err() { break },
                () = self.draining.cancelled() => break,
            }
        }
        health.set(false).await;
    }

    /// Waits until no proof runs.
    pub async fn idle(&self) {
        // It is never closed.
        let _ = self.seat.acquire().await;
    }

    fn check(&self, proof_type: i32) -> Result<(), Status> {
        let Some(asked) = ProofKind::from_wire(proof_type) else { return Err(refusal::unknown_kind(proof_type)) };
        match asked == self.settings.kind {
            true => Ok(()),
            false => Err(refusal::unsupported(asked, self.settings.kind)),
        }
    }

    fn ending(&self) -> Result<(), Status> {
        match self.draining.is_cancelled() {
            true => Err(refusal::not_ready("the worker is ending")),
            false => Ok(()),
        }
    }

    /// A child that is only being replaced is waited for.
    async fn ready(&self) -> Result<(), Status> {
        if let State::Down(reason) = self.child.state() {
            return Err(refusal::not_ready(&format!("the prover does not start: {reason}")));
        }
        match tokio::time::timeout(REPLACED_WITHIN, self.child.ready()).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(refusal::not_ready("the prover is starting")),
        }
    }
}

impl Proofs for MidenWorker {
    async fn prove(&self, call: Call) -> Result<Bytes, Status> {
        self.check(call.proof_type)?;
        self.ending()?;
        let seat = Arc::clone(&self.seat).try_acquire_owned().map_err(|_| refusal::busy())?;
        let kind = self.settings.kind.kind();
        let span = tracing::debug_span!(target: telemetry::SPANS, "prove", %kind, bytes = call.payload.len());
        telemetry::follow(&span, call.traceparent.as_deref());
        // As a task is named everywhere, for the log and for those who count.
        let task = TaskId::of(&TaskParts {
            owner: &self.owner,
            kind: &kind,
            statement: &self.settings.statement,
            input: &BlobDigest::of(&call.payload).into(),
            needs: &[],
        });
        let request = Request {
            kind,
            statement: self.settings.statement.clone(),
            input: call.payload,
            needs: Vec::new(),
            secret: true,
            task: Some((task, Token(self.asked.fetch_add(1, Ordering::Relaxed)))),
        };
        let cancel = CancellationToken::new();
        // Falls when the client is gone.
        let _gone = cancel.clone().drop_guard();
        let (worker, stop) = (self.clone(), cancel.clone());
        // A task of its own, so that the seat is taken until the child has really stopped.
        let proving = async move {
            let _seat = seat;
            worker.ready().await?;
            let attempt = worker.child.prove(request, stop, watch::Sender::default()).await;
            attempt.outcome.map_err(|failure| status_of(&failure))
        };
        let proving = tokio::spawn(proving.instrument(span));
        let timeout = call.timeout.into_iter().chain(self.settings.timeout).min();
        let late = async {
            match timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            proof = proving => proof.unwrap_or_else(|error| Err(Status::internal(error.to_string()))),
            () = late => Err(refusal::timeout()),
        }
    }

    fn status(&self) -> WorkerStatus {
        let Settings { kind, version, meze_version, .. } = &*self.settings;
        WorkerStatus {
            version: version.clone(),
            supported_proof_type: kind.to_wire(),
            ready: self.why_not_ready().is_none(),
            busy: self.seat.available_permits() == 0,
            meze_version: meze_version.clone(),
        }
    }

    fn proxy_status(&self) -> Option<ProxyStatus> {
        None
    }
}

/// What a client hears of a proof that was not made.
fn status_of(failure: &Failure) -> Status {
    let Failure { cause, reason } = failure;
    let code = match cause {
        Cause::InvalidInput => Code::InvalidArgument,
        Cause::Cancelled => return refusal::timeout(),
        Cause::Returned => Code::Unavailable,
        _ => Code::Internal,
    };
    match code {
        Code::InvalidArgument => Status::new(code, reason),
        _ => Status::new(code, format!("{cause}: {reason}")),
    }
}
