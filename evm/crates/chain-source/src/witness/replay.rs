//! The block once more, on the partial tries: to find nodes that are still missing, and to see that everything leads to
//! the header's state root.

use super::changes::{Change, CodeUsage};
use super::nodes::{EMPTY_ROOT, hidden_sibling};
use super::path;
use ethereum_types::{Address, BigEndianHash, H256, U256};
use mpt_trie::partial_trie::{HashedPartialTrie, Node, PartialTrie};
use rlp::{Rlp, RlpStream};
use std::collections::BTreeMap;

/// The tries of a block's beginning, as far as the block needs them.
#[derive(Clone, Debug)]
pub(super) struct Tries {
    pub(super) state: HashedPartialTrie,
    /// Of accounts that exist, by address.
    pub(super) storage: BTreeMap<Address, HashedPartialTrie>,
}

/// A node that a deletion needs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Missing {
    /// Whose storage trie, or whose deletion in the state trie.
    pub(super) account: Address,
    pub(super) in_state: bool,
    /// The way to it.
    pub(super) path: Vec<u8>,
}

/// What a replay stops at.
#[derive(Debug)]
pub(super) enum Stop {
    Missing(Missing),
    /// Something does not fit, in this account.
    Broken(Address, String),
}

/// An account as the state trie holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Leaf {
    pub(super) nonce: U256,
    pub(super) balance: U256,
    pub(super) storage_root: H256,
    pub(super) code_hash: H256,
}

const EMPTY: Leaf =
    Leaf { nonce: U256::zero(), balance: U256::zero(), storage_root: EMPTY_ROOT, code_hash: keccak_hash::KECCAK_EMPTY };

impl Leaf {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let fields = Rlp::new(bytes);
        Some(Self {
            nonce: fields.val_at(0).ok()?,
            balance: fields.val_at(1).ok()?,
            storage_root: fields.val_at(2).ok()?,
            code_hash: fields.val_at(3).ok()?,
        })
    }

    fn encode(&self) -> Vec<u8> {
        let mut fields = RlpStream::new_list(4);
        fields.append(&self.nonce).append(&self.balance).append(&self.storage_root).append(&self.code_hash);
        fields.out().to_vec()
    }
}

/// The key of an account in the state trie.
pub(super) fn account_key(account: Address) -> Vec<u8> {
    path::of_hash(keccak_hash::keccak(account))
}

/// The key of a slot in a storage trie.
pub(super) fn slot_key(slot: H256) -> Vec<u8> {
    path::of_hash(keccak_hash::keccak(slot))
}

/// The account in a state trie; `Err` if what is there is none.
pub(super) fn account(state: &HashedPartialTrie, address: Address) -> Result<Option<Leaf>, &'static str> {
    match state.get(path::nibbles(&account_key(address))) {
        Some(bytes) => Leaf::decode(bytes).map(Some).ok_or("what is in the state trie is no account"),
        None => Ok(None),
    }
}

/// The value of a slot.
pub(super) fn slot(storage: &HashedPartialTrie, slot: H256) -> Result<U256, &'static str> {
    match storage.get(path::nibbles(&slot_key(slot))) {
        Some(bytes) => rlp::decode(bytes).map_err(|_| "what is in the storage trie is no number"),
        None => Ok(U256::zero()),
    }
}

impl Tries {
    /// Does a transaction's changes.
    pub(super) fn apply(&mut self, changes: &BTreeMap<Address, Change>) -> Result<(), Stop> {
        changes.iter().try_for_each(|(address, change)| self.apply_to(*address, change))
    }

    fn apply_to(&mut self, address: Address, change: &Change) -> Result<(), Stop> {
        let broken = |why: &str| Stop::Broken(address, why.to_owned());
        if change.self_destructed {
            self.storage.remove(&address);
            return self.delete_account(address);
        }
        let old = account(&self.state, address).map_err(broken)?;
        let mut leaf = old.unwrap_or(EMPTY);
        leaf.balance = change.balance.unwrap_or(leaf.balance);
        leaf.nonce = change.nonce.unwrap_or(leaf.nonce);
        if let Some(CodeUsage::Write(code)) = &change.code_usage {
            leaf.code_hash = keccak_hash::keccak(code);
        }
        if !change.storage_written.is_empty() {
            leaf.storage_root = self.write_slots(address, &change.storage_written)?;
        }
        if old.unwrap_or(EMPTY) != leaf {
            self.insert_account(address, &leaf)?;
        }
        Ok(())
    }

    /// Writes slots of an account that exists, as the system call does.
    pub(super) fn write(&mut self, address: Address, slots: &BTreeMap<H256, U256>) -> Result<(), Stop> {
        let change = Change { storage_written: slots.clone(), ..Change::default() };
        self.apply_to(address, &change)
    }

    /// Pays a withdrawal.
    pub(super) fn credit(&mut self, address: Address, wei: U256) -> Result<(), Stop> {
        let broken = |why: &str| Stop::Broken(address, why.to_owned());
        let mut leaf = account(&self.state, address).map_err(broken)?.unwrap_or(EMPTY);
        leaf.balance = leaf.balance.checked_add(wei).ok_or_else(|| broken("its balance is too great"))?;
        match leaf == EMPTY {
            true => Ok(()),
            false => self.insert_account(address, &leaf),
        }
    }

    fn write_slots(&mut self, address: Address, slots: &BTreeMap<H256, U256>) -> Result<H256, Stop> {
        let broken = |error: &dyn std::fmt::Display| Stop::Broken(address, error.to_string());
        let trie = self.storage.entry(address).or_default();
        for (slot, value) in slots {
            let path = slot_key(*slot);
            let key = path::nibbles(&path);
            if !value.is_zero() {
                trie.insert(key, rlp::encode(value).to_vec()).map_err(|error| broken(&error))?;
                continue;
            }
            if let Some(path) = hidden_sibling(trie, &path) {
                return Err(Stop::Missing(Missing { account: address, in_state: false, path }));
            }
            trie.delete(key).map_err(|error| broken(&error))?;
        }
        Ok(trie.hash())
    }

    fn insert_account(&mut self, address: Address, leaf: &Leaf) -> Result<(), Stop> {
        let key = path::nibbles(&account_key(address));
        self.state.insert(key, leaf.encode()).map_err(|error| Stop::Broken(address, error.to_string()))
    }

    fn delete_account(&mut self, address: Address) -> Result<(), Stop> {
        let path = account_key(address);
        if let Some(path) = hidden_sibling(&self.state, &path) {
            return Err(Stop::Missing(Missing { account: address, in_state: true, path }));
        }
        let deleted = self.state.delete(path::nibbles(&path));
        deleted.map(drop).map_err(|error| Stop::Broken(address, error.to_string()))
    }

    /// The state root.
    pub(super) fn root(&self) -> H256 {
        self.state.hash()
    }
}

/// A trie that is only known by its root.
pub(super) fn hidden(root: H256) -> HashedPartialTrie {
    HashedPartialTrie::new(if root == EMPTY_ROOT { Node::Empty } else { Node::Hash(root) })
}

/// A number as a slot.
pub(super) fn word(number: U256) -> H256 {
    H256::from_uint(&number)
}
