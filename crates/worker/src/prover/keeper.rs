//! Owns the child: starts it, gives it one job after another, replaces it when it dies or is recycled.

use std::sync::Arc;
use std::time::Duration;

use proving::error::with_sources;
use proving::lease::{Cause, Usage};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use transport::message::Offering;

use super::process::{Process, Said};
use super::{Attempt, ChildConfig, Failure, Job, State, attempt, death, procfs};
use crate::counters::Counters;
use crate::error::WorkerError;
use crate::frame::FromChild;

/// A child that does not start, or dies without a job, is started again at once, then after this, and
/// after twice as long each time up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often time and memory of an idle child are counted.
const IDLE_TICK: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Keeper {
    config: ChildConfig,
    counters: Counters,
    state: watch::Sender<State>,
    jobs: mpsc::Receiver<Job>,
}

/// Why a child serves no longer.
enum Next {
    /// All handles are gone.
    End,
    /// It died in a job or is recycled: another takes its place at once.
    Replace,
    /// It died by itself: another takes its place, but not in a hot loop.
    Crashed,
}

impl Keeper {
    pub(super) fn new(
        config: ChildConfig,
        counters: Counters,
        state: watch::Sender<State>,
        jobs: mpsc::Receiver<Job>,
    ) -> Self {
        Self { config, counters, state, jobs }
    }

    /// Until the last handle is gone.
    pub(super) async fn keep(mut self) {
        let mut crashes = 0;
        loop {
            self.set_state(State::Starting);
            let started = tokio::select! {
                started = self.start() => started,
                () = self.state.closed() => return,
            };
            match started {
                Ok((mut process, offers)) => {
                    self.set_state(State::Ready(offers));
                    match self.serve(&mut process).await {
                        Next::End => return,
                        Next::Replace => crashes = 0,
                        Next::Crashed => crashes += 1,
                    }
                    process.kill().await;
                }
                Err(error) => {
                    crashes += 1;
                    self.report_down(&error);
                }
            }
            tokio::select! {
                () = sleep(pause(crashes)) => {}
                () = self.state.closed() => return,
            }
        }
    }

    fn set_state(&self, state: State) {
        self.counters.ready(matches!(state, State::Ready(_)));
        self.state.send_replace(state);
    }

    /// Nobody is left waiting for a child that does not start.
    fn report_down(&mut self, error: &WorkerError) {
        let reason = with_sources(error);
        tracing::error!(%reason, "the prover child is down");
        let cause = if let WorkerError::NotReady { cause, .. } = error { *cause } else { Cause::Prover };
        while let Ok(job) = self.jobs.try_recv() {
            let _ = job.reply.send(Attempt::failed(cause, reason.clone(), Usage::default()));
        }
        self.set_state(State::Down(reason));
    }

    /// Starts a child and waits until it is ready.
    async fn start(&self) -> Result<(Process, Arc<[Offering]>), WorkerError> {
        let mut process = Process::spawn(&self.config)?;
        self.counters.child_started();
        let deadline = Instant::now() + self.config.ready_within;
        let mut samples = interval(self.config.sample_every);
        let failure = loop {
            tokio::select! {
                said = process.hear() => match said {
                    Some(Ok(FromChild::Ready { offers, rss, seconds })) => {
                        tracing::info!(pid = process.pid, offers = offers.len(), rss, seconds, "prover child is ready");
                        return Ok((process, offers.into()));
                    }
                    said => if let Some(failure) = self.judge(&mut process, said).await { break failure },
                },
                () = sleep_until(deadline) => break Failure {
                    cause: Cause::Expired,
                    reason: format!("not within {} s", self.config.ready_within.as_secs()),
                },
                _ = samples.tick() => {
                    let rss = procfs::resident_bytes(process.pid).unwrap_or(0);
                    if let Some(limit) = self.config.memory_limit.filter(|limit| rss > *limit) {
                        break death::over_limit(rss, limit);
                    }
                }
            }
        };
        process.kill().await;
        self.counters.child_died(failure.cause);
        Err(WorkerError::NotReady { cause: failure.cause, reason: failure.reason })
    }

