//! The JSON of a block's witness in every version that we read, and what makes it a [`BlockWitness`].

use std::collections::{BTreeMap, BTreeSet};

use ethereum_types::{Address, H256, U256};
use evm_arithmetization::ConsolidatedHash;
use evm_arithmetization::proof::{BlockHashes, BlockMetadata};
use serde::Deserialize;
use serde::de::IgnoredAny;
use trace_decoder::{
    BlockLevelData, BlockTrace, BlockTraceTriePreImages, CombinedPreImages, ContractCodeUsage, TxnInfo, TxnMeta,
    TxnTrace,
};

use crate::code::Codes;
use crate::compact;
use crate::witness::{BlockWitness, OtherData};

/// How many hashes of earlier blocks a block knows.
const PREVIOUS_HASHES: usize = 256;

/// A field that is there but cannot be what it should be.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Its path in the block.
    pub(crate) field: String,
    /// What was expected, and what was found.
    pub(crate) expected: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.expected)
    }
}

fn fault(field: &str, expected: impl Into<String>) -> Fault {
    Fault { field: field.to_owned(), expected: expected.into() }
}

/// A block.
#[derive(Debug, Deserialize)]
pub(crate) struct Block {
    block_trace: Trace,
    other_data: Other,
}

#[derive(Debug, Deserialize)]
struct Trace {
    trie_pre_images: BlockTraceTriePreImages,
    #[serde(default)]
    code_db: Codes,
    txn_info: Vec<Transaction>,
}

#[derive(Debug, Deserialize)]
struct Transaction {
    traces: BTreeMap<Address, Account>,
    meta: TxnMeta,
}

