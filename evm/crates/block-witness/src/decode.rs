//! A witness decoded: its state roots, and the batches that segments are made from.

use ethereum_types::H256;
use evm_arithmetization::{ConsolidatedHash, GenerationInputs};
use mpt_trie::partial_trie::PartialTrie;
use trace_decoder::{OtherBlockData, WireDisposition, observer::DummyObserver};

use crate::caught::caught;
use crate::error::{BlockName, WitnessError};
use crate::links::{Previous, check_links};
use crate::witness::BlockWitness;

/// How many transactions a batch has where nothing else is said.
pub const BATCH_SIZE: usize = 10;

/// A block, ready to be cut into segments.
#[derive(Debug, Clone)]
pub struct DecodedBlock {
    /// Its number.
    pub number: u64,
    /// The chain that it is of.
    pub chain_id: u64,
    /// Its hash.
    pub block_hash: H256,
    /// How many transactions it has.
    pub transactions: usize,
    /// The gas that they used.
    pub gas_used: u64,
    /// The state root before it, hashed from its tries.
    pub pre_state_root: H256,
    /// The state root after it, as the decoder computes it.
    pub post_state_root: H256,
    /// The state root that the chain of proofs begins with.
    pub checkpoint_state_root: H256,
    /// The digest of the 256 hashes at that place.
    pub checkpoint_consolidated_hash: ConsolidatedHash,
    /// Two or more: a block of few transactions is padded with an empty batch.
    pub batches: Vec<GenerationInputs>,
}

impl DecodedBlock {
    /// What the next block must follow.
    pub fn as_previous(&self) -> Previous {
        Previous {
            number: self.number,
            chain_id: self.chain_id,
            block_hash: self.block_hash,
            state_root: self.post_state_root,
            checkpoint_state_root: self.checkpoint_state_root,
            checkpoint_consolidated_hash: self.checkpoint_consolidated_hash,
        }
    }
}

/// Decodes a block in batches of `batch_size` transactions, and checks that it starts from the state that `previous`
/// ends in, or without one from its checkpoint. What [`check_links`] checks is checked first.
///
/// A missing consolidated hash is taken from `previous`, or without one computed, the checkpoint being the parent.
///
/// # Errors
/// [`WitnessError::Decode`], also where the decoder panicked, [`WitnessError::PreState`], [`WitnessError::Field`] for a
/// consolidated hash that is not the checkpoint's, and [`WitnessError::Link`].
pub fn decode(
    witness: BlockWitness,
    previous: Option<&Previous>,
    batch_size: usize,
) -> Result<DecodedBlock, WitnessError> {
    check_links(std::slice::from_ref(&witness), previous)?;
    let (number, chain_id, block_hash) = (witness.number(), witness.chain_id(), witness.block_hash());
    let (transactions, gas_used) = (witness.transactions(), witness.other_data.b_data.b_meta.block_gas_used.low_u64());
    let checkpoint_state_root = witness.other_data.checkpoint_state_trie_root;
    let parent_hashes_digest = witness.parent_hashes_digest();
    let checkpoint_consolidated_hash = witness
        .other_data
        .checkpoint_consolidated_hash
        .unwrap_or(previous.map_or(parent_hashes_digest, |previous| previous.checkpoint_consolidated_hash));
    let other = OtherBlockData {
        b_data: witness.other_data.b_data,
        checkpoint_state_trie_root: checkpoint_state_root,
        checkpoint_consolidated_hash,
        burn_addr: None,
        ger_data: None,
    };
    let refused = |why| WitnessError::Decode { number, why };
    let batches = caught(|| {
        trace_decoder::entrypoint(
            witness.block_trace,
            other,
            batch_size.max(1),
            &mut DummyObserver::new(),
            WireDisposition::Type1,
        )
    })
    .map_err(&refused)?
    .map_err(|error| refused(format!("{error:#}")))?;
    let (Some(first), Some(last)) = (batches.first(), batches.last()) else {
        return Err(refused("it has no batches".to_owned()));
    };
    let pre_state_root = first.tries.state_trie.hash();
    check_pre_state(number, pre_state_root, checkpoint_state_root, previous)?;
    if previous.is_none() && checkpoint_consolidated_hash != parent_hashes_digest {
        return Err(WitnessError::Field {
            block: BlockName { place: 0, number: Some(number) },
            field: "other_data.checkpoint_consolidated_hash".to_owned(),
            expected: "expected the digest of the 256 hashes before the block, since its parent is the checkpoint; \
                       leave the field out to have it computed"
                .to_owned(),
        });
    }
    let post_state_root = last.trie_roots_after.state_root;
    Ok(DecodedBlock {
        number,
        chain_id,
        block_hash,
        transactions,
        gas_used,
        pre_state_root,
        post_state_root,
        checkpoint_state_root,
        checkpoint_consolidated_hash,
        batches,
    })
}

fn check_pre_state(
    number: u64,
    found: H256,
    checkpoint: H256,
    previous: Option<&Previous>,
) -> Result<(), WitnessError> {
    let (expected, expected_by) = match previous {
        Some(previous) => (previous.state_root, "the state root that the block before it ends in"),
        None => (checkpoint, "its checkpoint_state_trie_root"),
    };
    if found == expected {
        return Ok(());
    }
    let parent = number.saturating_sub(1);
    let advice = match previous {
        Some(_) => format!("fetch the witness again from a node that agrees with the proof of block {parent}"),
        None => format!(
            "without a previous proof the checkpoint must be the parent: fetch the witness with checkpoint block \
             {parent}, or give the proof of block {parent} with --previous-proof"
        ),
    };
    Err(WitnessError::PreState { number, found, expected, expected_by, advice })
}
