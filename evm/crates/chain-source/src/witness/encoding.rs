//! Transactions and receipts as their tries hold them (EIP-2718), and the roots of those tries.

use crate::answers::{Access, Block, Receipt, Transaction};
use crate::error::SourceError;
use ethereum_types::{H256, U256};
use mpt_trie::nibbles::Nibbles;
use mpt_trie::partial_trie::{HashedPartialTrie, PartialTrie};
use rlp::RlpStream;

/// The signed bytes of every transaction, checked against the header.
pub(super) fn transactions(block: &Block) -> Result<Vec<Vec<u8>>, SourceError> {
    let number = block.head.number.0;
    let encoded = block.transactions.iter().enumerate().map(|(index, transaction)| {
        let kind = transaction.kind.0;
        let bytes = signed(transaction).ok_or(SourceError::TransactionType { block: number, index, kind })?;
        match keccak_hash::keccak(&bytes) == transaction.hash {
            true => Ok(bytes),
            false => Err(SourceError::Disagrees { block: number, what: format!("the hash of transaction {index}") }),
        }
    });
    let encoded = encoded.collect::<Result<Vec<_>, _>>()?;
    agrees(number, "the root of its transactions", root(&encoded), block.transactions_root)?;
    Ok(encoded)
}

/// The bytes of every receipt, checked against the header.
pub(super) fn receipts(block: &Block, receipts: &[Receipt]) -> Result<Vec<Vec<u8>>, SourceError> {
    let number = block.head.number.0;
    let hashes = receipts.iter().map(|receipt| receipt.transaction_hash);
    if !hashes.eq(block.transactions.iter().map(|transaction| transaction.hash)) {
        return Err(SourceError::Disagrees { block: number, what: "the list of receipts".to_owned() });
    }
    let encoded: Vec<Vec<u8>> = receipts.iter().map(receipt).collect();
    agrees(number, "the root of its receipts", root(&encoded), block.receipts_root)?;
    Ok(encoded)
}

fn agrees(block: u64, what: &str, found: H256, expected: H256) -> Result<(), SourceError> {
    match found == expected {
        true => Ok(()),
        false => Err(SourceError::Disagrees { block, what: what.to_owned() }),
    }
}

/// The root of the trie of a list.
fn root(values: &[Vec<u8>]) -> H256 {
    let mut trie = HashedPartialTrie::default();
    for (index, value) in values.iter().enumerate() {
        let key = Nibbles::from_bytes_be(&rlp::encode(&index)).expect("an index has 1 to 9 bytes");
        trie.insert(key, value.clone()).expect("a trie without hashed nodes takes every value");
    }
    trie.hash()
}

/// The signed bytes of a transaction, unless it is of a type that is not known, or lacks a field of its type.
fn signed(it: &Transaction) -> Option<Vec<u8>> {
    let mut fields = RlpStream::new();
    fields.begin_unbounded_list();
    match it.kind.0 {
        0 => {
            fields.append(&it.nonce.0).append(&it.gas_price?);
            receiver(&mut fields, it);
            fields.append(&it.v?);
        }
        1 => {
            fields.append(&it.chain_id?.0).append(&it.nonce.0).append(&it.gas_price?);
            receiver(&mut fields, it);
            access_list(&mut fields, it.access_list.as_deref()?);
            fields.append(&parity(it)?);
        }
        kind @ (2 | 3) => {
            fields.append(&it.chain_id?.0).append(&it.nonce.0);
            fields.append(&it.max_priority_fee_per_gas?).append(&it.max_fee_per_gas?);
            receiver(&mut fields, it);
            access_list(&mut fields, it.access_list.as_deref()?);
            if kind == 3 {
                fields.append(&it.max_fee_per_blob_gas?).append_list(&it.blob_versioned_hashes);
            }
            fields.append(&parity(it)?);
        }
        _ => return None,
    }
    fields.append(&it.r).append(&it.s);
    fields.finalize_unbounded_list();
    Some(typed(it.kind.0, &fields.out()))
}

/// The four fields that every type has after the price.
fn receiver(fields: &mut RlpStream, it: &Transaction) {
    fields.append(&it.gas.0);
    match &it.to {
        Some(to) => fields.append(to),
        None => fields.append_empty_data(),
    };
    fields.append(&it.value).append(&it.input.0);
}

fn access_list(fields: &mut RlpStream, list: &[Access]) {
    fields.begin_list(list.len());
    for access in list {
        fields.begin_list(2).append(&access.address).append_list(&access.storage_keys);
    }
}

fn parity(it: &Transaction) -> Option<U256> {
    it.y_parity.or(it.v)
}

fn receipt(it: &Receipt) -> Vec<u8> {
    let mut fields = RlpStream::new_list(4);
    fields.append(&it.status.0).append(&it.cumulative_gas_used.0).append(&it.logs_bloom);
    fields.begin_list(it.logs.len());
    for log in &it.logs {
        fields.begin_list(3).append(&log.address).append_list(&log.topics).append(&log.data.0);
    }
    typed(it.kind.0, &fields.out())
}

fn typed(kind: u64, fields: &[u8]) -> Vec<u8> {
    match u8::try_from(kind) {
        Ok(0) => fields.to_vec(),
        Ok(kind) => [&[kind], fields].concat(),
        Err(_) => fields.to_vec(),
    }
}
