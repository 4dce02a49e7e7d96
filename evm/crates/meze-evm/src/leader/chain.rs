//! A node's chain, one block after the other, and whether those that were given out are still part of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use block_witness::{DecodedBlock, Previous, check_links, decode, read};
use chain_source::{BlockId, Confirmation, Event, Follower, Seen, Source, SourceError};
use ethereum_types::H256;
use terminal::Console;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::lane::{Lane, Turn};
use super::wait::{Away, Seldom, words};
use crate::deep::deep;

/// How often a block is asked for that the node names, but gives in no good form.
const TRIES: u32 = 10;

/// A chain to take blocks from.
#[derive(Debug)]
pub struct Chain {
    /// The node.
    pub source: Arc<Source>,
    /// The place in its chain.
    pub follower: Follower,
    /// The block whose state the chain of proofs begins with.
    pub checkpoint: u64,
    /// The last block; without one, the chain's end is followed.
    pub end: Option<u64>,
    /// How often the node is asked for new blocks.
    pub block_time: Duration,
    /// When a block is taken.
    pub confirmation: Confirmation,
    /// How long a node that does not answer is waited for; without one, for ever.
    pub patience: Option<Duration>,
}

impl Chain {
    /// The last block that is proved, of an earlier run.
    pub fn proved(&self) -> Option<BlockId> {
        self.follower.last_proved()
    }

