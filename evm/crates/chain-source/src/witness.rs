//! A block's witness from a node: its block and receipts, two traces a transaction, and proofs of all that they name,
//! before and after the block.

mod changes;
mod encoding;
mod nodes;
mod path;
mod prestate;
mod proofs;
mod replay;
mod siblings;
mod written;
mod zero_node;

use crate::answers::{Block, Head};
use crate::beacon;
use crate::error::SourceError;
use crate::source::{NodeKind, Source};
use ethereum_types::H256;
use futures_util::future;
use serde_json::json;

/// A block's witness, as JSON of the zero line 0.7.
///
/// The digest of earlier hashes at the checkpoint (`checkpoint_consolidated_hash`) is left out: it is a Poseidon hash,
/// and who proves has that.
#[derive(Clone, PartialEq)]
pub struct Witness {
    /// Of the block.
    pub number: u64,
    /// Of the block.
    pub hash: H256,
    /// Of the block before.
    pub parent_hash: H256,
    /// One JSON object.
    pub json: Vec<u8>,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness")
            .field("number", &self.number)
            .field("hash", &self.hash)
            .field("bytes", &self.json.len())
            .finish_non_exhaustive()
    }
}

impl Source {
    /// The witness of a block, for a chain of proofs that starts after `checkpoint`; if that is not said, after the
    /// block's parent.
    ///
    /// # Errors
    /// [`SourceError`], with the block: what the node did not answer, or what in its answers does not fit. Every trie
    /// is checked against the headers, so a witness that comes out leads from the parent's state root to the block's.
    pub async fn witness(&self, number: u64, checkpoint: Option<u64>) -> Result<Witness, SourceError> {
        if number == 0 {
            return Err(SourceError::Genesis);
        }
        let block: Option<Block> =
            self.client.call("eth_getBlockByNumber", json!([format!("{number:#x}"), true])).await?;
        let block = block.ok_or_else(|| SourceError::NoBlock(number.to_string()))?;
        if block.head.number.0 != number {
            return Err(self.client.unexpected("eth_getBlockByNumber", "another block"));
        }
        if block.head.parent_beacon_block_root.is_none() {
            return Err(SourceError::BeforeCancun(number));
        }
        let (chain_id, parent, checkpoint, previous) = future::try_join4(
            self.chain_id(),
            self.parent(&block.head),
            self.checkpoint_root(number, checkpoint),
            self.previous_hashes(&block.head),
        )
        .await?;
        let trace = match self.kind().await? {
            NodeKind::Ordinary => prestate::trace(&self.client, &block, &parent).await?,
            NodeKind::Zero => {
                beacon::check(&self.client, &block.head).await?;
                zero_node::trace(&self.client, &block).await?
            }
        };
        let checkpoint = checkpoint.unwrap_or(parent.state_root);
        let json = written::block(chain_id, &block, trace, &previous, checkpoint)
            .map_err(|error| self.client.unexpected("eth_getBlockByNumber", error.to_string()))?;
        Ok(Witness { number, hash: block.head.hash, parent_hash: block.head.parent_hash, json })
    }

    async fn parent(&self, head: &Head) -> Result<Head, SourceError> {
        let hash = head.parent_hash;
        let parent: Option<Head> = self.client.call("eth_getBlockByHash", json!([hash, false])).await?;
        let parent = parent.ok_or_else(|| SourceError::NoBlock(format!("{hash:#x}")))?;
        match parent.number.0 + 1 == head.number.0 && parent.hash == hash {
            true => Ok(parent),
            false => Err(self.client.unexpected("eth_getBlockByHash", "another block")),
        }
    }

    async fn checkpoint_root(&self, number: u64, checkpoint: Option<u64>) -> Result<Option<H256>, SourceError> {
        let Some(checkpoint) = checkpoint.filter(|checkpoint| *checkpoint + 1 != number) else { return Ok(None) };
        if checkpoint >= number {
            return Err(SourceError::Checkpoint { block: number, checkpoint });
        }
        let head = self.head_at(checkpoint).await?;
        head.map(|head| Some(head.state_root)).ok_or_else(|| SourceError::NoBlock(checkpoint.to_string()))
    }
}
