//! A follower gives out confirmed blocks in order, across reorgs, restarts and a node that goes away.

use crate::fake::{Fake, Reply, result};
use crate::{BLOCK_TIME, Result, next};
use chain_source::{
    BlockId, CallSettings, Confirmation, Event, FollowSettings, Follower, Seen, Source, SourceError, Waiting,
};
use dev_chain::{Chain, Genesis, Node};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn settings() -> FollowSettings {
    FollowSettings { start: 1, end: None, confirmation: Confirmation::Depth(0), place: None }
}

async fn node(blocks: u64) -> Result<Node> {
    let mut chain = Chain::new(Genesis::default());
    chain.mine_empty(blocks)?;
    Ok(Node::start(chain).await?)
}

async fn follow(node: &Node, settings: FollowSettings) -> Result<Follower> {
    let source = Source::new(&node.url(), None, CallSettings::default())?;
    Ok(Follower::open(Arc::new(source), settings).await?)
}

fn kept_in(folder: &Path) -> FollowSettings {
    FollowSettings { place: Some(folder.join("place.json")), ..settings() }
}

/// The next event, which must come soon.
async fn event(follower: &mut Follower) -> Result<Event> {
    let next = tokio::time::timeout(Duration::from_secs(10), next(follower)).await??;
    next.ok_or_else(|| "the end was not expected".into())
}

/// The next event, which must be this block of the node's chain.
async fn expect_block(follower: &mut Follower, node: &Node, number: u64) -> Result<BlockId> {
    let Event::Block(block) = event(follower).await? else { return Err("a block was expected".into()) };
    let hash = node.chain().block(number).ok_or("no such block")?.hash;
    assert_eq!((block.number, block.hash.as_bytes()), (number, hash.as_slice()));
    Ok(block)
}

async fn expect_nothing(follower: &mut Follower) {
    let next = tokio::time::timeout(15 * BLOCK_TIME, next(follower)).await;
    assert!(next.is_err(), "nothing was expected: {next:?}");
}

#[tokio::test]
async fn a_range_is_given_out_in_order_and_ends() -> Result {
    let node = node(5).await?;
    let mut follower = follow(&node, FollowSettings { start: 2, end: Some(4), ..settings() }).await?;
    for number in 2..=4 {
        expect_block(&mut follower, &node, number).await?;
    }
    assert_eq!(next(&mut follower).await?, None);
    Ok(())
}

#[tokio::test]
async fn the_chain_is_followed_so_many_blocks_behind_its_end() -> Result {
    let node = node(3).await?;
    let confirmation = Confirmation::Depth(2);
    let mut follower = follow(&node, FollowSettings { confirmation, ..settings() }).await?;
    expect_block(&mut follower, &node, 1).await?;
    expect_nothing(&mut follower).await;
    node.chain().mine_empty(1)?;
    expect_block(&mut follower, &node, 2).await?;
    Ok(())
}

#[tokio::test]
async fn the_chain_is_followed_as_far_as_it_is_finalized() -> Result {
    let node = node(4).await?;
    node.chain().set_finality(3);
    let confirmation = Confirmation::Finalized;
    let mut follower = follow(&node, FollowSettings { confirmation, ..settings() }).await?;
    expect_block(&mut follower, &node, 1).await?;
    expect_nothing(&mut follower).await;
    node.chain().set_finality(2);
    expect_block(&mut follower, &node, 2).await?;
    Ok(())
}

#[tokio::test]
async fn a_reorg_drops_what_is_not_proved_and_goes_on_from_the_fork() -> Result {
    let node = node(5).await?;
    let mut follower = follow(&node, settings()).await?;
    let first = expect_block(&mut follower, &node, 1).await?;
    for number in 2..=5 {
        expect_block(&mut follower, &node, number).await?;
    }
    assert!(follower.proved(&first)?);
    let old = node.chain().block(3).ok_or("no block")?.clone();
    node.chain().go_back(2)?;
    // Shorter than what was given out, and already another chain.
    node.chain().mine_empty(1)?;
    assert_eq!(event(&mut follower).await?, Event::Dropped { from: 3 });
    expect_block(&mut follower, &node, 3).await?;
    node.chain().mine_empty(3)?;
    for number in 4..=6 {
        expect_block(&mut follower, &node, number).await?;
    }
    let old = BlockId { number: 3, hash: chain_hash(old.hash), parent_hash: chain_hash(old.header.parent_hash) };
    assert!(!follower.proved(&old)?, "a block that was dropped does not count");
    assert_eq!(follower.last_proved(), Some(first));
    Ok(())
}

