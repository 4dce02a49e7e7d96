//! Requests that wait or run. Who asks for what is asked for already attaches to it; who asks for what is proved is
//! given the proof.
//!
//! One entry is one job at the dispatcher. What becomes of jobs is heard from its records, so that an entry never
//! says more than what is durable.

mod entry;
mod records;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dispatch::event::Submit;
use dispatch::model::{Class, JobId, JobState, TaskSpec};
use dispatcher::{Dispatcher, SubmitError};
use miden_wire::kind::ProofKind;
use miden_wire::refusal;
use proving::id::{Owner, TaskId};
use proving::payload::Payload;
use proving::statement::{Line, Mode, Statement};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use transport::plane::{PlaneError, WorkPlane as _};

use self::entry::{Entry, Outcome, Serial};
use crate::fleet::Fleet;
use crate::metrics::Metrics;
use crate::settings::Settings;

pub(crate) use self::records::Notes;

/// So many proofs are remembered at most, whatever the time.
pub(crate) const MAX_KEPT: usize = 10_000;

/// So many clients may wait for the same.
const MAX_WAITERS: usize = 1024;

/// How an answer came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// It was proved for this request, or for one that it attached to.
    Proved,
    /// It was there.
    Kept,
}

/// The desk. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Desk {
    shared: Arc<Shared>,
}

struct Shared {
    kind: ProofKind,
    class: Class,
    owner: Owner,
    queue: usize,
    linger: Duration,
    keep: Duration,
    durable: bool,
    fleet: Arc<Fleet>,
    metrics: Arc<Metrics>,
    dispatcher: OnceLock<Dispatcher>,
    /// The proxy ends: clients that are cut off do not take their requests back.
    ending: CancellationToken,
    /// Apart from every run before: names of jobs are made of it.
    run: u128,
    books: Mutex<Books>,
}

/// A place at an entry.
struct Place {
    serial: Serial,
    outcome: watch::Receiver<Option<Outcome>>,
    /// Of the job that is to be asked for, if the entry is new.
    name: Option<String>,
}

/// What the desk knows.
#[derive(Default)]
struct Books {
    entries: HashMap<TaskId, Entry>,
    /// Which entry a job is for, until its number is known.
    opening: HashMap<String, (TaskId, Serial)>,
    kept: HashMap<TaskId, Payload>,
    kept_since: VecDeque<(Instant, TaskId)>,
    /// Proofs that a worker has just made: they need not be read again.
    fresh: HashMap<TaskId, Bytes>,
    serial: u64,
}

impl Books {
    /// What is kept under this id, if it is not too old.
    fn kept(&mut self, task: &TaskId, keep: Duration) -> Option<Payload> {
        let now = Instant::now();
        while let Some((since, old)) = self.kept_since.front() {
            if now.duration_since(*since) < keep && self.kept_since.len() <= MAX_KEPT {
                break;
            }
            self.kept.remove(old);
            self.kept_since.pop_front();
        }
        self.kept.get(task).cloned()
    }

    fn keep(&mut self, task: TaskId, output: Payload) {
        if self.kept.insert(task, output).is_none() {
            self.kept_since.push_back((Instant::now(), task));
        }
    }
}

