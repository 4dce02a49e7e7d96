//! The loop: one task that owns the engine and the store, and nothing else touches either.
//!
//! It hears events, keeps one batch on its way to the disk while the next one gathers, and does what the engine
//! releases. When the store fails, what was not answered is answered [`Reply::Unavailable`], every connection is
//! closed, and it starts again from what the store has. When the store belongs to another dispatcher, it ends.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use blobs::Blobs;
use dispatch::config::Config;
use dispatch::engine::{Engine, Released, snapshot_bytes};
use dispatch::event::{Action, Answer, Event, Notice, Reply, RequestId, SessionId, Verdict};
use dispatch::record::Record;
use dispatch::state::State;
use dispatch::store::{Store, StoreError};
use dispatch::time::Time;
use proving::error::with_sources;
use proving::id::TaskId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::DispatcherError;
use crate::events::Events;
use crate::metrics::Metrics;
use crate::observer::Observer;
use crate::traces::Traces;
use crate::verify::Checker;

/// Ticks of the state machine.
const TICK: Duration = Duration::from_millis(200);
/// How often the store is asked whether it is still ours.
const RENEW: Duration = Duration::from_secs(1);
/// Events that are heard before the next look at the disk.
const BURST: usize = 512;

/// A look at the state: computed at once, told when it is durable.
pub(crate) type Look = Box<dyn FnOnce(&State) -> Box<dyn FnOnce() + Send> + Send>;

/// What the loop hears.
pub(crate) enum Input {
    /// An event that nobody waits for.
    Event(Event),
    /// An event with an answer.
    Call(Event, RequestId, oneshot::Sender<Reply>),
    /// A session opens; what it is told unasked goes there.
    Open(Event, RequestId, oneshot::Sender<Reply>, SessionId, mpsc::UnboundedSender<Notice>),
    /// Somebody looks.
    Look(Look),
    /// The dispatcher ends: what is gathered is kept, and the store released.
    End,
}

/// The clock of a run: the wall clock at its start, and from there on one that never jumps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Time,
    instant: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Time(wall.as_micros() as u64), instant: Instant::now() }
    }

    pub(crate) fn now(&self) -> Time {
        Time(self.start.0 + self.instant.elapsed().as_micros() as u64)
    }
}

/// Everything that the loop works with.
pub(crate) struct Driver {
    pub(crate) config: Config,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) engine: Engine,
    pub(crate) clock: Clock,
    pub(crate) inputs: mpsc::UnboundedReceiver<Input>,
    /// The loop's own way back in, for verdicts.
    pub(crate) back: mpsc::UnboundedSender<Input>,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) checker: Checker,
    pub(crate) events: Arc<Events>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) traces: Traces,
    pub(crate) observer: Box<dyn Observer>,
    pub(crate) waiting: HashMap<RequestId, oneshot::Sender<Reply>>,
    pub(crate) sessions: HashMap<SessionId, mpsc::UnboundedSender<Notice>>,
    pub(crate) looks: VecDeque<(u64, Box<dyn FnOnce() + Send>)>,
}

/// A store call on its way.
type Pending = Option<JoinHandle<Result<(), StoreError>>>;

impl Driver {
    /// Runs until told to end, or until the store belongs to somebody else.
    pub(crate) async fn run(mut self) -> Result<(), DispatcherError> {
        let mut append: Pending = None;
        let mut aside: Pending = None;
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut renewed = Instant::now();
        let mut burst = Vec::with_capacity(BURST);
        let mut ending = false;
        loop {
            tokio::select! {
                biased;
                kept = finished(&mut append) => {
                    append = None;
                    match kept {
                        Ok(()) => self.engine.durable(),
                        Err(error) => self.start_again(error).await?,
                    }
                }
                done = finished(&mut aside) => {
                    aside = None;
                    match done {
                        Err(error @ StoreError::Fenced { .. }) => return Err(error.into()),
                        Err(error) => tracing::warn!(error = %with_sources(&error), "the store could not renew or take a snapshot"),
                        Ok(()) => {}
                    }
                }
                heard = self.inputs.recv_many(&mut burst, BURST) => {
                    ending |= heard == 0;
                    for input in burst.drain(..) {
                        ending |= matches!(input, Input::End);
                        self.hear(input);
                    }
                }
                _ = ticks.tick() => {
                    self.handle(Event::Tick);
                    self.metrics.passed(self.engine.state());
                }
            }
            self.release();
            if append.is_none()
                && let Some(batch) = self.engine.batch()
            {
                let store = self.store.clone();
                let started = Instant::now();
                let metrics = self.metrics.clone();
                append = Some(tokio::spawn(async move {
                    let kept = store.append(batch.number, &batch.bytes).await;
                    metrics.kept(started.elapsed(), batch.bytes.len());
                    kept
                }));
            }
            self.settle_looks();
            if aside.is_none() && renewed.elapsed() >= RENEW {
                renewed = Instant::now();
                aside = Some(self.look_after_store());
            }
            if ending && append.is_none() {
                self.store.release().await?;
                return Ok(());
            }
        }
    }

    fn hear(&mut self, input: Input) {
        match input {
            Input::Event(event) => {
                if let Event::Gone { session } = &event {
                    self.sessions.remove(session);
                }
                self.handle(event);
            }
            Input::Call(event, request, answer) => {
                self.waiting.insert(request, answer);
                self.handle(event);
            }
            Input::Open(event, request, answer, session, notices) => {
                self.sessions.insert(session, notices);
                self.waiting.insert(request, answer);
                self.handle(event);
            }
            Input::Look(look) => {
                let tell = look(self.engine.state());
                self.looks.push_back((self.engine.settled_by(), tell));
            }
            Input::End => {}
        }
    }

