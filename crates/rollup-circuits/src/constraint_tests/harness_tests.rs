//! The harness itself: a forgery that is none does not pass for one.

use plonky2::field::types::Field;
use rollup::transaction::layout;

use super::client_join_split::JoinSplit;
use super::padding::Padding;
use super::{Attempt, Forgery, Subject};
use crate::constraint_tests::harness::forge_all;
use crate::plonk::F;
use crate::switches::Constraint;

/// What the harness objects to in a forgery of padding.
fn objection(forgery: Forgery<Padding>) -> String {
    forge_all(&Padding, vec![forgery]).join("\n")
}

#[test]
fn honest_values_are_no_forgery() {
    let said = objection(Forgery {
        breaks: Constraint::P1Zero,
        says: "nothing",
        given_off: &[],
        make: |_| Attempt { honest: vec![F::ZERO; layout::TOTAL], forged: vec![F::ZERO; layout::TOTAL] },
    });
    assert!(said.contains("the forged values, all on: every constraint holds"), "{said}");
}

#[test]
fn a_forgery_of_another_constraint_is_no_forgery_of_this_one() {
    let said = objection(Forgery {
        breaks: Constraint::A6Fee,
        says: "a fee in padding",
        given_off: &[],
        make: |_| Attempt::on(vec![F::ZERO; layout::TOTAL], |forged| forged[layout::FEE] = F::ONE),
    });
    assert!(said.contains("the forged values, switched off"), "{said}");
}

#[test]
fn a_constraint_that_another_one_implies_needs_that_one_off() {
    let implied: Vec<Forgery<JoinSplit>> = JoinSplit::forgeries()
        .into_iter()
        .filter(|forgery| !forgery.given_off.is_empty())
        .map(|forgery| Forgery { given_off: &[], ..forgery })
        .collect();
    let count = implied.len();
    let said = forge_all(&JoinSplit, implied);
    assert_eq!(said.len(), count, "{said:?}");
}
