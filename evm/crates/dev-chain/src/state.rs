//! The accounts of the chain after a block, and their tries.

use crate::trie::{Trie, encoded};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256, map::HashMap};
use alloy_rlp::RlpEncodable;
use revm::primitives::{AccountInfo, Bytecode, EvmState, KECCAK_EMPTY};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// One account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// In wei.
    pub balance: U256,
    /// Empty for an account of somebody's key.
    pub code: Bytes,
    /// Slots that are not zero.
    pub storage: BTreeMap<U256, U256>,
}

/// An account as the state trie holds it.
#[derive(RlpEncodable)]
struct Leaf {
    nonce: u64,
    balance: U256,
    storage_root: B256,
    code_hash: B256,
}

impl Account {
    /// The Keccak digest of the code.
    pub fn code_hash(&self) -> B256 {
        keccak256(&self.code)
    }

    /// The root of the storage trie.
    pub fn storage_root(&self) -> B256 {
        self.storage_trie().root()
    }

    pub(crate) fn storage_trie(&self) -> Trie {
        let slots = self.storage.iter();
        Trie::new(slots.map(|(slot, value)| (keccak256(slot.to_be_bytes::<32>()).to_vec(), encoded(value))))
    }

    fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code.is_empty()
    }
}

/// All accounts.
#[derive(Clone, Debug, Default)]
pub struct State {
    accounts: BTreeMap<Address, Account>,
}

impl State {
    pub(crate) fn new(accounts: BTreeMap<Address, Account>) -> Self {
        Self { accounts }
    }

    /// The account at `address`, if there is one.
    pub fn account(&self, address: Address) -> Option<&Account> {
        self.accounts.get(&address)
    }

    /// The state root.
    pub fn root(&self) -> B256 {
        self.trie().root()
    }

    pub(crate) fn trie(&self) -> Trie {
        Trie::new(self.accounts.iter().map(|(address, account)| {
            let leaf = Leaf {
                nonce: account.nonce,
                balance: account.balance,
                storage_root: account.storage_root(),
                code_hash: account.code_hash(),
            };
            (keccak256(address).to_vec(), encoded(&leaf))
        }))
    }

    /// Adds to a balance, as a withdrawal does: outside of any transaction.
    pub(crate) fn credit(&mut self, address: Address, wei: U256) {
        if !wei.is_zero() {
            self.accounts.entry(address).or_default().balance += wei;
        }
    }

    /// Takes over what the virtual machine changed.
    pub(crate) fn apply(&mut self, changes: EvmState) {
        for (address, change) in changes {
            if !change.is_touched() {
                continue;
            }
            if change.is_selfdestructed() {
                self.accounts.remove(&address);
                continue;
            }
            let account = self.accounts.entry(address).or_default();
            account.nonce = change.info.nonce;
            account.balance = change.info.balance;
            if let Some(code) = &change.info.code {
                account.code = code.original_bytes();
            }
            for (slot, value) in change.storage {
                match value.present_value() {
                    U256::ZERO => account.storage.remove(&slot),
                    value => account.storage.insert(slot, value),
                };
            }
            if account.is_empty() {
                self.accounts.remove(&address);
            }
        }
    }
}

/// What the virtual machine reads: a state, and the hashes of the blocks before.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) state: &'a State,
    pub(crate) hashes: &'a HashMap<u64, B256>,
}

impl revm::DatabaseRef for View<'_> {
    type Error = Infallible;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.state.account(address).map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: match account.code.is_empty() {
                true => KECCAK_EMPTY,
                false => account.code_hash(),
            },
            code: Some(Bytecode::new_raw(account.code.clone())),
        }))
    }

    fn code_by_hash_ref(&self, _: B256) -> Result<Bytecode, Infallible> {
        unreachable!("every account is given with its code")
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        let account = self.state.account(address);
        Ok(account.and_then(|account| account.storage.get(&slot)).copied().unwrap_or_default())
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Infallible> {
        Ok(self.hashes.get(&number).copied().unwrap_or_default())
    }
}
