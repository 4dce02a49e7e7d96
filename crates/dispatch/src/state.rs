//! The state machine: `State × Event × now → records and actions`.
//!
//! Durable changes go through records only: a handler decides, commits a [`Record`], and
//! [`apply`](crate::state) changes the state, the same way as after a restart. What lives only as long as
//! the process is kept beside it: sessions, who waits, when leases end, and the line of ready tasks.

mod apply;
mod ask;
mod clock;
mod grant;
mod outcome;
mod session;
mod work;

#[cfg(test)]
pub(crate) mod invariants;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use proving::id::{Owner, TaskId};
use proving::kind::Kind;
use proving::lease::{Token, Usage};
use proving::payload::{BlobDigest, Payload};
use proving::statement::Statement;

use crate::config::Config;
use crate::event::{Action, Event, Progress, Reply, RequestId, SessionId};
use crate::model::{Class, Durable, Job, JobId, Phase, Task, TaskMap, TaskSpec};
use crate::ready::{ClassId, Ready};
use crate::record::Record;
use crate::time::Time;

/// What came of one event: records to make durable, and then actions to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// In this order.
    pub records: Vec<Record>,
    /// Not before all of the records are durable, and in this order.
    pub actions: Vec<Action>,
}

/// Everything that dispatch knows.
#[derive(Debug, Clone)]
pub struct State {
    config: Config,
    durable: Durable,
    now: Time,
    out: Step,
    names: BTreeMap<(Owner, String), JobId>,
    classes: BTreeMap<Class, ClassId>,
    ready: Ready,
    leases: TaskMap<Lease>,
    /// When leases end.
    expiries: BTreeSet<(Time, TaskId)>,
    sessions: BTreeMap<SessionId, Session>,
    /// Workers and pools that wait for a task, by class, the ones with the least free memory first.
    idle: BTreeMap<ClassId, BTreeSet<(u64, SessionId)>>,
    deadlines: BTreeSet<(Time, JobId)>,
    /// Jobs that are over, in the order in which they ended, with the tasks that each had then.
    finished: BTreeMap<(Time, JobId), usize>,
    finished_tasks: usize,
    /// Wrong proofs, by worker.
    refusals: BTreeMap<String, u32>,
    /// How many tasks the workers that are gone were given.
    away: BTreeMap<String, u64>,
    /// The tasks that are kept of each secret input: it goes when the last of them is over.
    secret_inputs: HashMap<BlobDigest, Vec<TaskId>>,
    /// Workers that failed a task lately, and until when they are not given it again.
    avoided: BTreeMap<TaskId, Vec<(String, Time)>>,
}

/// A lease in this run.
#[derive(Debug, Clone)]
pub struct Lease {
    /// Its fencing token.
    pub token: Token,
    /// Who has it; nobody yet, after a restart.
    pub session: Option<SessionId>,
    /// The worker's name.
    pub worker: String,
    /// It is an offer that waits at a broker.
    pub pooled: bool,
    /// When it ends, if nothing is heard.
    pub expires: Option<Time>,
    /// The proof is being checked, and this question waits for the outcome.
    pub verifying: Option<Pending>,
    /// How far the proof is.
    pub progress: Progress,
    owner: Owner,
    job: JobId,
    memory: u64,
    /// What the owner was charged for it, in milliseconds.
    charged: u64,
}

/// A proof that is being checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    request: RequestId,
    output: Payload,
    usage: Usage,
}

/// A connected worker or pool.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its name.
    pub worker: String,
    /// A queue of offers at a broker.
    pub pool: bool,
    /// How much memory it has.
    pub memory_bytes: u64,
    /// How much of it is taken.
    pub used_bytes: u64,
    /// It takes no more tasks.
    pub draining: bool,
    /// The leases that it holds.
    pub holding: BTreeSet<TaskId>,
    /// When its worker made it, by the worker's clock.
    since_ms: u64,
    classes: Vec<ClassId>,
    asks: VecDeque<RequestId>,
    /// The free memory with which it stands among those that wait.
    waiting: Option<u64>,
    grants: u64,
}

impl Session {
    /// How much memory a task may take.
    fn free_bytes(&self) -> u64 {
        if self.pool { self.memory_bytes } else { self.memory_bytes.saturating_sub(self.used_bytes) }
    }
}

