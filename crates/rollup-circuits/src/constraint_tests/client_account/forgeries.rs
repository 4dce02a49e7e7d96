//! Each way to act for an account that is not one's own, or that is not there.

use plonky2::field::types::Field;
use rollup::hash::Tag;
use rollup::transaction::layout;

use super::Account;
use super::story::{add, create, migrate, plant, set, settle};
use crate::client::account::AccountValues;
use crate::constraint_tests::fixture::{digest, field, hashed};
use crate::constraint_tests::{Attempt, Forgery};
use crate::plonk::F;
use crate::switches::Constraint as Is;

type Make = fn(&Account) -> Attempt<AccountValues>;

fn forgery(breaks: Is, says: &'static str, make: Make) -> Forgery<Account> {
    Forgery { breaks, says, given_off: &[], make }
}

/// Tampers with honest values and then makes tree, nullifiers and commitments fit again.
fn settled(honest: AccountValues, tamper: impl FnOnce(&mut AccountValues)) -> Attempt<AccountValues> {
    Attempt::on(honest, |forged| {
        tamper(forged);
        settle(forged);
    })
}

pub(super) fn forgeries() -> Vec<Forgery<Account>> {
    [modes(), notes(), nullifiers(), fields()].into_iter().flatten().collect()
}

fn modes() -> Vec<Forgery<Account>> {
    vec![
        Forgery {
            breaks: Is::A0ModeBoolean,
            says: "adds twice and migrates minus once",
            given_off: &[Is::A4AddDummies],
            make: |_| {
                settled(add(), |forged| {
                    forged.modes = [F::ZERO, F::TWO, F::NEG_ONE];
                    forged.new_secret = digest(1);
                })
            },
        },
        forgery(
            Is::A0ModeOneHot,
            "without a mode: a spending key for another's account, opening and claiming nothing",
            |_| {
                settled(create(), |forged| {
                    forged.modes = [F::ZERO; 3];
                    forged.new_key = digest(100);
                    forged.alias = digest(101);
                })
            },
        ),
        forgery(Is::A0Type, "an account transaction calls itself padding, so nothing is nullified", |_| {
            settled(create(), |forged| forged.public[layout::TX_TYPE] = F::ZERO)
        }),
        forgery(Is::A2Create, "creates an account with another's account key", |_| {
            settled(create(), |forged| forged.new_key = digest(100))
        }),
        forgery(Is::A2Migrate, "migrates to another's account key", |_| {
            settled(migrate(), |forged| forged.new_key = digest(100))
        }),
        forgery(Is::A5KeyUnchanged, "adds a spending key to another's account key", |_| {
            settled(add(), |forged| forged.new_key = digest(100))
        }),
    ]
}

fn notes() -> Vec<Forgery<Account>> {
    vec![
        forgery(Is::A1Commitment, "makes a note of value out of nothing", |_| {
            Attempt::on(create(), |forged| set(forged, layout::COMMITMENTS, digest(100)))
        }),
        forgery(Is::A1Commitment, "makes a note in the place that it leaves empty", |_| {
            Attempt::on(add(), |forged| set(forged, layout::COMMITMENTS + 4, digest(100)))
        }),
        forgery(Is::A1PresentBoolean, "commits to twice an account note", |_| {
            settled(create(), |forged| forged.present[0] = F::TWO)
        }),
        forgery(Is::A3Membership, "opens an account note that nobody made", |_| {
            Attempt::on(add(), |forged| {
                forged.spending_secret = digest(100);
                forged.note_spending = hashed(Tag::SpendingKey, &[&digest(100).0]);
            })
        }),
        forgery(Is::A3Membership, "migrates by an account note of another deployment's tree", |_| {
            Attempt::on(migrate(), |forged| {
                let own = forged.clone();
                forged.note_alias = digest(100);
                plant(forged);
                (forged.note_alias, forged.note_path) = (own.note_alias, own.note_path);
            })
        }),
        forgery(Is::A3Alias, "migrates another's alias by an own account note", |_| {
            settled(migrate(), |forged| forged.alias = digest(100))
        }),
        forgery(Is::A3OldKey, "adds an own spending key to another's account key by an own account note", |_| {
            settled(add(), |forged| {
                forged.old_key = digest(100);
                forged.new_key = digest(100);
            })
        }),
        forgery(Is::A3OldKey, "migrates an alias again from a key that it never had", |_| {
            settled(migrate(), |forged| forged.old_key = digest(100))
        }),
        forgery(Is::A3SpendingKey, "migrates without the spending secret", |_| {
            settled(migrate(), |forged| forged.spending_secret = digest(100))
        }),
    ]
}

fn nullifiers() -> Vec<Forgery<Account>> {
    const FIRST: usize = layout::NULLIFIERS;
    const SECOND: usize = layout::NULLIFIERS + 4;
    vec![
        forgery(Is::A4CreateAlias, "creates an account under an alias that is taken", |_| {
            Attempt::on(create(), |forged| set(forged, FIRST, digest(100)))
        }),
        forgery(Is::A4CreateKey, "creates a second account with one account key", |_| {
            Attempt::on(create(), |forged| set(forged, SECOND, digest(100)))
        }),
        forgery(Is::A4MigrateAlias, "migrates twice from one account key", |_| {
            Attempt::on(migrate(), |forged| set(forged, FIRST, digest(100)))
        }),
        forgery(Is::A4MigrateKey, "migrates two aliases to one account key", |_| {
            Attempt::on(migrate(), |forged| set(forged, SECOND, digest(100)))
        }),
        forgery(Is::A4AddDummies, "claims another's alias while adding a key", |_| {
            Attempt::on(add(), |forged| set(forged, FIRST, hashed(Tag::Alias, &[&digest(100).0])))
        }),
        forgery(Is::A4AddDummies, "claims another's account key while adding a key", |_| {
            Attempt::on(add(), |forged| set(forged, SECOND, hashed(Tag::RegisteredKey, &[&digest(100).0])))
        }),
    ]
}

fn fields() -> Vec<Forgery<Account>> {
    vec![
        forgery(Is::A6Public, "shows a public amount", |_| {
            Attempt::on(add(), |forged| forged.public[layout::PUBLIC_AMOUNT] = field(1_000))
        }),
        forgery(Is::A6Public, "shows an owner", |_| {
            Attempt::on(add(), |forged| forged.public[layout::PUBLIC_OWNER + 4] = F::ONE)
        }),
        forgery(Is::A6Public, "shows a public asset", |_| {
            Attempt::on(add(), |forged| forged.public[layout::PUBLIC_ASSET] = F::ONE)
        }),
        forgery(Is::A6Payload, "names a payload", |_| {
            Attempt::on(add(), |forged| set(forged, layout::PAYLOAD_DIGEST, digest(100)))
        }),
        forgery(Is::A6Fee, "pays a fee out of nothing", |_| {
            Attempt::on(add(), |forged| forged.public[layout::FEE] = field(1_000))
        }),
        forgery(Is::A6Fee, "names a fee asset", |_| {
            Attempt::on(add(), |forged| forged.public[layout::FEE_ASSET] = F::ONE)
        }),
        forgery(Is::A6Reserved, "sets a reserved field", |_| {
            Attempt::on(create(), |forged| forged.public[layout::RESERVED + 8] = F::ONE)
        }),
    ]
}
