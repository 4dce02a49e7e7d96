//! What a worker does with its tasks: runs them, fails them, lies about them, and posts results until they
//! are answered.

use proving::id::TaskId;
use proving::lease::{Cause, Usage};
use proving::payload::{BlobDigest, Payload};

use super::asker::Fate;
use super::fired::Fired;
use super::worker::Call;
use super::world::{MS, What, World};
use crate::event::{Check, Held, Offer};

/// A task that a worker has.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) held: Held,
    memory: u64,
    needs: Vec<Payload>,
    pub(super) result: Option<Outcome>,
    /// When the result was posted in this connection.
    pub(super) posted: Option<u64>,
    again: bool,
    /// The broker's message that it came with.
    pub(super) message: Option<u64>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Done(Payload, Usage),
    Failed(Cause, Usage),
}

/// A proof that somebody made: who reads its bytes knows this of it.
#[derive(Debug, Clone)]
pub(super) struct Proof {
    task: TaskId,
    needs: Vec<Payload>,
    right: bool,
}

impl World {
    /// What a connected worker does several times a second.
    pub(super) fn work(&mut self, w: usize, connection: usize) {
        for index in 0..self.workers[w].running.len() {
            let running = &self.workers[w].running[index];
            let held = running.held;
            if running.result.is_none() {
                let stale = !self.judge.current(&held);
                self.call(w, Call::Beat(held), stale);
            } else if running.posted.is_none_or(|at| self.now - at > 1_000 * MS) {
                self.post_result(w, held);
            }
        }
        if self.workers[w].draining {
            if self.workers[w].running.is_empty() && self.workers[w].claiming.is_empty() {
                self.die_worker(w, false);
            } else if self.unlucky(4) {
                self.hand_back(w);
            }
            return;
        }
        if self.workers[w].consumer {
            self.consume(w);
            return;
        }
        let worker = &self.workers[w];
        let old = worker.asks.iter().find(|(_, at)| self.now - **at > 1_500 * MS).map(|(call, _)| *call);
        if let Some(call) = old
            && self.unlucky(6)
        {
            self.call(w, Call::Unask(call), false);
        }
        while self.workers[w].running.len() + self.workers[w].asks.len() < self.workers[w].slots {
            let call = self.call(w, Call::Ask, false);
            self.workers[w].asks.insert(call, self.now);
        }
        debug_assert_eq!(self.workers[w].connection, Some(connection));
    }

    fn hand_back(&mut self, w: usize) {
        let unfinished = self.workers[w].running.iter_mut().find(|running| running.result.is_none());
        let Some(running) = unfinished else { return };
        running.result = Some(Outcome::Failed(Cause::Returned, Usage::default()));
        let held = running.held;
        self.fire(Fired::Returned);
        self.post_result(w, held);
    }

    /// A worker takes a task.
    pub(super) fn take(&mut self, w: usize, offer: Offer, message: Option<u64>) {
        let held = offer.held;
        let worker = &self.workers[w];
        let counts = |running: &&Running| self.judge.current(&running.held);
        let taken: u64 = worker.running.iter().filter(counts).map(|running| running.memory).sum();
        if self.judge.current(&held) {
            let fits = taken + offer.memory_bytes <= worker.memory;
            assert!(fits, "{} is given more than fits into its memory", worker.name);
            assert!(worker.classes.contains(&offer.spec.class), "{} is given what it cannot prove", worker.name);
        }
        assert_eq!(offer.needs.len(), offer.spec.needs.len(), "an offer comes with every needed proof");
        let truth = self.truth[&held.task].clone();
        let blobs = offer.needs.iter().chain([&offer.spec.input]).filter_map(Payload::blob);
        let missing = blobs.into_iter().find(|digest| self.lost.contains(digest));
        let Offer { needs, memory_bytes, .. } = offer;
        let running = Running { held, memory: memory_bytes, needs, result: None, posted: None, again: false, message };
        self.workers[w].running.push(running);
        if let Some(digest) = missing {
            self.call(w, Call::BlobLost(digest), false);
            self.end_run(w, held, Outcome::Failed(Cause::Blob, Usage::default()));
            return;
        }
        self.soon(truth.takes * MS, What::Finish(w, held));
    }

