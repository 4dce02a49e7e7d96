//! Value: receiving, locking, merging, and what the wallet refuses.

use super::*;
use crate::payload::{Opening, Payload};
use crate::viewing::ViewingSecret;
use crate::wallet::{Draft, PaymentAddress, WalletError};
use crate::witness::JoinSplitWitness;

#[test]
fn a_payment_reaches_its_recipient_and_change_comes_back() {
    let mut scene = Scene::with_notes(&[100]);
    let mut friend = Wallet::new(keys(2));
    let draft = scene.wallet.draft(&scene.chain, &mut scene.rng).send(&friend.address(false), 30, 0, 2).unwrap();
    assert_eq!(scene.wallet.balance(0).locked, 100);
    scene.chain.settle([draft.clone().into()]);
    let scanned = scene.chain.sync(&mut scene.wallet);
    assert_eq!(scanned.settled, [draft.witness.public.nullifiers[0]]);
    assert_eq!(scanned.received, [draft.witness.public.commitments[1]]);
    assert_eq!(scanned.spent.len(), 1);
    assert_eq!(scene.available(), 68);
    assert_eq!(scene.chain.sync(&mut friend).received, [draft.witness.public.commitments[0]]);
    assert_eq!(friend.balance(0).total, 30);
    // The note of amount 0 that the deposit made beside is a note, too.
    assert_eq!(scene.wallet.notes().count(), 3);
    assert_eq!(scene.wallet.notes().filter(|own| own.spent_in == Some(1)).count(), 1);
}

#[test]
fn a_withdrawal_keeps_the_change() {
    let mut scene = Scene::with_notes(&[100]);
    let draft = scene.wallet.draft(&scene.chain, &mut scene.rng).withdraw(OUTSIDE, 99, 0, 1).unwrap();
    scene.chain.settle([draft.into()]);
    scene.sync();
    assert_eq!(scene.wallet.balances(), [].into());
}

#[test]
fn locked_notes_are_not_spent_again_until_they_are_released() {
    let mut scene = Scene::with_notes(&[100]);
    let to = Wallet::new(keys(2)).address(false);
    let draft = scene.wallet.draft(&scene.chain, &mut scene.rng).send(&to, 30, 0, 0).unwrap();
    let again = scene.wallet.draft(&scene.chain, &mut scene.rng).send(&to, 30, 0, 0);
    assert!(matches!(again, Err(WalletError::Insufficient { needed: 30, available: 0, asset: 0 })));
    let pending = scene.wallet.pending().next().unwrap().clone();
    assert_eq!(pending.public, draft.witness.public);
    assert!(scene.wallet.release(&pending.id()));
    assert!(!scene.wallet.release(&pending.id()));
    assert!(scene.wallet.draft(&scene.chain, &mut scene.rng).send(&to, 30, 0, 0).is_ok());
}

#[test]
fn locks_are_held_again_by_a_rebuilt_wallet_until_they_settle() {
    let mut scene = Scene::with_notes(&[100]);
    let to = Wallet::new(keys(2)).address(false);
    let draft = scene.wallet.draft(&scene.chain, &mut scene.rng).send(&to, 30, 0, 0).unwrap();
    let rebuilt = |chain: &ToyChain| {
        let mut wallet = Wallet::new(keys(1));
        scene.wallet.pending().for_each(|pending| wallet.hold(pending.clone()));
        chain.sync(&mut wallet);
        wallet
    };
    assert_eq!(rebuilt(&scene.chain).balance(0).available(), 0);
    let mut later = scene.chain.clone();
    later.settle([draft.into()]);
    assert_eq!(rebuilt(&later).balance(0).available(), 70);
    assert_eq!(rebuilt(&later).pending().count(), 0);
}

