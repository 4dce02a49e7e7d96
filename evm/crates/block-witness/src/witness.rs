//! A block's witness, whatever version of the format it was written in.

use ethereum_types::H256;
use evm_arithmetization::{ConsolidatedHash, Field, Hasher, proof::consolidate_hashes};
use serde::{Deserialize, Serialize};
use trace_decoder::{BlockLevelData, BlockTrace};

use crate::wire;

/// What is needed to prove one block: the tries before it, what each transaction did, and its header.
///
/// Serialises in the form of the zero line 0.7; reads that and 0.6.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "wire::Block")]
pub struct BlockWitness {
    /// Tries before the block, code, and the traces of its transactions.
    pub block_trace: BlockTrace,
    /// Its header, and where the chain of proofs begins.
    pub other_data: OtherData,
}

/// A block's header, and where the chain of proofs begins.
#[derive(Debug, Clone, Serialize)]
pub struct OtherData {
    /// The header, the hashes of the 256 blocks before it, and withdrawals in gwei.
    pub b_data: BlockLevelData,
    /// The state root that the chain of proofs begins with.
    pub checkpoint_state_trie_root: H256,
    /// The digest of the 256 hashes at that place. Files of 0.6 have none, see [`BlockWitness::parent_hashes_digest`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_consolidated_hash: Option<ConsolidatedHash>,
}

impl BlockWitness {
    /// The block's number.
    pub fn number(&self) -> u64 {
        self.other_data.b_data.b_meta.block_number.low_u64()
    }

    /// The chain that it is of.
    pub fn chain_id(&self) -> u64 {
        self.other_data.b_data.b_meta.block_chain_id.low_u64()
    }

    /// The block's hash.
    pub fn block_hash(&self) -> H256 {
        self.other_data.b_data.b_hashes.cur_hash
    }

    /// The hash of the block before it.
    pub fn parent_hash(&self) -> H256 {
        self.other_data.b_data.b_hashes.prev_hashes.last().copied().unwrap_or_default()
    }

    /// How many transactions it has.
    pub fn transactions(&self) -> usize {
        self.block_trace.txn_info.len()
    }

    /// The digest of the 256 hashes before this block. It is the consolidated hash of a checkpoint that is this
    /// block's parent, which is the only checkpoint that a chain of proofs can begin this block with: the block circuit
    /// compares exactly these two.
    pub fn parent_hashes_digest(&self) -> ConsolidatedHash {
        consolidate_hashes::<Hasher, Field>(&self.other_data.b_data.b_hashes.prev_hashes)
    }
}