    /// A task is over, one way or another.
    pub(super) fn finish(&mut self, w: usize, held: Held) {
        let worker = &self.workers[w];
        if worker.frozen_until > self.now {
            self.soon(worker.frozen_until - self.now + MS, What::Finish(w, held));
            return;
        }
        let Some(running) = worker.running.iter().find(|r| r.held == held && r.result.is_none()) else { return };
        let (needs, liar, memory) = (running.needs.clone(), worker.liar, worker.memory);
        let truth = self.truth[&held.task].clone();
        let usage = Usage { wall_ms: truth.takes, cpu_ms: truth.takes, peak_memory_bytes: truth.memory };
        let outcome = if truth.fate == Fate::Invalid {
            self.fire(Fired::Invalid);
            Outcome::Failed(Cause::InvalidInput, usage)
        } else if truth.fate == Fate::Panics {
            self.fire(Fired::Failed);
            Outcome::Failed(Cause::Panic, usage)
        } else if truth.memory > memory {
            self.fire(Fired::Memory);
            Outcome::Failed(Cause::OutOfMemory, usage)
        } else if self.unlucky(12) {
            self.fire(Fired::Failed);
            let causes = [Cause::Prover, Cause::Signal, Cause::Exit, Cause::Protocol, Cause::Cancelled, Cause::Blob];
            let cause = causes[self.random.below(causes.len())];
            Outcome::Failed(cause, usage)
        } else if liar && self.unlucky(2) {
            self.fire(Fired::Wrong);
            let usage = Usage { wall_ms: u64::MAX, cpu_ms: u64::MAX - self.random.between(0, 9), ..usage };
            Outcome::Done(self.prove(held.task, needs, false), usage)
        } else {
            Outcome::Done(self.prove(held.task, needs, true), usage)
        };
        self.end_run(w, held, outcome);
    }

    fn end_run(&mut self, w: usize, held: Held, outcome: Outcome) {
        let running = self.workers[w].running.iter_mut().find(|running| running.held == held);
        if let Some(running) = running {
            running.result = Some(outcome);
        }
        if self.workers[w].greeted {
            self.post_result(w, held);
        }
    }

    fn prove(&mut self, task: TaskId, needs: Vec<Payload>, right: bool) -> Payload {
        let number = self.number();
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        let payload = match self.random.one_in(2) {
            true => Payload::Inline(bytes.to_vec()),
            false => Payload::Blob { digest: BlobDigest::from_bytes(bytes), bytes: 1_000 },
        };
        self.proofs.insert(number, Proof { task, needs, right });
        if right {
            self.judge.honest(task, &payload);
        }
        payload
    }

    /// Posts a result, or posts it again.
    fn post_result(&mut self, w: usize, held: Held) {
        let Some(running) = self.workers[w].running.iter_mut().find(|running| running.held == held) else { return };
        running.posted = Some(self.now);
        let again = std::mem::replace(&mut running.again, true);
        let Some(outcome) = running.result.clone() else { return };
        let needs = running.needs.clone();
        if again {
            self.fire(Fired::Again);
        }
        match outcome {
            Outcome::Done(output, usage) => {
                let liar = self.workers[w].liar;
                self.call(w, Call::Done(held, output, usage), false);
                if liar && self.unlucky(3) {
                    self.fire(Fired::Swapped);
                    let wrong = self.prove(held.task, needs, false);
                    self.call(w, Call::Done(held, wrong, usage), false);
                }
            }
            Outcome::Failed(cause, usage) => {
                self.call(w, Call::Failed(held, cause, usage), false);
            }
        }
    }

    /// A result was answered: the worker is rid of the task.
    pub(super) fn rid(&mut self, w: usize, held: Held) {
        let running = &mut self.workers[w].running;
        let Some(place) = running.iter().position(|running| running.held == held) else { return };
        let message = running.remove(place).message;
        self.acknowledge(w, message);
    }

    /// Whether a proof holds. A right one must never be held against what it was not made from.
    pub(super) fn judge_output(&self, check: &Check) -> bool {
        let bytes = match &check.output {
            Payload::Inline(bytes) => bytes.as_slice(),
            Payload::Blob { digest, .. } => digest.as_bytes().as_slice(),
        };
        let number = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
        let proof = &self.proofs[&number];
        let right = proof.right && proof.task == check.held.task;
        assert!(
            !right || proof.needs == check.needs,
            "a right proof is held against other proofs than it was made from"
        );
        right
    }
}
