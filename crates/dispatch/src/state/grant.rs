//! Who gets what: brings ready tasks and waiting workers together, and makes leases.

use std::ops::Bound;

use proving::id::TaskId;
use proving::lease::Token;

use super::{Lease, Session, State};
use crate::event::{Action, Held, Offer, Progress, Reply, RequestId, SessionId};
use crate::model::Phase;
use crate::planted::Fault;
use crate::record::Record;
use crate::time::Time;

/// What an owner is charged for a lease of a class that taught nothing yet, in milliseconds.
const UNKNOWN_MS: u64 = 1_000;

/// What every lease costs its owner at least, in milliseconds: among tasks that cost nothing, the oldest job would go
/// first for ever.
pub(super) const LEAST_MS: u64 = 1;

impl State {
    pub(super) fn ask(&mut self, request: RequestId, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.draining) else {
            self.reply(request, Reply::NoSession);
            return;
        };
        session.asks.push_back(request);
        if self.serve(id) {
            // Who kept room for what was just given has room for something else.
            self.match_idle();
        }
    }

    pub(super) fn unask(&mut self, id: SessionId, request: RequestId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(place) = session.asks.iter().position(|ask| *ask == request) else { return };
        session.asks.remove(place);
        if session.asks.is_empty() {
            self.rest(id);
        }
        self.reply(request, Reply::Nothing);
    }

    /// Gives a session what it waits for, as far as there is something for it; whether there was.
    fn serve(&mut self, id: SessionId) -> bool {
        let mut served = false;
        loop {
            let Some(session) = self.sessions.get(&id) else { return served };
            let Some(request) = session.asks.front().copied() else { break };
            let Some(task) = self.choose(session) else { break };
            if let Some(session) = self.sessions.get_mut(&id) {
                session.asks.pop_front();
                session.grants += 1;
            }
            self.lease_to(&task, id, Some(request));
            served = true;
        }
        self.wait(id);
        served
    }

    pub(super) fn choose(&self, session: &Session) -> Option<TaskId> {
        if !session.pool && self.suspended(&session.worker) {
            return None;
        }
        let memory = if self.planted(Fault::Weights) { u64::MAX } else { session.free_bytes() };
        let avoids = |task: &TaskId| self.avoids(&session.worker, task);
        if !(session.grants + 1).is_multiple_of(self.config.oldest_every) {
            return self.ready.best(&session.classes, memory, false, avoids);
        }
        // A worker of several slots keeps room for the oldest task until it fits: small ones would take every
        // bit of memory that gets free, for ever.
        let oldest = self.ready.best(&session.classes, session.memory_bytes, true, avoids)?;
        self.ready.place(&oldest).is_some_and(|place| place.memory <= memory).then_some(oldest)
    }

    fn avoids(&self, worker: &str, task: &TaskId) -> bool {
        let avoided = self.avoided.get(task);
        avoided.is_some_and(|all| all.iter().any(|(who, until)| who == worker && *until > self.now))
    }

    /// Makes a lease and, where somebody asked, the offer.
    pub(super) fn lease_to(&mut self, id: &TaskId, session: SessionId, request: Option<RequestId>) -> Option<Token> {
        let holder = self.sessions.get(&session)?;
        let (worker, pool) = (holder.worker.clone(), holder.pool);
        let place = self.ready.remove(id)?;
        let token = Token(self.durable.last_token + 1);
        let class = self.task(id).map(|task| task.spec.class.clone())?;
        let charged =
            self.durable.learned.get(&class).map_or(UNKNOWN_MS, |learned| learned.cpu_ms as u64).max(LEAST_MS);
        let weight = self.weight(&place.owner);
        self.ready.charge(&place.owner, weight, place.job, charged as i64);
        self.commit(Record::Leased { task: *id, token, worker: worker.clone(), at: self.now });
        let lease = Lease {
            token,
            session: Some(session),
            worker,
            pooled: pool,
            expires: None,
            verifying: None,
            progress: Progress::default(),
            owner: place.owner,
            job: place.job,
            memory: place.memory,
            charged,
        };
        if let Some(holder) = self.sessions.get_mut(&session) {
            holder.holding.insert(*id);
            holder.used_bytes = holder.used_bytes.saturating_add(place.memory);
        }
        self.wait_anew(session);
        self.leases.insert(*id, lease);
        // An offer at a broker has no end: who takes it is not known, nor when.
        self.set_expiry(id, (!pool).then(|| self.now.plus_ms(self.config.lease_ms)));
        if let Some(offer) = self.offer(id, token, place.since)
            && let Some(request) = request
        {
            self.reply(request, Reply::Offer(Box::new(offer)));
        }
        Some(token)
    }

    fn offer(&self, id: &TaskId, token: Token, ready: Time) -> Option<Offer> {
        let task = self.task(id)?;
        Some(Offer {
            held: Held { task: *id, token },
            spec: task.spec.clone(),
            needs: self.outputs(&task.spec.needs),
            memory_bytes: task.memory_bytes,
            ready,
        })
    }

    /// Brings every ready task together with a worker that waits for one like it, until one of both is gone.
    pub(super) fn match_idle(&mut self) {
        while self.match_once() {}
    }

    /// Goes through all who wait; whether to do it again, since somebody keeps room for a task that may have been
    /// given to another.
    fn match_once(&mut self) -> bool {
        let (mut served, mut keeps_room) = (false, false);
        for class in self.ready.classes() {
            // Those with less memory than every one of them needs are not even asked.
            let mut last = None;
            while let Some(least) = self.ready.least_memory(class) {
                let from = last.map_or(Bound::Included((least, SessionId(0))), Bound::Excluded);
                let next = self.idle.get(&class).and_then(|all| all.range((from, Bound::Unbounded)).next());
                let Some(next) = next.copied() else { break };
                last = Some(next);
                served |= self.serve(next.1);
                let turn = |session: &Session| (session.grants + 1).is_multiple_of(self.config.oldest_every);
                keeps_room |= self.sessions.get(&next.1).is_some_and(|s| !s.pool && !s.asks.is_empty() && turn(s));
            }
        }
        served && keeps_room
    }

    /// Notes that a session waits, or that it does not.
    pub(super) fn wait(&mut self, id: SessionId) {
        self.rest(id);
        let Some(session) = self.sessions.get(&id) else { return };
        if session.asks.is_empty() || (!session.pool && self.suspended(&session.worker)) {
            return;
        }
        let free = session.free_bytes();
        for class in &session.classes {
            self.idle.entry(*class).or_default().insert((free, id));
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.waiting = Some(free);
        }
    }

    /// Notes that the free memory of a session may have changed.
    pub(super) fn wait_anew(&mut self, id: SessionId) {
        if self.sessions.get(&id).is_some_and(|session| session.waiting.is_some_and(|at| at != session.free_bytes())) {
            self.wait(id);
        }
    }

    /// Notes that a session does not wait.
    pub(super) fn rest(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(free) = session.waiting.take() else { return };
        for class in &session.classes {
            if let Some(waiting) = self.idle.get_mut(class) {
                waiting.remove(&(free, id));
            }
        }
    }

    /// Whether this is the lease that counts.
    pub(super) fn current(&self, held: &Held) -> bool {
        let leased = self.task(&held.task).is_some_and(|task| matches!(task.phase, Phase::Leased { .. }));
        leased && self.leases.get(&held.task).is_some_and(|lease| lease.token == held.token)
    }

    /// Takes a lease away from whoever has it, and settles what the owner was charged for it.
    pub(super) fn drop_lease(&mut self, id: &TaskId) -> Option<Lease> {
        self.set_expiry(id, None);
        let lease = self.leases.remove(id)?;
        if let Some(session) = lease.session.and_then(|session| self.sessions.get_mut(&session))
            && session.holding.remove(id)
        {
            session.used_bytes = session.used_bytes.saturating_sub(lease.memory);
        }
        lease.session.into_iter().for_each(|session| self.wait_anew(session));
        if let Some(pending) = &lease.verifying {
            self.out.actions.push(Action::Reply(pending.request, Reply::Answer(crate::event::Answer::Stale)));
        }
        self.ready.leave(&lease.owner, lease.job);
        Some(lease)
    }
}
