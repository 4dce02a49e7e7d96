//! A wallet: what one seed phrase owns in the rollup, known from the published blocks alone.
//!
//! `keys`, `alias` and `address` are what a person handles; `scan` reads blocks, `coins` chooses
//! notes, `build` and `register` draft transactions. The wallet does no I/O and proves nothing.
//!
//! What scanning learns depends on the phrase, the alias and the blocks only, so a wallet rebuilt
//! from them is the same wallet. The locks of transactions under way are all that it forgets: keep
//! [`Wallet::pending`] beside it and [`Wallet::hold`] them again.

mod account;
mod address;
mod alias;
mod build;
mod coins;
mod error;
mod keys;
mod register;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::address::PaymentAddress;
pub use self::alias::MAX_ALIAS_LENGTH;
pub use self::build::{Draft, Drafting};
pub use self::error::WalletError;
pub use self::keys::{SeedPhrase, WalletKeys};
pub use self::scan::{ScanSlot, Scanned};

use self::account::Accounts;
use self::coins::{Coin, Kind};
use crate::field::Digest;
use crate::keys::{AccountKey, AliasHash, SpendingKey};
use crate::note::ValueNote;
use crate::transaction::ClientPublic;
use crate::witness::MerklePath;

/// The data tree, as far as drafting a transaction needs it.
pub trait Membership {
    /// The data root that the paths lead to; the rollup must have published it.
    fn data_root(&self) -> Digest;

    /// The path of a leaf under that root.
    fn data_path(&self, leaf_index: u64) -> Result<MerklePath, Box<dyn std::error::Error + Send + Sync>>;
}

/// A note of this wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnNote {
    /// The note.
    pub note: ValueNote,
    /// Its place in the data tree.
    pub leaf_index: u64,
    /// Which of the wallet's accounts owns it.
    pub account: u32,
    /// The rollup that made it.
    pub received_in: u32,
    /// The rollup that spent it.
    pub spent_in: Option<u32>,
}

/// A drafted transaction that has neither settled nor been released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// What it says in public; the first nullifier is its id.
    pub public: ClientPublic,
    /// Commitments of the notes that it spends, locked until then.
    pub locked: Vec<Digest>,
}

impl Pending {
    /// The first nullifier.
    pub fn id(&self) -> Digest {
        self.public.nullifiers[0]
    }
}

/// What a wallet holds of one asset, in the asset's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// All unspent notes.
    pub total: u128,
    /// Of these: locked by pending transactions.
    pub locked: u128,
    /// Of these: not locked, but registered, and no spending key of this wallet is known for them.
    pub blocked: u128,
}

impl Balance {
    /// What can be spent now.
    pub fn available(&self) -> u128 {
        self.total - self.locked - self.blocked
    }
}

/// A wallet. Secrets and notes are left out of `Debug`.
pub struct Wallet {
    accounts: Accounts,
    next_rollup: u32,
    data_root: Digest,
    /// By commitment.
    notes: BTreeMap<Digest, OwnNote>,
    /// Commitments of unspent notes by their nullifiers.
    nullifiers: HashMap<Digest, Digest>,
    /// By id.
    pending: BTreeMap<Digest, Pending>,
}

impl Wallet {
    /// A wallet that has seen no block.
    pub fn new(keys: WalletKeys) -> Self {
        Self {
            accounts: Accounts::new(keys),
            next_rollup: 0,
            data_root: Digest::ZERO,
            notes: BTreeMap::new(),
            nullifiers: HashMap::new(),
            pending: BTreeMap::new(),
        }
    }

    /// The wallet of a phrase and passphrase; empty where there is none.
    pub fn from_phrase(phrase: &SeedPhrase, passphrase: &str) -> Self {
        Self::new(WalletKeys::new(phrase, passphrase))
    }

    /// The wallet with its alias, which it needs to find its account notes and so to spend
    /// registered notes; before or after scanning.
    #[must_use]
    pub fn with_alias(mut self, alias: AliasHash) -> Self {
        self.set_alias(alias);
        self
    }

    /// See [`Self::with_alias`].
    pub fn set_alias(&mut self, alias: AliasHash) {
        self.accounts.set_alias(alias);
    }

    /// The alias, if it is known.
    pub fn alias(&self) -> Option<AliasHash> {
        self.accounts.alias()
    }