fn chain_hash(hash: dev_chain::primitives::B256) -> ethereum_types::H256 {
    ethereum_types::H256(hash.0)
}

#[tokio::test]
async fn a_block_that_was_taken_back_is_given_out_again_unless_it_is_gone() -> Result {
    let node = node(2).await?;
    let mut follower = follow(&node, settings()).await?;
    expect_block(&mut follower, &node, 1).await?;
    follower.again();
    expect_block(&mut follower, &node, 1).await?;
    expect_block(&mut follower, &node, 2).await?;
    follower.again();
    node.chain().go_back(1)?;
    node.chain().mine_empty(2)?;
    assert_eq!(event(&mut follower).await?, Event::Dropped { from: 2 });
    expect_block(&mut follower, &node, 2).await?;
    expect_block(&mut follower, &node, 3).await?;
    Ok(())
}

#[tokio::test]
async fn a_node_that_is_only_behind_drops_nothing() -> Result {
    let node = node(4).await?;
    let mut follower = follow(&node, settings()).await?;
    for number in 1..=4 {
        expect_block(&mut follower, &node, number).await?;
    }
    node.chain().go_back(2)?;
    expect_nothing(&mut follower).await;
    Ok(())
}

#[tokio::test]
async fn a_restart_goes_on_after_the_last_proved_block() -> Result {
    let (node, folder) = (node(5).await?, tempfile::tempdir()?);
    let mut follower = follow(&node, kept_in(folder.path())).await?;
    for number in 1..=4 {
        let block = expect_block(&mut follower, &node, number).await?;
        if number == 2 {
            assert!(follower.proved(&block)?);
        }
    }
    drop(follower);
    let mut follower = follow(&node, kept_in(folder.path())).await?;
    assert_eq!(follower.last_proved().map(|block| block.number), Some(2));
    for number in 3..=5 {
        expect_block(&mut follower, &node, number).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_reorg_while_it_was_down_is_said_after_the_restart_until_it_is_heeded() -> Result {
    let (node, folder) = (node(4).await?, tempfile::tempdir()?);
    let mut follower = follow(&node, kept_in(folder.path())).await?;
    for number in 1..=4 {
        expect_block(&mut follower, &node, number).await?;
    }
    drop(follower);
    node.chain().go_back(2)?;
    node.chain().mine_empty(2)?;
    for _ in 0..2 {
        // Ended before it asks for more: whoever listened may not have heeded it.
        let mut follower = follow(&node, kept_in(folder.path())).await?;
        assert_eq!(event(&mut follower).await?, Event::Dropped { from: 3 });
    }
    let mut follower = follow(&node, kept_in(folder.path())).await?;
    assert_eq!(event(&mut follower).await?, Event::Dropped { from: 3 });
    for number in 1..=4 {
        expect_block(&mut follower, &node, number).await?;
    }
    drop(follower);
    let mut follower = follow(&node, kept_in(folder.path())).await?;
    expect_block(&mut follower, &node, 1).await?;
    Ok(())
}

#[tokio::test]
async fn a_reorg_below_what_is_proved_names_both_hashes_and_a_restart_goes_on_at_the_fork() -> Result {
    let (node, folder) = (node(4).await?, tempfile::tempdir()?);
    let mut follower = follow(&node, kept_in(folder.path())).await?;
    let mut blocks = Vec::new();
    for number in 1..=4 {
        blocks.push(expect_block(&mut follower, &node, number).await?);
    }
    assert!(follower.proved(&blocks[2])?);
    node.chain().go_back(1)?;
    node.chain().mine_empty(4)?;
    let SourceError::ProvedBlockGone(gone) = next(&mut follower).await.expect_err("what is proved is gone") else {
        return Err("another error was expected".into());
    };
    assert_eq!((&gone.proved[..], gone.kept), (&blocks[1..3], Some(1)));
    let now = format!("{:#x}", node.chain().block(2).ok_or("no block")?.hash);
    for words in [format!("{:#x}", blocks[1].hash), now, "reorganised below what is proved".to_owned()] {
        assert!(gone.to_string().contains(&words), "{gone}");
    }
    assert!(gone.to_string().ends_with("it goes on at block 2"), "{gone}");
    drop(follower);

    let mut follower = follow(&node, kept_in(folder.path())).await?;
    assert_eq!(follower.last_proved(), Some(blocks[0]));
    for number in 2..=5 {
        expect_block(&mut follower, &node, number).await?;
    }
    Ok(())
}

#[tokio::test]
async fn where_no_proved_block_is_left_a_restart_begins_anew() -> Result {
    let (node, folder) = (node(2).await?, tempfile::tempdir()?);
    let mut follower = follow(&node, kept_in(folder.path())).await?;
    let first = expect_block(&mut follower, &node, 1).await?;
    assert!(follower.proved(&first)?);
    node.chain().go_back(0)?;
    node.chain().mine_empty(3)?;
    assert!(matches!(next(&mut follower).await, Err(SourceError::ProvedBlockGone(gone)) if gone.kept.is_none()));
    drop(follower);
    let mut follower = follow(&node, kept_in(folder.path())).await?;
    expect_block(&mut follower, &node, 1).await?;
    Ok(())
}

#[tokio::test]
async fn whoever_wants_no_more_blocks_still_sees_a_reorg() -> Result {
    let node = node(3).await?;
    let mut follower = follow(&node, settings()).await?;
    expect_block(&mut follower, &node, 1).await?;
    expect_block(&mut follower, &node, 2).await?;
    assert_eq!(follower.look_back().await?, None);
    node.chain().go_back(1)?;
    node.chain().mine_empty(3)?;
    assert_eq!(follower.look_back().await?, Some(Event::Dropped { from: 2 }));
    assert_eq!(follower.look_back().await?, None);
    expect_block(&mut follower, &node, 2).await?;
    Ok(())
}

#[tokio::test]
async fn what_is_waited_for_is_said() -> Result {
    let node = node(3).await?;
    let mut follower = follow(&node, FollowSettings { start: 7, ..settings() }).await?;
    assert_eq!(follower.look().await?, Seen::Waiting(Waiting { next: 7, last: Some(3) }));
    let without = Fake::start(Some(node.url()), |_, params, theirs| match params[0].as_str() {
        Some("finalized") => result(serde_json::Value::Null),
        _ => Reply::Json(theirs),
    });
    let without = without.await?;
    let source = Arc::new(Source::new(&without.url(), None, CallSettings::default())?);
    let settings = FollowSettings { confirmation: Confirmation::Finalized, ..settings() };
    let mut follower = Follower::open(source, settings).await?;
    assert_eq!(follower.look().await?, Seen::Waiting(Waiting { next: 1, last: None }));
    Ok(())
}

#[tokio::test]
async fn a_node_that_goes_away_is_a_passing_error_and_the_next_look_goes_on() -> Result {
    let mut node = node(1).await?;
    let mut follower = follow(&node, settings()).await?;
    expect_block(&mut follower, &node, 1).await?;
    node.go_away().await;
    let error = follower.look().await.expect_err("nobody answers");
    assert!(error.is_passing() && error.to_string().contains("does not answer"), "{error}");
    node.chain().mine_empty(1)?;
    node.come_back().await?;
    expect_block(&mut follower, &node, 2).await?;
    Ok(())
}

#[tokio::test]
async fn a_place_on_another_chain_or_with_another_beginning_is_refused() -> Result {
    let (node, folder) = (node(2).await?, tempfile::tempdir()?);
    let mut follower = follow(&node, kept_in(folder.path())).await?;
    expect_block(&mut follower, &node, 1).await?;
    drop(follower);
    let later = FollowSettings { start: 2, ..kept_in(folder.path()) };
    let error = follow(&node, later).await.expect_err("another beginning").to_string();
    assert!(error.contains("began at block 1"), "{error}");

    let genesis = Genesis { chain_id: 78, ..Genesis::default() };
    let other_id = Node::start(Chain::new(genesis)).await?;
    let genesis = Genesis { timestamp: 1_700_000_001, ..Genesis::default() };
    let other_genesis = Node::start(Chain::new(genesis)).await?;
    for other in [other_id, other_genesis] {
        let error = follow(&other, kept_in(folder.path())).await.expect_err("another chain").to_string();
        assert!(error.contains("keeps a place in chain 77 (genesis 0x"), "{error}");
    }
    Ok(())
}
