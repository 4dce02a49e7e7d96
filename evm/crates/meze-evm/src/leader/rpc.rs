//! `leader rpc`: blocks of a chain, as an ordinary node shows it, one after the other; without a last one, the chain's
//! end is followed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use block_witness::{DecodedBlock, Previous, check_links, decode, read};
use chain_source::{
    BlockId, CallSettings, Confirmation, Event, FollowSettings, Follower, NodeKind, Source, SourceError,
};
use clap::{Args, ValueEnum};
use ethereum_types::H256;
use terminal::Console;
use tokio::sync::mpsc;

use super::ask::News;
use crate::command::Usage;
use crate::deep::deep;

/// How many blocks come after one that is followed before it is taken, if nothing is said.
const USUAL_DEPTH: u64 = 12;

/// How often a block is asked for that the node names, but gives in no good form.
const TRIES: u32 = 10;

/// `leader rpc`.
#[derive(Debug, Clone, Args)]
pub struct RpcArgs {
    /// The node's JSON-RPC
    #[arg(short = 'u', long, env = "ZERO_BIN_RPC_URL", value_name = "URL", hide_env_values = true)]
    pub rpc_url: String,

    /// What the node can say of a block [default: found out]
    #[arg(short = 'T', long, env = "ZERO_BIN_RPC_TYPE", value_name = "TYPE", value_enum)]
    pub rpc_type: Option<RpcType>,

    /// The first block
    #[arg(short = 's', long, env = "ZERO_BIN_START_BLOCK", value_name = "NUMBER")]
    pub start_block: u64,

    /// The last block; without one, the chain's end is followed
    #[arg(short = 'e', long, env = "ZERO_BIN_END_BLOCK", value_name = "NUMBER")]
    pub end_block: Option<u64>,

    /// The block whose state the chain of proofs begins with [default: the one before the first]
    #[arg(short = 'c', long, env = "ZERO_BIN_CHECKPOINT_BLOCK", value_name = "NUMBER")]
    pub checkpoint_block: Option<u64>,

    /// The proof of the block before the first one
    #[arg(short = 'f', long, env = "ZERO_BIN_PREVIOUS_PROOF", value_name = "FILE")]
    pub previous_proof: Option<PathBuf>,

    /// A block is taken when so many came after it [default: 0 with --end-block, 12 without]
    #[arg(long, value_name = "COUNT", conflicts_with = "finalized")]
    pub confirmations: Option<u64>,

    /// A block is taken when the node calls it finalized
    #[arg(long)]
    pub finalized: bool,

    /// How often the node is asked for new blocks, in milliseconds
    #[arg(short = 'b', long, env = "ZERO_BIN_BLOCK_TIME", value_name = "MS", default_value_t = 2000)]
    pub block_time: u64,

    /// The pause before the first retry of a call, in milliseconds; it doubles from one to the next
    #[arg(long, env = "ZERO_BIN_BACKOFF", value_name = "MS", default_value_t = 0)]
    pub backoff: u64,

    /// How often a call is tried again
    #[arg(long, env = "ZERO_BIN_MAX_RETRIES", value_name = "COUNT", default_value_t = 0)]
    pub max_retries: u32,
}

/// What a node can say of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RpcType {
    /// Whole witnesses.
    Jerigon,
    /// The prestate tracer and proofs of accounts.
    Native,
}

/// A chain to take blocks from.
#[derive(Debug)]
pub struct Chain {
    source: Arc<Source>,
    follower: Follower,
    checkpoint: u64,
    end: Option<u64>,
    block_time: Duration,
}

impl RpcArgs {
    /// The blocks that are asked for.
    pub fn wanted(&self, number: u64) -> bool {
        number >= self.start_block && self.end_block.is_none_or(|end| number <= end)
    }

