//! Forgeries against the nullifier tree's insertions: mostly ways to spend a note twice.

use plonky2::field::types::Field;
use rollup::field::Digest;
use rollup::transaction::layout;
use rollup::witness::NullifierLeaf;

use super::super::{Attempt, Forgery};
use super::fixtures::{InnerCase, at, digest, digest_at, f, limbs, nullifier_of, put};
use super::forgery;
use super::indexed::{Indexed, Sparse};
use super::settle::settle;
use super::subjects::Inner;
use crate::inner::nullifiers::InsertionValues;
use crate::inner::values::InnerValues;
use crate::plonk::F;
use crate::switches::Constraint as Is;

pub(super) fn forgeries() -> Vec<Forgery<Inner<2>>> {
    [low_leaf(), writing(), outputs()].into_iter().flatten().collect()
}

/// Replaces the last insertion by one of `value`, made by `insert` from the tree before it.
pub(super) fn replace_last(
    case: &mut InnerCase,
    value: Digest,
    insert: impl FnOnce(&mut Indexed) -> InsertionValues,
) -> &mut InsertionValues {
    let mut tree = case.before_last(1);
    let insertion = insert(&mut tree);
    let slot = case.last();
    put(limbs(slot), layout::NULLIFIERS + 4, &value);
    slot.insertions[1] = insertion;
    &mut slot.insertions[1]
}

/// Inserts `value` once more, with its own leaf for the low one.
fn respend_behind_itself(case: &mut InnerCase, value: Digest) {
    replace_last(case, value, |tree| {
        let itself = tree.find(value);
        tree.insert_after(itself, tree.leaf(itself), value)
    });
}

/// Inserts `value` once more, behind the leaf that already points to it.
fn respend_before_itself(case: &mut InnerCase, value: Digest) -> &mut InsertionValues {
    replace_last(case, value, |tree| {
        let low = tree.low(value);
        tree.insert_after(low, tree.leaf(low), value)
    })
}

/// A nullifier of an earlier rollup.
fn spent(case: &InnerCase) -> Digest {
    case.nullifiers.leaves[3].value
}

fn low_leaf() -> Vec<Forgery<Inner<2>>> {
    vec![
        forgery(Is::I3LowMembership, "an uninitialised leaf for the low one: a note of an earlier rollup again", |s| {
            s.first(|case| {
                let value = spent(case);
                replace_last(case, value, |tree| tree.insert_after(1_000, NullifierLeaf::GENESIS, value));
            })
        }),
        forgery(Is::I3LowMembership, "an invented low leaf with links that fit", |s| {
            s.first(|case| {
                let value = spent(case);
                replace_last(case, value, |tree| {
                    let next = tree.leaf(tree.largest());
                    let low = NullifierLeaf { value: Digest::ZERO, next_value: next.value, next_index: 1 };
                    tree.insert_after(tree.find(value), low, value)
                });
            })
        }),
        forgery(Is::I3LowBelow, "a nullifier of an earlier rollup again", |s| {
            s.first(|case| {
                let value = spent(case);
                respend_behind_itself(case, value);
            })
        }),
        forgery(Is::I3LowBelow, "a nullifier of an earlier inner rollup again", |s| {
            s.second(|case| {
                let value = nullifier_of(&s.usual.inner(0).values.slots[0], 0);
                respend_behind_itself(case, value);
            })
        }),
        forgery(Is::I3LowBelow, "the nullifier of an earlier slot again", |s| {
            s.first(|case| {
                let value = nullifier_of(&case.values.slots[0], 1);
                respend_behind_itself(case, value);
            })
        }),
        forgery(Is::I3LowBelow, "one nullifier twice in a transaction", |s| {
            s.first(|case| {
                let value = nullifier_of(case.last(), 0);
                respend_behind_itself(case, value);
            })
        }),
        forgery(Is::I3Difference, "one nullifier twice in a transaction, equal taken for less", |s| {
            s.first(|case| {
                let value = nullifier_of(case.last(), 0);
                respend_behind_itself(case, value);
            })
        }),
        forgery(Is::I3BelowNext, "a nullifier of an earlier rollup again, behind the leaf that points to it", |s| {
            s.first(|case| {
                let value = spent(case);
                respend_before_itself(case, value);
            })
        }),
        forgery(Is::I3BelowNext, "one nullifier twice in a transaction", |s| {
            s.first(|case| {
                let value = nullifier_of(case.last(), 0);
                respend_before_itself(case, value);
            })
        }),
        forgery(Is::I3Infinity, "a next value that is passed for none: a note of an earlier rollup again", |s| {
            s.first(|case| {
                let value = spent(case);
                respend_before_itself(case, value).infinity = F::ONE;
            })
        }),
        forgery(
            Is::I3InfinityBoolean,
            "a no-next flag of 2 at the largest leaf (no gain: the next value is 0 all the same)",
            infinity_of_two,
        ),
    ]
}