    /// Gives blocks out until the last one is proved, or for ever, and hears which of them are: number and hash. The
    /// first one is on top of `previous`. Until all are proved it looks whether they are still part of the chain,
    /// whether or not anybody takes another block.
    ///
    /// # Errors
    /// The node does not give a block that can be proved, or what was proved is not part of the chain any more.
    pub async fn run(
        mut self,
        mut previous: Option<Previous>,
        batch_size: usize,
        lane: Lane,
        mut proved: mpsc::UnboundedReceiver<(u64, H256)>,
        console: Console,
    ) -> Result<()> {
        let mut given: BTreeMap<u64, (BlockId, Option<Previous>)> = BTreeMap::new();
        // Gone when nobody takes any more.
        let mut lane = Some(lane);
        let mut next: Option<Box<DecodedBlock>> = None;
        let (mut at_end, mut tries, mut pause) = (false, 0, Duration::ZERO);
        let (mut looking, mut fetching) = (Away::new(self.patience, console), Away::new(self.patience, console));
        let mut seldom = Seldom::default();
        loop {
            if next.is_none() && self.is_proved() {
                return Ok(());
            }
            let heard = tokio::select! {
                block = proved.recv() => Heard::Proved(block),
                turn = turn(lane.as_ref()), if next.is_some() => Heard::Turn(turn),
                seen = after(pause, look(&mut self.follower, next.is_none())), if lane.is_some() => Heard::Seen(seen),
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
                Heard::Turn(turn) => match (&lane, turn, next.take()) {
                    (Some(lane), Some(turn), Some(block)) => {
                        lane.block(block, turn);
                        pause = Duration::ZERO;
                    }
                    // Nobody takes any more.
                    _ => lane = None,
                },
                Heard::Seen(Err(error @ SourceError::Unreachable { .. })) => {
                    pause = match looking.missed(error, Instant::now()) {
                        // All blocks are here: a node that is away keeps nobody from proving them.
                        Err(_) if at_end => self.block_time,
                        pause => pause?,
                    };
                }
                Heard::Seen(Err(error)) if error.is_passing() => pause = self.block_time,
                Heard::Seen(Err(error)) => return Err(error.into()),
                Heard::Seen(Ok(seen)) => {
                    looking.answered();
                    pause = self.block_time;
                    match seen {
                        None => {}
                        Some(Seen::End) => at_end = true,
                        Some(Seen::Waiting(waiting)) => {
                            // Whoever follows waits for the next block most of the time.
                            let usual = self.end.is_none() && self.follower.last().is_some() && waiting.last.is_some();
                            if !usual && seldom.is_due(waiting.next, Instant::now()) {
                                console.note(format!("leader: {}", words(waiting, self.confirmation)));
                            }
                        }
                        Some(Seen::Event(Event::Dropped { from })) => {
                            (at_end, tries, pause) = (false, 0, Duration::ZERO);
                            console.note(format!("leader: the chain was reorganised: going back to block {from}"));
                            if let Some((_, (_, before))) = given.split_off(&from).into_iter().next() {
                                previous = before;
                            }
                            next = next.filter(|block| block.number < from);
                            if let Some(lane) = &lane {
                                lane.reorganised(from);
                            }
                        }
                        Some(Seen::Event(Event::Block(id))) => {
                            match self.fetch(id, previous.clone(), batch_size).await {
                                Ok(Some(block)) => {
                                    fetching.answered();
                                    tries = 0;
                                    let before = previous.replace(block.as_previous());
                                    given.insert(id.number, (id, before));
                                    next = Some(Box::new(block));
                                }
                                outcome => {
                                    tries += 1;
                                    let waited = self.wait_out(id, outcome.map(drop), &mut tries, &mut fetching)?;
                                    pause = waited.unwrap_or(self.block_time);
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Whether the last block is proved.
    fn is_proved(&self) -> bool {
        let last = self.follower.last_proved();
        self.end.is_some_and(|end| last.is_some_and(|last| last.number >= end))
    }

    /// Has a block given out again that could not be had: it was replaced while it was fetched, which the follower
    /// says then; or the node is away, or was changing. Gives the pause before it is asked for again, if it is not the
    /// usual one.
    ///
    /// # Errors
    /// It is not to be had for good.
    fn wait_out(
        &mut self,
        id: BlockId,
        outcome: Result<()>,
        tries: &mut u32,
        fetching: &mut Away,
    ) -> Result<Option<Duration>> {
        let mut pause = None;
        match outcome.map_err(anyhow::Error::downcast::<SourceError>) {
            Err(Ok(error @ SourceError::Unreachable { .. })) => {
                *tries = 0;
                pause = Some(fetching.missed(error, Instant::now())?);
            }
            Err(Ok(error)) if error.is_passing() && *tries < TRIES => {
                tracing::warn!(block = id.number, error = %error, "cannot fetch a block for now; asking again");
            }
            Err(Ok(error)) => return Err(error.into()),
            Err(Err(error)) => return Err(error),
            Ok(()) if *tries >= TRIES => {
                bail!("the node gives block {} once by the hash {:#x} and once by another", id.number, id.hash);
            }
            Ok(()) => {}
        }
        self.follower.again();
        Ok(pause)
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
    /// The next block is taken, or nobody takes any more.
    Turn(Option<Turn>),
    /// How the chain looks; nothing where no block was wanted and nothing happened.
    Seen(Result<Option<Seen>, SourceError>),
}

/// Looks at the chain: for another block, if one is wanted, or only whether the others are still part of it.
async fn look(follower: &mut Follower, wanted: bool) -> Result<Option<Seen>, SourceError> {
    match wanted {
        true => follower.look().await.map(Some),
        false => Ok(follower.look_back().await?.map(Seen::Event)),
    }
}

/// What comes, after a pause.
async fn after<T>(pause: Duration, next: impl Future<Output = T>) -> T {
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    next.await
}

/// The next turn to give a block; `None` where nobody takes any more.
async fn turn(lane: Option<&Lane>) -> Option<Turn> {
    lane?.turn().await
}

#[cfg(test)]
mod tests {
    use dev_chain::{Chain as Blocks, Genesis, Node};

    use super::super::lane::{News, lane};
    use super::super::rpc::RpcArgs;
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
            node_patience: None,
        };
        args.open(None, Console::new(false)).await.unwrap()
    }

    async fn heard(news: &mut mpsc::UnboundedReceiver<News>) -> Option<News> {
        tokio::time::timeout(Duration::from_secs(60), news.recv()).await.expect("something is heard soon")
    }

    /// The hash of the block that must come next.
    async fn block(news: &mut mpsc::UnboundedReceiver<News>, number: u64) -> H256 {
        match heard(news).await {
            Some(News::Block(block, _)) if block.number == number => block.block_hash,
            other => panic!("not block {number}: {other:?}"),
        }
    }

    #[test]
    fn a_range_is_looked_at_until_its_last_block_is_proved_and_not_another_of_that_number() {
        on_runtime(async {
            let node = node(2).await;
            let (lane, mut news) = lane();
            let (proved, told) = mpsc::unbounded_channel();
            let run = open(&node, Some(2)).await.run(None, 10, lane, told, Console::new(false));
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
                // With that it ends, though there is still somebody to say more.
                assert!(heard(&mut news).await.is_none());
            };
            let both = async { tokio::join!(run, script).0 };
            tokio::time::timeout(Duration::from_secs(60), both).await.expect("it ends").unwrap();
            assert!(proved.is_closed());
        });
    }

    #[test]
    fn a_reorg_is_heard_while_nobody_takes_another_block() {
        on_runtime(async {
            let node = node(4).await;
            let (lane, mut news) = lane();
            let (proved, told) = mpsc::unbounded_channel();
            let run = open(&node, None).await.run(None, 10, lane, told, Console::new(false));
            let script = async {
                // The first block is being asked for, for long: the second waits.
                let Some(News::Block(_, turn)) = heard(&mut news).await else { panic!("no block") };
                tokio::time::sleep(Duration::from_millis(300)).await;
                node.chain().go_back(0).unwrap();
                node.chain().mine_empty(5).unwrap();
                assert!(matches!(heard(&mut news).await, Some(News::Reorganised(1))));
                drop(turn);
                for number in 1..=5 {
                    let now = node.chain().block(number).unwrap().hash;
                    assert_eq!(block(&mut news, number).await.0, now.0, "the block that is there now");
                }
                drop(proved);
            };
            let (ran, ()) = tokio::join!(run, script);
            ran.unwrap();
        });
    }

    #[test]
    fn a_node_that_is_away_is_waited_for_within_a_limit_and_gives_the_same_block_again() {
        on_runtime(async {
            let mut node = node(1).await;
            let away = || {
                let (node, why) = ("http://here".to_owned(), "refused".to_owned());
                Err(SourceError::Unreachable { node, method: "eth_getProof", attempts: 1, why }.into())
            };
            let missing = || Err(SourceError::NoBlock("1".to_owned()).into());
            let mut chain = open(&node, Some(1)).await;
            let mut fetching = Away::new(Some(Duration::from_secs(60)), Console::new(false));
            let Seen::Event(Event::Block(id)) = chain.follower.look().await.unwrap() else { panic!("no block") };
            assert!(chain.wait_out(id, away(), &mut 1000, &mut fetching).unwrap().is_some());
            assert_eq!(chain.follower.look().await.unwrap(), Seen::Event(Event::Block(id)));
            chain.wait_out(id, missing(), &mut 1, &mut fetching).unwrap();
            assert_eq!(chain.follower.look().await.unwrap(), Seen::Event(Event::Block(id)));
            assert!(chain.wait_out(id, missing(), &mut TRIES.clone(), &mut fetching).is_err());
            assert!(chain.wait_out(id, Err(SourceError::BeforeCancun(1).into()), &mut 1, &mut fetching).is_err());

            // Away in the middle of a range, and back.
            let (lane, mut news) = lane();
            let (proved, told) = mpsc::unbounded_channel();
            let run = open(&node, Some(2)).await.run(None, 10, lane, told, Console::new(false));
            let script = async {
                block(&mut news, 1).await;
                node.go_away().await;
                tokio::time::sleep(Duration::from_millis(700)).await;
                node.chain().mine_empty(1).unwrap();
                node.come_back().await.unwrap();
                block(&mut news, 2).await;
                drop(proved);
            };
            let (ran, ()) = tokio::join!(run, script);
            ran.unwrap();

            // Away for longer than it is waited for.
            let (lane, mut news) = super::super::lane::lane();
            let (proved, told) = mpsc::unbounded_channel();
            let mut chain = open(&node, Some(9)).await;
            chain.patience = Some(Duration::from_millis(900));
            let run = chain.run(None, 10, lane, told, Console::new(false));
            let script = async {
                block(&mut news, 1).await;
                node.go_away().await;
            };
            let (ran, ()) = tokio::join!(run, script);
            let error = format!("{:#}", ran.unwrap_err());
            assert!(error.contains("the node did not answer for") && error.contains("does not answer eth_"), "{error}");
            drop(proved);
        });
    }
}
