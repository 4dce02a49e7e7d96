//! Forgeries against the chain of inner rollups: which count, and what they must agree on.

use plonky2::field::types::Field;
use rollup::published::inner_commitment;
use rollup::transaction::layout;
use rollup::world::World;

use super::super::{Attempt, Forgery};
use super::fixtures::{at, deployment, digest, f, mock, put};
use super::forgery;
use super::settle::{challenge, settle_outer, shifted};
use super::subjects::Outer;
use crate::outer::OuterValues;
use crate::plonk::F;
use crate::switches::Constraint as Is;

pub(super) fn forgeries() -> Vec<Forgery<Outer<2>>> {
    [counting(), chaining(), agreeing()].into_iter().flatten().collect()
}

/// The public limbs of the second inner rollup.
fn second(values: &mut OuterValues) -> &mut Vec<F> {
    mock(&mut values.children[1])
}

/// Copies a field of the first inner rollup into the second.
fn copy(values: &mut OuterValues, at: usize, count: usize) {
    let limbs = values.children[0].public_inputs()[at..at + count].to_vec();
    second(values)[at..at + count].copy_from_slice(&limbs);
}

/// Which inner rollups count.
fn counting() -> Vec<Forgery<Outer<2>>> {
    vec![
        forgery(Is::O1Boolean, "an inner rollup that counts twice: its fees are paid out twice", |s| {
            s.forged(|values| values.real[1] = F::TWO)
        }),
        forgery(Is::O1First, "no inner rollup at all: an id is used up", |s| {
            s.forged(|values| values.real = vec![F::ZERO; 2])
        }),
        forgery(Is::O1Advances, "a real inner rollup without a transaction", |s| s.forged(stand_still)),
        forgery(Is::O1Masked, "the fees of an empty inner rollup paid out", |s| {
            // Without masks only a full rollup is as it should be.
            let mut forged = s.shorter.outer();
            settle_outer(&mut forged, false);
            Attempt { honest: s.usual.outer(), forged }
        }),
    ]
}

/// Makes the second inner rollup one without a real slot.
fn stand_still(values: &mut OuterValues) {
    let limbs = second(values);
    for (old, new, count) in [
        (at::OLD_DATA_ROOT, at::NEW_DATA_ROOT, 4),
        (at::OLD_DATA_NEXT, at::NEW_DATA_NEXT, 1),
        (at::OLD_NULLIFIER_ROOT, at::NEW_NULLIFIER_ROOT, 4),
        (at::OLD_NULLIFIER_NEXT, at::NEW_NULLIFIER_NEXT, 1),
    ] {
        limbs.copy_within(old..old + count, new);
    }
    limbs[at::FEE_SUMS..at::FEE_SUMS + 4].fill(F::ZERO);
    limbs[at::EVALUATION..at::EVALUATION + 2].fill(F::ZERO);
    put(limbs, at::COMMITMENT, &inner_commitment(&[F::ZERO; 2 * layout::PUBLISHED]));
}

/// Three inner rollups, of which the first and the last count.
pub(super) fn gap() -> Forgery<Outer<3>> {
    forgery(Is::O1Prefix, "a gap between real inner rollups", |s| {
        s.forged(|values| {
            values.real[1] = F::ZERO;
            values.children[1] = values.children[0].clone();
            values.children[2] = s.usual.outer().children[1].clone();
            let last = mock(&mut values.children[2]);
            last[at::INDEX] = F::TWO;
            let moved = shifted(
                [last[at::EVALUATION], last[at::EVALUATION + 1]],
                challenge(last),
                2 * layout::PUBLISHED as u64,
            );
            last[at::EVALUATION..][..2].copy_from_slice(&moved);
        })
    })
}

/// Each inner rollup starts where the one before it ends, and the first at the old state.
fn chaining() -> Vec<Forgery<Outer<2>>> {
    vec![
        forgery(Is::O2DataChain, "a data tree of the forger's own at the start", |s| {
            s.forged(|values| put(mock(&mut values.children[0]), at::OLD_DATA_ROOT, &digest(31)))
        }),
        forgery(Is::O2DataChain, "twice from the old data root: the first notes are lost", |s| {
            s.forged(|values| copy(values, at::OLD_DATA_ROOT, 4))
        }),
        forgery(Is::O2DataChain, "from another next index: a hole in the data tree", |s| {
            s.forged(|values| second(values)[at::OLD_DATA_NEXT] += f(64))
        }),
        forgery(Is::O2NullifierChain, "a nullifier tree in which nothing is spent at the start", |s| {
            s.forged(|values| put(mock(&mut values.children[0]), at::OLD_NULLIFIER_ROOT, &digest(31)))
        }),
        forgery(Is::O2NullifierChain, "twice from the old nullifier root: one nullifier in two inner rollups", |s| {
            s.forged(|values| copy(values, at::OLD_NULLIFIER_ROOT, 4))
        }),
        forgery(Is::O2NullifierChain, "twice from the old next index", |s| {
            s.forged(|values| copy(values, at::OLD_NULLIFIER_NEXT, 1))
        }),
    ]
}

/// What each inner rollup has in common with the outer one.
fn agreeing() -> Vec<Forgery<Outer<2>>> {
    vec![
        forgery(Is::O2RootsRoot, "an inner rollup under a foreign roots root", |s| {
            s.forged(|values| put(second(values), at::ROOTS_ROOT, &elsewhere().state().roots_root))
        }),
        forgery(Is::O2RootsRoot, "the first inner rollup under a foreign roots root", |s| {
            s.forged(|values| put(mock(&mut values.children[0]), at::ROOTS_ROOT, &elsewhere().state().roots_root))
        }),
        forgery(Is::O2RollupId, "an inner rollup made for another rollup", |s| off_by_one(s, at::ROLLUP_ID)),
        forgery(Is::O2FeeAssets, "fees summed up in another asset", |s| off_by_one(s, at::FEE_ASSETS + 1)),
        forgery(Is::O2Challenge, "an inner rollup evaluated at another point", |s| off_by_one(s, at::CHALLENGE)),
        forgery(Is::O2Challenge, "another second limb of the point", |s| off_by_one(s, at::CHALLENGE + 1)),
        forgery(Is::O2Index, "the second inner rollup published at the place of the first", |s| {
            s.forged(|values| second(values)[at::INDEX] = F::ZERO)
        }),
        forgery(Is::O2DefiRoot, "an inner rollup under another defi root", |s| off_by_one(s, at::DEFI_ROOT)),
    ]
}

fn off_by_one(subject: &Outer<2>, limb: usize) -> Attempt<OuterValues> {
    subject.forged(|values| second(values)[limb] += F::ONE)
}

fn elsewhere() -> World {
    World::in_memory(deployment(1)).unwrap()
}
