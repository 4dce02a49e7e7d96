//! One proof in the child, from its order to its answer or the child's end.

use std::time::Duration;

use proving::lease::{Cause, Usage};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;

use super::process::{Process, Said};
use super::{Attempt, ChildConfig, Failure, Request, Standing, death, procfs};
use crate::counters::Counters;
use crate::frame::{FromChild, ToChild};

/// When a running child is first looked at. The kernel counts CPU in steps of 10 ms, so nothing is missed.
const FIRST_LOOK: Duration = Duration::from_millis(5);

/// How an attempt ended, and whether the child outlived it.
pub(super) struct Ended {
    pub(super) attempt: Attempt,
    /// What the child died of, or was ended for.
    pub(super) death: Option<Cause>,
}

/// Has the child prove `request`.
pub(super) async fn run(
    config: &ChildConfig,
    counters: &Counters,
    process: &mut Process,
    request: Request,
    cancel: &CancellationToken,
    standing: &watch::Sender<Standing>,
) -> Ended {
    let (kind, task) = (request.kind.clone(), request.task);
    let ended = match process.order(&ToChild::Prove(request.into_order()), config.frame_limit) {
        Ok(()) => {
            counters.proof_started(&kind, task, process.pid);
            standing.send_modify(|standing| standing.started = true);
            Watched::new(config, counters, process, standing).until_end(cancel).await
        }
        Err(error) => {
            let attempt = Attempt::failed(Cause::Prover, format!("the task: {error}"), Usage::default());
            Ended { attempt, death: None }
        }
    };
    counters.proof_ended(
        &kind,
        &ended.attempt.usage,
        ended.attempt.outcome.as_ref().err().map(|failure| failure.cause),
    );
    if let Some(cause) = ended.death {
        counters.child_died(cause);
    }
    ended
}

/// A running attempt, and what was seen of it from outside.
struct Watched<'a> {
    config: &'a ChildConfig,
    counters: &'a Counters,
    process: &'a mut Process,
    standing: &'a watch::Sender<Standing>,
    began: Instant,
    counted: Instant,
    /// Since it was first looked at.
    cpu_before: Option<u64>,
    seen: Usage,
}

impl<'a> Watched<'a> {
    fn new(
        config: &'a ChildConfig,
        counters: &'a Counters,
        process: &'a mut Process,
        standing: &'a watch::Sender<Standing>,
    ) -> Self {
        let now = Instant::now();
        Self { config, counters, process, standing, began: now, counted: now, cpu_before: None, seen: Usage::default() }
    }

    async fn until_end(&mut self, cancel: &CancellationToken) -> Ended {
        // Not at once: a look at the child costs more than some proofs.
        let first = self.began + FIRST_LOOK.min(self.config.sample_every);
        let mut samples = interval_at(first, self.config.sample_every);
        samples.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut kill_at: Option<Instant> = None;
        let ended = loop {
            let deadline = kill_at.unwrap_or(self.began);
            tokio::select! {
                said = self.process.hear() => if let Some(ended) = self.judge(said).await { break ended },
                () = cancel.cancelled(), if kill_at.is_none() => {
                    // An order this short has room in any limit; a child that cannot hear it is killed.
                    let _ = self.process.order(&ToChild::Cancel, self.config.frame_limit);
                    kill_at = Some(Instant::now() + self.config.cancel_grace);
                }
                () = sleep_until(deadline), if kill_at.is_some() => {
                    let reason = "cancelled; it did not stop by itself and was killed".to_owned();
                    break self.kill(Failure { cause: Cause::Cancelled, reason }).await;
                }
                _ = samples.tick() => if let Some(failure) = self.sample() { break self.kill(failure).await },
            }
        };
        self.count_time();
        ended
    }

    /// Follows up what the child said; an end of the attempt, unless it was only progress.
    async fn judge(&mut self, said: Said) -> Option<Ended> {
        let failure = match said {
            Some(Ok(FromChild::Progress { stage, done, total })) => {
                self.standing.send_modify(|standing| {
                    (standing.stage, standing.done, standing.total) = (stage, done, total);
                });
                return None;
            }
            Some(Ok(FromChild::Proof { bytes, usage })) => {
                return Some(Ended { attempt: Attempt { outcome: Ok(bytes), usage }, death: None });
            }
            Some(Ok(FromChild::Failed { cause, reason, usage })) => {
                let death = (cause == Cause::Panic).then_some(cause);
                if death.is_some() {
                    // It has said what there is to say and is ending by itself.
                    self.process.death(self.config).await;
                }
                return Some(Ended { attempt: Attempt::failed(cause, reason, usage), death });
            }
            Some(Ok(message @ FromChild::Ready { .. })) => Process::out_of_turn(&message),
            Some(Err(error)) => self.process.broken(&error),
            None => {
                let failure = self.process.death(self.config).await;
                return Some(self.dead(failure));
            }
        };
        Some(self.kill(failure).await)
    }

    async fn kill(&mut self, failure: Failure) -> Ended {
        self.process.kill().await;
        self.dead(failure)
    }

    fn dead(&mut self, failure: Failure) -> Ended {
        let wall_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let death = Some(failure.cause);
        Ended { attempt: Attempt { outcome: Err(failure), usage: Usage { wall_ms, ..self.seen } }, death }
    }

    /// Looks at the child's memory and CPU; a failure where it has grown over its limit.
    fn sample(&mut self) -> Option<Failure> {
        self.count_time();
        let rss = procfs::resident_bytes(self.process.pid)?;
        self.seen.peak_memory_bytes = self.seen.peak_memory_bytes.max(rss);
        if let Some(cpu) = procfs::cpu_ms(self.process.pid) {
            self.seen.cpu_ms = cpu.saturating_sub(*self.cpu_before.get_or_insert(cpu));
        }
        self.counters.resident(rss);
        self.standing.send_modify(|standing| standing.rss_bytes = rss);
        let limit = self.config.memory_limit.filter(|limit| rss > *limit)?;
        Some(death::over_limit(rss, limit))
    }

    fn count_time(&mut self) {
        let now = Instant::now();
        let passed: Duration = now - self.counted;
        self.counters.was_available(passed, true);
        self.counted = now;
    }
}