    /// The id of the rollup to scan next.
    pub fn next_rollup(&self) -> u32 {
        self.next_rollup
    }

    /// The data root after the last scanned rollup; 0 before the first.
    pub fn data_root(&self) -> Digest {
        self.data_root
    }

    /// Index of the account in use; each migration adds one.
    pub fn current_account(&self) -> u32 {
        self.accounts.current()
    }

    /// The key of the account in use.
    pub fn account_key(&self) -> AccountKey {
        self.accounts.get(self.current_account()).key
    }

    /// Whether the account in use is registered.
    pub fn is_registered(&self) -> bool {
        self.accounts.is_registered(self.current_account())
    }

    /// Whether the wallet knows an account note that lets it spend registered notes of the account
    /// in use.
    pub fn has_authority(&self) -> bool {
        self.accounts.authority(self.current_account()).is_some()
    }

    /// The `offset`-th own spending key that is in no account note yet.
    pub fn fresh_spending_key(&self, offset: u32) -> SpendingKey {
        self.accounts.fresh_spending(offset).1.spending_key()
    }

    /// Where this wallet is paid. Registered notes need [`Self::has_authority`] to be spent.
    pub fn address(&self, registered: bool) -> PaymentAddress {
        self.accounts.address(self.current_account(), registered)
    }

    /// All notes, spent ones and those of amount 0 too, in no particular order.
    pub fn notes(&self) -> impl Iterator<Item = &OwnNote> {
        self.notes.values()
    }

    /// The notes that are not spent, also of amount 0, in no particular order.
    pub fn unspent(&self) -> impl Iterator<Item = &OwnNote> {
        self.notes.values().filter(|own| own.spent_in.is_none())
    }

    /// What the wallet holds of one asset.
    pub fn balance(&self, asset: u32) -> Balance {
        self.balances().remove(&asset).unwrap_or_default()
    }

    /// What the wallet holds, by asset; assets of which it holds nothing are left out.
    pub fn balances(&self) -> BTreeMap<u32, Balance> {
        let locked = self.locked();
        let mut out = BTreeMap::<u32, Balance>::new();
        for (commitment, own) in &self.notes {
            if own.spent_in.is_some() || own.note.amount == 0 {
                continue;
            }
            let balance = out.entry(own.note.asset).or_default();
            let amount = u128::from(own.note.amount);
            balance.total += amount;
            if locked.contains(commitment) {
                balance.locked += amount;
            } else if !self.can_spend(own) {
                balance.blocked += amount;
            }
        }
        out
    }

    /// Transactions that were drafted and have neither settled nor been released.
    pub fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.pending.values()
    }

    /// Gives up a drafted transaction by its first nullifier and unlocks its notes. Safe only when
    /// nobody else has the transaction: otherwise it may still settle. Says whether there was one.
    pub fn release(&mut self, id: &Digest) -> bool {
        self.pending.remove(id).is_some()
    }

    /// Locks what a transaction locked before the wallet was rebuilt; to be called before scanning,
    /// which then unlocks it where the transaction has settled since.
    pub fn hold(&mut self, pending: Pending) {
        self.pending.insert(pending.id(), pending);
    }

    fn locked(&self) -> HashSet<Digest> {
        self.pending.values().flat_map(|pending| pending.locked.iter().copied()).collect()
    }

    fn can_spend(&self, own: &OwnNote) -> bool {
        !own.note.registered || self.accounts.authority(own.account).is_some()
    }

    /// What a transaction drafted now may spend.
    fn coins(&self, asset: u32) -> Vec<Coin> {
        let locked = self.locked();
        let free = |commitment: &Digest, own: &OwnNote| {
            own.spent_in.is_none() && own.note.amount > 0 && own.note.asset == asset && !locked.contains(commitment)
        };
        self.notes
            .iter()
            .filter(|(commitment, own)| free(commitment, own) && self.can_spend(own))
            .map(|(commitment, own)| Coin {
                kind: Kind { account: own.account, registered: own.note.registered },
                amount: own.note.amount,
                leaf_index: own.leaf_index,
                commitment: *commitment,
            })
            .collect()
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wallet")
            .field("next_rollup", &self.next_rollup)
            .field("current_account", &self.current_account())
            .finish_non_exhaustive()
    }
}
