//! Forgeries against what is published: other limbs than those that were proved.

use plonky2::field::types::Field;
use rollup::published;
use rollup::transaction::layout;

use super::super::{Attempt, Forgery};
use super::fixtures::{at, f, put};
use super::forgery;
use super::settle::{published_limbs, settle_evaluation};
use super::subjects::Inner;
use crate::inner::values::InnerValues;
use crate::plonk::F;
use crate::switches::Constraint as Is;

pub(super) fn forgeries() -> Vec<Forgery<Inner<2>>> {
    vec![
        forgery(Is::I6Commitment, "a swapped limb: the withdrawal's amount for a word of its owner", |s| {
            committing(s, |limbs| swap(limbs))
        }),
        forgery(Is::I6Commitment, "a shortened list: the last limb left out", |s| committing(s, shorten)),
        forgery(Is::I6Commitment, "a padded list: one limb too many", |s| committing(s, pad)),
        forgery(Is::I6Evaluation, "a swapped limb: the withdrawal's amount for a word of its owner", |s| {
            evaluating(s, |limbs| swap(limbs))
        }),
        forgery(Is::I6Evaluation, "a shortened list: the last limb left out", |s| evaluating(s, shorten)),
        forgery(Is::I6Evaluation, "a padded list: one limb too many", |s| evaluating(s, pad)),
        forgery(Is::I6Offset, "the second inner rollup at the place of the first", |s| {
            s.second(|case| case.values.index_bits[0] = F::ZERO)
        }),
        forgery(Is::I6Offset, "index bits of 3 and −1, which move the limbs to no exponent at all", |s| {
            s.second(|case| case.values.index_bits[..2].copy_from_slice(&[f(3), -F::ONE]))
        }),
    ]
}

fn swap(limbs: &mut [F]) {
    limbs.swap(layout::PUBLIC_AMOUNT, layout::PUBLIC_OWNER);
}

fn shorten(limbs: &mut Vec<F>) {
    assert_ne!(limbs.pop(), Some(F::ZERO), "a last limb that counts");
}

fn pad(limbs: &mut Vec<F>) {
    limbs.push(F::ONE);
}

/// Commits to other limbs.
fn committing(subject: &Inner<2>, change: fn(&mut Vec<F>)) -> Attempt<InnerValues> {
    subject.lie(|values| {
        let mut limbs = published_limbs(values);
        change(&mut limbs);
        put(&mut values.public, at::COMMITMENT, &published::inner_commitment(&limbs));
    })
}

/// Evaluates other limbs.
fn evaluating(subject: &Inner<2>, change: fn(&mut Vec<F>)) -> Attempt<InnerValues> {
    subject.lie(|values| {
        let mut limbs = published_limbs(values);
        change(&mut limbs);
        settle_evaluation(values, &limbs);
    })
}
