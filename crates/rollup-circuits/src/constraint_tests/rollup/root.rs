//! Forgeries against the root verifier: it shows what the outer proof showed.

use plonky2::field::types::Field;

use super::super::{Attempt, Forgery};
use super::fixtures::{digest, put};
use super::forgery;
use super::settle::outer_at as to;
use super::subjects::Root;
use crate::plonk::F;
use crate::root_verifier::RootValues;
use crate::switches::Constraint as Is;

pub(super) fn forgeries() -> Vec<Forgery<Root>> {
    vec![
        forgery(Is::R1Public, "another new state", |s| s.lie(|public| put(public, to::NEW_STATE, &digest(13)))),
        forgery(Is::R1Public, "more fees", |s| s.lie(|public| public[to::FEE_SUMS] += F::ONE)),
        forgery(Is::R1Public, "another evaluation", |s| s.lie(|public| public[to::EVALUATION + 1] += F::ONE)),
    ]
}

impl Root {
    fn lie(&self, forge: impl FnOnce(&mut Vec<F>)) -> Attempt<RootValues> {
        Attempt::on(self.honest.clone(), |values| forge(&mut values.public))
    }
}
