//! A dispatcher in memory, for tests: first come, first served, everything forgotten at its end. It keeps to what
//! [`WorkPlane`] promises, and shows what the transports told it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use proving::id::TaskId;
use proving::kind::Kind;
use proving::lease::Token;
use proving::payload::{BlobDigest, Payload};
use proving::statement::Statement;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout_at};

use crate::message::{Answer, Beat, Done, Failed, Held, Hello, Notice, Offer, Welcome};
use crate::plane::{Opened, PlaneError, Role, SessionId, WorkPlane};

/// A done task with these bytes is [refused](Answer::Refused).
pub const REFUSED_OUTPUT: &[u8] = b"refused";

/// What a transport told the plane, in the order in which it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A session was opened.
    Opened(SessionId, Role, Hello),
    /// A session was closed, for the first time.
    Closed(SessionId),
    /// An offer was given to a session.
    Offered(SessionId, Held),
    /// A worker claimed an offer, and got this token.
    Claimed(SessionId, Held, Option<Token>),
    /// A worker beat.
    Beat(SessionId, Beat),
    /// A worker handed a proof over, and was answered this.
    Done(SessionId, Done, Answer),
    /// A worker failed, and was answered this.
    Failed(SessionId, Failed, Answer),
}

/// The dispatcher. Clones are the same.
#[derive(Clone)]
pub struct MemoryPlane(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Notify,
    lease: Duration,
    max_blob_bytes: usize,
}

#[derive(Default)]
struct State {
    numbers: u64,
    sessions: BTreeMap<SessionId, Open>,
    ready: VecDeque<Offer>,
    leases: BTreeMap<TaskId, Lease>,
    blobs: HashMap<BlobDigest, (Bytes, bool)>,
    told: Vec<Told>,
}

struct Open {
    role: Role,
    hello: Hello,
    notices: mpsc::UnboundedSender<Notice>,
}

struct Lease {
    session: SessionId,
    offer: Offer,
}

impl Default for MemoryPlane {
    fn default() -> Self {
        Self::new(Duration::from_secs(10), 1 << 20)
    }
}

impl fmt::Debug for MemoryPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryPlane").finish_non_exhaustive()
    }
}

impl MemoryPlane {
    /// An empty one. It says how long its leases are, but never lets one expire by itself.
    pub fn new(lease: Duration, max_blob_bytes: usize) -> Self {
        let (state, changed) = (Mutex::default(), Notify::new());
        Self(Arc::new(Shared { state, changed, lease, max_blob_bytes }))
    }

