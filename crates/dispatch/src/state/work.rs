//! What workers say of their tasks: claimed, alive, done, failed; and what the check of a proof says.

use proving::error::FailureClass;
use proving::id::TaskId;
use proving::lease::{Cause, Token, Usage};
use proving::payload::Payload;

use super::grant::LEAST_MS;
use super::{Pending, State};
use crate::event::{Action, Answer, Check, Held, Progress, Reply, RequestId, SessionId, Verdict};
use crate::model::{Failure, Phase};
use crate::planted::Fault;
use crate::record::Record;

/// The longest reason that is kept, in bytes.
const MAX_REASON_BYTES: usize = 1024;

/// So many workers with wrong proofs are remembered: their names are their own choice.
const MAX_REFUSED: usize = 10_000;

/// More than ten years of anything is nonsense.
const MAX_USAGE_MS: u64 = 10 * 365 * 24 * 3_600_000;

/// What a worker says that it used goes into sums and averages, so it has to be a number to calculate with.
fn plausible(usage: Usage) -> Usage {
    let Usage { wall_ms, cpu_ms, peak_memory_bytes } = usage;
    Usage { wall_ms: wall_ms.min(MAX_USAGE_MS), cpu_ms: cpu_ms.min(MAX_USAGE_MS), peak_memory_bytes }
}

impl State {
    pub(super) fn claim(&mut self, request: RequestId, id: SessionId, held: Held, redelivered: bool) {
        if !self.sessions.contains_key(&id) {
            self.reply(request, Reply::NoSession);
            return;
        }
        let token = self.claimed(id, held, redelivered);
        self.reply(request, Reply::Claim(token));
        self.match_idle();
    }

    fn claimed(&mut self, id: SessionId, held: Held, redelivered: bool) -> Option<Token> {
        let session = self.sessions.get(&id)?;
        let lease = self.leases.get(&held.task).filter(|_| self.current(&held))?;
        if lease.session == Some(id) && !lease.pooled {
            return Some(held.token);
        }
        let worker = session.worker.clone();
        let fits = session.memory_bytes.saturating_sub(session.used_bytes) >= lease.memory;
        let class = self.task(&held.task).and_then(|task| self.classes.get(&task.spec.class));
        let offers = class.is_some_and(|class| session.classes.contains(class));
        let unfit = !fits || !offers || session.draining || self.suspended(&worker);
        // A first delivery shows that nobody had claimed it before this dispatcher started, either.
        let waits_since_before = lease.session.is_none() && lease.verifying.is_none() && !redelivered;
        let unclaimed = lease.pooled || waits_since_before;
        if unclaimed && !unfit {
            self.hand_over(&held.task, id);
            return Some(held.token);
        }
        if !unclaimed && (!redelivered || lease.verifying.is_some()) {
            return None;
        }
        // Either this worker cannot have it, and it is offered again; or whoever had it is gone.
        let (before, cause) = match unclaimed {
            true => (worker, Cause::Returned),
            false => (lease.worker.clone(), Cause::Disconnected),
        };
        self.end_lease(&held.task, before, (cause, "the offer was delivered again".to_owned(), Usage::default()));
        if unfit || self.ready.place(&held.task).is_none() {
            return None;
        }
        self.lease_to(&held.task, id, None)
    }

    pub(super) fn beat(&mut self, request: RequestId, id: SessionId, held: Held, progress: Progress) {
        let live = self.current(&held) && self.leases.get(&held.task).is_some_and(|lease| lease.session == Some(id));
        if live {
            let verifying = self.leases.get(&held.task).is_some_and(|lease| lease.verifying.is_some());
            if let Some(lease) = self.leases.get_mut(&held.task) {
                lease.progress = progress;
            }
            self.set_expiry(&held.task, (!verifying).then(|| self.now.plus_ms(self.config.lease_ms)));
        }
        self.reply(request, Reply::Beat(live));
    }

    pub(super) fn done(&mut self, request: RequestId, id: SessionId, held: Held, output: Payload, usage: Usage) {
        let usage = plausible(usage);
        if !self.sessions.contains_key(&id) {
            self.reply(request, Reply::NoSession);
            return;
        }
        let counts = self.current(&held) || self.planted(Fault::Fencing);
        if !counts || !self.leases.contains_key(&held.task) {
            let answer = self.late(&held);
            self.reply(request, Reply::Answer(answer));
            return;
        }
        if let Some(pending) = self.leases.get_mut(&held.task).and_then(|lease| lease.verifying.as_mut()) {
            // Posted again after a lost connection: the check goes on, of what was posted first, whatever comes
            // now; the new question waits for its outcome.
            let before = std::mem::replace(&mut pending.request, request);
            self.reply(before, Reply::NoSession);
            return;
        }
        let Some(task) = self.task(&held.task) else { return };
        let check = Check {
            held,
            class: task.spec.class.clone(),
            input: task.spec.input.clone(),
            needs: self.outputs(&task.spec.needs),
            output: output.clone(),
        };
        self.set_expiry(&held.task, None);
        let Some(lease) = self.leases.get_mut(&held.task) else { return };
        lease.verifying = Some(Pending { request, output, usage });
        self.out.actions.push(Action::Verify(Box::new(check)));
    }

    /// A completion whose lease is over: the very one that was accepted is told so again.
    fn late(&self, held: &Held) -> Answer {
        let accepted = self.task(&held.task).and_then(|task| task.accepted());
        match accepted.is_some_and(|accepted| accepted.token == held.token) {
            true => Answer::Accepted,
            false => Answer::Stale,
        }
    }

