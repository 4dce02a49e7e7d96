//! Asking for blocks: each is simulated, cut into tasks, and asked for as a job that grows batch by batch.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use block_witness::{DecodedBlock, SegmentShape, WitnessError, simulate};
use bytes::Bytes;
use dispatch::event::{NotTaken, Submit};
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
use super::lane::News;
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
    pub async fn run(mut self, mut news: mpsc::UnboundedReceiver<News>, mut before: Before) -> Result<()> {
        while let Some(heard) = news.recv().await {
            let from = match heard {
                News::Reorganised(from) => from,
                News::Block(block, turn) => {
                    let number = block.number;
                    let asked = tokio::select! {
                        biased;
                        // While its turn lasts, no other block comes.
                        from = gone(&mut news, number) => Err(from),
                        root = self.ask(*block, &before) => Ok(root?),
                    };
                    drop(turn);
                    match asked {
                        Ok(root) => {
                            self.asked.push((number, std::mem::replace(&mut before, Before::Task(root))));
                            continue;
                        }
                        Err(from) => from,
                    }
                }
            };
            if let Some(then) = self.go_back(from).await {
                before = then;
            }
        }
        self.board.close();
        Ok(())
    }

    /// Drops every block from this number on; gives what the first of them was on top of.
    async fn go_back(&mut self, from: u64) -> Option<Before> {
        self.board.drop_from(from).into_iter().for_each(|job| self.dispatcher.cancel(job));
        // One that was only half asked for, or in an earlier run. Those that cannot be seen now are cancelled when
        // another block of their number is asked for.
        let above = move |state: &dispatch::state::State| {
            let of_gone = |(_, name): &(_, String)| number_of(name).is_some_and(|number| number >= from);
            open_jobs(state).filter(of_gone).map(|(job, _)| job).collect::<Vec<_>>()
        };
        let jobs = self.dispatcher.look(above).await.unwrap_or_default();
        jobs.into_iter().for_each(|job| self.dispatcher.cancel(job));
        let at = self.asked.iter().position(|(number, _)| *number >= from)?;
        let (_, before) = self.asked.swap_remove(at);
        self.asked.truncate(at);
        Some(before)
    }

    /// Asks for one block, when there is a place for it; gives its task.
    async fn ask(&self, block: DecodedBlock, before: &Before) -> Result<TaskId> {
        let mut place = Some(self.places.clone().acquire_owned().await.context("the leader is ending")?);
        let (number, batches) = (block.number, block.batches.len());
        let plan = Plan::new(batches)
            .with_context(|| format!("block {number} was decoded into {batches} batches; at least two are needed"))?;
        let block = Arc::new(block);
        let mut inputs = Inputs::new(block.clone(), self.asking.max_cpu_len_log, before.clone());
        let statement = self.asking.config.statement();
        let parts = inputs.parts().with_context(|| format!("block {number} cannot be cut into tasks"))?;
        let name = self.job(number, job_name(number, &statement, parts.iter().map(Vec::as_slice))).await?;
        let mut graph = Graph::new(plan, owner(), statement, before.task());
        let mut simulated = self.simulate(block)?;
        let (mut held, held_until) = (Grown::default(), Instant::now() + self.asking.ahead);
        while let Some(shapes) = simulated.recv().await {
            let shapes = shapes?;
            inputs.simulated(&shapes);
            held = held.and(graph.grow(shapes.len(), |node| inputs.of(node))?);
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
        let job = match self.taken(submit).await {
            Ok(job) => job,
            // One of its tasks died meanwhile: whoever watches the board says which, and why.
            Err(SubmitError::NotTaken(NotTaken::Over(_))) if place.is_none() => std::future::pending().await,
            // Kept for a week after it was proved.
            Err(SubmitError::NotTaken(NotTaken::UnknownNeed { .. })) => bail!(
                "block {number}: the proof of the block before it is not kept in the data folder any more: started \
                 again, it is taken from the folder of proofs"
            ),
            Err(error) => return Err(error).with_context(|| format!("block {number} was not taken")),
        };
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

    async fn taken(&self, submit: Submit) -> Result<JobId, SubmitError> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.dispatcher.submit(submit.clone()).await {
                Ok((job, _)) => return Ok(job),
                Err(SubmitError::Plane(PlaneError::Unavailable(_))) if Instant::now() < until => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Waits until the chain has no such block any more; from which number on it went another way.
async fn gone(news: &mut mpsc::UnboundedReceiver<News>, number: u64) -> u64 {
    while let Some(news) = news.recv().await {
        if let News::Reorganised(from) = news
            && from <= number
        {
            return from;
        }
    }
    std::future::pending().await
}

/// Every job of a leader that is not over.
pub fn open_jobs(state: &dispatch::state::State) -> impl Iterator<Item = (JobId, String)> + '_ {
    let jobs = state.durable().jobs.iter().filter(|(_, job)| job.open() && job.owner == owner());
    jobs.map(|(id, job)| (*id, job.name.clone()))
}

#[cfg(test)]
mod tests {
    use block_witness::{decode, read};
    use chain_source::{CallSettings, Source};
    use clap::Parser;
    use dev_chain::{Chain, Genesis, Node};
    use terminal::Console;

    use super::super::lane::lane;
    use super::super::service::{Service, Workers};
    use super::*;
    use crate::settings::CircuitArgs;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        circuits: CircuitArgs,
    }

    fn circuits() -> CircuitArgs {
        Line::parse_from(["test", "--use-test-config", "--memory", "14..23", "--mem-before", "12..20"]).circuits
    }

    fn on_runtime(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(test);
    }

    /// A dispatcher that nobody works for.
    async fn service() -> Service {
        Service::start(None, Vec::new(), Workers::Local(0, &circuits()), Console::new(false)).await.unwrap()
    }

    fn asker(service: &Service) -> (Arc<Board>, Asker) {
        let config = circuits().config().unwrap();
        let board = Arc::new(Board::new(config.statement(), false));
        let asking = Asking { config, max_cpu_len_log: 19, pool: 1, ahead: Duration::from_secs(60), broker: false };
        (board.clone(), Asker::new(service.dispatcher.clone(), board, asking))
    }

    async fn block(node: &Node, number: u64) -> Box<DecodedBlock> {
        let source = Source::new(&node.url(), None, CallSettings::default()).unwrap();
        let witness = source.witness(number, Some(number - 1)).await.unwrap();
        let block = read(&witness.json).unwrap().pop().unwrap();
        Box::new(crate::deep::deep(move || decode(block, None, 10)).await.unwrap().unwrap())
    }

    async fn until(is: impl Fn() -> bool) {
        let wait = async {
            while !is() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.expect("soon");
    }

    #[test]
    fn a_reorg_drops_blocks_at_once_while_the_next_one_waits_for_a_place() {
        on_runtime(async {
            let node = Node::start(Chain::new(Genesis::default())).await.unwrap();
            node.chain().mine_empty(2).unwrap();
            let old = [block(&node, 1).await, block(&node, 2).await];
            node.chain().go_back(0).unwrap();
            node.chain().mine_empty(1).unwrap();
            let new = block(&node, 1).await;
            assert_ne!(old[0].block_hash, new.block_hash);
            let service = service().await;
            let ((board, asker), (lane, news)) = (asker(&service), lane());
            let mut asking = tokio::spawn(asker.run(news, Before::Checkpoint));
            for block in old {
                match lane.turn().await {
                    Some(turn) => lane.block(block, turn),
                    None => panic!("{:?}", (&mut asking).await),
                }
            }
            until(|| board.jobs().len() == 1 || asking.is_finished()).await;
            let first = board.jobs();
            // The second waits for a place, which nobody gives back, since nobody proves.
            let turn = tokio::time::timeout(Duration::from_millis(300), lane.turn()).await;
            assert!(turn.is_err(), "{turn:?}");
            lane.reorganised(1);
            until(|| board.jobs().is_empty()).await;
            let open = service.dispatcher.look(|state| open_jobs(state).count()).await.unwrap();
            assert_eq!(open, 0, "what is of no use is cancelled");
            lane.block(new, lane.turn().await.unwrap());
            until(|| board.jobs().len() == 1).await;
            assert_ne!(board.jobs(), first);
            drop(lane);
            asking.await.unwrap().unwrap();
            service.end().await.unwrap();
        });
    }
}
