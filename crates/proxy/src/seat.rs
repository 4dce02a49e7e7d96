//! One worker's way from the dispatcher and back: the offer is a unary call, the beat is the open stream with status
//! probes, done or failed is the reply.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dispatcher::Dispatcher;
use miden_wire::refusal;
use proving::lease::{Cause, Usage};
use proving::payload::Payload;
use telemetry::SPANS;
use tokio::sync::mpsc;
use tonic::{Code, Status};
use tracing::Instrument as _;
use transport::message::{Answer, Beat, Done, Failed, Held, Hello, Notice, Offer, Offering};
use transport::plane::{Opened, PlaneError, Role, SessionId, WorkPlane as _};

use crate::desk::Desk;
use crate::fleet::{Fleet, Health, Member};

/// One question for a task waits so long before the next.
const POLL: Duration = Duration::from_secs(25);

/// How often a worker with a request is asked whether it lives, at most.
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// How long a worker that said that it is busy is left alone.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// How often a worker that is to stop is asked whether it has.
const STOPPED_EVERY: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Clone)]
pub(crate) struct Keeper {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) desk: Desk,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) silence: Duration,
    /// The longest that a request takes.
    pub(crate) timeout: Duration,
}

/// A session at the dispatcher, closed when it is dropped.
struct Open<'a> {
    dispatcher: &'a Dispatcher,
    id: SessionId,
    notices: mpsc::UnboundedReceiver<Notice>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.dispatcher.close(self.id);
    }
}

/// How a call to a worker ended.
enum Ended {
    Answered(Result<Bytes, Status>),
    /// Nobody waits for it any more.
    Stopped,
    /// It was silent for too long.
    Silent,
}

impl Keeper {
    /// Works for a member for as long as it is on the list.
    pub(crate) async fn keep(self, member: Arc<Member>) {
        self.work_for(&member).await;
        self.desk.metrics().forget_worker(&member.address);
    }