    pub(super) fn verdict(&mut self, held: Held, verdict: Verdict) {
        let counts = self.current(&held) || self.planted(Fault::Fencing);
        let pending = self.leases.get_mut(&held.task).filter(|_| counts).and_then(|lease| lease.verifying.take());
        let Some(Pending { request, output, usage }) = pending else { return };
        let worker = self.leases.get(&held.task).map(|lease| lease.worker.clone()).unwrap_or_default();
        match verdict {
            Verdict::Holds => {
                self.settle_charge(&held.task, usage.cpu_ms);
                self.drop_lease(&held.task);
                let Held { task, token } = held;
                self.commit(Record::Accepted { task, token, output, usage, worker, at: self.now });
                self.avoided.remove(&task);
                self.reply(request, Reply::Answer(Answer::Accepted));
                self.follow(&task);
            }
            Verdict::Refused(reason) => {
                if self.refusals.len() >= MAX_REFUSED && !self.refusals.contains_key(&worker) {
                    self.refusals.pop_first();
                }
                *self.refusals.entry(worker.clone()).or_default() += 1;
                self.end_lease(&held.task, worker, (Cause::Refused, reason.clone(), usage));
                self.reply(request, Reply::Answer(Answer::Refused(reason)));
            }
            Verdict::Unreadable(digest) => {
                let reason = format!("blob {digest} is missing or damaged");
                self.end_lease(&held.task, worker.clone(), (Cause::Blob, reason.clone(), usage));
                self.avoid(&held.task, worker);
                self.reply(request, Reply::Answer(Answer::Refused(reason)));
                self.blob_lost(digest);
            }
        }
        self.match_idle();
    }

    pub(super) fn failed(&mut self, request: RequestId, id: SessionId, held: Held, failure: (Cause, String, Usage)) {
        if !self.sessions.contains_key(&id) {
            self.reply(request, Reply::NoSession);
            return;
        }
        let lease = self.leases.get(&held.task).filter(|_| self.current(&held));
        let Some(lease) = lease.filter(|lease| lease.verifying.is_none()) else {
            let answer = self.late(&held);
            self.reply(request, Reply::Answer(answer));
            return;
        };
        let worker = lease.worker.clone();
        let (cause, reason, usage) = failure;
        self.end_lease(&held.task, worker.clone(), (cause, reason, plausible(usage)));
        // What does not count against the task counts against trying it there again at once, round and round.
        self.avoid(&held.task, worker);
        self.reply(request, Reply::Answer(Answer::Accepted));
        self.match_idle();
    }

    /// Ends a lease without a proof, and decides whether the task is tried again.
    pub(super) fn end_lease(&mut self, id: &TaskId, worker: String, failure: (Cause, String, Usage)) {
        let (cause, reason, usage) = failure;
        self.settle_charge(id, usage.cpu_ms);
        let lease = self.drop_lease(id);
        let had = lease.and_then(|lease| lease.session).and_then(|session| self.sessions.get(&session));
        let had = had.map(|session| session.memory_bytes);
        if !self.task(id).is_some_and(|task| matches!(task.phase, Phase::Leased { .. })) {
            return;
        }
        if cause.counts() {
            self.avoid(id, worker.clone());
        }
        let more = had.filter(|_| cause.class() == FailureClass::Resources).map_or(0, |had| had.saturating_add(1));
        self.note_failure(id, worker, (cause, reason, usage), more);
        let Some(task) = self.task(id) else { return };
        let hopeless = cause.class() == FailureClass::InvalidInput
            || task.failed >= self.config.max_failures
            || task.lost >= self.config.max_losses;
        if hopeless {
            self.die(id);
        } else {
            self.line_up(id);
        }
    }

    /// For a while, this worker is not given this task again.
    fn avoid(&mut self, id: &TaskId, worker: String) {
        if !self.task(id).is_some_and(|task| matches!(task.phase, Phase::Queued | Phase::Leased { .. })) {
            return;
        }
        let until = self.now.plus_ms(self.config.avoid_ms);
        let avoided = self.avoided.entry(*id).or_default();
        avoided.retain(|(who, until)| *who != worker && *until > self.now);
        avoided.push((worker, until));
    }

    /// Writes a failed attempt down, after which the task needs at least so much memory.
    pub(super) fn note_failure(
        &mut self,
        id: &TaskId,
        worker: String,
        failure: (Cause, String, Usage),
        at_least_bytes: u64,
    ) {
        let memory_bytes = self.task(id).map_or(0, |task| task.memory_bytes).max(at_least_bytes);
        let (cause, mut reason, usage) = failure;
        if reason.len() > MAX_REASON_BYTES {
            let end = (0..=MAX_REASON_BYTES).rev().find(|at| reason.is_char_boundary(*at)).unwrap_or(0);
            reason.truncate(end);
        }
        let failure = Failure { at: self.now, worker, cause, reason, usage };
        self.commit(Record::Ended { task: *id, failure, memory_bytes });
    }

    /// The owner pays what it took, instead of what was expected.
    fn settle_charge(&mut self, id: &TaskId, cpu_ms: u64) {
        let Some(lease) = self.leases.get_mut(id) else { return };
        let cpu_ms = cpu_ms.max(LEAST_MS);
        let difference = cpu_ms as i64 - lease.charged as i64;
        lease.charged = cpu_ms;
        let (owner, job) = (lease.owner.clone(), lease.job);
        let weight = self.weight(&owner);
        self.ready.charge(&owner, weight, job, difference);
    }
}
