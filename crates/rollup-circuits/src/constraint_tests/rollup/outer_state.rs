//! Forgeries against the outer rollup's states and outputs.

use plonky2::field::types::Field;
use rollup::state::ROOTS_DEPTH;
use rollup::tree;
use rollup::witness::MerklePath;

use super::super::{Attempt, Forgery};
use super::fixtures::{at, digest, f, mock, put};
use super::forgery;
use super::settle::outer_at as to;
use super::subjects::Outer;
use crate::outer::OuterValues;
use crate::plonk::F;
use crate::switches::Constraint as Is;

pub(super) fn forgeries() -> Vec<Forgery<Outer<2>>> {
    [roots(), states(), outputs()].into_iter().flatten().collect()
}

/// The new data root goes to the empty leaf after the rollup id.
fn roots() -> Vec<Forgery<Outer<2>>> {
    vec![
        forgery(Is::O3Empty, "rollup 0 once more: its data root in the roots tree is overwritten", |s| {
            s.forged(|values| {
                rename(values, 0);
                values.roots_path = path(s, 1);
            })
        }),
        forgery(Is::O3Empty, "siblings of the forger's own: every data root exchanged", |s| {
            s.forged(|values| values.roots_path.siblings[0] = digest(5))
        }),
        forgery(Is::O3Index, "a later leaf than the rollup's own", |s| {
            s.forged(|values| values.roots_path = path(s, 9))
        }),
        forgery(Is::O3Index, "the rollup after the last one", |s| {
            s.forged(|values| {
                rename(values, (1 << ROOTS_DEPTH) - 1);
                values.roots_path = path(s, 7);
            })
        }),
        forgery(Is::O3Index, "another public rollup id", |s| s.lie(|values| values.public[to::ROLLUP_ID] += F::ONE)),
        forgery(Is::O3NewRoot, "a roots tree with a data root of the forger's own", |s| {
            s.lie(|values| {
                let mut state = s.usual.plan.new_state;
                state.roots_root = tree::fold(&digest(5), &values.roots_path);
                values.new_roots_root = state.roots_root.0;
                put(&mut values.public, to::NEW_STATE, &state.digest());
            })
        }),
    ]
}

/// The path of an empty leaf of the roots tree.
fn path(subject: &Outer<2>, index: u64) -> MerklePath {
    let world = &subject.usual.world;
    tree::path(world.nodes(), &world.state().roots_root, ROOTS_DEPTH, 0, index).unwrap()
}

/// Gives the rollup and its inner rollups another id.
fn rename(values: &mut OuterValues, id: u32) {
    values.old.rollup_id = id;
    for child in &mut values.children {
        mock(child)[at::ROLLUP_ID] = F::from_canonical_u32(id);
    }
}

fn states() -> Vec<Forgery<Outer<2>>> {
    vec![
        forgery(Is::O4OldState, "a rollup on a state that never was", |s| lie_digest(s, to::OLD_STATE)),
        forgery(Is::O4NewState, "another new state: every balance rewritten", |s| lie_digest(s, to::NEW_STATE)),
        forgery(Is::O4Commitment, "a commitment to other limbs", |s| lie_digest(s, to::COMMITMENT)),
    ]
}

fn lie_digest(subject: &Outer<2>, at: usize) -> Attempt<OuterValues> {
    subject.lie(|values| put(&mut values.public, at, &digest(13)))
}

fn outputs() -> Vec<Forgery<Outer<2>>> {
    vec![
        forgery(Is::O2FeeSums, "a sum that nobody paid", |s| lie(s, to::FEE_SUMS + 3, f(1 << 40))),
        forgery(Is::O2FeeSums, "only some of the fees", |s| lie(s, to::FEE_SUMS, f(1))),
        forgery(Is::O4Beneficiary, "a word of 33 bits in the beneficiary", |s| lie(s, to::BENEFICIARY, f(1 << 32))),
        forgery(Is::O4Beneficiary, "a last word of p − 1", |s| lie(s, to::BENEFICIARY + 4, -F::ONE)),
        forgery(Is::O4Shape, "more slots in an inner rollup than there are", |s| lie(s, to::SHAPE, f(4))),
        forgery(Is::O4Shape, "fewer inner rollups than there are", |s| lie(s, to::SHAPE + 1, f(1))),
        forgery(Is::O4Evaluation, "the evaluation of other limbs", |s| lie(s, to::EVALUATION, f(1))),
        forgery(Is::O4Evaluation, "another second limb of the evaluation", |s| lie(s, to::EVALUATION + 1, f(1))),
    ]
}

fn lie(subject: &Outer<2>, limb: usize, value: F) -> Attempt<OuterValues> {
    subject.lie(|values| values.public[limb] = value)
}