#[test]
fn a_draft_whose_note_another_copy_has_spent_is_given_up() {
    let mut scene = Scene::with_notes(&[100, 50]);
    let mut copy = Wallet::new(keys(1));
    scene.chain.sync(&mut copy);
    let to = Wallet::new(keys(2)).address(false);
    let lost = scene.wallet.draft(&scene.chain, &mut scene.rng).send(&to, 150, 0, 0).unwrap();
    let won = copy.draft(&scene.chain, &mut scene.rng).send(&to, 100, 0, 0).unwrap();
    scene.chain.settle([won.into()]);
    let scanned = scene.chain.sync(&mut scene.wallet);
    assert_eq!(scanned.conflicted, [lost.witness.public.nullifiers[0]]);
    assert_eq!((scanned.settled.len(), scene.available()), (0, 50));
}

#[test]
fn what_lies_in_three_notes_must_be_merged_first() {
    let mut scene = Scene::with_notes(&[10, 20, 30]);
    let to = Wallet::new(keys(2)).address(false);
    let error = scene.wallet.draft(&scene.chain, &mut scene.rng).send(&to, 54, 0, 1).unwrap_err();
    assert!(matches!(error, WalletError::MergeFirst { needed: 55, available: 60, together: 50, .. }), "{error}");
    let draft = scene.wallet.draft(&scene.chain, &mut scene.rng).merge(0, 1).unwrap();
    scene.chain.settle([draft.into()]);
    scene.sync();
    let draft = scene.wallet.draft(&scene.chain, &mut scene.rng).send(&to, 54, 0, 1).unwrap();
    scene.chain.settle([draft.into()]);
    scene.sync();
    assert_eq!(scene.available(), 4);
    let error = scene.wallet.draft(&scene.chain, &mut scene.rng).merge(0, 0).unwrap_err();
    assert!(matches!(error, WalletError::NothingToMerge { asset: 0 }));
}

#[test]
fn amounts_that_no_proof_could_carry_are_refused() {
    let mut scene = Scene::with_notes(&[100]);
    let to = Wallet::new(keys(2)).address(false);
    let none = Address::default();
    let mut draft = scene.wallet.draft(&scene.chain, &mut scene.rng);
    let too_large = |result| matches!(result, Err(WalletError::TooLarge { .. }));
    assert!(too_large(draft.deposit(1 << 62, 0, OUTSIDE, 0)));
    assert!(too_large(draft.deposit(u64::MAX, 0, OUTSIDE, u64::MAX)));
    assert!(too_large(draft.send(&to, 1, 1 << 30, 0)));
    assert!(too_large(draft.withdraw(OUTSIDE, 1, 0, 1 << 48)));
    assert!(too_large(draft.merge(0, 1 << 48)));
    assert!(matches!(draft.send(&to, 0, 0, 0), Err(WalletError::ZeroAmount)));
    assert!(matches!(draft.deposit(0, 0, OUTSIDE, 0), Err(WalletError::ZeroAmount)));
    assert!(matches!(draft.withdraw(none, 1, 0, 0), Err(WalletError::ZeroAddress)));
    assert!(matches!(draft.deposit(1, 0, none, 0), Err(WalletError::ZeroAddress)));
    assert!(matches!(draft.deposit(5, 0, OUTSIDE, 6), Err(WalletError::FeeTooLarge { fee: 6, amount: 5 })));
    assert!(matches!(draft.send(&to, 1, 7, 0), Err(WalletError::Insufficient { available: 0, .. })));
    assert_eq!(scene.wallet.pending().count(), 0);
}

#[test]
fn a_path_that_is_missing_or_leads_elsewhere_locks_nothing() {
    let mut scene = Scene::with_notes(&[100]);
    let leaf = scene.wallet.notes().find(|own| own.note.amount == 100).unwrap().leaf_index;
    let mut elsewhere = ToyChain::new();
    elsewhere.settle([]);
    let error = scene.wallet.draft(&elsewhere, &mut scene.rng).withdraw(OUTSIDE, 1, 0, 0).unwrap_err();
    assert!(matches!(error, WalletError::WrongPath { leaf_index } if leaf_index == leaf));
    scene.chain.missing.insert(leaf);
    let error = scene.wallet.draft(&scene.chain, &mut scene.rng).withdraw(OUTSIDE, 1, 0, 0).unwrap_err();
    assert!(matches!(error, WalletError::Membership { leaf_index, .. } if leaf_index == leaf));
    assert_eq!(scene.wallet.pending().count(), 0);
}

