//! Blocks, transactions and receipts as JSON-RPC shows them.

use crate::chain::Block;
use crate::execution::Executed;
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_primitives::{B256, U256, keccak256};
use serde_json::{Map, Value, json};

pub(crate) fn quantity(value: impl Into<u128>) -> Value {
    json!(format!("{:#x}", value.into()))
}

pub(crate) fn block(block: &Block, whole: bool) -> Value {
    let header = &block.header;
    let transactions: Vec<Value> = (0..block.transactions.len())
        .map(|index| match whole {
            true => transaction(block, index),
            false => json!(hash(&block.transactions[index])),
        })
        .collect();
    let withdrawals: Vec<Value> = block
        .withdrawals
        .iter()
        .map(|it| {
            json!({
                "index": quantity(it.index),
                "validatorIndex": quantity(it.validator),
                "address": format!("{:#x}", it.address),
                "amount": quantity(it.gwei),
            })
        })
        .collect();
    json!({
        "hash": block.hash,
        "parentHash": header.parent_hash,
        "sha3Uncles": header.ommers_hash,
        "miner": format!("{:#x}", header.beneficiary),
        "stateRoot": header.state_root,
        "transactionsRoot": header.transactions_root,
        "receiptsRoot": header.receipts_root,
        "withdrawalsRoot": header.withdrawals_root,
        "logsBloom": header.logs_bloom,
        "difficulty": "0x0",
        "number": quantity(header.number),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "extraData": header.extra_data,
        "mixHash": header.mix_hash,
        "nonce": header.nonce,
        "baseFeePerGas": quantity(header.base_fee_per_gas.unwrap_or_default()),
        "blobGasUsed": quantity(header.blob_gas_used.unwrap_or_default()),
        "excessBlobGas": quantity(header.excess_blob_gas.unwrap_or_default()),
        "parentBeaconBlockRoot": header.parent_beacon_block_root,
        "size": quantity(alloy_rlp::encode(header).len() as u64),
        "uncles": [],
        "transactions": transactions,
        "withdrawals": withdrawals,
    })
}

pub(crate) fn hash(executed: &Executed) -> B256 {
    keccak256(executed.bytes())
}

pub(crate) fn transaction(block: &Block, index: usize) -> Value {
    let executed = &block.transactions[index];
    let envelope = &executed.envelope;
    let signature = match envelope {
        TxEnvelope::Legacy(it) => *it.signature(),
        TxEnvelope::Eip2930(it) => *it.signature(),
        TxEnvelope::Eip1559(it) => *it.signature(),
        _ => unreachable!("no other form is made here"),
    };
    let parity = u64::from(signature.v().y_parity());
    let mut fields = Map::from_iter([
        ("blockHash".into(), json!(block.hash)),
        ("blockNumber".into(), quantity(block.header.number)),
        ("transactionIndex".into(), quantity(index as u64)),
        ("hash".into(), json!(hash(executed))),
        ("type".into(), quantity(envelope.tx_type() as u8)),
        ("from".into(), json!(format!("{:#x}", executed.sender))),
        ("to".into(), json!(envelope.to().to().map(|to| format!("{to:#x}")))),
        ("nonce".into(), quantity(envelope.nonce())),
        ("gas".into(), quantity(envelope.gas_limit())),
        ("value".into(), json!(format!("{:#x}", envelope.value()))),
        ("input".into(), json!(alloy_primitives::hex::encode_prefixed(envelope.input()))),
        ("gasPrice".into(), quantity(executed.gas_price)),
        ("chainId".into(), json!(envelope.chain_id().map(quantity))),
        ("r".into(), json!(format!("{:#x}", signature.r()))),
        ("s".into(), json!(format!("{:#x}", signature.s()))),
    ]);
    let access_list = match envelope {
        TxEnvelope::Legacy(_) => None,
        TxEnvelope::Eip2930(it) => Some(&it.tx().access_list),
        TxEnvelope::Eip1559(it) => {
            fields.insert("maxFeePerGas".into(), quantity(it.tx().max_fee_per_gas));
            fields.insert("maxPriorityFeePerGas".into(), quantity(it.tx().max_priority_fee_per_gas));
            Some(&it.tx().access_list)
        }
        _ => None,
    };
    match access_list {
        Some(list) => {
            let list: Vec<Value> = list
                .0
                .iter()
                .map(|it| json!({"address": format!("{:#x}", it.address), "storageKeys": it.storage_keys}))
                .collect();
            fields.insert("accessList".into(), json!(list));
            fields.insert("v".into(), quantity(parity));
            fields.insert("yParity".into(), quantity(parity));
        }
        None => {
            let chain_id = envelope.chain_id().unwrap_or_default();
            fields.insert("v".into(), quantity(35 + 2 * chain_id + parity));
        }
    }
    Value::Object(fields)
}

pub(crate) fn receipt(block: &Block, index: usize) -> Value {
    let executed = &block.transactions[index];
    let logs_before: usize = block.transactions[..index].iter().map(|it| it.logs().len()).sum();
    let logs: Vec<Value> = executed
        .logs()
        .iter()
        .enumerate()
        .map(|(position, log)| {
            json!({
                "address": format!("{:#x}", log.address),
                "topics": log.data.topics(),
                "data": log.data.data,
                "blockHash": block.hash,
                "blockNumber": quantity(block.header.number),
                "transactionHash": hash(executed),
                "transactionIndex": quantity(index as u64),
                "logIndex": quantity((logs_before + position) as u64),
                "removed": false,
            })
        })
        .collect();
    json!({
        "transactionHash": hash(executed),
        "transactionIndex": quantity(index as u64),
        "blockHash": block.hash,
        "blockNumber": quantity(block.header.number),
        "from": format!("{:#x}", executed.sender),
        "to": executed.envelope.to().to().map(|to| format!("{to:#x}")),
        "type": quantity(executed.envelope.tx_type() as u8),
        "status": quantity(executed.receipt.is_success()),
        "cumulativeGasUsed": quantity(executed.receipt.cumulative_gas_used()),
        "gasUsed": quantity(executed.gas_used),
        "effectiveGasPrice": quantity(executed.gas_price),
        "contractAddress": executed.created.map(|it| format!("{it:#x}")),
        "logsBloom": executed.receipt.logs_bloom(),
        "logs": logs,
    })
}

/// The words of a proof's values, as short as they can be.
pub(crate) fn number(value: U256) -> Value {
    json!(format!("{value:#x}"))
}