    /// Wants a proof of `input`, which is kept as a blob.
    pub fn ask(&self, kind: Kind, statement: Statement, input: &[u8], memory_bytes: u64, secret: bool) -> TaskId {
        let digest = BlobDigest::of(input);
        let mut state = self.state();
        state.blobs.insert(digest, (Bytes::copy_from_slice(input), secret));
        let number = state.number();
        let task = TaskId::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes());
        state.ready.push_back(Offer {
            task,
            token: Token::default(),
            kind,
            statement,
            input: Payload::blob_of(input),
            needs: Vec::new(),
            secret,
            memory_bytes,
            traceparent: None,
        });
        drop(state);
        self.0.changed.notify_waiters();
        task
    }

    /// Nobody wants the task any more: whoever has it is told to stop.
    pub fn cancel(&self, task: TaskId) {
        let mut state = self.state();
        state.ready.retain(|offer| offer.task != task);
        if let Some(lease) = state.leases.remove(&task)
            && let Some(open) = state.sessions.get(&lease.session)
        {
            // A session whose transport does not listen is told nothing.
            let _ = open.notices.send(Notice::Stop(lease.offer.token));
        }
    }

    /// The lease of the task is lost, as when its worker was silent for too long: it goes to the next one.
    pub fn expire(&self, task: TaskId) {
        let mut state = self.state();
        if let Some(lease) = state.leases.remove(&task) {
            state.ready.push_front(lease.offer);
        }
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// Tells every session to drain.
    pub fn drain(&self) {
        for open in self.state().sessions.values() {
            let _ = open.notices.send(Notice::Drain);
        }
    }

    /// What it was told so far.
    pub fn told(&self) -> Vec<Told> {
        self.state().told.clone()
    }

    /// The first thing that it was or will be told for which `wanted` gives something.
    pub async fn until<T>(&self, wanted: impl Fn(&Told) -> Option<T>) -> T {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = self.state().told.iter().find_map(&wanted) {
                return found;
            }
            changed.await;
        }
    }

    /// Whether a blob is kept, and as a secret.
    pub fn blob(&self, digest: BlobDigest) -> Option<(Bytes, bool)> {
        self.state().blobs.get(&digest).cloned()
    }

    /// Puts bytes under a name that may not be theirs.
    pub fn damage_blob(&self, digest: BlobDigest, bytes: Bytes) {
        self.state().blobs.insert(digest, (bytes, false));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, mut state: MutexGuard<'_, State>, told: Told) {
        state.told.push(told);
        drop(state);
        self.0.changed.notify_waiters();
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn session(&self, session: SessionId) -> Result<&Open, PlaneError> {
        self.sessions.get(&session).ok_or(PlaneError::NoSession)
    }

    fn holds(&self, session: SessionId, held: Held) -> bool {
        self.leases.get(&held.task).is_some_and(|lease| lease.session == session && lease.offer.token == held.token)
    }

    /// The first ready offer that the session can take.
    fn lease(&mut self, session: SessionId) -> Result<Option<Offer>, PlaneError> {
        let open = self.session(session)?;
        let held: u64 = match open.role {
            Role::Worker => self.leases.values().filter(|lease| lease.session == session).map(Lease::memory).sum(),
            Role::Pool => 0,
        };
        let suits = |offer: &Offer| {
            offer.memory_bytes.saturating_add(held) <= open.hello.memory_bytes
                && open.hello.offers.iter().any(|can| can.kind == offer.kind && can.statement == offer.statement)
        };
        let Some(mut offer) = self.ready.iter().position(suits).and_then(|index| self.ready.remove(index)) else {
            return Ok(None);
        };
        offer.token = Token(self.number());
        self.leases.insert(offer.task, Lease { session, offer: offer.clone() });
        self.told.push(Told::Offered(session, Held { task: offer.task, token: offer.token }));
        Ok(Some(offer))
    }
}

impl Lease {
    fn memory(&self) -> u64 {
        self.offer.memory_bytes
    }
}

impl WorkPlane for MemoryPlane {
    async fn open(&self, role: Role, hello: Hello) -> Result<Opened, PlaneError> {
        let (sender, notices) = mpsc::unbounded_channel();
        let mut state = self.state();
        let session = SessionId(state.number());
        let mut stale = Vec::new();
        for held in &hello.running {
            match state.leases.get_mut(&held.task) {
                Some(lease) if lease.offer.token == held.token => lease.session = session,
                // Requeued when its connection was lost, and nobody took it meanwhile: it goes on under its token.
                None => match state.ready.iter().position(|offer| offer.task == held.task && offer.token == held.token)
                {
                    Some(index) => {
                        if let Some(offer) = state.ready.remove(index) {
                            state.leases.insert(held.task, Lease { session, offer });
                        }
                    }
                    None => stale.push(held.token),
                },
                Some(_) => stale.push(held.token),
            }
        }
        state.sessions.insert(session, Open { role, hello: hello.clone(), notices: sender });
        self.tell(state, Told::Opened(session, role, hello));
        let lease_ms = u64::try_from(self.0.lease.as_millis()).unwrap_or(u64::MAX);
        let welcome = Welcome { lease_ms, beat_ms: lease_ms / 5, stale };
        Ok(Opened { session, welcome, notices })
    }

