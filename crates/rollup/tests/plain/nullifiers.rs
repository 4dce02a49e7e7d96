//! The indexed nullifier tree against a plain set, one insertion at a time.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::fixtures::{BENEFICIARY, DEPLOYMENT, FEE_ASSETS, rng, shape, stores, transaction, world};
use proptest::prelude::*;
use rollup::builder::{Pending, build};
use rollup::field::{Digest, ORDER};
use rollup::state::State;
use rollup::transaction::{ClientPublic, TxType};
use rollup::tree::{TreeError, fold};
use rollup::witness::{NullifierInsertion, NullifierLeaf};
use rollup::world::{World, WorldError};
use std::sync::Arc;

/// Values that meet often and lie at the edges of the limbs.
fn value() -> impl Strategy<Value = Digest> {
    let limb = || prop_oneof![0..4u64, Just(ORDER - 1), Just(u32::MAX.into()), 0..ORDER];
    prop::array::uniform4(limb()).prop_map(|limbs| Digest::from_limbs(limbs).unwrap())
}

fn pending(data_root: Digest, nullifiers: [Digest; 2]) -> Pending {
    Pending {
        public: ClientPublic { tx_type: TxType::Account, nullifiers, data_root, ..ClientPublic::default() },
        payload: Vec::new(),
    }
}

/// Follows one insertion as a verifier would, and gives the root and next index after it.
fn follow(value: Digest, insertion: &NullifierInsertion, old: (Digest, u64)) -> (Digest, u64) {
    let NullifierInsertion { low, low_path, slot_path } = insertion;
    let (root, next) = old;
    assert!(low.value < value && (value < low.next_value || low.next_value.is_zero()));
    assert_eq!(low.next_value.is_zero(), low.next_index == 0);
    assert_eq!(fold(&low.hash(), low_path), root);
    let rewritten = NullifierLeaf { next_value: value, next_index: next, ..*low };
    let between = fold(&rewritten.hash(), low_path);
    assert_eq!(slot_path.index, next);
    assert_eq!(fold(&Digest::ZERO, slot_path), between);
    (fold(&NullifierLeaf { value, ..*low }.hash(), slot_path), next + 1)
}

fn end(state: &State) -> (Digest, u64) {
    (state.nullifier_root, state.nullifier_next)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_tree_takes_what_a_set_takes_and_proves_it(pairs in prop::collection::vec((value(), value()), 1..24)) {
        for opened in stores() {
            let mut world = World::with_store(Arc::clone(&opened.store), DEPLOYMENT).unwrap();
            let mut model = BTreeSet::from([Digest::ZERO]);
            for (first, second) in &pairs {
                let fresh = !model.contains(first) && !model.contains(second) && first != second;
                let pending = pending(world.state().data_root, [*first, *second]);
                let mut raw = world.fork();
                prop_assert_eq!(raw.apply(shape(1, 1), &[pending.public]).is_ok(), fresh);
                let planned = build(&world, shape(1, 1), &[pending], FEE_ASSETS, BENEFICIARY);
                prop_assert_eq!(planned.is_ok(), fresh);
                let Ok(mut plan) = planned else { continue };
                prop_assert_eq!(plan.world.state(), raw.state());

                let insertions = &plan.inners[0].slots[0].as_ref().unwrap().insertions;
                let mut at = end(world.state());
                for (value, insertion) in [first, second].into_iter().zip(insertions) {
                    let below = model.range(..*value).next_back().unwrap();
                    let above = model.range((Bound::Excluded(*value), Bound::Unbounded)).next();
                    prop_assert_eq!(insertion.low.value, *below);
                    prop_assert_eq!(insertion.low.next_value, above.copied().unwrap_or_default());
                    at = follow(*value, insertion, at);
                    model.insert(*value);
                }
                prop_assert_eq!(at, end(&plan.new_state));
                // Some rollups wait for the next commit, so both sides of an overlay are met.
                if model.len() % 3 != 0 {
                    plan.world.commit().unwrap();
                }
                world = plan.world;
            }
            prop_assert_eq!(world.state().nullifier_next, model.len() as u64);
        }
    }
}

#[test]
fn a_refused_nullifier_leaves_the_world_as_it_was() {
    let mut world = world();
    let before = *world.state();
    let mut rng = rng(1);
    let good = transaction(&mut rng, before.data_root).public;
    let value = Digest::random(&mut rng);
    let refused = [[value, value], [value, Digest::ZERO], [value, good.nullifiers[0]]];
    for nullifiers in refused {
        let bad = ClientPublic { nullifiers, ..good };
        let error = world.apply(shape(2, 1), &[good, bad]).unwrap_err();
        let WorldError::Tree(TreeError::NullifierExists(named)) = error else { panic!("{error}") };
        assert!(nullifiers.contains(&named));
        assert_eq!(*world.state(), before);
        assert!(!world.is_nullified(&good.nullifiers[0]).unwrap());
    }
    assert!(world.is_nullified(&Digest::ZERO).unwrap());
    world.apply(shape(2, 1), &[good]).unwrap();
    assert!(world.is_nullified(&good.nullifiers[1]).unwrap());
}
