//! `leader rpc`: blocks of a chain, as an ordinary node shows it, one after the other; without a last one, the chain's
//! end is followed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use block_witness::{DecodedBlock, Previous, check_links, decode, read};
use chain_source::{BlockId, CallSettings, Confirmation, Event, FollowSettings, Follower, NodeKind, Source};
use clap::{Args, ValueEnum};
use terminal::Console;
use tokio::sync::mpsc;

use super::ask::News;
use crate::command::Usage;
use crate::deep::deep;

/// How many blocks come after one that is followed before it is taken, if nothing is said.
const USUAL_DEPTH: u64 = 12;

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
        let settings = FollowSettings {
            start: self.start_block,
            end: self.end_block,
            confirmation: if self.finalized { Confirmation::Finalized } else { Confirmation::Depth(depth) },
            block_time: Duration::from_millis(self.block_time.max(1)),
            place: self.place(folder)?,
        };
        let follower = Follower::open(source.clone(), settings).await?;
        let checkpoint = self.checkpoint_block.unwrap_or(self.start_block.saturating_sub(1));
        Ok(Chain { source, follower, checkpoint })
    }
}

impl Chain {
    /// The last block that is proved, of an earlier run.
    pub fn proved(&self) -> Option<BlockId> {
        self.follower.last_proved()
    }

    /// Gives blocks out until the last one, or for ever, and hears which of them are proved. The first one is on top of
    /// `previous`.
    ///
    /// # Errors
    /// The node does not give a block that can be proved, or what was proved is not part of the chain any more.
    pub async fn run(
        mut self,
        mut previous: Option<Previous>,
        batch_size: usize,
        news: mpsc::Sender<News>,
        mut proved: mpsc::UnboundedReceiver<u64>,
        console: Console,
    ) -> Result<()> {
        let mut given: BTreeMap<u64, (BlockId, Option<Previous>)> = BTreeMap::new();
        // Gone after the last block.
        let mut news = Some(news);
        let mut next: Option<News> = None;
        loop {
            let heard = tokio::select! {
                number = proved.recv() => Heard::Proved(number),
                taken = give(news.as_ref(), &mut next), if next.is_some() => Heard::Taken(taken),
                event = self.follower.next(), if next.is_none() && news.is_some() => Heard::Event(event?),
            };
            match heard {
                // Nobody proves any more.
                Heard::Proved(None) => return Ok(()),
                Heard::Proved(Some(number)) => {
                    if let Some((block, _)) = given.get(&number) {
                        self.follower.proved(block)?;
                    }
                    given = given.split_off(&number);
                }
                Heard::Taken(true) => {}
                Heard::Taken(false) | Heard::Event(None) => news = None,
                Heard::Event(Some(Event::Dropped { from })) => {
                    console.note(format!("leader: the chain was reorganised: going back to block {from}"));
                    if let Some((_, (_, before))) = given.split_off(&from).into_iter().next() {
                        previous = before;
                    }
                    next = Some(News::Reorganised(from));
                }
                Heard::Event(Some(Event::Block(id))) => {
                    // It may have been replaced while it was fetched: then the follower says so next.
                    let Some(block) = self.fetch(id, previous.clone(), batch_size).await? else { continue };
                    let before = previous.replace(block.as_previous());
                    given.insert(id.number, (id, before));
                    next = Some(News::Block(Box::new(block)));
                }
            }
        }
    }

    async fn fetch(&self, id: BlockId, previous: Option<Previous>, batch_size: usize) -> Result<Option<DecodedBlock>> {
        let BlockId { number, hash, .. } = id;
        let witness = self.source.witness(number, Some(self.checkpoint)).await;
        let witness = match witness {
            Ok(witness) if witness.hash == hash => witness,
            other => {
                let now = self.source.block(number).await?;
                if now.is_some_and(|now| now.hash != hash) {
                    return Ok(None);
                }
                other?
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
    /// A block is proved; or nobody proves any more.
    Proved(Option<u64>),
    /// What was to be given out was taken, or nobody takes any more.
    Taken(bool),
    /// What happened on the chain; nothing after the last block.
    Event(Option<Event>),
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