    /// The file that keeps the place of who follows a chain's end: with an end, a repeated run gives all proofs again.
    fn place(&self, folder: Option<PathBuf>) -> Result<Option<PathBuf>> {
        let Some(folder) = folder.filter(|_| self.end_block.is_none()) else { return Ok(None) };
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("the data folder {} cannot be made", folder.display()))?;
        Ok(Some(folder.join(format!("place-from-{}.json", self.start_block))))
    }

    /// Opens the chain, at the place that is kept in `folder`.
    ///
    /// # Errors
    /// The range is empty, or the node is not as it should be.
    pub async fn open(&self, folder: Option<PathBuf>) -> Result<Chain> {
        if self.end_block.is_some_and(|end| end < self.start_block) {
            return Err(Usage("--end-block is before --start-block: there is nothing to prove".to_owned()).into());
        }
        let kind = self.rpc_type.map(|kind| match kind {
            RpcType::Jerigon => NodeKind::Zero,
            RpcType::Native => NodeKind::Ordinary,
        });
        let backoff = Duration::from_millis(self.backoff);
        let calls = CallSettings { backoff, max_retries: self.max_retries, ..CallSettings::default() };
        let source = Arc::new(Source::new(&self.rpc_url, kind, calls)?);
        let depth = self.confirmations.unwrap_or(if self.end_block.is_some() { 0 } else { USUAL_DEPTH });
        let block_time = Duration::from_millis(self.block_time.max(1));
        let settings = FollowSettings {
            start: self.start_block,
            end: self.end_block,
            confirmation: if self.finalized { Confirmation::Finalized } else { Confirmation::Depth(depth) },
            block_time,
            place: self.place(folder)?,
        };
        let follower = Follower::open(source.clone(), settings).await?;
        let checkpoint = self.checkpoint_block.unwrap_or(self.start_block.saturating_sub(1));
        Ok(Chain { source, follower, checkpoint, end: self.end_block, block_time })
    }
}

impl Chain {
    /// The last block that is proved, of an earlier run.
    pub fn proved(&self) -> Option<BlockId> {
        self.follower.last_proved()
    }

    /// Gives blocks out until the last one is proved, or for ever, and hears which of them are: number and hash. The
    /// first one is on top of `previous`. Until all are proved it looks whether they are still part of the chain.
    ///
    /// # Errors
    /// The node does not give a block that can be proved, or what was proved is not part of the chain any more.
    pub async fn run(
        mut self,
        mut previous: Option<Previous>,
        batch_size: usize,
        news: mpsc::Sender<News>,
        mut proved: mpsc::UnboundedReceiver<(u64, H256)>,
        console: Console,
    ) -> Result<()> {
        let mut given: BTreeMap<u64, (BlockId, Option<Previous>)> = BTreeMap::new();
        // Gone when the last block is proved.
        let mut news = Some(news);
        let mut next: Option<News> = None;
        let (mut at_end, mut tries, mut pause) = (false, 0, Duration::ZERO);
        loop {
            if next.is_none() && self.is_proved() {
                news = None;
            }
            let heard = tokio::select! {
                block = proved.recv() => Heard::Proved(block),
                taken = give(news.as_ref(), &mut next), if next.is_some() => Heard::Taken(taken),
                event = after(pause, self.follower.next()), if next.is_none() && news.is_some() => Heard::Event(event),
            };
            match heard {
                // Nobody proves any more.
                Heard::Proved(None) => return Ok(()),
                Heard::Proved(Some((number, hash))) => {
                    // Another block may have taken the place of the one that was proved.
                    let block = given.get(&number).map(|(block, _)| *block).filter(|block| block.hash == hash);
                    if let Some(block) = block {
                        self.follower.proved(&block)?;
                        given = given.split_off(&number);
                    }
                }
                Heard::Taken(true) => {}
                Heard::Taken(false) => news = None,
                Heard::Event(Ok(None)) => (at_end, pause) = (true, self.block_time),
                // All blocks are here: a node that is away for a while keeps nobody from proving them.
                Heard::Event(Err(error)) if at_end && error.is_passing() => {}
                Heard::Event(Err(error)) => return Err(error.into()),
                Heard::Event(Ok(Some(Event::Dropped { from }))) => {
                    (at_end, tries, pause) = (false, 0, Duration::ZERO);
                    console.note(format!("leader: the chain was reorganised: going back to block {from}"));
                    if let Some((_, (_, before))) = given.split_off(&from).into_iter().next() {
                        previous = before;
                    }
                    next = Some(News::Reorganised(from));
                }
                Heard::Event(Ok(Some(Event::Block(id)))) => match self.fetch(id, previous.clone(), batch_size).await {
                    Ok(Some(block)) => {
                        (tries, pause) = (0, Duration::ZERO);
                        let before = previous.replace(block.as_previous());
                        given.insert(id.number, (id, before));
                        next = Some(News::Block(Box::new(block)));
                    }
                    outcome => {
                        tries += 1;
                        self.wait_out(id, outcome.map(drop), tries)?;
                        pause = self.block_time;
                    }
                },
            }
        }
    }