/// What a transaction did to an account. Absent and `null` are the same in every field.
#[derive(Debug, Deserialize)]
struct Account {
    balance: Option<U256>,
    nonce: Option<U256>,
    storage_read: Option<BTreeSet<H256>>,
    storage_written: Option<BTreeMap<H256, U256>>,
    code_usage: Option<ContractCodeUsage>,
    self_destructed: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Other {
    b_data: Data,
    checkpoint_state_trie_root: H256,
    checkpoint_consolidated_hash: Option<ConsolidatedHash>,
    burn_addr: Option<IgnoredAny>,
    ger_data: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Data {
    b_meta: Header,
    b_hashes: BlockHashes,
    withdrawals: Option<Vec<(Address, U256)>>,
}

#[derive(Debug, Deserialize)]
struct Header {
    block_beneficiary: Address,
    block_timestamp: U256,
    block_number: U256,
    block_difficulty: U256,
    block_random: H256,
    block_gaslimit: U256,
    block_chain_id: U256,
    block_base_fee: U256,
    block_gas_used: U256,
    block_blob_gas_used: Option<U256>,
    block_excess_blob_gas: Option<U256>,
    parent_beacon_block_root: Option<H256>,
    block_bloom: [U256; 8],
}

impl TryFrom<Block> for BlockWitness {
    type Error = Fault;

    fn try_from(Block { block_trace, other_data }: Block) -> Result<Self, Fault> {
        let used: u128 = block_trace.txn_info.iter().map(|transaction| u128::from(transaction.meta.gas_used)).sum();
        let said = other_data.b_data.b_meta.block_gas_used;
        if U256::from(used) != said {
            return Err(fault(
                "block_trace.txn_info",
                format!("transactions that used {said} gas together, as block_gas_used says; they used {used}"),
            ));
        }
        Ok(Self { block_trace: block_trace.try_into()?, other_data: other_data.try_into()? })
    }
}

impl TryFrom<Trace> for BlockTrace {
    type Error = Fault;

    fn try_from(trace: Trace) -> Result<Self, Fault> {
        if let BlockTraceTriePreImages::Combined(CombinedPreImages { compact }) = &trace.trie_pre_images {
            compact::check(compact)
                .map_err(|why| fault("block_trace.trie_pre_images.combined.compact", why.to_string()))?;
        }
        Ok(Self {
            trie_pre_images: trace.trie_pre_images,
            code_db: trace.code_db.checked().map_err(|why| fault("block_trace.code_db", why))?,
            txn_info: trace.txn_info.into_iter().map(TxnInfo::from).collect(),
        })
    }
}

impl From<Transaction> for TxnInfo {
    fn from(Transaction { traces, meta }: Transaction) -> Self {
        Self { traces: traces.into_iter().map(|(address, account)| (address, account.into())).collect(), meta }
    }
}

impl From<Account> for TxnTrace {
    fn from(account: Account) -> Self {
        Self {
            balance: account.balance,
            nonce: account.nonce,
            storage_read: account.storage_read.unwrap_or_default(),
            storage_written: account.storage_written.unwrap_or_default(),
            code_usage: account.code_usage,
            self_destructed: account.self_destructed.unwrap_or_default(),
        }
    }
}

impl TryFrom<Other> for OtherData {
    type Error = Fault;

    fn try_from(other: Other) -> Result<Self, Fault> {
        for (field, given) in [("burn_addr", &other.burn_addr), ("ger_data", &other.ger_data)] {
            if given.is_some() {
                return Err(fault(
                    &format!("other_data.{field}"),
                    "null or absent, as Ethereum has it: the witness is of another kind of chain",
                ));
            }
        }
        Ok(Self {
            b_data: other.b_data.try_into()?,
            checkpoint_state_trie_root: other.checkpoint_state_trie_root,
            checkpoint_consolidated_hash: other.checkpoint_consolidated_hash,
        })
    }
}

impl TryFrom<Data> for BlockLevelData {
    type Error = Fault;

    fn try_from(Data { b_meta, b_hashes, withdrawals }: Data) -> Result<Self, Fault> {
        let hashes = b_hashes.prev_hashes.len();
        if hashes != PREVIOUS_HASHES {
            return Err(fault(
                "other_data.b_data.b_hashes.prev_hashes",
                format!("{PREVIOUS_HASHES} hashes, the oldest first, zeros before the first block; there are {hashes}"),
            ));
        }
        Ok(Self { b_meta: b_meta.try_into()?, b_hashes, withdrawals: withdrawals.unwrap_or_default() })
    }
}

impl TryFrom<Header> for BlockMetadata {
    type Error = Fault;

    fn try_from(header: Header) -> Result<Self, Fault> {
        let path = |field: &str| format!("other_data.b_data.b_meta.{field}");
        // The circuits give these so many bits, and no more.
        for (field, number, bits) in [
            ("block_timestamp", header.block_timestamp, 32),
            ("block_number", header.block_number, 32),
            ("block_difficulty", header.block_difficulty, 32),
            ("block_gaslimit", header.block_gaslimit, 32),
            ("block_chain_id", header.block_chain_id, 32),
            ("block_gas_used", header.block_gas_used, 32),
            ("block_base_fee", header.block_base_fee, 64),
            ("block_blob_gas_used", header.block_blob_gas_used.unwrap_or_default(), 64),
            ("block_excess_blob_gas", header.block_excess_blob_gas.unwrap_or_default(), 64),
        ] {
            if number.bits() > bits {
                return Err(fault(
                    &path(field),
                    format!("a number of at most {bits} bits, which is what the circuits prove; it is {number:#x}"),
                ));
            }
        }
        if header.block_number.is_zero() {
            return Err(fault(
                &path("block_number"),
                "1 or more: the genesis block follows no block, so it has no proof",
            ));
        }
        let cancun = |field| {
            move || {
                fault(&path(field), "a value, since only blocks from Cancun on are proved; the block is from before")
            }
        };
        Ok(Self {
            block_beneficiary: header.block_beneficiary,
            block_timestamp: header.block_timestamp,
            block_number: header.block_number,
            block_difficulty: header.block_difficulty,
            block_random: header.block_random,
            block_gaslimit: header.block_gaslimit,
            block_chain_id: header.block_chain_id,
            block_base_fee: header.block_base_fee,
            block_gas_used: header.block_gas_used,
            block_blob_gas_used: header.block_blob_gas_used.ok_or_else(cancun("block_blob_gas_used"))?,
            block_excess_blob_gas: header.block_excess_blob_gas.ok_or_else(cancun("block_excess_blob_gas"))?,
            parent_beacon_block_root: header.parent_beacon_block_root.ok_or_else(cancun("parent_beacon_block_root"))?,
            block_bloom: header.block_bloom,
        })
    }
}