/// The draft with other openings in its payload: what a lying sender would publish.
fn resealed(
    scene: &mut Scene,
    draft: &Draft<JoinSplitWitness>,
    to: &PaymentAddress,
    lie: impl Fn(&mut Opening),
) -> Draft<JoinSplitWitness> {
    let mut draft = draft.clone();
    let openings = draft.witness.outputs.map(|output| {
        let mut opening = Opening {
            amount: output.amount,
            asset: draft.witness.asset,
            registered: output.registered,
            blinding: output.blinding,
        };
        lie(&mut opening);
        opening
    });
    let payload = Payload::seal([(&openings[0], &to.viewing), (&openings[1], &to.viewing)], &mut scene.rng);
    draft.witness.public.payload_digest = payload.digest();
    draft.payload = payload.encode();
    draft
}

#[test]
fn a_ciphertext_that_lies_about_its_note_is_ignored() {
    let lies: [fn(&mut Opening); 4] = [
        |opening| opening.amount += 1,
        |opening| opening.asset += 1,
        |opening| opening.registered = !opening.registered,
        |opening| opening.blinding = Digest::ZERO,
    ];
    let mut scene = Scene::with_notes(&[100]);
    let mut friend = Wallet::new(keys(2));
    let to = friend.address(false);
    let draft = scene.wallet.draft(&scene.chain, &mut scene.rng).send(&to, 30, 0, 0).unwrap();
    for lie in lies {
        let mut chain = scene.chain.clone();
        let lying = resealed(&mut scene, &draft, &to, lie);
        chain.settle([lying.into()]);
        let mut recipient = Wallet::new(keys(2));
        assert_eq!(chain.sync(&mut recipient).received, []);
        assert_eq!(recipient.balances(), [].into());
    }
    let honest = resealed(&mut scene, &draft, &to, |_| {});
    scene.chain.settle([honest.into()]);
    // The second ciphertext is the friend's as well, but its note is not.
    assert_eq!(scene.chain.sync(&mut friend).received, [draft.witness.public.commitments[0]]);
}

#[test]
fn a_note_for_an_account_key_with_anothers_viewing_key_is_nobodys() {
    let mut scene = Scene::with_notes(&[100]);
    let mut friend = Wallet::new(keys(2));
    let mixed = PaymentAddress { account: stranger().account_key(), ..friend.address(false) };
    let other = PaymentAddress { viewing: ViewingSecret::of(&stranger()).key(), ..friend.address(false) };
    for to in [mixed, other] {
        let draft = scene.wallet.draft(&scene.chain, &mut scene.rng).send(&to, 10, 0, 0).unwrap();
        scene.chain.settle([draft.into()]);
        scene.sync();
    }
    assert_eq!(scene.chain.sync(&mut friend).received, []);
    assert_eq!(friend.notes().count(), 0);
}

#[test]
fn a_block_that_is_out_of_order_or_altered_changes_nothing() {
    let mut scene = Scene::with_notes(&[100, 50]);
    let mut fresh = Wallet::new(keys(1));
    let [first, second] = [0, 1].map(|at| scene.chain.blocks[at].clone());
    let error = fresh.scan(1, second.data_root, second.slots()).unwrap_err();
    assert!(matches!(error, WalletError::OutOfOrder { expected: 0, found: 1 }));
    let mut altered = first.clone();
    altered.slots[0].2[40] ^= 1;
    let error = fresh.scan(0, altered.data_root, altered.slots()).unwrap_err();
    assert!(matches!(error, WalletError::Payload { .. }));
    let mut padded = first.clone();
    padded.slots[1].2.push(0);
    assert!(fresh.scan(0, padded.data_root, padded.slots()).is_err());
    assert_eq!((fresh.next_rollup(), fresh.notes().count()), (0, 0));
    fresh.scan(0, first.data_root, first.slots()).unwrap();
    assert!(fresh.scan(0, first.data_root, first.slots()).is_err());
    fresh.scan(1, second.data_root, second.slots()).unwrap();
    assert_eq!(fresh.balances(), scene.wallet.balances());
    assert_eq!(fresh.data_root(), second.data_root);
    scene.sync();
}