impl State {
    /// The state after everything that was kept: a snapshot and the records after it.
    pub fn recover(config: Config, durable: Durable, records: impl IntoIterator<Item = Record>, now: Time) -> Self {
        let mut state = Self {
            config,
            durable,
            now,
            out: Step::default(),
            names: BTreeMap::new(),
            classes: BTreeMap::new(),
            ready: Ready::default(),
            leases: TaskMap::default(),
            expiries: BTreeSet::new(),
            sessions: BTreeMap::new(),
            idle: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            finished: BTreeMap::new(),
            finished_tasks: 0,
            refusals: BTreeMap::new(),
            away: BTreeMap::new(),
            secret_inputs: HashMap::new(),
            avoided: BTreeMap::new(),
        };
        for (id, task) in &state.durable.tasks {
            if let Some(digest) = secret_input(&task.spec) {
                state.secret_inputs.entry(digest).or_default().push(*id);
            }
        }
        for record in records {
            state.apply(&record);
        }
        state.reindex();
        state
    }

    /// Hears one event. `now` may not be earlier than before; if it is, time stands still.
    pub fn handle(&mut self, event: Event, now: Time) -> Step {
        self.advance(now);
        match event {
            Event::Submit { request, submit } => self.submit(request, submit),
            Event::Cancel { request, job } => self.cancel(request, job),
            Event::Retry { request, job } => self.retry(request, job),
            Event::Hello { request, session, hello } => self.hello(request, session, hello),
            Event::Ask { request, session } => self.ask(request, session),
            Event::Unask { session, request } => self.unask(session, request),
            Event::Claim { request, session, held, redelivered } => self.claim(request, session, held, redelivered),
            Event::Beat { request, session, held, progress } => self.beat(request, session, held, progress),
            Event::Done { request, session, held, output, usage } => self.done(request, session, held, output, usage),
            Event::Failed { request, session, held, cause, reason, usage } => {
                self.failed(request, session, held, (cause, reason, usage));
            }
            Event::Excuse { session } => self.excuse(session),
            Event::Gone { session } => self.gone(session),
            Event::Verdict { held, verdict } => self.verdict(held, verdict),
            Event::BlobLost { digest } => self.blob_lost(digest),
            Event::Drain { request, worker } => self.drain(request, &worker),
            Event::Clear { request, worker } => self.clear(request, &worker),
            Event::Tick => self.tick(),
        }
        std::mem::take(&mut self.out)
    }

    /// The durable part.
    pub fn durable(&self) -> &Durable {
        &self.durable
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The time of the last event.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Connected workers and pools.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.sessions.iter().map(|(id, session)| (*id, session))
    }

    /// Whether a worker gave so many wrong proofs that it gets no more tasks.
    pub fn suspended(&self, worker: &str) -> bool {
        self.refusals.get(worker).is_some_and(|count| *count >= self.config.max_refusals)
    }

    /// The lease of a task.
    pub fn lease(&self, task: &TaskId) -> Option<&Lease> {
        self.leases.get(task)
    }

    /// Since when a task is ready.
    pub fn ready_since(&self, task: &TaskId) -> Option<Time> {
        self.ready.place(task).map(|place| place.since)
    }

    /// Every ready task, with the time since when.
    pub fn ready(&self) -> impl Iterator<Item = (&TaskId, Time)> {
        self.ready.places().map(|(task, place)| (task, place.since))
    }

    /// The job of this owner and name.
    pub fn job_named(&self, owner: &Owner, name: &str) -> Option<JobId> {
        self.names.get(&(owner.clone(), name.to_owned())).copied()
    }

    /// The secret input of a task, if it has one and no task that is kept has it left to prove.
    pub fn spent_secret(&self, task: &TaskId) -> Option<BlobDigest> {
        let digest = secret_input(&self.task(task)?.spec)?;
        let of = self.secret_inputs.get(&digest)?;
        let unfinished =
            |id: &TaskId| self.task(id).is_some_and(|task| matches!(task.phase, Phase::Queued | Phase::Leased { .. }));
        (!of.iter().any(unfinished)).then_some(digest)
    }

