//! The task that a worker holds, from its offer to dispatch's answer; it survives any number of
//! connections on the way.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use proving::lease::{Cause, Usage};
use proving::payload::{MAX_INLINE_BYTES, Payload};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use transport::link::{LinkError, Session};
use transport::message::{Answer, Done, Failed, Held, Offer};

use super::beats::Pulse;
use crate::error::cut;
use crate::prover::{Attempt, Failure, ProverChild, Request, Standing};

/// What is to be done with the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Told to dispatch.
    Report,
    /// Told to dispatch as handed back, unless there is one already.
    HandBack,
    /// Nothing: the lease is another's, or nobody's.
    Silent,
}

/// Stops a task while its [`Work`] is under way.
#[derive(Clone)]
pub(super) struct Control {
    cancel: CancellationToken,
    ending: Arc<Mutex<Ending>>,
}

impl Control {
    /// Stop, and tell nobody.
    pub(super) fn silence(&self) {
        self.end(Ending::Silent);
    }

    /// Stop, and hand the task back.
    pub(super) fn hand_back(&self) {
        if self.ending() == Ending::Report {
            self.end(Ending::HandBack);
        }
    }

    /// Whether the result is for nobody.
    pub(super) fn is_silent(&self) -> bool {
        self.ending() == Ending::Silent
    }

    fn end(&self, ending: Ending) {
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner) = ending;
        self.cancel.cancel();
    }

    fn ending(&self) -> Ending {
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module.
pub(super) struct Work {
    offer: Offer,
    control: Control,
    standing: watch::Sender<Standing>,
    stage: Stage,
}

enum Stage {
    /// The bytes are not here yet.
    Fetch,
    /// The child has it, or will have it next.
    Proving(JoinHandle<Attempt>),
    /// There is a result.
    Ended(Attempt),
    /// The result is where dispatch can read it.
    Report(Result<Done, Failed>),
}

impl Work {
    pub(super) fn new(offer: Offer) -> Self {
        let control = Control { cancel: CancellationToken::new(), ending: Arc::new(Mutex::new(Ending::Report)) };
        Self { offer, control, standing: watch::Sender::default(), stage: Stage::Fetch }
    }

    pub(super) fn held(&self) -> Held {
        Held { task: self.offer.task, token: self.offer.token }
    }

    pub(super) fn control(&self) -> Control {
        self.control.clone()
    }

    pub(super) fn pulse(&self) -> Pulse {
        Pulse { held: self.held(), standing: self.standing.subscribe() }
    }

    /// Goes on until dispatch answered, or `None` where there is nothing to tell it. Safe to drop and call
    /// again: what was reached stays.
    ///
    /// # Errors
    /// Only [`LinkError::Lost`]: to be called again with the next session.
    pub(super) async fn advance<S: Session>(
        &mut self,
        session: &S,
        prover: &ProverChild,
    ) -> Result<Option<Answer>, LinkError> {
        loop {
            self.stage = match &mut self.stage {
                Stage::Fetch => self.fetch(session, prover).await?,
                Stage::Proving(running) => Stage::Ended(running.await.unwrap_or_else(|error| {
                    failed(Cause::Returned, format!("the worker failed beside its child: {error}"))
                })),
                _ if self.control.is_silent() => return Ok(None),
                Stage::Ended(attempt) => {
                    let attempt = attempt.clone();
                    Stage::Report(self.keep(session, attempt).await?)
                }
                Stage::Report(report) => {
                    let answered = match report {
                        Ok(done) => session.done(done).await,
                        Err(failed) => session.failed(failed).await,
                    };
                    match (answered, &report) {
                        (Ok(answer), _) => return Ok(Some(answer)),
                        (Err(error @ LinkError::Lost(_)), _) => return Err(error),
                        (Err(error), Ok(_)) => Stage::Ended(failed(Cause::Prover, format!("the proof: {error}"))),
                        (Err(error), Err(_)) => {
                            tracing::error!(%error, "dispatch does not take the report");
                            return Ok(None);
                        }
                    }
                }
            };
        }
    }

    /// Gets the bytes and hands them to the child.
    async fn fetch<S: Session>(&self, session: &S, prover: &ProverChild) -> Result<Stage, LinkError> {
        let Offer { kind, statement, input, needs, secret, .. } = &self.offer;
        let all = async {
            let input = session.fetch(input).await?;
            let mut proofs = Vec::with_capacity(needs.len());
            for need in needs {
                proofs.push(session.fetch(need).await?);
            }
            Ok((input, proofs))
        };
        let fetched = tokio::select! {
            fetched = all => fetched,
            () = self.control.cancel.cancelled() => {
                return Ok(Stage::Ended(failed(Cause::Cancelled, "cancelled before it began".to_owned())));
            }
        };
        let (input, needs) = match fetched {
            Ok(fetched) => fetched,
            Err(error @ LinkError::Lost(_)) => return Err(error),
            Err(error) => return Ok(Stage::Ended(failed(Cause::Blob, error.to_string()))),
        };
        let Held { task, token } = self.held();
        let request = Request {
            kind: kind.clone(),
            statement: statement.clone(),
            input,
            needs,
            secret: *secret,
            task: Some((task, token)),
        };
        let span = tracing::debug_span!(target: telemetry::SPANS, "prove", %task, %token, %kind);
        telemetry::follow(&span, self.offer.traceparent.as_deref());
        let (prover, cancel, standing) = (prover.clone(), self.control.cancel.clone(), self.standing.clone());
        let proving = async move { prover.prove(request, cancel, standing).await };
        Ok(Stage::Proving(tokio::spawn(proving.instrument(span))))
    }

    /// Makes a report of the result, with the proof where dispatch can read it.
    async fn keep<S: Session>(&self, session: &S, attempt: Attempt) -> Result<Result<Done, Failed>, LinkError> {
        let (held, usage) = (self.held(), attempt.usage);
        let stored = match attempt.outcome {
            Ok(proof) => self.store(session, proof).await,
            Err(failure) => return Ok(Err(self.failure(failure, usage))),
        };
        match stored {
            Ok(output) => Ok(Ok(Done { held, output, usage })),
            Err(error @ LinkError::Lost(_)) => Err(error),
            Err(error @ LinkError::Blob(_)) => {
                Ok(Err(Failed { held, cause: Cause::Blob, reason: cut(error.to_string()), usage }))
            }
            Err(error) => {
                let reason = cut(format!("the proof cannot be stored: {error}"));
                Ok(Err(Failed { held, cause: Cause::Prover, reason, usage }))
            }
        }
    }

    async fn store<S: Session>(&self, session: &S, proof: Bytes) -> Result<Payload, LinkError> {
        if proof.len() <= MAX_INLINE_BYTES && !self.offer.secret {
            return Ok(Payload::Inline(proof.to_vec()));
        }
        session.store(proof, self.offer.secret).await
    }

    fn failure(&self, failure: Failure, usage: Usage) -> Failed {
        let held = self.held();
        if self.control.ending() == Ending::HandBack && failure.cause == Cause::Cancelled {
            let reason = "the worker is ending and hands the task back".to_owned();
            return Failed { held, cause: Cause::Returned, reason, usage };
        }
        Failed { held, cause: failure.cause, reason: cut(failure.reason), usage }
    }
}

impl Drop for Work {
    /// Nobody waits for it any more.
    fn drop(&mut self) {
        self.control.cancel.cancel();
    }
}

fn failed(cause: Cause, reason: String) -> Attempt {
    Attempt { outcome: Err(Failure { cause, reason }), usage: Usage::default() }
}
