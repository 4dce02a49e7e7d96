//! The private side of every statement, in plain data: what a prover is handed.
//!
//! Nothing here is checked; the circuits do that. Secrets are redacted in `Debug`.

use serde::{Deserialize, Serialize};

use crate::field::Digest;
use crate::keys::{AccountKey, AliasHash, Secret, SpendingKey};
use crate::note::{AccountNote, ValueNote};
use crate::state::State;
use crate::transaction::{Address, ClientPublic};

/// Fee assets that one rollup can take.
pub const FEE_ASSETS: usize = 4;

/// A leaf's place in a tree and its siblings, from the leaf up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MerklePath {
    /// Index among the leaves (or among the subtrees, for the path of a subtree).
    pub index: u64,
    /// One sibling a level, the lowest first.
    pub siblings: Vec<Digest>,
}

/// One input of a join-split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// A note that is spent.
    Used {
        /// The note.
        note: ValueNote,
        /// Its place in the data tree.
        path: MerklePath,
    },
    /// Nothing: nullifies `H(DUMMY, randomness)`.
    Unused {
        /// Four uniform limbs.
        randomness: Digest,
    },
}

/// One output of a join-split; its rho is the nullifier of the same position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Who gets it.
    pub owner: AccountKey,
    /// Whether it takes a spending key to spend.
    pub registered: bool,
    /// Four uniform limbs.
    pub blinding: Digest,
    /// Below 2^62.
    pub amount: u64,
}

/// The membership of an account note, with the secret of its spending key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendingAuthority {
    /// The alias of the account note.
    pub alias: AliasHash,
    /// The secret of its spending key.
    pub spending_secret: Secret,
    /// Its place in the data tree.
    pub path: MerklePath,
}

/// Deposit, send or withdraw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinSplitWitness {
    /// What the transaction says in public; the circuit makes commitments and nullifiers itself and
    /// compares them with these.
    pub public: ClientPublic,
    /// Owner of both inputs.
    pub account_secret: Secret,
    /// The one asset of inputs and outputs.
    pub asset: u32,
    /// Two inputs.
    pub inputs: [Input; 2],
    /// Two outputs.
    pub outputs: [Output; 2],
    /// Set exactly when the inputs are registered.
    pub authority: Option<SpendingAuthority>,
}

/// What an account transaction does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountMode {
    /// Claims an alias and an account key.
    Create {
        /// Secret of the new account key.
        account_secret: Secret,
    },
    /// Adds spending keys; the account key stays.
    Add {
        /// The account note that allows it.
        authority: SpendingAuthority,
        /// Its account key.
        account: AccountKey,
        /// Two times four uniform limbs for the dummy nullifiers.
        randomness: [Digest; 2],
    },
    /// Moves the alias to a new account key.
    Migrate {
        /// The account note that allows it.
        authority: SpendingAuthority,
        /// The account key that it moves from.
        old_account: AccountKey,
        /// Secret of the new account key.
        new_account_secret: Secret,
    },
}

/// Create, add or migrate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountWitness {
    /// What the transaction says in public.
    pub public: ClientPublic,
    /// The alias.
    pub alias: AliasHash,
    /// Spending keys that get an account note; `None` leaves the commitment 0.
    pub spending_keys: [Option<SpendingKey>; 2],
    /// What it does.
    pub mode: AccountMode,
}

impl AccountWitness {
    /// The account notes that the transaction makes under `account`.
    pub fn notes(&self, account: AccountKey) -> [Option<AccountNote>; 2] {
        self.spending_keys.map(|key| key.map(|spending| AccountNote { alias: self.alias, account, spending }))
    }
}

/// A leaf of the nullifier tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NullifierLeaf {
    /// The nullifier.
    pub value: Digest,
    /// The next larger nullifier; 0 where there is none.
    pub next_value: Digest,
    /// Its index; 0 where there is none.
    pub next_index: u64,
}

/// One insertion into the nullifier tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NullifierInsertion {
    /// The leaf that the new value follows, before the insertion.
    pub low: NullifierLeaf,
    /// Its place, under the root before the insertion.
    pub low_path: MerklePath,
    /// Siblings of the empty slot at `nullifier next`, under the root after the low leaf's rewriting.
    pub slot_path: MerklePath,
}

/// A real transaction's place in an inner rollup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotWitness {
    /// The transaction's public fields.
    pub public: ClientPublic,
    /// Its data root's place in the roots tree.
    pub root_path: MerklePath,
    /// Its two nullifiers, in order.
    pub insertions: [NullifierInsertion; 2],
}

/// One inner rollup of N slots; a slot without a transaction is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InnerWitness {
    /// Its place among the inner rollups.
    pub index: u64,
    /// The state of the trees before it; the roots tree and id are those of the whole rollup.
    pub old: State,
    /// N slots.
    pub slots: Vec<Option<SlotWitness>>,
    /// Siblings of the empty aligned subtree that takes the commitments, from its root up.
    pub subtree_path: MerklePath,
    /// Assets that fees may be paid in; unused ones hold [`crate::note::NO_ASSET`].
    pub fee_assets: [u32; FEE_ASSETS],
    /// The evaluation point, two limbs of the quadratic extension.
    pub challenge: [u64; 2],
}

/// What the outer rollup needs beside its inner proofs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OuterWitness {
    /// The state before the rollup.
    pub old: State,
    /// How many inner rollups are real; at least one.
    pub real: usize,
    /// Siblings of the empty leaf `rollup id + 1` of the roots tree.
    pub roots_path: MerklePath,
    /// Who gets the fees.
    pub beneficiary: Address,
    /// Assets that fees may be paid in.
    pub fee_assets: [u32; FEE_ASSETS],
    /// The evaluation point.
    pub challenge: [u64; 2],
}
