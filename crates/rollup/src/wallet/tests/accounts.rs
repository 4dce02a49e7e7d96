//! Accounts: registering, spending with a key, migrating, and moving the notes after.

use super::*;
use crate::wallet::{Balance, WalletError};
use crate::witness::{AccountMode, Input};

#[test]
fn a_registered_account_receives_and_spends_registered_notes() {
    let mut scene = Scene::new();
    scene.register(alias("alice"));
    assert!(scene.wallet.is_registered() && scene.wallet.has_authority());
    scene.deposit(100);
    assert!(scene.wallet.notes().all(|own| own.note.registered));
    let draft = scene.wallet.draft(&scene.chain, &mut scene.rng).withdraw(OUTSIDE, 40, 0, 0).unwrap();
    assert!(draft.witness.authority.is_some());
    scene.chain.settle([draft.into()]);
    scene.sync();
    assert_eq!(scene.available(), 60);
}

#[test]
fn without_its_alias_a_restored_wallet_sees_registered_notes_and_cannot_spend_them() {
    let mut scene = Scene::new();
    scene.register(alias("alice"));
    scene.deposit(100);
    let mut restored = Wallet::new(keys(1));
    scene.chain.sync(&mut restored);
    assert_eq!(restored.balance(0), Balance { total: 100, locked: 0, blocked: 100 });
    let refused = restored.draft(&scene.chain, &mut scene.rng).withdraw(OUTSIDE, 40, 0, 0);
    assert!(matches!(refused, Err(WalletError::Insufficient { available: 0, .. })));
    assert!(matches!(restored.draft(&scene.chain, &mut scene.rng).migrate(), Err(WalletError::NoAuthority)));
    let mut restored = restored.with_alias(alias("mallory"));
    assert_eq!(restored.balance(0).blocked, 100);
    restored.set_alias(alias("alice"));
    assert_eq!(restored.balance(0), scene.wallet.balance(0));
    restored.set_alias(alias("mallory"));
    assert_eq!(restored.balance(0).blocked, 100);
    restored.set_alias(alias("alice"));
    let draft = restored.draft(&scene.chain, &mut scene.rng).withdraw(OUTSIDE, 40, 0, 0).unwrap();
    scene.chain.settle([draft.into()]);
}

#[test]
fn registered_and_unregistered_notes_are_not_spent_together() {
    let mut scene = Scene::with_notes(&[30]);
    scene.register(alias("alice"));
    scene.deposit(40);
    let refused = scene.wallet.draft(&scene.chain, &mut scene.rng).withdraw(OUTSIDE, 70, 0, 0);
    assert!(matches!(refused, Err(WalletError::MergeFirst { available: 70, together: 40, .. })));
    let own = scene.wallet.address(true);
    let draft = scene.wallet.draft(&scene.chain, &mut scene.rng).send(&own, 30, 0, 0).unwrap();
    assert!(draft.witness.authority.is_none());
    scene.chain.settle([draft.into()]);
    scene.sync();
    let draft = scene.wallet.draft(&scene.chain, &mut scene.rng).withdraw(OUTSIDE, 70, 0, 0).unwrap();
    scene.chain.settle([draft.into()]);
}

#[test]
fn an_account_registers_once() {
    let mut scene = Scene::new();
    let draft = scene.wallet.draft(&scene.chain, &mut scene.rng).create_account(alias("alice")).unwrap();
    let again = scene.wallet.draft(&scene.chain, &mut scene.rng).create_account(alias("bob"));
    assert!(matches!(again, Err(WalletError::AccountPending)));
    scene.chain.settle([draft.into()]);
    scene.sync();
    let again = scene.wallet.draft(&scene.chain, &mut scene.rng).create_account(alias("bob"));
    assert!(matches!(again, Err(WalletError::AlreadyRegistered)));
}

#[test]
fn losing_an_alias_to_somebody_else_leaves_the_wallet_free_to_take_another() {
    let mut scene = Scene::new();
    let lost = scene.wallet.draft(&scene.chain, &mut scene.rng).create_account(alias("alice")).unwrap();
    let mut other = Wallet::new(keys(2));
    let won = other.draft(&scene.chain, &mut scene.rng).create_account(alias("alice")).unwrap();
    scene.chain.settle([won.into()]);
    let scanned = scene.chain.sync(&mut scene.wallet);
    assert_eq!(scanned.conflicted, [lost.witness.public.nullifiers[0]]);
    assert!(!scene.wallet.is_registered() && !scene.wallet.has_authority());
    scene.register(alias("alice.2"));
    assert!(scene.wallet.has_authority());
}