    /// Whether the last block is proved.
    fn is_proved(&self) -> bool {
        let last = self.follower.last_proved();
        self.end.is_some_and(|end| last.is_some_and(|last| last.number >= end))
    }

    /// Has a block given out again that could not be had: it was replaced while it was fetched, which the follower
    /// says then; or, where the chain's end is followed, the node is away or was changing.
    ///
    /// # Errors
    /// It is not to be had for good.
    fn wait_out(&mut self, id: BlockId, outcome: Result<()>, tries: u32) -> Result<()> {
        if let Err(error) = outcome {
            let passing = error.downcast_ref::<SourceError>().filter(|error| self.end.is_none() && error.is_passing());
            match passing {
                Some(SourceError::Unreachable { .. }) => {}
                Some(_) if tries < TRIES => {}
                _ => return Err(error),
            }
            tracing::warn!(block = id.number, error = %error, "cannot fetch a block for now; asking again");
        } else if tries >= TRIES {
            bail!("the node gives block {} once by the hash {:#x} and once by another", id.number, id.hash);
        }
        self.follower.again();
        Ok(())
    }

    async fn fetch(&self, id: BlockId, previous: Option<Previous>, batch_size: usize) -> Result<Option<DecodedBlock>> {
        let BlockId { number, hash, .. } = id;
        let witness = self.source.witness(number, Some(self.checkpoint)).await;
        let witness = match witness {
            Ok(witness) if witness.hash == hash => witness,
            // However the chain looks a moment later: this is not the block that was asked for.
            Ok(_) => return Ok(None),
            Err(error) => {
                let now = self.source.block(number).await?;
                if now.is_some_and(|now| now.hash != hash) {
                    return Ok(None);
                }
                return Err(error.into());
            }
        };
        let decoded = deep(move || {
            let blocks = read(&witness.json)?;
            check_links(&blocks, previous.as_ref())?;
            let block = blocks.into_iter().next().context("the node's witness has no block")?;
            Ok::<_, anyhow::Error>(decode(block, previous.as_ref(), batch_size)?)
        });
        Ok(Some(decoded.await?.with_context(|| format!("the witness of block {number} from the node"))?))
    }
}

/// What a chain that gives blocks out hears.
enum Heard {
    /// A block is proved, by number and hash; or nobody proves any more.
    Proved(Option<(u64, H256)>),
    /// What was to be given out was taken, or nobody takes any more.
    Taken(bool),
    /// What happened on the chain; nothing after the last block.
    Event(Result<Option<Event>, SourceError>),
}

/// What comes next on the chain, looked at after a pause.
async fn after(
    pause: Duration,
    next: impl Future<Output = Result<Option<Event>, SourceError>>,
) -> Result<Option<Event>, SourceError> {
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    next.await
}

