//! The blocks that are asked for, and how each stands: one look at the dispatcher tells everything that a leader
//! watches.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dispatch::model::{Class, JobId, JobState, Phase};
use dispatch::state::State;
use dispatcher::Dispatcher;
use proving::id::TaskId;
use proving::kind::Kind;
use proving::payload::Payload;
use proving::statement::Statement;
use tokio::sync::OwnedSemaphorePermit;
use transport::plane::PlaneError;

use super::service::KINDS;
use super::trouble::{Seen, room};

/// A block that is asked for, as far as it is known.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its number.
    pub number: u64,
    /// Its job.
    pub job: JobId,
    /// Its tasks.
    pub tasks: Vec<TaskId>,
    /// Those that are segments.
    pub segments: Vec<TaskId>,
    /// The last one before the block itself.
    pub aggregated: Option<TaskId>,
    /// The block's own.
    pub root: Option<TaskId>,
}

impl Block {
    /// More of it is known.
    pub fn extend(&mut self, more: Self) {
        self.tasks.extend(more.tasks);
        self.segments.extend(more.segments);
        self.aggregated = more.aggregated.or(self.aggregated);
        self.root = more.root.or(self.root);
    }
}

#[derive(Debug)]
struct Asked {
    block: Block,
    /// Its place among the blocks that are proved side by side. Given back when only the block itself is left, which
    /// waits for the block before it: nothing waits while it holds a place.
    place: Option<OwnedSemaphorePermit>,
}

/// The blocks that are asked for, oldest first.
#[derive(Debug)]
pub struct Board {
    statement: Statement,
    /// Workers are at a broker.
    broker: bool,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    blocks: VecDeque<Asked>,
    /// No more are coming.
    closed: bool,
    finished: Finished,
    taken_back: Option<u64>,
}

/// What is over.
#[derive(Debug, Default, Clone, Copy)]
struct Finished {
    blocks: usize,
    segments: usize,
}

/// How everything stands.
#[derive(Debug, Default)]
pub struct Standing {
    /// The block that is next to be finished, and how its job stands.
    pub first: Option<(u64, JobId, JobState)>,
    /// A block whose job ended without a proof: which, and the task at fault.
    pub failed: Option<(u64, Option<TaskId>, String)>,
    /// The proof of the first block, if it is there.
    pub proof: Option<Payload>,
    /// Nothing is left, and nothing comes.
    pub over: bool,
    /// How far it is.
    pub progress: Progress,
    /// Connected workers.
    pub workers: Vec<Seen>,
    /// The kinds of tasks that wait for a worker, and the most memory that one takes.
    pub waiting: BTreeMap<Kind, u64>,
}

/// How far it is.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Blocks that are proved.
    pub blocks: usize,
    /// Blocks that are asked for, those included.
    pub asked: usize,
    /// Segments that are proved.
    pub segments: usize,
    /// Segments that are known.
    pub known: usize,
    /// Tasks that are known and not proved.
    pub left: usize,
    /// What those take, in milliseconds of one worker, once a segment was proved.
    pub left_ms: Option<u64>,
    /// Workers that can take them.
    pub workers: usize,
}

impl Progress {
    /// How long what is known will take, in seconds.
    pub fn eta_seconds(&self) -> Option<u64> {
        self.left_ms.map(|ms| ms / 1000 / self.workers.max(1) as u64)
    }
}

