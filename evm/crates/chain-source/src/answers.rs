//! What a node answers, as far as it is used here.

use ethereum_types::{Address, Bloom, H256, U256};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::collections::BTreeMap;

/// Bytes, as `0x…`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(text.strip_prefix("0x").unwrap_or(&text)).map(Self).map_err(D::Error::custom)
    }
}

/// A number of 64 bits, as `0x…`, or as JSON's own, which tracers use.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Quantity(pub(crate) u64);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(Self(number)),
            Either::Text(text) => {
                let digits = text.strip_prefix("0x").ok_or_else(|| D::Error::custom("a number without 0x"))?;
                u64::from_str_radix(digits, 16).map(Self).map_err(|_| D::Error::custom("a number over 64 bits"))
            }
        }
    }
}

/// A header, without what only its own block needs.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head {
    pub(crate) number: Quantity,
    pub(crate) hash: H256,
    pub(crate) parent_hash: H256,
    pub(crate) state_root: H256,
    pub(crate) timestamp: Quantity,
    pub(crate) parent_beacon_block_root: Option<H256>,
}

/// A block with its transactions.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Block {
    #[serde(flatten)]
    pub(crate) head: Head,
    pub(crate) miner: Address,
    pub(crate) transactions_root: H256,
    pub(crate) receipts_root: H256,
    pub(crate) logs_bloom: Bloom,
    #[serde(default)]
    pub(crate) difficulty: U256,
    pub(crate) gas_limit: Quantity,
    pub(crate) gas_used: Quantity,
    pub(crate) mix_hash: H256,
    pub(crate) base_fee_per_gas: Option<U256>,
    pub(crate) blob_gas_used: Option<U256>,
    pub(crate) excess_blob_gas: Option<U256>,
    pub(crate) transactions: Vec<Transaction>,
    #[serde(default)]
    pub(crate) withdrawals: Vec<Withdrawal>,
}

/// A payment from the consensus layer.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Withdrawal {
    pub(crate) address: Address,
    /// In gwei.
    pub(crate) amount: U256,
}

/// A signed transaction.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Transaction {
    pub(crate) hash: H256,
    #[serde(rename = "type", default)]
    pub(crate) kind: Quantity,
    pub(crate) from: Address,
    pub(crate) to: Option<Address>,
    pub(crate) nonce: Quantity,
    pub(crate) gas: Quantity,
    pub(crate) value: U256,
    pub(crate) input: Bytes,
    pub(crate) chain_id: Option<Quantity>,
    pub(crate) gas_price: Option<U256>,
    pub(crate) max_fee_per_gas: Option<U256>,
    pub(crate) max_priority_fee_per_gas: Option<U256>,
    pub(crate) max_fee_per_blob_gas: Option<U256>,
    #[serde(default)]
    pub(crate) blob_versioned_hashes: Vec<H256>,
    #[serde(default)]
    pub(crate) access_list: Option<Vec<Access>>,
    pub(crate) v: Option<U256>,
    pub(crate) y_parity: Option<U256>,
    pub(crate) r: U256,
    pub(crate) s: U256,
}

/// An account that a transaction names beforehand, and slots of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Access {
    pub(crate) address: Address,
    pub(crate) storage_keys: Vec<H256>,
}

/// What came of a transaction.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    pub(crate) transaction_hash: H256,
    #[serde(rename = "type", default)]
    pub(crate) kind: Quantity,
    pub(crate) status: Quantity,
    pub(crate) cumulative_gas_used: Quantity,
    pub(crate) gas_used: Quantity,
    pub(crate) logs_bloom: Bloom,
    pub(crate) logs: Vec<Log>,
    pub(crate) contract_address: Option<Address>,
}

/// One event.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Log {
    pub(crate) address: Address,
    pub(crate) topics: Vec<H256>,
    pub(crate) data: Bytes,
}

/// The way to an account, and to slots of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Proof {
    pub(crate) account_proof: Vec<Bytes>,
    #[serde(default)]
    pub(crate) storage_proof: Vec<SlotProof>,
}

/// The way to a slot.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SlotProof {
    pub(crate) proof: Vec<Bytes>,
}

/// An account in a trace: what the tracer has to say of it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Seen {
    pub(crate) balance: Option<U256>,
    pub(crate) nonce: Option<Quantity>,
    pub(crate) code: Option<Bytes>,
    #[serde(default)]
    pub(crate) storage: BTreeMap<H256, H256>,
}

/// Accounts before a transaction.
pub(crate) type Accounts = BTreeMap<Address, Seen>;

/// Accounts that a transaction changed, before and after.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Difference {
    #[serde(default)]
    pub(crate) pre: Accounts,
    #[serde(default)]
    pub(crate) post: Accounts,
}
