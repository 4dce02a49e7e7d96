//! Honest account transactions to tamper with, and what makes tampered ones fit together again.

use plonky2::field::types::Field;
use rollup::field::Digest;
use rollup::hash::Tag;
use rollup::keys::{AliasHash, Secret};
use rollup::transaction::{ClientPublic, TxType, layout};
use rollup::witness::{AccountMode, AccountWitness, MerklePath, SpendingAuthority};

use crate::client::account::AccountValues;
use crate::constraint_tests::fixture::{digest, hashed, tree};
use crate::plonk::F;

/// Claims an alias and an account key, with one spending key.
pub(crate) fn create() -> AccountValues {
    story(AccountMode::Create { account_secret: Secret::new(digest(1)) })
}

/// Adds a spending key to an account.
pub(crate) fn add() -> AccountValues {
    let account = Secret::new(digest(1)).account_key();
    story(AccountMode::Add { authority: authority(), account, randomness: [digest(10), digest(11)] })
}

/// Moves an alias to a new account key.
pub(crate) fn migrate() -> AccountValues {
    let old_account = Secret::new(digest(1)).account_key();
    story(AccountMode::Migrate { authority: authority(), old_account, new_account_secret: Secret::new(digest(12)) })
}

fn authority() -> SpendingAuthority {
    let path = MerklePath { index: 0, siblings: vec![] };
    SpendingAuthority { alias: AliasHash(digest(2)), spending_secret: Secret::new(digest(3)), path }
}

fn story(mode: AccountMode) -> AccountValues {
    let witness = AccountWitness {
        public: ClientPublic { tx_type: TxType::Account, ..ClientPublic::default() },
        alias: AliasHash(digest(2)),
        spending_keys: [Some(Secret::new(digest(4)).spending_key()), None],
        mode,
    };
    let mut values = AccountValues::of(&witness);
    settle(&mut values);
    values
}

/// Makes tree, nullifiers and commitments fit.
pub(super) fn settle(values: &mut AccountValues) {
    plant(values);
    let claimed = hashed(Tag::RegisteredKey, &[&values.new_key.0]);
    let nullifiers = if values.modes[0] != F::ZERO {
        [hashed(Tag::Alias, &[&values.alias.0]), claimed]
    } else if values.modes[2] != F::ZERO {
        [hashed(Tag::Migrated, &[&values.alias.0, &values.old_key.0]), claimed]
    } else {
        values.randomness.map(|randomness| hashed(Tag::Dummy, &[&randomness.0]))
    };
    nullify(values, nullifiers);
    for position in 0..2 {
        let note = hashed(Tag::AccountNote, &[&values.alias.0, &values.new_key.0, &values.new_spending[position].0]);
        set(values, layout::COMMITMENTS + 4 * position, Digest(note.0.map(|limb| limb * values.present[position])));
    }
}

/// Makes a data tree that the opened account note is in.
pub(super) fn plant(values: &mut AccountValues) {
    let note = [values.note_alias, values.note_account, values.note_spending];
    let (root, paths) = tree(&[digest(0), hashed(Tag::AccountNote, &note.each_ref().map(|digest| &digest.0[..]))]);
    set(values, layout::DATA_ROOT, root);
    values.note_path = paths[1].clone();
}

/// Sets both public nullifiers.
pub(super) fn nullify(values: &mut AccountValues, nullifiers: [Digest; 2]) {
    for (position, nullifier) in nullifiers.into_iter().enumerate() {
        set(values, layout::NULLIFIERS + 4 * position, nullifier);
    }
}

/// Sets four public limbs.
pub(super) fn set(values: &mut AccountValues, at: usize, digest: Digest) {
    values.public[at..at + 4].copy_from_slice(&digest.0);
}
