//! How blocks follow each other, and a proof before them.

use ethereum_types::H256;
use evm_arithmetization::ConsolidatedHash;

use crate::error::WitnessError;
use crate::witness::BlockWitness;

/// What a block must follow: the block before it, or the block of the previous proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// Its number.
    pub number: u64,
    /// The chain that it is of.
    pub chain_id: u64,
    /// Its hash.
    pub block_hash: H256,
    /// The state root after it.
    pub state_root: H256,
    /// The state root that its chain of proofs begins with.
    pub checkpoint_state_root: H256,
    /// The digest of the 256 hashes at that place.
    pub checkpoint_consolidated_hash: ConsolidatedHash,
}

/// Checks, without decoding, that each block follows the one before it, and the first one follows `previous`: numbers,
/// chain ids, parent hashes, and one checkpoint for all.
///
/// # Errors
/// [`WitnessError::Link`].
pub fn check_links(blocks: &[BlockWitness], previous: Option<&Previous>) -> Result<(), WitnessError> {
    if let (Some(first), Some(previous)) = (blocks.first(), previous) {
        let after = Before {
            number: previous.number,
            chain_id: previous.chain_id,
            hash: previous.block_hash,
            checkpoint: previous.checkpoint_state_root,
            consolidated: Some(previous.checkpoint_consolidated_hash),
        };
        after.followed_by(first)?;
    }
    for pair in blocks.windows(2) {
        let [before, block] = pair else { continue };
        let after = Before {
            number: before.number(),
            chain_id: before.chain_id(),
            hash: before.block_hash(),
            checkpoint: before.other_data.checkpoint_state_trie_root,
            consolidated: before.other_data.checkpoint_consolidated_hash,
        };
        after.followed_by(block)?;
        let hashes = |block: &BlockWitness| block.other_data.b_data.b_hashes.prev_hashes.clone();
        let (older, newer) = (hashes(before), hashes(block));
        if let Some(place) = older.iter().skip(1).zip(&newer).position(|(older, newer)| older != newer) {
            let back = newer.len() - place;
            return Err(WitnessError::Link {
                number: block.number(),
                after: before.number(),
                why: format!(
                    "they name different blocks as the one {back} before block {}: {:#x} and {:#x}; fetch both again",
                    block.number(),
                    older[place + 1],
                    newer[place]
                ),
            });
        }
    }
    Ok(())
}

struct Before {
    number: u64,
    chain_id: u64,
    hash: H256,
    checkpoint: H256,
    consolidated: Option<ConsolidatedHash>,
}

impl Before {
    fn followed_by(&self, block: &BlockWitness) -> Result<(), WitnessError> {
        let number = block.number();
        let given = &block.other_data;
        let (chain_id, parent, checkpoint) = (block.chain_id(), block.parent_hash(), given.checkpoint_state_trie_root);
        let why = if self.number.checked_add(1) != Some(number) {
            format!("block {} is expected next; blocks are proved one by one, in order", self.number.saturating_add(1))
        } else if chain_id != self.chain_id {
            format!("it is of chain {chain_id}, and that one is of chain {}", self.chain_id)
        } else if parent != self.hash {
            format!(
                "its parent is {parent:#x}, and that one's hash is {:#x}: they are of different forks; fetch both again",
                self.hash
            )
        } else if checkpoint != self.checkpoint {
            format!(
                "its checkpoint_state_trie_root is {checkpoint:#x}, and that one's is {:#x}; a chain of proofs keeps \
                 the checkpoint of its first block: fetch the blocks with one checkpoint",
                self.checkpoint
            )
        } else if matches!((given.checkpoint_consolidated_hash, self.consolidated), (Some(a), Some(b)) if a != b) {
            "their checkpoint_consolidated_hash differ; a chain of proofs keeps the checkpoint of its first block: fetch \
             the blocks with one checkpoint"
                .to_owned()
        } else {
            return Ok(());
        };
        Err(WitnessError::Link { number, after: self.number, why })
    }
}