/// Gives the next news out, when there is room for it; whether anybody takes it. Dropped, it has given nothing.
async fn give(news: Option<&mpsc::Sender<News>>, next: &mut Option<News>) -> bool {
    let Some(news) = news else { return false };
    match news.reserve().await {
        Ok(place) => {
            if let Some(what) = next.take() {
                place.send(what);
            }
            true
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use dev_chain::{Chain as Blocks, Genesis, Node};

    use super::*;

    fn on_runtime(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(test);
    }

    async fn node(blocks: u64) -> Node {
        let node = Node::start(Blocks::new(Genesis::default())).await.unwrap();
        node.chain().mine_empty(blocks).unwrap();
        node
    }

    async fn open(node: &Node, end_block: Option<u64>) -> Chain {
        let args = RpcArgs {
            rpc_url: node.url(),
            rpc_type: None,
            start_block: 1,
            end_block,
            checkpoint_block: None,
            previous_proof: None,
            confirmations: Some(0),
            finalized: false,
            block_time: 10,
            backoff: 0,
            max_retries: 0,
        };
        args.open(None).await.unwrap()
    }

    async fn heard(news: &mut mpsc::Receiver<News>) -> Option<News> {
        tokio::time::timeout(Duration::from_secs(60), news.recv()).await.expect("something is heard soon")
    }

    /// The hash of the block that must come next.
    async fn block(news: &mut mpsc::Receiver<News>, number: u64) -> H256 {
        match heard(news).await {
            Some(News::Block(block)) if block.number == number => block.block_hash,
            other => panic!("not block {number}: {other:?}"),
        }
    }

    #[test]
    fn a_range_is_looked_at_until_its_last_block_is_proved_and_not_another_of_that_number() {
        on_runtime(async {
            let node = node(2).await;
            let (tell, mut news) = mpsc::channel(1);
            let (proved, told) = mpsc::unbounded_channel();
            let run = open(&node, Some(2)).await.run(None, 10, tell, told, Console::new(false));
            let script = async {
                let (first, old) = (block(&mut news, 1).await, block(&mut news, 2).await);
                node.chain().go_back(1).unwrap();
                node.chain().mine_empty(2).unwrap();
                assert!(matches!(heard(&mut news).await, Some(News::Reorganised(2))));
                let new = block(&mut news, 2).await;
                assert_ne!(new, old);
                // What was proved before the reorg was heeded is not the block that is there now.
                [(1, first), (2, old)].into_iter().for_each(|block| proved.send(block).unwrap());
                assert!(tokio::time::timeout(Duration::from_millis(300), news.recv()).await.is_err());
                proved.send((2, new)).unwrap();
                assert!(heard(&mut news).await.is_none());
                drop(proved);
            };
            let (ran, ()) = tokio::join!(run, script);
            ran.unwrap();
        });
    }

    #[test]
    fn who_follows_waits_for_a_node_that_is_away_and_gets_the_same_block_again() {
        on_runtime(async {
            let node = node(1).await;
            let away = || {
                let (node, why) = ("http://here".to_owned(), "refused".to_owned());
                Err(SourceError::Unreachable { node, method: "eth_getProof", attempts: 1, why }.into())
            };
            let missing = || Err(SourceError::NoBlock("1".to_owned()).into());
            let mut chain = open(&node, None).await;
            let Some(Event::Block(id)) = chain.follower.next().await.unwrap() else { panic!("no block") };
            chain.wait_out(id, away(), 1000).unwrap();
            assert_eq!(chain.follower.next().await.unwrap(), Some(Event::Block(id)));
            chain.wait_out(id, missing(), 1).unwrap();
            assert_eq!(chain.follower.next().await.unwrap(), Some(Event::Block(id)));
            assert!(chain.wait_out(id, missing(), TRIES).is_err());
            assert!(chain.wait_out(id, Err(SourceError::BeforeCancun(1).into()), 1).is_err());
            // A range is asked for once.
            let mut chain = open(&node, Some(1)).await;
            chain.follower.next().await.unwrap();
            assert!(chain.wait_out(id, away(), 1).is_err());
        });
    }
}