    fn handle(&mut self, event: Event) {
        self.engine.handle(event, self.clock.now());
    }

    fn settle_looks(&mut self) {
        while let Some((batch, _)) = self.looks.front() {
            if *batch > self.engine.durable_to() {
                return;
            }
            if let Some((_, tell)) = self.looks.pop_front() {
                tell();
            }
        }
    }

    /// Does what may be done. What comes of it in this loop itself is released in the same turn.
    fn release(&mut self) {
        loop {
            let released = self.engine.released();
            if released.is_empty() {
                return;
            }
            let now = self.clock.now();
            for Released { first, records, actions } in released {
                self.forget_secrets(&records);
                self.metrics.records(self.engine.state(), &records);
                self.traces.records(self.engine.state(), &records);
                self.observer.records(self.engine.state(), &records);
                self.events.publish(first, records);
                actions.into_iter().for_each(|action| self.act(action, now));
            }
        }
    }

    /// Deletes the inputs of secret tasks that are over.
    fn forget_secrets(&self, records: &[Record]) {
        let state = self.engine.state();
        let mut over: Vec<TaskId> = Vec::new();
        for record in records {
            match record {
                Record::Accepted { task, .. } | Record::Died { task } => over.push(*task),
                Record::JobEnded { job, .. } => {
                    over.extend(state.durable().jobs.get(job).into_iter().flat_map(|job| job.tasks.iter().copied()));
                }
                _ => {}
            }
        }
        let spent: HashSet<_> = over.iter().filter_map(|task| state.spent_secret(task)).collect();
        for digest in spent {
            let blobs = self.blobs.clone();
            tokio::spawn(async move {
                if let Err(error) = blobs.delete(digest).await {
                    tracing::error!(error = %with_sources(&error), "a secret input cannot be deleted");
                }
            });
        }
    }

    fn act(&mut self, action: Action, now: Time) {
        match action {
            Action::Reply(request, reply) => self.answer(request, reply, now),
            Action::Notify(session, notice) => {
                if let Some(notices) = self.sessions.get(&session) {
                    // A session that is ending hears it when it comes back.
                    let _ = notices.send(notice);
                }
            }
            Action::Verify(check) => match self.checker.trusts(&check.class) {
                true => self.handle(Event::Verdict { held: check.held, verdict: Verdict::Holds }),
                false => self.checker.check(*check, self.back.clone()),
            },
        }
    }

    fn answer(&mut self, request: RequestId, mut reply: Reply, now: Time) {
        let Some(answer) = self.waiting.remove(&request) else { return };
        if matches!(reply, Reply::Answer(Answer::Stale)) {
            self.metrics.stale_report();
        }
        if let Reply::Offer(offer) = &mut reply {
            if let Some(traceparent) = self.traces.traceparent(&offer.held.task) {
                offer.spec.traceparent = Some(traceparent);
            }
            self.metrics.offered(&offer.spec.class.kind, now.0.saturating_sub(offer.ready.0));
        }
        let Err(undelivered) = answer.send(reply) else { return };
        // Nobody waits any more.
        if let Reply::Offer(offer) = undelivered
            && let Some(session) = self.engine.state().lease(&offer.held.task).and_then(|lease| lease.session)
        {
            self.handle(Event::untaken(request, session, offer.held));
        }
    }

    /// Renews the ownership, and takes a snapshot when it is time.
    fn look_after_store(&mut self) -> JoinHandle<Result<(), StoreError>> {
        let store = self.store.clone();
        let snapshot = self.engine.snapshot();
        tokio::spawn(async move {
            store.renew().await?;
            let Some((covered, durable)) = snapshot else { return Ok(()) };
            let bytes = tokio::task::spawn_blocking(move || snapshot_bytes(&durable));
            let bytes = bytes.await.map_err(|source| StoreError::Io { what: "encode", source: source.into() })?;
            store.snapshot(covered, &bytes).await
        })
    }

    /// The store failed: whether the last batch counts is not known, so everything starts again from what it has.
    async fn start_again(&mut self, error: StoreError) -> Result<(), DispatcherError> {
        if let StoreError::Fenced { .. } = error {
            return Err(error.into());
        }
        tracing::error!(error = %with_sources(&error), "the store failed; starting again from what it has");
        self.metrics.store_failures.inc();
        for (_, answer) in self.waiting.drain() {
            let _ = answer.send(Reply::Unavailable);
        }
        self.looks.clear();
        self.traces.clear();
        // Ending their notices closes the connections; workers come back with their leases.
        self.sessions.clear();
        let mut pause = Duration::from_millis(50);
        loop {
            match self.store.load().await {
                Ok(kept) => {
                    self.engine = Engine::start(self.config.clone(), &kept, self.clock.now())?;
                    self.observer.started(self.engine.state());
                    return Ok(());
                }
                Err(error @ StoreError::Fenced { .. }) => return Err(error.into()),
                Err(error) => tracing::error!(error = %with_sources(&error), "the store is still away"),
            }
            self.refuse_for(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// While there is no store nobody waits in vain.
    async fn refuse_for(&mut self, pause: Duration) {
        let until = tokio::time::sleep(pause);
        tokio::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => return,
                input = self.inputs.recv() => match input {
                    Some(Input::Call(_, _, answer) | Input::Open(_, _, answer, ..)) => {
                        let _ = answer.send(Reply::Unavailable);
                    }
                    Some(_) => {}
                    None => return until.await,
                },
            }
        }
    }
}

/// Resolves when the call does; never while there is none.
async fn finished(pending: &mut Pending) -> Result<(), StoreError> {
    match pending {
        Some(call) => match call.await {
            Ok(result) => result,
            Err(source) => Err(StoreError::Io { what: "finish a call", source: source.into() }),
        },
        None => std::future::pending().await,
    }
}
