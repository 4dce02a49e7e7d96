//! `leader rpc`: which blocks of which node's chain.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chain_source::{CallSettings, Confirmation, FollowSettings, Follower, NodeKind, PlaceError, Source, SourceError};
use clap::{Args, ValueEnum};
use terminal::{Console, Usage};
use tokio::time::Instant;

use super::chain::Chain;
use super::wait::{Away, USUAL_PATIENCE};

/// How many blocks come after one that is followed before it is taken, if nothing is said.
const USUAL_DEPTH: u64 = 12;

/// How often it is looked whether another leader has ended.
const STANDBY: Duration = Duration::from_secs(1);

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

    /// How long a node that does not answer is asked again, in seconds [default: 300 with --end-block; without one,
    /// 300 at the start and then for ever]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=31_536_000))]
    pub node_patience: Option<u64>,

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

    /// Opens the chain, at the place that is kept in `folder`, after whoever keeps it now.
    ///
    /// # Errors
    /// The range is empty, or the node is not as it should be.
    pub async fn open(&self, folder: Option<PathBuf>, console: Console) -> Result<Chain> {
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
        let confirmation = if self.finalized { Confirmation::Finalized } else { Confirmation::Depth(depth) };
        let settings =
            FollowSettings { start: self.start_block, end: self.end_block, confirmation, place: self.place(folder)? };
        let said = self.node_patience.map(Duration::from_secs);
        let follower = opened(&source, &settings, said.unwrap_or(USUAL_PATIENCE), console).await?;
        let patience = said.or(self.end_block.map(|_| USUAL_PATIENCE));
        let checkpoint = self.checkpoint_block.unwrap_or(self.start_block.saturating_sub(1));
        Ok(Chain { source, follower, checkpoint, end: self.end_block, block_time, confirmation, patience })
    }
}

/// Opens the follower, when the node answers and nobody else keeps the place.
async fn opened(
    source: &Arc<Source>,
    settings: &FollowSettings,
    patience: Duration,
    console: Console,
) -> Result<Follower> {
    let (mut away, mut said) = (Away::new(Some(patience), console), false);
    loop {
        let pause = match Follower::open(source.clone(), settings.clone()).await {
            Err(error @ SourceError::Unreachable { .. }) => away.missed(error, Instant::now())?,
            Err(SourceError::Place(error @ PlaceError::InUse { .. })) => {
                if !std::mem::replace(&mut said, true) {
                    console.note(format!("leader: {error}; waiting for its end, --data-dir takes another folder"));
                }
                STANDBY
            }
            opened => return Ok(opened?),
        };
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use dev_chain::{Chain as Blocks, Genesis, Node};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        rpc: RpcArgs,
    }

    #[test]
    fn a_second_leader_stands_by_until_the_first_gives_the_place_up() {
        tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
            let (node, folder) =
                (Node::start(Blocks::new(Genesis::default())).await.unwrap(), tempfile::tempdir().unwrap());
            let rpc = Line::parse_from(["test", "-u", &node.url(), "-s", "1"]).rpc;
            let open = || rpc.open(Some(folder.path().to_owned()), Console::new(false));
            let first = open().await.unwrap();
            let second = open();
            tokio::pin!(second);
            let early = tokio::time::timeout(Duration::from_millis(500), &mut second).await;
            assert!(early.is_err(), "{early:?}");
            drop(first);
            tokio::time::timeout(Duration::from_secs(10), second).await.unwrap().unwrap();
        });
    }

    #[test]
    fn a_node_that_comes_up_later_is_waited_for_and_one_that_never_does_is_named() {
        tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
            let mut node = Node::start(Blocks::new(Genesis::default())).await.unwrap();
            node.go_away().await;
            let url = node.url();
            let rpc = |patience| Line::parse_from(["test", "-u", &url, "-s", "1", "--node-patience", patience]).rpc;
            let error = rpc("1").open(None, Console::new(false)).await.unwrap_err();
            assert!(format!("{error:#}").contains("did not answer for 1 s"), "{error:#}");
            let rpc = rpc("60");
            let (opened, back) = tokio::join!(rpc.open(None, Console::new(false)), async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                node.come_back().await
            });
            back.unwrap();
            opened.unwrap();
        });
    }
}
