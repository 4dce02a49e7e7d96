//! Forged inputs: whose they are, where they come from, what they nullify.

use plonky2::field::types::Field;
use rollup::hash::Tag;

use super::story::{commitment, nullifiers, nullify, pay, plant, registered, settle, withdraw};
use super::{Attempt, Forgery, JoinSplit, forgery, settled};
use crate::constraint_tests::fixture::{digest, field, hashed};
use crate::plonk::F;
use crate::switches::Constraint as Is;

pub(super) fn forgeries() -> Vec<Forgery<JoinSplit>> {
    vec![
        forgery(Is::J1AccountKey, "spends another account's notes", |_| {
            settled(pay(), |forged| {
                forged.account_key = digest(100);
                for input in &mut forged.inputs {
                    input.note.owner = digest(100);
                }
                forged.note_account = digest(100);
            })
        }),
        forgery(Is::J1NullifierKey, "spends its notes again under another nullifier key", |_| {
            settled(pay(), |forged| forged.nullifier_key = digest(100))
        }),
        forgery(Is::J1InputOwner, "spends another account's note beside an own one", |_| {
            settled(pay(), |forged| forged.inputs[0].note.owner = digest(100))
        }),
        forgery(Is::J1Commitment, "opens a note of 60 as one of 1,060", |_| {
            Attempt::on(pay(), |forged| {
                forged.inputs[0].note.amount += field(1_000);
                forged.outputs[1].amount += field(1_000);
                let unchanged = nullifiers(forged);
                nullify(forged, unchanged);
            })
        }),
        forgery(Is::J1Membership, "spends a note that nobody made", |_| {
            Attempt::on(pay(), |forged| {
                forged.inputs[0].path.siblings[5] = digest(100);
            })
        }),
        forgery(Is::J1Membership, "spends a note of another deployment's tree", |_| {
            Attempt::on(pay(), |forged| {
                let own = forged.inputs[1].clone();
                forged.inputs[1].note.commitment = digest(100);
                plant(forged);
                forged.inputs[1] = own;
            })
        }),
        forgery(Is::J1Nullifier, "spends a note again under another nullifier", |_| {
            Attempt::on(pay(), |forged| {
                let [_, second] = nullifiers(forged);
                nullify(forged, [digest(100), second]);
            })
        }),
        Forgery {
            breaks: Is::J1UsedBoolean,
            says: "an input of amount 0 is used twice over",
            given_off: &[Is::J2Dummy],
            make: |_| {
                let mut honest = pay();
                honest.inputs[1].note.amount = F::ZERO;
                honest.outputs[0].amount = field(20);
                settle(&mut honest);
                settled(honest, |forged| forged.inputs[1].used = F::TWO)
            },
        },
        forgery(Is::J2UnusedAmount, "makes 1,000 out of an unused input", |_| {
            settled(withdraw(), |forged| {
                forged.inputs[1].note.amount = field(1_000);
                forged.outputs[1].amount = field(1_000);
            })
        }),
        forgery(Is::J2Dummy, "nullifies another's alias by an unused input", |_| {
            Attempt::on(withdraw(), |forged| {
                let [first, _] = nullifiers(forged);
                nullify(forged, [first, hashed(Tag::Alias, &[&digest(100).0])]);
            })
        }),
        forgery(Is::J2Distinct, "spends one note twice in one transaction", |_| {
            settled(pay(), |forged| {
                forged.inputs[1] = forged.inputs[0].clone();
                forged.outputs[0].amount = field(80);
            })
        }),
        Forgery {
            breaks: Is::J6RegisteredBoolean,
            says: "spends notes whose `registered` is 2",
            given_off: &[],
            make: |_| {
                settled(registered(), |forged| {
                    forged.registered = F::TWO;
                    for input in &mut forged.inputs {
                        input.note.registered = F::TWO;
                    }
                })
            },
        },
        forgery(Is::J6InputRegistered, "spends a registered note without a spending key", |_| {
            settled(pay(), |forged| forged.inputs[0].note.registered = F::ONE)
        }),
        forgery(Is::J6Membership, "spends registered notes by an account note that nobody made", |_| {
            Attempt::on(registered(), |forged| {
                forged.spending_secret = digest(100);
                forged.spending_key = hashed(Tag::SpendingKey, &[&digest(100).0]);
            })
        }),
        forgery(Is::J6AccountKey, "spends registered notes by another account's account note", |_| {
            settled(registered(), |forged| {
                forged.note_account = digest(100);
                forged.alias = digest(101);
            })
        }),
        forgery(Is::J6SpendingKey, "spends registered notes without the spending secret", |_| {
            Attempt::on(registered(), |forged| forged.spending_secret = digest(100))
        }),
        forgery(Is::J7Commitment, "commits to an output of 1,000,000 where the balance counts 30", |_| {
            Attempt::on(pay(), |forged| {
                let mut made = forged.outputs[1].clone();
                made.amount = field(1_000_000);
                super::story::publish(forged, 1, commitment(&made));
            })
        }),
        forgery(Is::J7Rho, "makes an output with the rho of an older note", |_| {
            Attempt::on(pay(), |forged| {
                forged.outputs[0].rho = digest(30);
                let made = commitment(&forged.outputs[0]);
                super::story::publish(forged, 0, made);
            })
        }),
        forgery(Is::J7RegisteredBoolean, "makes an output whose `registered` is 2", |_| {
            settled(pay(), |forged| forged.outputs[0].registered = F::TWO)
        }),
    ]
}