    async fn work_for(&self, member: &Member) {
        let mut standing = member.standing.subscribe();
        loop {
            let healthy = async {
                // The sender lives in the member.
                let _ = standing.wait_for(|standing| standing.health == Health::Healthy).await;
            };
            tokio::select! {
                () = healthy => {}
                () = member.removed.cancelled() => return,
            }
            if let Err(error) = self.serve(member).await {
                tracing::debug!(worker = member.address, %error, "the session ended");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            if member.removed.is_cancelled() {
                return;
            }
        }
    }

    /// Takes tasks for a healthy worker until it is so no more, or removed.
    async fn serve(&self, member: &Member) -> Result<(), PlaneError> {
        let class = self.desk.class();
        let hello = Hello {
            worker: member.address.clone(),
            version: member.standing().version,
            offers: vec![Offering { kind: class.kind.clone(), statement: class.statement.clone() }],
            memory_bytes: u64::MAX,
            since_ms: unix_ms(),
            running: Vec::new(),
        };
        let Opened { session, notices, .. } = self.dispatcher.open(Role::Worker, hello).await?;
        let mut open = Open { dispatcher: &self.dispatcher, id: session, notices };
        let mut standing = member.standing.subscribe();
        let mut next = None;
        while next.is_some() || member.is_healthy() {
            let unhealthy = standing.wait_for(|standing| standing.health != Health::Healthy);
            let offer = match next.take() {
                Some(offer) => Some(offer),
                None => tokio::select! {
                    offer = self.dispatcher.next(session, POLL) => offer?,
                    () = member.removed.cancelled() => return Ok(()),
                    _ = unhealthy => return Ok(()),
                },
            };
            let Some(offer) = offer else { continue };
            let Some(report) = self.work(member, &mut open, offer).await else { continue };
            if report.leaves_the_worker_free() && !member.removed.is_cancelled() {
                // Both at once: the next one is on its way while this one is written down.
                let (told, offer) =
                    tokio::join!(self.tell(session, report), self.dispatcher.next(session, Duration::ZERO));
                next = offer?;
                told?;
            } else {
                self.tell(session, report).await?;
            }
        }
        Ok(())
    }

    /// Sees one task through; what is to be told, if it is not stopped.
    async fn work(&self, member: &Member, open: &mut Open<'_>, offer: Offer) -> Option<Report> {
        let held = Held { task: offer.task, token: offer.token };
        let input = match self.desk.input(&offer.task, &offer.input).await {
            Some(Ok(bytes)) => bytes,
            Some(Err(error)) => {
                return Some(Report::failed(held, Cause::Blob, &error.to_string(), Duration::ZERO));
            }
            // It was given up meanwhile, and its lease is over or will be.
            None => {
                return Some(Report::failed(held, Cause::Returned, "nobody wants it any more", Duration::ZERO));
            }
        };
        member.has.send_replace(Some(offer.task));
        let _free = Free { member, fleet: &self.fleet };
        let metrics = self.desk.metrics();
        metrics.worker_request_count.with_label_values(&[&member.address]).inc();
        let span = tracing::debug_span!(target: SPANS, "work", worker = member.address, token = %offer.token);
        telemetry::follow(&span, offer.traceparent.as_deref());
        let traceparent = telemetry::traceparent(&span);
        let began = Instant::now();
        let ended = self.call(member, open, held, input, traceparent.as_deref()).instrument(span).await;
        let took = began.elapsed();
        match ended {
            Ended::Answered(Ok(proof)) => {
                metrics.proof_seconds.with_label_values(&[&member.address]).observe(took.as_secs_f64());
                Some(Report::Done { held, proof, took })
            }
            Ended::Answered(Err(status)) => {
                let cause = cause_of(&status);
                metrics.attempts_failed.with_label_values(&[cause.name()]).inc();
                let (worker, task, error) = (&member.address, held.task, status.message());
                match cause {
                    // Whoever sends what cannot be read fills no log.
                    Cause::InvalidInput => tracing::debug!(worker, %task, %cause, error, "no proof"),
                    _ => tracing::info!(worker, %task, %cause, error, "no proof"),
                }
                if matches!(cause, Cause::Disconnected | Cause::Exit | Cause::Protocol) {
                    member.failed(status.message());
                }
                if cause == Cause::Returned {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                Some(Report::failed(held, counted(cause), &refusal::to_text(&status), took))
            }
            Ended::Stopped => {
                self.stopped(member).await;
                None
            }
            Ended::Silent => {
                metrics.attempts_failed.with_label_values(&[Cause::Expired.name()]).inc();
                let reason = format!("the worker was silent for {} s with a request", self.silence.as_secs());
                member.failed(&reason);
                let reason = refusal::to_text(&refusal::not_ready(&reason));
                Some(Report::failed(held, counted(Cause::Expired), &reason, took))
            }
        }
    }

    /// Has the worker prove, and asks it meanwhile whether it lives.
    async fn call(
        &self,
        member: &Member,
        open: &mut Open<'_>,
        held: Held,
        input: Bytes,
        traceparent: Option<&str>,
    ) -> Ended {
        let kind = self.desk.kind();
        let mut call = std::pin::pin!(member.worker.prove(kind, input, traceparent));
        let (begun, mut heard, mut stopped) = (Instant::now(), Instant::now(), false);
        let mut probe = Box::pin(self.probe(member));
        loop {
            let mut stop = false;
            tokio::select! {
                biased;
                answer = call.as_mut() => return if stopped { Ended::Stopped } else { Ended::Answered(answer) },
                notice = open.notices.recv(), if !stopped => match notice {
                    Some(Notice::Stop(token)) => stop = token == held.token,
                    Some(Notice::Drain) => {}
                    // The dispatcher starts again, or ends: what comes of it is not known here.
                    None => stop = true,
                },
                lives = &mut probe => {
                    probe = Box::pin(self.probe(member));
                    if lives {
                        heard = Instant::now();
                        let beat = Beat { held, stage: "proving".to_owned(), done: 0, total: 0, rss_bytes: 0 };
                        stop = !stopped && matches!(self.dispatcher.beat(open.id, beat).await, Ok(false));
                    }
                }
            }
            if heard.elapsed() > self.silence {
                return if stopped { Ended::Stopped } else { Ended::Silent };
            }
            if stop {
                // Ours stops when the request is taken back. Another cannot be stopped: it is free when it answers, and
                // not before.
                stopped = true;
                if member.standing().is_meze {
                    return Ended::Stopped;
                }
            }
            if stopped && begun.elapsed() > self.timeout {
                return Ended::Stopped;
            }
        }
    }

    /// Waits until a worker of ours has stopped what was taken back from it. Another one has, or was waited for.
    async fn stopped(&self, member: &Member) {
        let give_up_at = Instant::now() + self.silence;
        while member.standing().is_meze && Instant::now() < give_up_at {
            match member.worker.status(self.silence).await {
                Ok(status) if status.busy || !status.ready => tokio::time::sleep(STOPPED_EVERY).await,
                _ => return,
            }
        }
    }

    /// After a while, whether it answers.
    async fn probe(&self, member: &Member) -> bool {
        tokio::time::sleep(PROBE_EVERY.min(self.silence / 4)).await;
        member.worker.status(self.silence).await.is_ok()
    }

    /// Tells the dispatcher what came of a task.
    async fn tell(&self, session: SessionId, report: Report) -> Result<(), PlaneError> {
        let (held, answer) = match report {
            Report::Done { held, proof, took } => {
                let output = match proof.is_empty() {
                    true => Payload::empty(),
                    false => self.dispatcher.write_blob(proof.clone(), true).await?,
                };
                self.desk.made(held.task, proof);
                (held, self.dispatcher.done(session, Done { held, output, usage: usage(took) }).await?)
            }
            Report::Failed(failed) => (failed.held, self.dispatcher.failed(session, failed).await?),
        };
        if answer != Answer::Accepted {
            tracing::info!(task = %held.task, ?answer, "the report does not count");
        }
        Ok(())
    }
}

/// What is to be told of a task.
enum Report {
    Done { held: Held, proof: Bytes, took: Duration },
    Failed(Failed),
}

impl Report {
    fn failed(held: Held, cause: Cause, reason: &str, took: Duration) -> Self {
        let reason = reason.chars().take(1000).collect();
        Self::Failed(Failed { held, cause, reason, usage: usage(took) })
    }

    /// Nothing is wrong with the worker.
    fn leaves_the_worker_free(&self) -> bool {
        match self {
            Self::Done { .. } => true,
            Self::Failed(failed) => failed.cause == Cause::InvalidInput,
        }
    }
}

/// Takes the mark off a member when its work is over, once it has really stopped.
struct Free<'a> {
    member: &'a Member,
    fleet: &'a Fleet,
}

impl Drop for Free<'_> {
    fn drop(&mut self) {
        self.member.has.send_replace(None);
        self.fleet.ring();
    }
}

