//! Forgeries against a slot's real flag and its data root.

use plonky2::field::types::Field;
use rollup::field::Digest;
use rollup::state::ROOTS_DEPTH;
use rollup::transaction::layout;
use rollup::tree;
use rollup::world::World;

use super::super::Forgery;
use super::fixtures::{InnerCase, at, deployment, digest_at, limbs, put};
use super::forgery;
use super::subjects::Inner;
use crate::client::join_split::difference_weights;
use crate::plonk::F;
use crate::switches::Constraint as Is;

pub(super) fn forgeries() -> Vec<Forgery<Inner<2>>> {
    vec![
        forgery(Is::I1Real, "an empty flag on a real transaction: its notes stay spendable", |s| {
            s.first(pass_for_empty)
        }),
        forgery(Is::I1Real, "a real flag on type 0", |s| s.first(|case| limbs(case.last())[layout::TX_TYPE] = F::ZERO)),
        forgery(Is::I2Root, "a proof of another deployment", |s| {
            s.first(|case| name_root(case, &elsewhere().state().data_root))
        }),
        forgery(Is::I2Root, "a proof of another deployment with its path there", |s| {
            s.first(|case| {
                let foreign = elsewhere().state().data_root;
                name_root(case, &foreign);
                case.last().root_path = elsewhere().root_path(&foreign).unwrap();
            })
        }),
        forgery(Is::I2Root, "a data root from the middle of this rollup", |s| {
            s.second(|case| {
                let unfinished = digest_at(&case.values.public, at::OLD_DATA_ROOT);
                name_root(case, &unfinished);
            })
        }),
        forgery(Is::I2NotEmpty, "an empty roots leaf for the data root: a proof of every deployment", |s| {
            s.first(|case| {
                name_root(case, &Digest::ZERO);
                let roots_root = s.usual.world.state().roots_root;
                case.last().root_path = tree::path(s.usual.world.nodes(), &roots_root, ROOTS_DEPTH, 0, 9).unwrap();
            })
        }),
    ]
}

/// Nothing is inserted for it, no fee is taken, and it is published all the same.
fn pass_for_empty(case: &mut InnerCase) {
    let slot = case.last();
    slot.real = F::ZERO;
    slot.type_inverse = F::ZERO;
    slot.insertions[1].rewritten.next_index = slot.insertions[0].rewritten.next_index;
    case.values.subtree.count_inverse = F::ONE;
}

/// Exchanges the last transaction's data root.
fn name_root(case: &mut InnerCase, root: &Digest) {
    let slot = case.last();
    put(limbs(slot), layout::DATA_ROOT, root);
    slot.root_weights = difference_weights(&[*root, Digest::ZERO]);
}

fn elsewhere() -> World {
    World::in_memory(deployment(1)).unwrap()
}
