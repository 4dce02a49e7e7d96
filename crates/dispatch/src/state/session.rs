//! Workers and pools: coming, going, and being sent home.

use std::collections::{BTreeSet, VecDeque};

use proving::id::TaskId;
use proving::lease::Cause;

use super::{Session, State};
use crate::event::{Action, Hello, Notice, Reply, RequestId, SessionId};
use crate::planted::Fault;

/// So many workers that are gone are remembered.
const MAX_AWAY: usize = 10_000;

impl State {
    pub(super) fn hello(&mut self, request: RequestId, id: SessionId, hello: Hello) {
        let classes = hello.classes.iter().map(|class| self.class_id(class)).collect::<BTreeSet<_>>();
        // A worker that comes and goes still gives its turns to the oldest tasks.
        let here = self.sessions.values().filter(|session| session.worker == hello.worker);
        let grants = here.map(|session| session.grants).max().max(self.away.remove(&hello.worker)).unwrap_or(0);
        let session = Session {
            worker: hello.worker.clone(),
            pool: hello.pool,
            memory_bytes: hello.memory_bytes,
            used_bytes: 0,
            draining: false,
            holding: BTreeSet::new(),
            since_ms: hello.since_ms,
            classes: classes.into_iter().collect(),
            asks: VecDeque::new(),
            waiting: None,
            grants,
        };
        self.sessions.insert(id, session);
        let mut stale = Vec::new();
        for held in hello.running {
            if self.current(&held) {
                if !self.held_later(&held.task, &hello.worker, hello.since_ms) {
                    self.hand_over(&held.task, id);
                }
            } else {
                stale.push(held.token);
            }
        }
        self.reply(request, Reply::Welcome(stale));
        self.match_idle();
    }

    /// Whether the worker holds it in a connection that it made later: what it says in an earlier one was long on its way.
    fn held_later(&self, task: &TaskId, worker: &str, since_ms: u64) -> bool {
        let holder = self.leases.get(task).and_then(|lease| lease.session).and_then(|id| self.sessions.get(&id));
        holder.is_some_and(|holder| !holder.pool && holder.worker == worker && holder.since_ms > since_ms)
    }

    /// A lease goes on with this session.
    pub(super) fn hand_over(&mut self, task: &TaskId, id: SessionId) {
        let Some(lease) = self.leases.get(task) else { return };
        let (before, memory, verifying) = (lease.session, lease.memory, lease.verifying.is_some());
        if let Some(before) = before.and_then(|before| self.sessions.get_mut(&before))
            && before.holding.remove(task)
        {
            before.used_bytes = before.used_bytes.saturating_sub(memory);
        }
        before.into_iter().for_each(|before| self.wait_anew(before));
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.holding.insert(*task);
        session.used_bytes = session.used_bytes.saturating_add(memory);
        let worker = session.worker.clone();
        self.wait_anew(id);
        if let Some(lease) = self.leases.get_mut(task) {
            lease.session = Some(id);
            lease.worker = worker;
            lease.pooled = false;
        }
        let expires = (!verifying).then(|| self.now.plus_ms(self.config.lease_ms));
        self.set_expiry(task, expires);
    }

    /// Its leases last as if it had just been heard. An offer at a broker and a proof that is checked end for other
    /// reasons.
    pub(super) fn excuse(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else { return };
        let ending = |task: &&TaskId| self.leases.get(task).is_some_and(|lease| lease.expires.is_some());
        let held: Vec<TaskId> = session.holding.iter().filter(ending).copied().collect();
        let expires = self.now.plus_ms(self.config.lease_ms);
        held.iter().for_each(|task| self.set_expiry(task, Some(expires)));
    }

    pub(super) fn gone(&mut self, id: SessionId) {
        self.rest(id);
        let Some(session) = self.sessions.remove(&id) else { return };
        if self.away.len() >= MAX_AWAY {
            self.away.pop_first();
        }
        self.away.insert(session.worker, session.grants);
        for request in session.asks {
            self.reply(request, Reply::NoSession);
        }
        if self.planted(Fault::Requeue) {
            session.holding.iter().for_each(|task| self.set_expiry(task, None));
            return;
        }
        for task in session.holding {
            let Some(lease) = self.leases.get_mut(&task) else { continue };
            lease.session = None;
            // A proof that is being checked needs its worker no more.
            if lease.verifying.is_some() {
                continue;
            }
            // An offer that nobody took is no attempt, however often the broker comes and goes.
            let (cause, what) = match lease.pooled {
                true => (Cause::Returned, "the broker"),
                false => (Cause::Disconnected, "the worker"),
            };
            let (worker, reason) = (lease.worker.clone(), format!("the connection of {what} was lost"));
            self.end_lease(&task, worker, (cause, reason, Default::default()));
        }
        self.match_idle();
    }

    pub(super) fn drain(&mut self, request: RequestId, worker: &str) {
        let of_worker = |(_, session): &(&SessionId, &Session)| session.worker == worker && !session.pool;
        let sessions: Vec<SessionId> = self.sessions.iter().filter(of_worker).map(|(id, _)| *id).collect();
        for id in &sessions {
            self.rest(*id);
            let Some(session) = self.sessions.get_mut(id) else { continue };
            session.draining = true;
            let asks = std::mem::take(&mut session.asks);
            asks.into_iter().for_each(|ask| self.reply(ask, Reply::NoSession));
            self.out.actions.push(Action::Notify(*id, Notice::Drain));
        }
        self.reply(request, Reply::Drained(sessions.len()));
    }

    pub(super) fn clear(&mut self, request: RequestId, worker: &str) {
        let cleared = usize::from(self.refusals.remove(worker).is_some());
        let of_worker = |(_, session): &(&SessionId, &Session)| session.worker == worker;
        let sessions: Vec<SessionId> = self.sessions.iter().filter(of_worker).map(|(id, _)| *id).collect();
        sessions.into_iter().for_each(|id| self.wait(id));
        self.reply(request, Reply::Drained(cleared));
        self.match_idle();
    }
}