    fn close(&self, session: SessionId) {
        let mut state = self.state();
        if state.sessions.remove(&session).is_none() {
            return;
        }
        let held: Vec<_> =
            state.leases.iter().filter(|(_, lease)| lease.session == session).map(|(task, _)| *task).collect();
        for task in held {
            if let Some(lease) = state.leases.remove(&task) {
                state.ready.push_front(lease.offer);
            }
        }
        self.tell(state, Told::Closed(session));
    }

    /// No lease of this plane ends by silence.
    fn excuse(&self, _session: SessionId) {}

    async fn next(&self, session: SessionId, within: Duration) -> Result<Option<Offer>, PlaneError> {
        let end = Instant::now() + within;
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(offer) = self.state().lease(session)? {
                self.0.changed.notify_waiters();
                return Ok(Some(offer));
            }
            if timeout_at(end, changed).await.is_err() {
                return Ok(None);
            }
        }
    }

    async fn claim(&self, session: SessionId, held: Held, redelivered: bool) -> Result<Option<Token>, PlaneError> {
        let mut state = self.state();
        state.session(session)?;
        let fresh = Token(state.number());
        let holder = state.leases.get(&held.task).filter(|lease| lease.offer.token == held.token);
        let of_pool = holder.map(|lease| {
            lease.session == session || state.sessions.get(&lease.session).is_some_and(|open| open.role == Role::Pool)
        });
        let token = match of_pool {
            Some(true) => Some(held.token),
            Some(false) if redelivered => Some(fresh),
            Some(false) | None => None,
        };
        if let (Some(token), Some(lease)) = (token, state.leases.get_mut(&held.task)) {
            lease.session = session;
            lease.offer.token = token;
        }
        self.tell(state, Told::Claimed(session, held, token));
        Ok(token)
    }

    async fn beat(&self, session: SessionId, beat: Beat) -> Result<bool, PlaneError> {
        let state = self.state();
        state.session(session)?;
        let live = state.holds(session, beat.held);
        self.tell(state, Told::Beat(session, beat));
        Ok(live)
    }

    async fn done(&self, session: SessionId, done: Done) -> Result<Answer, PlaneError> {
        let mut state = self.state();
        state.session(session)?;
        let counted = |told: &Told| matches!(told, Told::Done(_, said, Answer::Accepted) if *said == done);
        let answer = if state.holds(session, done.held) {
            state.leases.remove(&done.held.task);
            if done.output == Payload::Inline(REFUSED_OUTPUT.to_vec()) {
                Answer::Refused { reason: "these bytes are no proof".to_owned() }
            } else {
                Answer::Accepted
            }
        } else if state.told.iter().any(counted) {
            // Said again, after an answer that was lost.
            Answer::Accepted
        } else {
            Answer::Stale
        };
        self.tell(state, Told::Done(session, done, answer.clone()));
        Ok(answer)
    }

    async fn failed(&self, session: SessionId, failed: Failed) -> Result<Answer, PlaneError> {
        let mut state = self.state();
        state.session(session)?;
        let answer = if state.holds(session, failed.held) {
            state.leases.remove(&failed.held.task);
            Answer::Accepted
        } else {
            Answer::Stale
        };
        self.tell(state, Told::Failed(session, failed, answer.clone()));
        Ok(answer)
    }

    async fn read_blob(&self, digest: BlobDigest) -> Result<Bytes, PlaneError> {
        self.blob(digest).map(|(bytes, _)| bytes).ok_or(PlaneError::Blob(digest))
    }

    async fn write_blob(&self, bytes: Bytes, secret: bool) -> Result<Payload, PlaneError> {
        let payload = Payload::blob_of(&bytes);
        self.state().blobs.insert(payload.digest(), (bytes, secret));
        Ok(payload)
    }

    fn max_blob_bytes(&self) -> usize {
        self.0.max_blob_bytes
    }
}
