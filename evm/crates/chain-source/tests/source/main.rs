//! Blocks and witnesses from nodes of several kinds: a development chain, one whose answers are changed on the way, one
//! that makes witnesses itself, and a real anvil.

mod anvil;
mod changed;
mod fake;
mod following;
mod old_nodes;
mod retries;
mod witnesses;
mod zero_node;

use chain_source::{Event, Follower, Seen, SourceError};
use std::time::Duration;

/// How often a node is looked at.
const BLOCK_TIME: Duration = Duration::from_millis(10);

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// The next event; nothing after the last block.
async fn next(follower: &mut Follower) -> Result<Option<Event>, SourceError> {
    loop {
        match follower.look().await? {
            Seen::Event(event) => return Ok(Some(event)),
            Seen::End => return Ok(None),
            Seen::Waiting(_) => tokio::time::sleep(BLOCK_TIME).await,
        }
    }
}
