//! Forgeries against the inner rollup, the outer rollup and the root verifier.
//!
//! The children are mocks: the circuits then have every constraint but the recursive verification, so
//! each forgery is shown with real proofs. [`recursion`] shows the verification itself.

mod bindings;
mod fixtures;
mod indexed;
mod inner_fees;
mod inner_nullifiers;
mod inner_order;
mod inner_published;
mod inner_slots;
mod inner_subtree;
mod outer;
mod outer_state;
mod plain;
mod recursion;
mod root;
mod settle;
mod subjects;

use subjects::{Inner, Outer, Root};

use super::{Entry, Forgery, Subject, entries, run};
use crate::switches::Constraint;

/// Every forgery of these circuits.
pub(super) fn registry() -> Vec<Entry> {
    let mut all = entries::<Inner<2>>();
    all.extend(entries::<Inner<3>>());
    all.extend(entries::<Outer<2>>());
    all.extend(entries::<Outer<3>>());
    all.extend(entries::<Root>());
    all
}

/// A forgery that breaks one constraint with all others on.
fn forgery<S: Subject>(
    breaks: Constraint,
    says: &'static str,
    make: fn(&S) -> super::Attempt<S::Values>,
) -> Forgery<S> {
    Forgery { breaks, says, given_off: &[], make }
}

#[test]
fn inner_forgeries_pass_only_where_their_constraint_is_off() {
    run(&Inner::<2>::new());
    run(&Inner::<3>::new());
}

#[test]
fn outer_forgeries_pass_only_where_their_constraint_is_off() {
    run(&Outer::<2>::new());
    run(&Outer::<3>::new());
}

#[test]
fn root_verifier_forgeries_pass_only_where_their_constraint_is_off() {
    run(&Root::new());
}