impl Desk {
    pub(crate) fn new(
        settings: &Settings,
        fleet: Arc<Fleet>,
        metrics: Arc<Metrics>,
        ending: CancellationToken,
    ) -> Self {
        let line = settings.line.as_ref().map_or_else(|| "miden".to_owned(), |line| format!("miden-{line}"));
        let line: Line = line.parse().expect("a line is digits and dots, checked where it is read");
        let statement = Statement::of_line(Mode::Real, line);
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let shared = Shared {
            kind: settings.kind,
            class: Class { kind: settings.kind.kind(), statement },
            owner: "proxy".parse().expect("a plain word is an owner"),
            queue: settings.queue,
            linger: settings.linger,
            keep: settings.keep,
            durable: settings.durable,
            fleet,
            metrics,
            dispatcher: OnceLock::new(),
            ending,
            run: since_epoch.as_nanos(),
            books: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Names the dispatcher, once it runs.
    pub(crate) fn open(&self, dispatcher: Dispatcher) {
        let _ = self.shared.dispatcher.set(dispatcher);
    }

    pub(crate) fn kind(&self) -> ProofKind {
        self.shared.kind
    }

    pub(crate) fn class(&self) -> &Class {
        &self.shared.class
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.shared.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dispatcher(&self) -> Result<&Dispatcher, Status> {
        self.shared.dispatcher.get().ok_or_else(|| refusal::not_ready("the proxy is starting"))
    }

    /// Requests that wait for a worker, and those that one has.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let books = self.books();
        let running = books.entries.values().filter(|entry| entry.running).count();
        (books.entries.len() - running, running)
    }

    /// The bytes of a request that a worker is about to get; `None` where nobody wants it any more.
    pub(crate) async fn input(&self, task: &TaskId, input: &Payload) -> Option<Result<Bytes, PlaneError>> {
        let at_hand = self.books().entries.get(task)?.payload.clone();
        match (at_hand, input) {
            (Some(bytes), _) => Some(Ok(bytes)),
            (None, Payload::Inline(bytes)) => Some(Ok(Bytes::copy_from_slice(bytes))),
            (None, Payload::Blob { digest, .. }) => Some(self.shared.dispatcher.get()?.read_blob(*digest).await),
        }
    }

    /// A worker has made this: it is at hand for those who wait.
    pub(crate) fn made(&self, task: TaskId, proof: Bytes) {
        let mut books = self.books();
        if books.entries.contains_key(&task) {
            books.fresh.insert(task, proof);
        }
    }

    fn spec(&self, payload: &Bytes, traceparent: Option<String>) -> TaskSpec {
        TaskSpec {
            class: self.shared.class.clone(),
            input: Payload::blob_of(payload),
            // It is nowhere but in memory otherwise, with its entry.
            secret: self.shared.durable,
            needs: Vec::new(),
            memory_bytes: 0,
            traceparent,
        }
    }

    /// A proof of this payload. Dropped, the request is taken back; what happens to the proof then, `linger` says.
    pub(crate) async fn ask(&self, payload: Bytes, traceparent: Option<String>) -> Result<(Bytes, From), Status> {
        let spec = self.spec(&payload, traceparent);
        let task = spec.id(&self.shared.owner);
        if let Some(proof) = self.given(&task).await {
            return Ok((proof, From::Kept));
        }
        let Place { serial, mut outcome, name } = self.enter(task, &payload)?;
        let _waiting = Waiting { desk: self, task, serial };
        match name {
            // A task of its own: others may attach to it before this client goes.
            Some(name) => drop(tokio::spawn(self.clone().submit(task, serial, name, spec, payload))),
            // Once is enough.
            None => drop(payload),
        }
        let told = outcome.wait_for(Option::is_some).await;
        match told.ok().and_then(|told| told.clone()) {
            Some(outcome) => outcome.map(|proof| (proof, From::Proved)),
            None => Err(refusal::not_ready("the proxy is ending")),
        }
    }

    /// A proof that is there already.
    async fn given(&self, task: &TaskId) -> Option<Bytes> {
        let output = self.books().kept(task, self.shared.keep)?;
        let read = self.read(&output).await;
        if read.is_none() {
            let mut books = self.books();
            books.kept.remove(task);
            books.kept_since.retain(|(_, kept)| kept != task);
        }
        read
    }

    async fn read(&self, output: &Payload) -> Option<Bytes> {
        match output {
            Payload::Inline(bytes) => Some(Bytes::copy_from_slice(bytes)),
            Payload::Blob { digest, .. } => self.dispatcher().ok()?.read_blob(*digest).await.ok(),
        }
    }

    /// Attaches to an entry, or makes one if there is room; then with the name of the job that is to be asked for.
    fn enter(&self, task: TaskId, payload: &Bytes) -> Result<Place, Status> {
        // The fleet has a lock of its own.
        let seats = self.shared.fleet.seats();
        let mut books = self.books();
        if let Some(entry) = books.entries.get_mut(&task) {
            if entry.waiters >= MAX_WAITERS {
                return Err(refusal::queue_full());
            }
            entry.waiters += 1;
            entry.turns += 1;
            return Ok(Place { serial: entry.serial, outcome: entry.outcome.subscribe(), name: None });
        }
        // A worker with something that nobody wants any more is no place before it has stopped.
        let open = |has: &&Option<TaskId>| has.is_none_or(|task| books.entries.contains_key(&task));
        if books.entries.len() >= self.shared.queue + seats.iter().filter(open).count() {
            self.shared.metrics.queue_drop_count.inc();
            return Err(refusal::queue_full());
        }
        books.serial += 1;
        let serial = Serial(books.serial);
        let name = format!("{:x}-{}", self.shared.run, serial.0);
        let entry = Entry::new(serial, Some(payload.clone()));
        let outcome = entry.outcome.subscribe();
        books.entries.insert(task, entry);
        books.opening.insert(name.clone(), (task, serial));
        Ok(Place { serial, outcome, name: Some(name) })
    }

    /// Asks the dispatcher for the job of a new entry.
    async fn submit(self, task: TaskId, serial: Serial, name: String, spec: TaskSpec, payload: Bytes) {
        let submitted = self.try_submit(name.clone(), spec, payload).await;
        let mut books = self.books();
        books.opening.remove(&name);
        let entry = books.entries.get_mut(&task).filter(|entry| entry.serial == serial);
        match (submitted, entry) {
            (Ok((job, _)), None) => {
                // Everybody left meanwhile, unless it is over already.
                drop(books);
                if let Ok(dispatcher) = self.dispatcher() {
                    dispatcher.cancel(job);
                }
            }
            (Ok((job, _)), Some(entry)) => entry.job = Some(job),
            (Err(status), Some(entry)) => {
                // It may be kept all the same: the answer was lost, not the question.
                if let (Some(job), Ok(dispatcher)) = (entry.job, self.dispatcher()) {
                    dispatcher.cancel(job);
                }
                self.settle(&mut books, &task, Err(status));
            }
            (Err(_), None) => {}
        }
    }

    async fn try_submit(&self, name: String, spec: TaskSpec, payload: Bytes) -> Result<(JobId, JobState), Status> {
        let dispatcher = self.dispatcher()?;
        let unavailable = |error: &dyn std::fmt::Display| refusal::not_ready(&error.to_string());
        if self.shared.durable {
            dispatcher.write_blob(payload, true).await.map_err(|error| unavailable(&error))?;
        }
        let root = Some(spec.id(&self.shared.owner));
        let owner = self.shared.owner.clone();
        let submit = Submit { name, owner, priority: 0, deadline: None, tasks: vec![spec], root };
        dispatcher.submit(submit).await.map_err(|error| match error {
            SubmitError::NotTaken(dispatch::event::NotTaken::TooMuch { .. }) => refusal::queue_full(),
            error => unavailable(&error),
        })
    }

    /// An entry is over: everybody who waits is told.
    fn settle(&self, books: &mut Books, task: &TaskId, outcome: Outcome) {
        books.fresh.remove(task);
        if let Some(entry) = books.entries.remove(task) {
            entry.outcome.send_replace(Some(outcome));
        }
    }

    /// A client is gone, or has its answer.
    fn left(&self, task: &TaskId, serial: Serial) {
        let mut books = self.books();
        let Some(entry) = books.entries.get_mut(task).filter(|entry| entry.serial == serial) else { return };
        entry.waiters -= 1;
        if entry.waiters > 0 || self.shared.ending.is_cancelled() {
            return;
        }
        match entry.running {
            true => self.linger(books, *task, serial),
            false => self.give_up(books, task),
        }
    }

    /// A running proof goes on for a while, in case somebody asks again.
    fn linger(&self, books: MutexGuard<'_, Books>, task: TaskId, serial: Serial) {
        let linger = self.shared.linger;
        let Some(turn) = books.entries.get(&task).map(|entry| entry.turns) else { return };
        if linger.is_zero() {
            return self.give_up(books, &task);
        }
        drop(books);
        let desk = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(linger).await;
            let books = desk.books();
            let entry = books.entries.get(&task);
            // Who attached and left meanwhile has a timer of its own.
            if entry.is_some_and(|entry| entry.serial == serial && entry.waiters == 0 && entry.turns == turn) {
                desk.give_up(books, &task);
            }
        });
    }

    /// Nobody wants it any more.
    fn give_up(&self, mut books: MutexGuard<'_, Books>, task: &TaskId) {
        books.fresh.remove(task);
        let Some(entry) = books.entries.remove(task) else { return };
        // Said before the lock goes: who asks for the same next is heard later.
        if let (Some(job), Some(dispatcher)) = (entry.job, self.shared.dispatcher.get()) {
            dispatcher.cancel(job);
        }
    }
}

/// Somebody waits for an entry.
struct Waiting<'a> {
    desk: &'a Desk,
    task: TaskId,
    serial: Serial,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.desk.left(&self.task, self.serial);
    }
}
