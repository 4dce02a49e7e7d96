//! A chain as a node shows it.

use crate::answers::{Head, Quantity};
use crate::beacon;
use crate::client::{CallSettings, Client};
use crate::error::SourceError;
use ethereum_types::H256;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Hashes of earlier blocks that a block knows.
const PREVIOUS: u64 = 256;

/// Parents that are remembered.
const REMEMBERED: usize = 4096;

/// What a node can say of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// `debug_traceTransaction` with the prestate tracer, and `eth_getProof`.
    Ordinary,
    /// Whole witnesses, as the zero line's patched Erigon makes them (`zeroTracer`, `eth_getWitness`).
    Zero,
}

/// A block of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockId {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: H256,
    /// The hash of the one before.
    pub parent_hash: H256,
}

impl From<Head> for BlockId {
    fn from(head: Head) -> Self {
        Self { number: head.number.0, hash: head.hash, parent_hash: head.parent_hash }
    }
}

/// A chain as a node shows it.
#[derive(Debug)]
pub struct Source {
    pub(crate) client: Client,
    chain_id: OnceCell<u64>,
    kind: OnceCell<NodeKind>,
    /// The parent of each block, by hash: it stays true across reorgs.
    parents: Mutex<HashMap<H256, H256>>,
}

impl Source {
    /// The chain of the node at `url`. What kind of node it is is found out, if it is not said.
    ///
    /// # Errors
    /// [`SourceError::Url`]; nothing is sent yet.
    pub fn new(url: &str, kind: Option<NodeKind>, settings: CallSettings) -> Result<Self, SourceError> {
        let client = Client::new(url, settings)?;
        let kind = OnceCell::new_with(kind);
        Ok(Self { client, chain_id: OnceCell::new(), kind, parents: Mutex::default() })
    }

    /// The chain's id.
    pub async fn chain_id(&self) -> Result<u64, SourceError> {
        let ask = || async { self.client.call::<Quantity>("eth_chainId", json!([])).await.map(|id| id.0) };
        self.chain_id.get_or_try_init(ask).await.copied()
    }

    /// The hash of block 0, which with the chain's id says which chain it is.
    pub async fn genesis_hash(&self) -> Result<H256, SourceError> {
        let head = self.head_at(0).await?;
        head.map(|head| head.hash).ok_or_else(|| SourceError::NoBlock("0".to_owned()))
    }

    /// What kind of node it is.
    pub async fn kind(&self) -> Result<NodeKind, SourceError> {
        let ask = || async {
            let witness: Result<Option<IgnoredAny>, _> =
                self.client.call_if_there("eth_getWitness", json!(["0x1"])).await;
            match witness {
                Ok(None) => Ok(NodeKind::Ordinary),
                // It has the method, even if it does not like this block.
                Ok(Some(_)) | Err(SourceError::Refused { .. } | SourceError::Answer { .. }) => Ok(NodeKind::Zero),
                Err(error) => Err(error),
            }
        };
        self.kind.get_or_try_init(ask).await.copied()
    }

    /// The number of the last block.
    pub async fn last_number(&self) -> Result<u64, SourceError> {
        self.client.call::<Quantity>("eth_blockNumber", json!([])).await.map(|number| number.0)
    }

    /// The number of the last block that the consensus layer calls final, if it says.
    pub async fn finalized_number(&self) -> Result<Option<u64>, SourceError> {
        let head: Option<Head> = self.client.call("eth_getBlockByNumber", json!(["finalized", false])).await?;
        Ok(head.map(|head| head.number.0))
    }

    /// The block of a number, if the chain has come that far.
    pub async fn block(&self, number: u64) -> Result<Option<BlockId>, SourceError> {
        Ok(self.head_at(number).await?.map(BlockId::from))
    }

    /// The block of a hash.
    pub async fn block_by_hash(&self, hash: H256) -> Result<Option<BlockId>, SourceError> {
        let head: Option<Head> = self.client.call("eth_getBlockByHash", json!([hash, false])).await?;
        Ok(head.map(BlockId::from))
    }

    /// Whether the node applied EIP-4788's system call in a block, without which nobody can prove it.
    ///
    /// # Errors
    /// [`SourceError::SystemCall`] in one line if it did not; [`SourceError::BeforeCancun`].
    pub async fn check_system_call(&self, number: u64) -> Result<(), SourceError> {
        let head = self.head_at(number).await?.ok_or_else(|| SourceError::NoBlock(number.to_string()))?;
        beacon::check(&self.client, &head).await
    }

    pub(crate) async fn head_at(&self, number: u64) -> Result<Option<Head>, SourceError> {
        let head: Option<Head> =
            self.client.call("eth_getBlockByNumber", json!([format!("{number:#x}"), false])).await?;
        match head {
            Some(head) if head.number.0 != number => {
                Err(self.client.unexpected("eth_getBlockByNumber", "another block"))
            }
            head => Ok(head),
        }
    }

    /// Hashes of the 256 blocks before one, the oldest first, with zeros before the chain's beginning.
    pub(crate) async fn previous_hashes(&self, head: &Head) -> Result<Vec<H256>, SourceError> {
        let number = head.number.0;
        let first = number.saturating_sub(PREVIOUS);
        // From the block's parent down. A header names its parent, so the oldest hash needs no header of its own.
        let mut hashes = self.known_parents(head.parent_hash, number - first);
        let missing = number - first - hashes.len() as u64;
        if missing > 0 {
            let lowest = first + 1;
            let calls = (lowest..lowest + missing).map(|number| self.head_at(number));
            let heads: Vec<Option<Head>> = stream::iter(calls).buffered(self.client.parallel()).try_collect().await?;
            self.remember(heads.into_iter().flatten());
            hashes = self.known_parents(head.parent_hash, number - first);
        }
        if hashes.len() as u64 != number - first {
            return Err(SourceError::Disagrees { block: number, what: "the list of blocks before it".to_owned() });
        }
        let zeros = (hashes.len()..PREVIOUS as usize).map(|_| H256::zero());
        Ok(zeros.chain(hashes.into_iter().rev()).collect())
    }

    /// Up to `count` hashes from `hash` on downwards, as far as parents are remembered.
    fn known_parents(&self, hash: H256, count: u64) -> Vec<H256> {
        let parents = self.parents.lock().unwrap_or_else(PoisonError::into_inner);
        let way = std::iter::successors(Some(hash), |hash| parents.get(hash).copied());
        way.take(usize::try_from(count).unwrap_or(usize::MAX)).collect()
    }

    fn remember(&self, heads: impl Iterator<Item = Head>) {
        let mut parents = self.parents.lock().unwrap_or_else(PoisonError::into_inner);
        if parents.len() > REMEMBERED {
            parents.clear();
        }
        parents.extend(heads.map(|head| (head.hash, head.parent_hash)));
    }
}