impl Board {
    /// An empty board, for tasks under this statement, whose workers are at a broker or here.
    pub fn new(statement: Statement, broker: bool) -> Self {
        Self { statement, broker, books: Mutex::default() }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block is asked for, and has a place.
    pub fn add(&self, block: Block, place: OwnedSemaphorePermit) {
        self.books().blocks.push_back(Asked { block, place: Some(place) });
    }

    /// More of a block is known.
    pub fn grow(&self, job: JobId, change: impl FnOnce(&mut Block)) {
        if let Some(asked) = self.books().blocks.iter_mut().find(|asked| asked.block.job == job) {
            change(&mut asked.block);
        }
    }

    /// No more blocks are coming.
    pub fn close(&self) {
        self.books().closed = true;
    }

    /// The first block is over: it goes. Whether it was still the one of this job.
    pub fn finish(&self, job: JobId) -> bool {
        let mut books = self.books();
        let Some(first) = books.blocks.pop_front_if(|asked| asked.block.job == job) else { return false };
        books.finished.blocks += 1;
        books.finished.segments += first.block.segments.len();
        true
    }

    /// The least number from which blocks were dropped since this was last asked.
    pub fn taken_back(&self) -> Option<u64> {
        self.books().taken_back.take()
    }

    /// Takes off every block from this number on, newest first, and gives their jobs.
    pub fn drop_from(&self, number: u64) -> Vec<JobId> {
        let mut books = self.books();
        books.taken_back = Some(books.taken_back.map_or(number, |before| before.min(number)));
        let mut dropped = Vec::new();
        while books.blocks.back().is_some_and(|asked| asked.block.number >= number) {
            dropped.extend(books.blocks.pop_back().map(|asked| asked.block.job));
        }
        dropped
    }

    /// Every job that is not over.
    pub fn jobs(&self) -> Vec<JobId> {
        self.books().blocks.iter().map(|asked| asked.block.job).collect()
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// The dispatcher is ending, or its store is away.
    pub async fn look(&self, dispatcher: &Dispatcher) -> Result<Standing, PlaneError> {
        let (blocks, closed, finished) = {
            let books = self.books();
            let blocks: Vec<Block> = books.blocks.iter().map(|asked| asked.block.clone()).collect();
            (blocks, books.closed, books.finished)
        };
        let over = closed && blocks.is_empty();
        let (statement, broker) = (self.statement.clone(), self.broker);
        let look = move |state: &State| {
            let (standing, aggregated) = stand(state, &statement, &blocks, finished);
            (Standing { workers: seen(state, broker), ..standing }, aggregated)
        };
        let (mut standing, aggregated) = dispatcher.look(look).await?;
        standing.progress.workers = standing.workers.iter().filter(|seen| seen.is_able(&self.statement)).count();
        let mut books = self.books();
        for asked in &mut books.blocks {
            if aggregated.contains(&asked.block.job) {
                asked.place = None;
            }
        }
        Ok(Standing { over, ..standing })
    }
}

fn stand(state: &State, statement: &Statement, blocks: &[Block], finished: Finished) -> (Standing, Vec<JobId>) {
    let durable = state.durable();
    let done = |task: &TaskId| durable.tasks.get(task).is_some_and(|task| task.accepted().is_some());
    let mut standing = Standing::default();
    let mut progress = Progress { blocks: finished.blocks, asked: finished.blocks, ..Progress::default() };
    (progress.segments, progress.known) = (finished.segments, finished.segments);
    let mut aggregated = Vec::new();
    let mut left: Vec<&Kind> = Vec::new();
    for block in blocks {
        progress.asked += 1;
        progress.known += block.segments.len();
        progress.segments += block.segments.iter().filter(|task| done(task)).count();
        for task in block.tasks.iter().filter_map(|task| durable.tasks.get(task)) {
            if task.accepted().is_none() {
                left.push(&task.spec.class.kind);
            }
            if task.ready() || matches!(&task.phase, Phase::Leased { .. }) && pooled(state, task) {
                let memory = standing.waiting.entry(task.spec.class.kind.clone()).or_default();
                *memory = task.memory_bytes.max(*memory);
            }
        }
        if block.aggregated.as_ref().is_some_and(done) {
            aggregated.push(block.job);
        }
        let Some(job) = durable.jobs.get(&block.job) else { continue };
        if standing.first.is_none() {
            standing.first = Some((block.number, block.job, job.state.clone()));
            let root = block.root.and_then(|root| durable.tasks.get(&root));
            standing.proof = root.and_then(|task| task.accepted()).map(|accepted| accepted.output.clone());
        }
        let failed = match &job.state {
            JobState::Failed { task, reason } => Some((block.number, *task, reason.clone())),
            JobState::Cancelled => Some((block.number, None, "it was cancelled".to_owned())),
            JobState::Open | JobState::Done => None,
        };
        standing.failed = standing.failed.or(failed);
    }
    progress.left = left.len();
    progress.left_ms = left_ms(state, statement, &left);
    standing.progress = progress;
    (standing, aggregated)
}

/// Whether an offer of the task waits at a broker for somebody to take it.
fn pooled(state: &State, task: &dispatch::model::Task) -> bool {
    let token = task.token();
    token.is_some_and(|token| {
        state.sessions().any(|(_, session)| {
            session.pool
                && session.holding.iter().any(|held| state.lease(held).is_some_and(|lease| lease.token == token))
        })
    })
}

/// What tasks of these kinds take together, once it is known what a segment takes.
fn left_ms(state: &State, statement: &Statement, left: &[&Kind]) -> Option<u64> {
    let learned = |kind: &Kind| {
        let class = Class { kind: kind.clone(), statement: statement.clone() };
        state.durable().learned.get(&class).map(|learned| learned.wall_ms)
    };
    learned(&Kind::EVM_SEGMENT)?;
    let known: Vec<(Kind, f64)> = KINDS.into_iter().filter_map(|kind| Some((kind.clone(), learned(&kind)?))).collect();
    let ms = |kind: &Kind| known.iter().find(|(known, _)| known == kind).map_or(0.0, |(_, ms)| *ms);
    Some(left.iter().map(|kind| ms(kind)).sum::<f64>() as u64)
}

fn seen(state: &State, broker: bool) -> Vec<Seen> {
    let workers = state.sessions().map(|(_, session)| session).filter(|session| !session.pool);
    workers
        .map(|session| Seen {
            name: session.worker.clone(),
            statements: session.statements(state),
            kinds: session.kinds(state),
            room: room(session.memory_bytes, broker),
            resting: session.draining || state.suspended(&session.worker),
        })
        .collect()
}
