//! A chain of empty blocks, made here: its only account is the contract of beacon roots, which each block writes to.

use ethereum_types::{H256, U256};
use evm_arithmetization::testing_utils::{
    BEACON_ROOTS_CONTRACT_ADDRESS_HASHED, beacon_roots_account_nibbles, beacon_roots_contract_from_storage,
    preinitialized_state_and_storage_tries, update_beacon_roots_account_storage,
};
use keccak_hash::keccak;
use mpt_trie::partial_trie::{HashedPartialTrie, PartialTrie};
use serde_json::{Value, json};

/// The first block's number.
pub(crate) const FIRST: u64 = 7;
pub(crate) const CHAIN: u64 = 4242;

pub(crate) fn hash_of(number: u64) -> H256 {
    keccak(number.to_be_bytes())
}

fn previous_hashes(number: u64) -> Vec<H256> {
    (0..256).map(|place| (number + place).checked_sub(256).map_or(H256::zero(), hash_of)).collect()
}

/// The blocks' witnesses with one checkpoint, in the form of 0.7 but without the consolidated hash, which is computed.
pub(crate) fn chain(count: u64) -> Vec<Value> {
    let (mut state, storage) = preinitialized_state_and_storage_tries().unwrap();
    let mut storage = storage.into_iter().next().unwrap().1;
    let checkpoint = state.hash();
    let mut blocks = Vec::new();
    for number in FIRST..FIRST + count {
        let (timestamp, beacon_root) = (1_700_000_000 + 12 * number, keccak([number as u8]));
        blocks.push(block(number, timestamp, beacon_root, checkpoint, &state, &storage));
        update_beacon_roots_account_storage(&mut storage, timestamp.into(), beacon_root).unwrap();
        let account = beacon_roots_contract_from_storage(&storage);
        state.insert(beacon_roots_account_nibbles(), rlp::encode(&account).to_vec()).unwrap();
    }
    blocks
}

fn block(
    number: u64,
    timestamp: u64,
    beacon_root: H256,
    checkpoint: H256,
    state: &HashedPartialTrie,
    storage: &HashedPartialTrie,
) -> Value {
    json!({
        "block_trace": {
            "trie_pre_images": { "separate": {
                "state": { "direct": state },
                "storage": { "multiple_tries": {
                    format!("{BEACON_ROOTS_CONTRACT_ADDRESS_HASHED:#x}"): { "direct": storage },
                } },
            } },
            "code_db": [],
            "txn_info": [],
        },
        "other_data": {
            "b_data": {
                "b_meta": {
                    "block_beneficiary": format!("0x{:040x}", 0xfee),
                    "block_timestamp": U256::from(timestamp),
                    "block_number": U256::from(number),
                    "block_difficulty": "0x0",
                    "block_random": hash_of(1000 + number),
                    "block_gaslimit": "0x1c9c380",
                    "block_chain_id": U256::from(CHAIN),
                    "block_base_fee": "0x7",
                    "block_gas_used": "0x0",
                    "block_blob_gas_used": "0x0",
                    "block_excess_blob_gas": "0x0",
                    "parent_beacon_block_root": beacon_root,
                    "block_bloom": vec![U256::zero(); 8],
                },
                "b_hashes": { "prev_hashes": previous_hashes(number), "cur_hash": hash_of(number) },
                "withdrawals": [],
            },
            "checkpoint_state_trie_root": checkpoint,
        },
    })
}

/// The bytes of a witness.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}
