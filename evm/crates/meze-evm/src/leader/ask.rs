//! Asking for blocks: each is simulated, cut into tasks, and asked for as a job that grows batch by batch.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use block_witness::{DecodedBlock, SegmentShape, WitnessError, simulate};
use bytes::Bytes;
use dispatch::event::Submit;
use dispatch::model::{JobId, JobState};
use dispatcher::{Dispatcher, SubmitError};
use evm_proving::CircuitConfig;
use proving::id::{Owner, TaskId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use transport::plane::{PlaneError, WorkPlane as _};

use super::board::{Block, Board};
use super::graph::{Graph, Grown, job_name, number_of};
use super::inputs::{Before, Inputs};
use super::plan::Plan;
use super::service::BROKER_LIMIT;

/// How long a store that is away is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Who asks.
pub fn owner() -> Owner {
    "leader".parse().expect("a plain word is an owner")
}

/// How blocks are asked for.
#[derive(Debug, Clone)]
pub struct Asking {
    /// Under which circuits.
    pub config: CircuitConfig,
    /// A segment has at most two to the power of so many cycles.
    pub max_cpu_len_log: u8,
    /// So many blocks are proved side by side.
    pub pool: usize,
    /// For how long a block's first proofs wait for the rest of its simulation.
    pub ahead: Duration,
    /// Inputs pass through a broker.
    pub broker: bool,
}

/// What comes out of a source of blocks.
#[derive(Debug)]
pub enum News {
    /// The next block, checked and decoded.
    Block(Box<DecodedBlock>),
    /// The chain went another way: blocks from this number on are none of it any more.
    Reorganised(u64),
}

/// Asks for block after block.
#[derive(Debug)]
pub struct Asker {
    dispatcher: Dispatcher,
    board: Arc<Board>,
    asking: Asking,
    places: Arc<Semaphore>,
    /// The blocks that were asked for in this run, with what each was on top of.
    asked: Vec<(u64, Before)>,
}

/// What was simulated of a batch.
type Simulated = Result<Vec<SegmentShape>, WitnessError>;

impl Asker {
    /// One that asks this dispatcher.
    pub fn new(dispatcher: Dispatcher, board: Arc<Board>, asking: Asking) -> Self {
        let places = Arc::new(Semaphore::new(asking.pool.max(1)));
        Self { dispatcher, board, asking, places, asked: Vec::new() }
    }

    /// Asks for all that comes, the first of it on top of `before`.
    ///
    /// # Errors
    /// A block that cannot be simulated or does not fit, or a dispatcher that does not take it.
    pub async fn run(mut self, mut news: mpsc::Receiver<News>, mut before: Before) -> Result<()> {
        while let Some(news) = news.recv().await {
            match news {
                News::Block(block) => {
                    let number = block.number;
                    let root = self.ask(*block, &before).await?;
                    self.asked.push((number, std::mem::replace(&mut before, Before::Task(root))));
                }
                News::Reorganised(from) => {
                    self.board.drop_from(from).into_iter().for_each(|job| self.dispatcher.cancel(job));
                    if let Some(at) = self.asked.iter().position(|(number, _)| *number >= from) {
                        before = self.asked.swap_remove(at).1;
                        self.asked.truncate(at);
                    }
                }
            }
        }
        self.board.close();
        Ok(())
    }

    /// Asks for one block, when there is a place for it; gives its task.
    async fn ask(&self, block: DecodedBlock, before: &Before) -> Result<TaskId> {
        let mut place = Some(self.places.clone().acquire_owned().await.context("the leader is ending")?);
        let (number, batches) = (block.number, block.batches.len());
        let plan = Plan::new(batches)
            .with_context(|| format!("block {number} was decoded into {batches} batches; at least two are needed"))?;
        let block = Arc::new(block);
        let inputs = Inputs::new(block.clone(), self.asking.max_cpu_len_log, before.clone());
        let statement = self.asking.config.statement();
        let parts = inputs.parts().with_context(|| format!("block {number} cannot be cut into tasks"))?;
        let name = self.job(number, job_name(number, &statement, parts.iter().map(Vec::as_slice))).await?;
        let mut graph = Graph::new(plan, owner(), statement, before.task());
        let mut simulated = self.simulate(block)?;
        let (mut held, held_until) = (Grown::default(), Instant::now() + self.asking.ahead);
        while let Some(shapes) = simulated.recv().await {
            held = held.and(graph.grow(shapes?.len(), |node| inputs.of(node))?);
            if !graph.is_complete() && Instant::now() < held_until {
                continue;
            }
            let grown = std::mem::take(&mut held);
            let root = grown.root;
            self.submit(&name, number, grown, &mut place).await?;
            if let Some(root) = root {
                return Ok(root);
            }
        }
        bail!("block {number}: its simulation ended early")
    }

    /// The name under which a block is asked for: that of the same content, unless its job ended without a proof. Jobs
    /// of the same block with other content are of no use any more.
    async fn job(&self, number: u64, name: String) -> Result<String> {
        let look = move |state: &dispatch::state::State| {
            let ended = |name: &String| {
                let job = state.job_named(&owner(), name).and_then(|job| state.durable().jobs.get(&job));
                job.is_some_and(|job| matches!(job.state, JobState::Failed { .. } | JobState::Cancelled))
            };
            let again = (2u32..).map(|attempt| format!("{name}-{attempt}"));
            let free = std::iter::once(name.clone()).chain(again).find(|name| !ended(name)).unwrap_or(name);
            let others = open_jobs(state).filter(|(_, job)| number_of(job) == Some(number) && *job != free);
            (others.map(|(job, _)| job).collect::<Vec<_>>(), free)
        };
        let (others, free) = self.dispatcher.look(look).await?;
        others.into_iter().for_each(|job| self.dispatcher.cancel(job));
        Ok(free)
    }

    /// Simulates batch after batch, on a thread of its own.
    fn simulate(&self, block: Arc<DecodedBlock>) -> Result<mpsc::Receiver<Simulated>> {
        let (tell, simulated) = mpsc::channel(2);
        let (limit, ranges) = (usize::from(self.asking.max_cpu_len_log), self.asking.config.ranges.clone());
        crate::deep::spawn(move || {
            for (index, batch) in block.batches.iter().enumerate() {
                let shapes = simulate(batch, index, limit);
                let fitting = shapes.and_then(|shapes| {
                    shapes.iter().try_for_each(|shape| shape.check(&ranges, block.number, index))?;
                    Ok(shapes)
                });
                let good = fitting.is_ok();
                // Whoever asked may have turned away.
                if tell.blocking_send(fitting).is_err() || !good {
                    return;
                }
            }
        })?;
        Ok(simulated)
    }

    /// Asks for what was added to a block. The first time, the block goes on the board, with its place.
    async fn submit(
        &self,
        name: &str,
        number: u64,
        grown: Grown,
        place: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<()> {
        for blob in grown.blobs {
            self.keep(number, blob).await?;
        }
        // Older blocks first: those after them wait for them in any case.
        let priority = u8::try_from(9usize.saturating_sub(self.asked.len())).unwrap_or(0);
        let submit = Submit {
            name: name.to_owned(),
            owner: owner(),
            priority,
            deadline: None,
            tasks: grown.tasks,
            root: grown.root,
        };
        let job = self.taken(submit).await.with_context(|| format!("block {number} was not taken"))?;
        let Grown { ids: tasks, segments, aggregated, root, .. } = grown;
        let block = Block { number, job, tasks, segments, aggregated, root };
        match place.take() {
            Some(place) => self.board.add(block, place),
            None => self.board.grow(job, |known| known.extend(block)),
        }
        Ok(())
    }

    async fn keep(&self, number: u64, blob: Bytes) -> Result<()> {
        if self.asking.broker && blob.len() > BROKER_LIMIT {
            bail!(
                "block {number}: the input of one of its tasks has {} bytes, and at most {BROKER_LIMIT} pass through a \
                 broker: say a smaller --batch-size",
                blob.len()
            );
        }
        let until = Instant::now() + PATIENCE;
        loop {
            match self.dispatcher.write_blob(blob.clone(), false).await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() >= until => return Err(error).context("an input cannot be kept"),
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }

    async fn taken(&self, submit: Submit) -> Result<JobId> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.dispatcher.submit(submit.clone()).await {
                Ok((job, _)) => return Ok(job),
                Err(SubmitError::Plane(PlaneError::Unavailable(_))) if Instant::now() < until => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Every job of a leader that is not over.
pub fn open_jobs(state: &dispatch::state::State) -> impl Iterator<Item = (JobId, String)> + '_ {
    let jobs = state.durable().jobs.iter().filter(|(_, job)| job.open() && job.owner == owner());
    jobs.map(|(id, job)| (*id, job.name.clone()))
}