fn usage(took: Duration) -> Usage {
    Usage { wall_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX), ..Usage::default() }
}

fn unix_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// What a worker's answer says about whose fault it is.
fn cause_of(status: &Status) -> Cause {
    if std::error::Error::source(status).is_some() {
        // Made of a connection that could not be had, or of one that broke under the request: that may have killed the
        // worker.
        return if never_arrived(status) { Cause::Disconnected } else { Cause::Exit };
    }
    match status.code() {
        Code::InvalidArgument if refusal::is_of_another_kind(status) => Cause::Protocol,
        Code::InvalidArgument | Code::OutOfRange => Cause::InvalidInput,
        Code::ResourceExhausted => Cause::Returned,
        Code::Unavailable => Cause::Disconnected,
        Code::Cancelled | Code::DeadlineExceeded => Cause::Expired,
        // What tonic makes of an answer that is none, as after a panic.
        Code::Unknown => Cause::Panic,
        Code::Internal | Code::DataLoss | Code::Aborted => Cause::Prover,
        // Whoever answers so is no worker of this type and line, or something in front of it.
        _ => Cause::Protocol,
    }
}

/// The same as the dispatcher counts it: whatever is a worker's fault uses up a retry.
fn counted(cause: Cause) -> Cause {
    if cause.counts() { cause } else { Cause::Exit }
}

fn never_arrived(status: &Status) -> bool {
    let mut under = std::error::Error::source(status);
    while let Some(error) = under {
        if error.downcast_ref::<std::io::Error>().is_some_and(|error| {
            use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut};
            matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable | TimedOut)
        }) {
            return true;
        }
        under = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use miden_wire::kind::ProofKind;

    #[test]
    fn only_what_is_wrong_with_the_request_itself_is_not_tried_again() {
        for (status, cause) in [
            (Status::invalid_argument("failed to decode request"), Cause::InvalidInput),
            (Status::out_of_range("too large"), Cause::InvalidInput),
            (refusal::unsupported(ProofKind::Batch, ProofKind::Block), Cause::Protocol),
            (Status::invalid_argument("unsupported proof type"), Cause::Protocol),
            (Status::unimplemented("no such method"), Cause::Protocol),
            (Status::permission_denied("a middlebox"), Cause::Protocol),
            (refusal::busy(), Cause::Returned),
            (refusal::not_ready("starting"), Cause::Disconnected),
            (Status::internal("failed to prove"), Cause::Prover),
            (Status::from_error(Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset))), Cause::Exit),
        ] {
            assert_eq!(cause_of(&status), cause, "{status:?}");
            assert_eq!(
                counted(cause).class() == proving::error::FailureClass::InvalidInput,
                cause == Cause::InvalidInput
            );
            assert!(counted(cause).counts());
        }
    }
}