    /// Judges what a child says that has no job; `None` where that does no harm.
    async fn judge(&self, process: &mut Process, said: Said) -> Option<Failure> {
        match said {
            // A prover's threads may report on after the proof.
            Some(Ok(FromChild::Progress { .. })) => None,
            Some(Ok(FromChild::Failed { cause, reason, .. })) => Some(Failure { cause, reason }),
            Some(Ok(message)) => Some(Process::out_of_turn(&message)),
            Some(Err(error)) => Some(process.broken(&error)),
            None => Some(process.death(&self.config).await),
        }
    }

    async fn serve(&mut self, process: &mut Process) -> Next {
        let mut ticks = interval(IDLE_TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut counted = Instant::now();
        let mut proofs = 0;
        loop {
            tokio::select! {
                // A dead child is noticed before it is given a job.
                biased;
                said = process.hear() => {
                    if let Some(failure) = self.judge(process, said).await {
                        tracing::warn!(cause = %failure.cause, reason = %failure.reason, "the idle prover child died");
                        self.counters.child_died(failure.cause);
                        return Next::Crashed;
                    }
                }
                job = self.jobs.recv() => {
                    self.counters.was_available(counted.elapsed(), false);
                    let Some(job) = job else { return Next::End };
                    if !self.give(process, job, &mut proofs).await {
                        return Next::Replace;
                    }
                    counted = Instant::now();
                }
                _ = ticks.tick() => {
                    self.counters.was_available(counted.elapsed(), false);
                    counted = Instant::now();
                    self.counters.resident(procfs::resident_bytes(process.pid).unwrap_or(0));
                }
            }
        }
    }

    /// Has the child do a job, which may be one more of its proofs; whether it can do another.
    async fn give(&self, process: &mut Process, job: Job, proofs: &mut u64) -> bool {
        let Job { request, cancel, standing, reply } = job;
        if cancel.is_cancelled() {
            let _ = reply.send(Attempt::failed(Cause::Cancelled, "cancelled before it began", Usage::default()));
            return true;
        }
        let ended = attempt::run(&self.config, &self.counters, process, request, &cancel, &standing).await;
        let failed = ended.attempt.outcome.as_ref().err();
        // Whoever sends what cannot be read wears no prover out, and fills no log.
        let refused = failed.is_some_and(|failure| failure.cause == Cause::InvalidInput);
        if !refused {
            *proofs += 1;
        }
        let recycle = ended.death.is_none() && self.is_used_up(process, *proofs);
        if ended.death.is_some() || recycle {
            // Before the reply, so that whoever gets it does not take the old child for ready.
            self.set_state(State::Starting);
        }
        match failed {
            Some(Failure { cause, reason }) if refused => tracing::debug!(%cause, %reason, "no proof"),
            Some(Failure { cause, reason }) => tracing::warn!(%cause, %reason, "no proof"),
            None => {}
        }
        // Whoever asked may have given up.
        let _ = reply.send(ended.attempt);
        if recycle {
            tracing::info!(pid = process.pid, proofs = *proofs, "recycling the prover child");
            self.counters.child_recycled();
        }
        ended.death.is_none() && !recycle
    }

    fn is_used_up(&self, process: &Process, proofs: u64) -> bool {
        let rss = || procfs::resident_bytes(process.pid).unwrap_or(0);
        self.config.recycle_after.is_some_and(|after| proofs >= after)
            || self.config.recycle_above.is_some_and(|mark| rss() > mark)
    }
}

fn pause(crashes: u32) -> Duration {
    match crashes.checked_sub(2) {
        None => Duration::ZERO,
        Some(doublings) => FIRST_PAUSE.saturating_mul(1 << doublings.min(16)).min(LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_replacement_is_immediate_and_the_pauses_grow_to_a_limit() {
        assert_eq!([0, 1, 2, 3].map(|crashes| pause(crashes).as_millis()), [0, 0, 200, 400]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }
}
