//! The accounts of a wallet: the window of keys that it looks for, and what is registered of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::field::Digest;
use crate::keys::{AccountKey, AliasHash, Secret, SpendingKey};
use crate::note::AccountNote;
use crate::viewing::{ViewingKey, ViewingSecret};
use crate::wallet::address::PaymentAddress;
use crate::wallet::keys::WalletKeys;

/// How many keys beyond the last used one are looked for.
const GAP: u32 = 5;

/// One account secret and what is made of it.
pub(super) struct Account {
    pub(super) index: u32,
    pub(super) secret: Secret,
    pub(super) key: AccountKey,
    pub(super) viewing: ViewingSecret,
    pub(super) viewing_key: ViewingKey,
}

/// An account note in the data tree whose spending key is this wallet's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) spending: u32,
    pub(super) leaf_index: u64,
}

/// All accounts up to the window's end.
pub(super) struct Accounts {
    keys: WalletKeys,
    alias: Option<AliasHash>,
    current: u32,
    window: Vec<Account>,
    spending: Vec<SpendingKey>,
    registered: BTreeSet<u32>,
    /// Indices by the nullifiers that register their keys.
    registrations: HashMap<Digest, u32>,
    /// Leaf indices of own account notes, by account and spending key.
    authorities: BTreeMap<(u32, u32), u64>,
    /// All account notes of the rollup, for an alias that is learnt later. They are few.
    leaves: Vec<(u64, Digest)>,
}

impl Accounts {
    pub(super) fn new(keys: WalletKeys) -> Self {
        let mut accounts = Self {
            keys,
            alias: None,
            current: 0,
            window: Vec::new(),
            spending: Vec::new(),
            registered: BTreeSet::new(),
            registrations: HashMap::new(),
            authorities: BTreeMap::new(),
            leaves: Vec::new(),
        };
        accounts.widen();
        accounts
    }

    pub(super) fn alias(&self) -> Option<AliasHash> {
        self.alias
    }

    pub(super) fn set_alias(&mut self, alias: AliasHash) {
        if self.alias != Some(alias) {
            self.alias = Some(alias);
            self.authorities.clear();
            self.find_authorities();
        }
    }

    pub(super) fn current(&self) -> u32 {
        self.current
    }

    pub(super) fn all(&self) -> &[Account] {
        &self.window
    }

    /// The account `index`, which must be in the window: the current one, the next one, or one that
    /// owns a note.
    pub(super) fn get(&self, index: u32) -> &Account {
        &self.window[index as usize]
    }

    pub(super) fn is_registered(&self, index: u32) -> bool {
        self.registered.contains(&index)
    }

    pub(super) fn address(&self, index: u32, registered: bool) -> PaymentAddress {
        let account = self.get(index);
        PaymentAddress { account: account.key, viewing: account.viewing_key, registered }
    }

    /// The first account note that lets this wallet act for an account.
    pub(super) fn authority(&self, account: u32) -> Option<Authority> {
        let ((_, spending), leaf_index) = self.authorities.range((account, 0)..=(account, u32::MAX)).next()?;
        Some(Authority { spending: *spending, leaf_index: *leaf_index })
    }

    pub(super) fn spending_secret(&self, index: u32) -> Secret {
        self.keys.spending(index)
    }

    /// The `offset`-th spending key that is in no account note yet, of whatever account.
    pub(super) fn fresh_spending(&self, offset: u32) -> (u32, Secret) {
        let index = self.next_spending() + offset;
        (index, self.keys.spending(index))
    }

    /// Takes note of an account transaction; says which own account it registered.
    pub(super) fn observe(
        &mut self,
        leaf_index: u64,
        commitments: [Digest; 2],
        nullifiers: [Digest; 2],
    ) -> Option<u32> {
        let leaves = commitments.into_iter().zip(leaf_index..).filter(|(leaf, _)| !leaf.is_zero());
        self.leaves.extend(leaves.map(|(leaf, index)| (index, leaf)));
        // Create and migrate claim the new key with the second nullifier, and prove its secret: an
        // own key that is claimed was claimed by this wallet.
        let registered = self.registrations.get(&nullifiers[1]).copied();
        if let Some(index) = registered {
            self.registered.insert(index);
            self.current = self.current.max(index);
            self.widen();
        }
        self.find_authorities();
        registered
    }

    /// Finds own account notes among all, again while that widens the window.
    fn find_authorities(&mut self) {
        let Some(alias) = self.alias else { return };
        if self.leaves.is_empty() {
            return;
        }
        loop {
            let mut wanted = HashMap::new();
            for account in &self.window {
                for (spending, key) in (0..).zip(&self.spending) {
                    let note = AccountNote { alias, account: account.key, spending: *key };
                    wanted.insert(note.commitment(), (account.index, spending));
                }
            }
            for (leaf_index, leaf) in &self.leaves {
                if let Some(place) = wanted.get(leaf) {
                    self.authorities.entry(*place).or_insert(*leaf_index);
                }
            }
            if !self.widen() {
                return;
            }
        }
    }

    fn next_spending(&self) -> u32 {
        self.authorities.keys().map(|(_, spending)| spending + 1).max().unwrap_or(0)
    }

    /// Extends both windows to their gap; says whether that added a key.
    fn widen(&mut self) -> bool {
        let before = (self.window.len(), self.spending.len());
        for index in before.0 as u32..=self.current + GAP {
            let secret = self.keys.account(index);
            let (key, viewing) = (secret.account_key(), ViewingSecret::of(&secret));
            self.registrations.insert(key.nullifier(), index);
            self.window.push(Account { index, key, viewing_key: viewing.key(), viewing, secret });
        }
        for index in before.1 as u32..self.next_spending() + GAP {
            self.spending.push(self.keys.spending(index).spending_key());
        }
        before != (self.window.len(), self.spending.len())
    }
}
