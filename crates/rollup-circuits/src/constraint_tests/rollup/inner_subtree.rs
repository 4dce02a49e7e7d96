//! Forgeries against the data tree: overwritten, left with holes, or not grown at all.

use plonky2::field::types::Field;
use rollup::field::Digest;
use rollup::shape::subtree_depth;
use rollup::state::DATA_DEPTH;
use rollup::transaction::layout;
use rollup::tree::{self, empty, fold, subtree_root};
use rollup::witness::MerklePath;

use super::super::{Attempt, Forgery, Subject};
use super::fixtures::{InnerCase, at, digest, f, limbs, put};
use super::forgery;
use super::settle::{commitments, settle};
use super::subjects::Inner;
use crate::inner::nullifiers::InsertionValues;
use crate::inner::subtree::SubtreeValues;
use crate::inner::values::InnerValues;
use crate::plonk::F;
use crate::switches::Constraint as Is;

/// Forgeries of any number of slots.
pub(super) fn forgeries<const N: usize>() -> Vec<Forgery<Inner<N>>>
where
    Inner<N>: Subject<Values = InnerValues>,
{
    let mut all = places::<N>();
    all.extend([
        forgery(Is::I5NewRoot, "a note out of thin air in place of a commitment", |s: &Inner<N>| {
            with_leaves(s, |leaves| leaves[3] = digest(666))
        }),
        forgery(Is::I5NewRoot, "two commitments swapped", |s| with_leaves(s, |leaves| leaves.swap(0, 3))),
        forgery(Is::I5Next, "a next index inside the subtree that was filled", |s| {
            s.lie(|values| values.public[at::NEW_DATA_NEXT] -= F::TWO)
        }),
    ]);
    all
}

fn places<const N: usize>() -> Vec<Forgery<Inner<N>>>
where
    Inner<N>: Subject<Values = InnerValues>,
{
    vec![
        forgery(Is::I5Empty, "an old next index: the notes of the last rollup overwritten", |s: &Inner<N>| {
            s.first(|case| {
                case.values.public[at::OLD_DATA_NEXT] = f((first(s) - 1) << subtree_depth(N));
                case.values.subtree.path = path(s, first(s) - 1);
            })
        }),
        forgery(Is::I5Empty, "siblings of another tree: every note exchanged", |s| {
            s.first(|case| {
                let depth = subtree_depth(N);
                let foreign = (depth..DATA_DEPTH).map(|level| if level == depth { digest(9) } else { empty(level) });
                case.values.subtree.path.siblings = foreign.collect();
            })
        }),
        forgery(Is::I5Aligned, "a subtree left out: a hole in the data tree", |s| {
            s.first(|case| case.values.subtree.path = path(s, first(s) + 1))
        }),
        forgery(Is::I5Aligned, "the last subtree of the tree: no room is left", |s| {
            s.first(|case| case.values.subtree.path = path(s, (1 << (DATA_DEPTH - subtree_depth(N))) - 1))
        }),
        forgery(Is::I5Aligned, "a subtree before the next index: the index runs backwards", |s| {
            s.first(|case| case.values.public[at::OLD_DATA_NEXT] = f(1 << 20))
        }),
    ]
}

/// Three slots leave two leaves of the subtree over.
pub(super) fn filler() -> Forgery<Inner<3>> {
    forgery(Is::I5NewRoot, "a note out of thin air in the part that stays empty", |s| {
        with_leaves(s, |leaves| leaves.resize(8, digest(666)))
    })
}

/// Which inner rollups advance the trees.
pub(super) fn advancing() -> Vec<Forgery<Inner<2>>> {
    vec![
        forgery(Is::I5Advances, "the inputs are spent and the outputs never written", |s| {
            s.first(|case| case.values.subtree.any = F::ZERO)
        }),
        forgery(Is::I5Advances, "no slot is real, and a subtree is used up", |s| {
            let honest = s.first(empty_all).forged;
            assert_eq!(honest.public[at::OLD_DATA_NEXT], honest.public[at::NEW_DATA_NEXT]);
            Attempt::on(honest, |forged| {
                forged.subtree.any = F::ONE;
                settle(forged);
                assert_ne!(forged.public[at::OLD_DATA_NEXT], forged.public[at::NEW_DATA_NEXT]);
            })
        }),
    ]
}

/// Where the first inner rollup's subtree belongs.
fn first<const N: usize>(subject: &Inner<N>) -> u64 {
    subject.usual.plan.inners[0].subtree_path.index
}

/// The path of a subtree under the old data root.
fn path<const N: usize>(subject: &Inner<N>, index: u64) -> MerklePath {
    let world = &subject.usual.world;
    tree::path(world.nodes(), &world.state().data_root, DATA_DEPTH, subtree_depth(N), index).unwrap()
}

/// Claims the data root that other leaves would give.
fn with_leaves<const N: usize>(subject: &Inner<N>, change: fn(&mut Vec<Digest>)) -> Attempt<InnerValues> {
    subject.lie(|values| {
        let mut leaves = commitments(values);
        change(&mut leaves);
        let root = fold(&subtree_root(&leaves, subtree_depth(N)), &values.subtree.path);
        put(&mut values.public, at::NEW_DATA_ROOT, &root);
    })
}

/// Makes every slot an empty one.
fn empty_all(case: &mut InnerCase) {
    let next = case.nullifiers.next();
    for slot in &mut case.values.slots {
        limbs(slot)[..layout::TOTAL].fill(F::ZERO);
        slot.real = F::ZERO;
        slot.type_inverse = F::ZERO;
        slot.selector = [F::ZERO; 4];
        slot.insertions = [next, next].map(InsertionValues::empty);
    }
    case.values.subtree = SubtreeValues::of(&case.values.subtree.path, 0);
}