#[test]
fn added_keys_of_this_wallet_are_used_up_one_by_one() {
    let mut scene = Scene::new();
    scene.register(alias("alice"));
    let keys = [Some(scene.wallet.fresh_spending_key(0)), Some(scene.wallet.fresh_spending_key(1))];
    let foreign = Some(stranger().spending_key());
    for added in [keys, [foreign, None]] {
        let draft = scene.wallet.draft(&scene.chain, &mut scene.rng).add_keys(added).unwrap();
        scene.chain.settle([draft.into()]);
        scene.sync();
        assert_eq!(scene.wallet.pending().count(), 0);
    }
    assert!(!keys.contains(&Some(scene.wallet.fresh_spending_key(0))));
    let none = scene.wallet.draft(&scene.chain, &mut scene.rng).add_keys([None, None]);
    assert!(matches!(none, Err(WalletError::NoKeys)));
}

#[test]
fn after_a_migration_old_notes_are_spent_with_the_old_secret_and_change_goes_to_the_new_account() {
    let mut scene = Scene::with_notes(&[30]);
    scene.register(alias("alice"));
    scene.deposit(100);
    let old = scene.wallet.account_key();
    scene.migrate();
    assert_eq!((scene.wallet.current_account(), scene.wallet.is_registered()), (1, true));
    assert_ne!(scene.wallet.account_key(), old);
    let draft = scene.wallet.draft(&scene.chain, &mut scene.rng).withdraw(OUTSIDE, 90, 0, 0).unwrap();
    assert_eq!(draft.witness.account_secret.account_key(), old);
    assert!(draft.witness.outputs.iter().all(|output| output.owner == scene.wallet.account_key() && output.registered));
    scene.chain.settle([draft.into()]);
    scene.sync();
    assert_eq!(scene.available(), 40);
    let mut restored = Wallet::new(keys(1)).with_alias(alias("alice"));
    scene.chain.sync(&mut restored);
    assert_eq!(restored.balances(), scene.wallet.balances());
    assert_eq!(restored.account_key(), scene.wallet.account_key());
}

#[test]
fn moving_brings_all_worthwhile_notes_to_the_new_account() {
    let mut scene = Scene::with_notes(&[1, 50, 60]);
    scene.register(alias("alice"));
    [2, 70].into_iter().for_each(|amount| scene.deposit(amount));
    scene.migrate();
    assert!(matches!(
        scene.wallet.draft(&scene.chain, &mut scene.rng).merge(0, 183),
        Err(WalletError::NothingToMerge { .. })
    ));
    let drafts = scene.wallet.draft(&scene.chain, &mut scene.rng).move_notes(0, 3).unwrap();
    // 60 with 1, 50 alone, 70 with 2.
    assert_eq!(drafts.len(), 3);
    scene.chain.settle(drafts.into_iter().map(Into::into));
    scene.sync();
    assert_eq!(scene.available(), 183 - 9);
    let current = scene.wallet.current_account();
    assert!(scene.wallet.unspent().all(|own| own.account == current || own.note.amount == 0));
    assert_eq!(scene.wallet.draft(&scene.chain, &mut scene.rng).move_notes(0, 3).unwrap(), []);
}

#[test]
fn notes_not_worth_the_fee_stay_and_a_failed_move_locks_nothing() {
    let mut scene = Scene::with_notes(&[5, 50]);
    scene.register(alias("alice"));
    scene.deposit(3);
    scene.migrate();
    let leaf = scene.wallet.notes().find(|own| own.note.amount == 3).unwrap().leaf_index;
    scene.chain.missing.insert(leaf);
    let failed = scene.wallet.draft(&scene.chain, &mut scene.rng).move_notes(0, 0);
    assert!(matches!(failed, Err(WalletError::Membership { .. })));
    assert_eq!(scene.available(), 58);
    let drafts = scene.wallet.draft(&scene.chain, &mut scene.rng).move_notes(0, 3).unwrap();
    assert_eq!(drafts.len(), 1);
    assert!(drafts[0].witness.inputs.iter().all(|input| matches!(input, Input::Used { .. })));
}

#[test]
fn a_chain_of_migrations_outruns_the_gap_only_step_by_step() {
    let mut scene = Scene::new();
    scene.register(alias("alice"));
    for index in 1..=8 {
        scene.migrate();
        assert_eq!(scene.wallet.current_account(), index);
        scene.deposit(10);
    }
    let mut restored = Wallet::new(keys(1));
    scene.chain.sync(&mut restored);
    assert_eq!(restored.balance(0).total, 80);
    restored.set_alias(alias("alice"));
    assert_eq!(restored.balance(0), scene.wallet.balance(0));
    assert_eq!(restored.fresh_spending_key(0), scene.wallet.fresh_spending_key(0));
}

#[test]
fn drafts_and_wallets_do_not_show_secrets() {
    let mut scene = Scene::new();
    let draft = scene.wallet.draft(&scene.chain, &mut scene.rng).create_account(alias("alice")).unwrap();
    let AccountMode::Create { account_secret } = &draft.witness.mode else { panic!("a create") };
    let shown = format!("{draft:?} {:?}", scene.wallet.draft(&scene.chain, &mut scene.rng));
    assert!(!shown.contains(&account_secret.reveal().to_string()[2..]));
}