    fn task(&self, task: &TaskId) -> Option<&Task> {
        self.durable.tasks.get(task)
    }

    fn job(&self, job: JobId) -> Option<&Job> {
        self.durable.jobs.get(&job)
    }

    /// The proofs of tasks, in their order, as far as they are there.
    fn outputs(&self, tasks: &[TaskId]) -> Vec<Payload> {
        tasks.iter().filter_map(|task| Some(self.task(task)?.accepted()?.output.clone())).collect()
    }

    /// Whether an open job wants it.
    fn wanted(&self, task: &Task) -> bool {
        task.jobs.iter().any(|job| self.job(*job).is_some_and(Job::open))
    }

    /// The first open job that wants it: the one on whose account it runs.
    fn first_open(&self, task: &Task) -> Option<JobId> {
        task.jobs.iter().copied().find(|job| self.job(*job).is_some_and(Job::open))
    }

    /// The number of a class in this run.
    fn class_id(&mut self, class: &Class) -> ClassId {
        if let Some(id) = self.classes.get(class) {
            return *id;
        }
        let id = ClassId(self.classes.len() as u32);
        self.classes.insert(class.clone(), id);
        id
    }

    /// Writes a record down and lets it take effect.
    fn commit(&mut self, record: Record) {
        self.apply(&record);
        self.out.records.push(record);
    }

    fn reply(&mut self, request: RequestId, reply: Reply) {
        self.out.actions.push(Action::Reply(request, reply));
    }

    fn weight(&self, owner: &Owner) -> u32 {
        self.config.weights.get(owner).copied().unwrap_or(1)
    }

    /// Builds from the durable part what is not kept, and gives every lease of before its grace.
    fn reindex(&mut self) {
        let ended: Vec<(JobId, Option<Time>)> = self.durable.jobs.iter().map(|(id, job)| (*id, job.ended)).collect();
        for (id, ended) in ended {
            let Some(job) = self.durable.jobs.get(&id) else { continue };
            self.names.insert((job.owner.clone(), job.name.clone()), id);
            match ended {
                Some(at) => self.finish(id, at),
                None => self.deadlines.extend(job.deadline.map(|deadline| (deadline, id))),
            }
        }
        let mut tasks: Vec<TaskId> = self.durable.tasks.keys().copied().collect();
        tasks.sort_unstable();
        for id in tasks {
            self.line_up(&id);
            let Some(task) = self.durable.tasks.get(&id) else { continue };
            let Phase::Leased { token, worker, .. } = &task.phase else { continue };
            let Some(job) = self.first_open(task) else { continue };
            let lease = Lease {
                token: *token,
                session: None,
                worker: worker.clone(),
                pooled: false,
                expires: None,
                verifying: None,
                progress: Progress::default(),
                owner: task.owner.clone(),
                job,
                memory: task.memory_bytes,
                charged: 0,
            };
            self.ready.enter(&task.owner, job);
            self.leases.insert(id, lease);
            self.set_expiry(&id, Some(self.now.plus_ms(self.config.grace_ms)));
        }
    }
}

/// The blob that has to go when its task is over.
fn secret_input(spec: &TaskSpec) -> Option<BlobDigest> {
    spec.input.blob().filter(|_| spec.secret)
}

impl Session {
    /// Whether it takes tasks of this class; of any, where none is given.
    pub fn can(&self, state: &State, class: Option<&Class>) -> bool {
        match class {
            Some(class) => state.classes.get(class).is_some_and(|id| self.classes.contains(id)),
            None => !self.classes.is_empty(),
        }
    }

    /// The kinds that it takes, each once.
    pub fn kinds(&self, state: &State) -> Vec<Kind> {
        let kinds = state.classes.iter().filter(|(_, id)| self.classes.contains(id)).map(|(class, _)| &class.kind);
        let mut kinds: Vec<Kind> = kinds.cloned().collect();
        kinds.dedup();
        kinds
    }

    /// The circuits and modes under which it takes them, each once.
    pub fn statements(&self, state: &State) -> Vec<Statement> {
        let mine = state.classes.iter().filter(|(_, id)| self.classes.contains(id)).map(|(class, _)| &class.statement);
        mine.cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }
}
