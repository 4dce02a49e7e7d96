//! What each transaction did to each account, from two traces of geth's prestate tracer.

use crate::answers::{Accounts, Bytes, Difference, Receipt, Seen, Transaction};
use ethereum_types::{Address, BigEndianHash, H256, U256};
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

/// What a transaction did to an account, in the form of the witness.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Change {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) balance: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nonce: Option<U256>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) storage_read: BTreeSet<H256>,
    /// Zero deletes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) storage_written: BTreeMap<H256, U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code_usage: Option<CodeUsage>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) self_destructed: bool,
}

/// Code that a transaction needed or made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CodeUsage {
    Read(H256),
    #[serde(serialize_with = "as_hex")]
    Write(Vec<u8>),
}

fn as_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("0x{}", hex::encode(bytes)))
}

/// What a transaction did.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    pub(super) accounts: BTreeMap<Address, Change>,
    /// Contracts that a tracer before EIP-6780 takes for destroyed: what became of them must be looked up.
    pub(super) unsure: Vec<Address>,
}

/// Code of contracts by its hash.
pub(super) type Codes = BTreeMap<H256, Vec<u8>>;

/// Puts the traces of a transaction together; the code that it read goes to `codes`.
pub(super) fn of_transaction(
    transaction: &Transaction,
    receipt: &Receipt,
    before: &Accounts,
    difference: &Difference,
    codes: &mut Codes,
) -> Changes {
    let mut changes = Changes::default();
    let listed = transaction.access_list.iter().flatten();
    let mut touched: BTreeSet<Address> = listed.clone().map(|access| access.address).collect();
    touched.extend(before.keys().chain(difference.pre.keys()).chain(difference.post.keys()));
    touched.extend([transaction.from].iter().chain(&transaction.to).chain(&receipt.contract_address));
    let nothing = Seen::default();
    for address in touched {
        let seen = before.get(&address).unwrap_or(&nothing);
        let (pre, post) = (difference.pre.get(&address), difference.post.get(&address));
        let mut change = Change::default();
        let access = listed.clone().filter(|access| access.address == address);
        change.storage_read.extend(access.flat_map(|access| &access.storage_keys));
        change.storage_read.extend(seen.storage.keys());
        if let Some(Bytes(code)) = seen.code.as_ref().filter(|code| !code.0.is_empty()) {
            let hash = keccak_hash::keccak(code);
            codes.entry(hash).or_insert_with(|| code.clone());
            change.code_usage = Some(CodeUsage::Read(hash));
        }
        match (pre, post) {
            (pre, Some(post)) => {
                change.balance = post.balance;
                change.nonce = post.nonce.map(|nonce| nonce.0.into());
                if let Some(Bytes(code)) = post.code.as_ref().filter(|code| !code.0.is_empty()) {
                    change.code_usage = Some(CodeUsage::Write(code.clone()));
                }
                // A slot that was something and is nothing now is only among those before.
                let gone = pre.into_iter().flat_map(|pre| pre.storage.keys()).map(|slot| (*slot, U256::zero()));
                change.storage_written.extend(gone);
                let written = post.storage.iter().map(|(slot, value)| (*slot, value.into_uint()));
                change.storage_written.extend(written);
            }
            (Some(pre), None) if has_code(pre) || has_code(seen) => changes.unsure.push(address),
            // Money was waiting where a contract was then created and destroyed.
            (Some(_), None) => change.self_destructed = true,
            (None, None) => {}
        }
        changes.accounts.insert(address, change);
    }
    changes
}

fn has_code(seen: &Seen) -> bool {
    seen.code.as_ref().is_some_and(|code| !code.0.is_empty())
}
