//! The JSON of a witness in every version that we read.

use ethereum_types::H256;
use evm_arithmetization::ConsolidatedHash;
use serde::Deserialize;
use trace_decoder::{BlockLevelData, BlockTrace};

use crate::witness::{BlockWitness, OtherData};

/// A block.
#[derive(Debug, Deserialize)]
pub(crate) struct Block {
    block_trace: BlockTrace,
    other_data: Other,
}

#[derive(Debug, Deserialize)]
struct Other {
    b_data: BlockLevelData,
    checkpoint_state_trie_root: H256,
    #[serde(default)]
    checkpoint_consolidated_hash: Option<ConsolidatedHash>,
}

impl TryFrom<Block> for BlockWitness {
    type Error = String;

    fn try_from(block: Block) -> Result<Self, String> {
        Ok(Self {
            block_trace: block.block_trace,
            other_data: OtherData {
                b_data: block.other_data.b_data,
                checkpoint_state_trie_root: block.other_data.checkpoint_state_trie_root,
                checkpoint_consolidated_hash: block.other_data.checkpoint_consolidated_hash,
            },
        })
    }
}
