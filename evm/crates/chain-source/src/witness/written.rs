//! The witness as JSON, in the form of the zero line 0.7.

use super::changes::{Change, Codes};
use super::replay::Tries;
use crate::answers::{Block, Withdrawal};
use ethereum_types::{Address, H256, U256};
use mpt_trie::partial_trie::HashedPartialTrie;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `block_trace`, of either kind of node.
#[derive(Serialize)]
pub(super) struct Trace {
    trie_pre_images: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    code_db: Vec<Vec<u8>>,
    txn_info: Value,
}

/// A transaction, with what it did.
#[derive(Serialize)]
pub(super) struct Transaction {
    pub(super) traces: BTreeMap<Address, Change>,
    pub(super) meta: Meta,
}

/// What is known of a transaction beside its accounts.
#[derive(Serialize)]
pub(super) struct Meta {
    /// Signed.
    pub(super) byte_code: String,
    /// A typed receipt is wrapped into one RLP string, so that a reader can tell it from an untyped one.
    pub(super) new_receipt_trie_node_byte: String,
    pub(super) gas_used: u64,
}

impl Meta {
    pub(super) fn new(signed: &[u8], receipt: &[u8], gas_used: u64) -> Self {
        let is_typed = receipt.first().is_some_and(|first| *first < 0x80);
        let receipt = if is_typed { rlp::encode(&receipt.to_vec()).to_vec() } else { receipt.to_vec() };
        let (byte_code, new_receipt_trie_node_byte) = (text(signed), text(&receipt));
        Self { byte_code, new_receipt_trie_node_byte, gas_used }
    }
}

fn text(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

impl Trace {
    /// Made here, from tries and changes.
    pub(super) fn separate(tries: &Tries, codes: Codes, transactions: &[Transaction]) -> serde_json::Result<Self> {
        #[derive(Serialize)]
        struct Direct<'a> {
            direct: &'a HashedPartialTrie,
        }
        let storage: BTreeMap<H256, Direct<'_>> =
            tries.storage.iter().map(|(address, direct)| (keccak_hash::keccak(address), Direct { direct })).collect();
        Ok(Self {
            trie_pre_images: json!({"separate": {
                "state": serde_json::to_value(Direct { direct: &tries.state })?,
                "storage": {"multiple_tries": serde_json::to_value(storage)?},
            }}),
            code_db: codes.into_values().collect(),
            txn_info: serde_json::to_value(transactions)?,
        })
    }

    /// As a witness-producing node gave it.
    pub(super) fn combined(compact: &str, txn_info: Value) -> Self {
        Self { trie_pre_images: json!({"combined": {"compact": compact}}), code_db: Vec::new(), txn_info }
    }
}

/// The whole witness.
pub(super) fn block(
    chain_id: u64,
    block: &Block,
    trace: Trace,
    previous: &[H256],
    checkpoint: H256,
) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Witness {
        block_trace: Trace,
        other_data: Value,
    }
    let number = |number: u64| U256::from(number);
    let bloom: Vec<U256> = block.logs_bloom.as_bytes().chunks(32).map(U256::from_big_endian).collect();
    let withdrawals: Vec<(Address, U256)> =
        block.withdrawals.iter().map(|Withdrawal { address, amount }| (*address, *amount)).collect();
    let other_data = json!({
        "b_data": {
            "b_meta": {
                "block_beneficiary": block.miner,
                "block_timestamp": number(block.head.timestamp.0),
                "block_number": number(block.head.number.0),
                "block_difficulty": block.difficulty,
                "block_random": block.mix_hash,
                "block_gaslimit": number(block.gas_limit.0),
                "block_chain_id": number(chain_id),
                "block_base_fee": block.base_fee_per_gas.unwrap_or_default(),
                "block_gas_used": number(block.gas_used.0),
                "block_blob_gas_used": block.blob_gas_used.unwrap_or_default(),
                "block_excess_blob_gas": block.excess_blob_gas.unwrap_or_default(),
                "parent_beacon_block_root": block.head.parent_beacon_block_root,
                "block_bloom": bloom,
            },
            "b_hashes": {"prev_hashes": previous, "cur_hash": block.head.hash},
            "withdrawals": withdrawals,
        },
        "checkpoint_state_trie_root": checkpoint,
    });
    serde_json::to_vec(&Witness { block_trace: trace, other_data })
}