/// A flag of 2 passes where the next value is 0 only, and then 1 would be the truth: no gain.
fn infinity_of_two(subject: &Inner<2>) -> Attempt<InnerValues> {
    let mut case = subject.usual.inner(0);
    let mut value = digest(77);
    value.0[0] = f(1 << 60);
    replace_last(&mut case, value, |tree| tree.insert(value));
    settle(&mut case.values);
    let honest = case.values.clone();
    case.last().insertions[1].infinity = F::TWO;
    Attempt { honest, forged: case.values }
}

fn writing() -> Vec<Forgery<Inner<2>>> {
    vec![
        forgery(Is::I3LowRewrite, "the low leaf left as it was: one nullifier twice in a transaction", |s| {
            s.first(|case| {
                let mut tree = case.before_last(0);
                let value = nullifier_of(case.last(), 0);
                let low = tree.low(value);
                let insertions = [0, 1].map(|_| {
                    let leaf = tree.leaf(low);
                    let mut insertion = tree.insert_after(low, leaf, value);
                    tree.leaves[low as usize] = leaf;
                    tree.tree.set(low, leaf.hash());
                    insertion.rewritten = insertion.low;
                    insertion.slot_path = tree.tree.path(tree.next() - 1);
                    insertion
                });
                let slot = case.last();
                put(limbs(slot), layout::NULLIFIERS + 4, &value);
                slot.insertions = insertions;
            })
        }),
        forgery(Is::I3LowRewrite, "the low leaf made to point past a spent nullifier", |s| {
            s.first(|case| {
                let mut tree = case.before_last(1);
                let value = nullifier_of(case.last(), 1);
                let skipped = tree.leaf(tree.largest());
                let insertion = tree.insert(value);
                let low = insertion.low_path.index;
                let leaf = NullifierLeaf { next_value: skipped.value, next_index: 1, ..tree.leaf(low) };
                tree.tree.set(low, leaf.hash());
                let slot = &mut case.last().insertions[1];
                slot.rewritten.next_value = skipped.value;
                slot.rewritten.next_index = F::ONE;
                slot.slot_path = tree.tree.path(tree.next() - 1);
            })
        }),
        forgery(Is::I3SlotEmpty, "the tree exchanged for an empty one: every nullifier forgotten", |s| {
            s.first(|case| {
                let tree = case.before_last(1);
                case.last().insertions[1].slot_path = Sparse::default().path(tree.next());
            })
        }),
        forgery(Is::I3SlotIndex, "the leaf written seven places further on", |s| {
            s.first(|case| {
                let mut tree = case.before_last(1);
                let next = tree.next();
                let value = nullifier_of(case.last(), 1);
                tree.insert(value);
                let far = tree.tree.without(next).path(next + 7);
                case.last().insertions[1].slot_path = far;
            })
        }),
        forgery(Is::I3NewLeaf, "the low leaf's links dropped: every larger nullifier forgotten", |s| {
            s.first(|case| {
                let written = &mut case.last().insertions[1].written;
                written.next_value = Digest::ZERO;
                written.next_index = F::ZERO;
            })
        }),
        forgery(Is::I3NewLeaf, "another value written than the nullifier", |s| {
            s.first(|case| {
                case.last().insertions[1].written.value = digest(4_711);
            })
        }),
        forgery(Is::I3NewLeaf, "another index in the new leaf's link", |s| {
            s.first(|case| {
                case.last().insertions[1].written.next_index = f(4_711);
            })
        }),
    ]
}

fn outputs() -> Vec<Forgery<Inner<2>>> {
    vec![
        forgery(Is::I3NewRoot, "the nullifiers left out of the new root", |s| {
            s.lie(|values| {
                let old = digest_at(&values.public, at::OLD_NULLIFIER_ROOT);
                put(&mut values.public, at::NEW_NULLIFIER_ROOT, &old);
            })
        }),
        forgery(Is::I3Next, "the next index left where it was", |s| {
            s.lie(|values| values.public[at::NEW_NULLIFIER_NEXT] = values.public[at::OLD_NULLIFIER_NEXT])
        }),
    ]
}
