//! A batch as bytes: the same batch is always the same bytes, so that it is always the same task.

use std::collections::{BTreeMap, HashMap};

use ethereum_types::{Address, H256, U256};
use evm_arithmetization::generation::TrieInputs;
use evm_arithmetization::proof::{BlockHashes, BlockMetadata, TrieRoots};
use evm_arithmetization::{ConsolidatedHash, GenerationInputs};
use mpt_trie::partial_trie::PartialTrie;
use serde::{Serialize, Serializer};

use crate::error::WitnessError;

/// What the bytes of a batch begin with. The last one is the version.
const MAGIC: [u8; 8] = *b"mezebat\x01";

/// [`GenerationInputs`] field by field, with the code in the order of its hashes.
#[derive(Serialize)]
struct Ordered<'a> {
    txn_number_before: &'a U256,
    gas_used_before: &'a U256,
    gas_used_after: &'a U256,
    signed_txns: &'a Vec<Vec<u8>>,
    burn_addr: &'a Option<Address>,
    withdrawals: &'a Vec<(Address, U256)>,
    tries: &'a TrieInputs,
    trie_roots_after: &'a TrieRoots,
    checkpoint_state_trie_root: &'a H256,
    checkpoint_consolidated_hash: &'a ConsolidatedHash,
    #[serde(serialize_with = "in_order")]
    contract_code: &'a HashMap<H256, Vec<u8>>,
    block_metadata: &'a BlockMetadata,
    block_hashes: &'a BlockHashes,
    ger_data: &'a Option<(H256, H256)>,
}

fn in_order<S: Serializer>(code: &&HashMap<H256, Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    code.iter().collect::<BTreeMap<_, _>>().serialize(serializer)
}

/// The bytes of a batch, which go to workers.
pub fn batch_to_bytes(batch: &GenerationInputs) -> Vec<u8> {
    let GenerationInputs {
        txn_number_before,
        gas_used_before,
        gas_used_after,
        signed_txns,
        burn_addr,
        withdrawals,
        tries,
        trie_roots_after,
        checkpoint_state_trie_root,
        checkpoint_consolidated_hash,
        contract_code,
        block_metadata,
        block_hashes,
        ger_data,
    } = batch;
    // Tries keep the hashes that somebody asked for and write them too: ask for all.
    let whole = [&tries.state_trie, &tries.transactions_trie, &tries.receipts_trie];
    for trie in whole.into_iter().chain(tries.storage_tries.iter().map(|(_, trie)| trie)) {
        trie.hash();
    }
    let ordered = Ordered {
        txn_number_before,
        gas_used_before,
        gas_used_after,
        signed_txns,
        burn_addr,
        withdrawals,
        tries,
        trie_roots_after,
        checkpoint_state_trie_root,
        checkpoint_consolidated_hash,
        contract_code,
        block_metadata,
        block_hashes,
        ger_data,
    };
    postcard::to_extend(&ordered, MAGIC.to_vec()).expect("every part of a batch has a known length")
}

/// Reads a batch back.
///
/// # Errors
/// [`WitnessError::BatchBytes`].
pub fn batch_from_bytes(bytes: &[u8]) -> Result<GenerationInputs, WitnessError> {
    let refused = |why: &str| WitnessError::BatchBytes(why.to_owned());
    let body = bytes.strip_prefix(&MAGIC).ok_or_else(|| refused("they begin otherwise"))?;
    match postcard::take_from_bytes(body) {
        Ok((batch, [])) => Ok(batch),
        Ok(_) => Err(refused("something follows the batch")),
        Err(error) => Err(refused(&error.to_string())),
    }
}
