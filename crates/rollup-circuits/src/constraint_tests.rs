//! Every constraint is switched off and forged.
//!
//! A [`Forgery`] turns honest values into values that break one constraint and no other. Where that
//! constraint is off, the forged values are accepted: by a real proof that verifies where the circuit is
//! small, else by evaluating every constraint. Where all are on, neither an honest nor a determined
//! prover gets a proof out of them. The runs print the table that stands in `docs/protocol.md`.

mod bindings;
mod client_account;
mod client_join_split;
mod fixture;
mod harness;
mod harness_tests;
mod padding;
mod rollup;
mod table;
mod wrap;

use std::collections::BTreeSet;

pub(crate) use harness::{Attempt, Built, Forgery, Subject, build, light, run};
pub(crate) use table::{Entry, entries};

use crate::switches::Constraint;

/// Every forgery that there is.
fn registry() -> Vec<Entry> {
    let mut all = entries::<client_join_split::JoinSplit>();
    all.extend(entries::<client_account::Account>());
    all.extend(entries::<padding::Padding>());
    all.extend(entries::<wrap::Wrap>());
    all.extend(rollup::registry());
    all
}

#[test]
fn every_constraint_has_a_forgery() {
    let forged: BTreeSet<Constraint> = registry().iter().map(|entry| entry.breaks).collect();
    let missing: Vec<_> = Constraint::ALL.iter().filter(|constraint| !forged.contains(constraint)).collect();
    assert!(missing.is_empty(), "without a forgery: {missing:?}");
}

#[test]
fn join_split_forgeries_pass_only_where_their_constraint_is_off() {
    run(&client_join_split::JoinSplit);
}

#[test]
fn account_forgeries_pass_only_where_their_constraint_is_off() {
    run(&client_account::Account);
}

#[test]
fn padding_forgeries_pass_only_where_their_constraint_is_off() {
    run(&padding::Padding);
}

#[test]
fn wrap_forgeries_pass_only_where_their_constraint_is_off() {
    run(&wrap::Wrap::new());
}
