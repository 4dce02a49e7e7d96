//! Random rollups in random shapes: the world beside the reference model.

use crate::fixtures::{DEPLOYMENT, rng, shape, transaction, world};
use proptest::prelude::*;
use rand::RngExt;
use rollup::model::Model;
use rollup::transaction::ClientPublic;
use rollup::world::WorldError;

#[test]
fn a_rollup_without_a_transaction_is_refused() {
    let padding = [ClientPublic::default(); 2];
    assert!(matches!(world().apply(shape(2, 1), &padding), Err(WorldError::NoTransaction)));
    assert!(matches!(world().apply(shape(1, 1), &padding), Err(WorldError::TooManySlots { room: 1, found: 2 })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_world_agrees_with_the_model(seed: u64, rollups in prop::collection::vec((1..7usize, 1..4usize), 1..8)) {
        let mut rng = rng(seed);
        let mut world = world();
        let mut model = Model::new(DEPLOYMENT.leaf(), world.state().data_root);
        let mut seen = Vec::new();
        for (inner, outer) in rollups {
            let shape = shape(inner, outer);
            let mut slots = vec![ClientPublic::default(); shape.slots()];
            for slot in &mut slots {
                let root = model.data_roots[rng.random_range(0..model.data_roots.len())];
                match rng.random_range(0..8) {
                    // An empty slot may stand anywhere.
                    0..2 => (),
                    // Now and then somebody spends again.
                    2 if !seen.is_empty() => {
                        *slot = transaction(&mut rng, root).public;
                        slot.nullifiers[1] = seen[rng.random_range(0..seen.len())];
                    }
                    _ => *slot = transaction(&mut rng, root).public,
                }
            }
            let mut ahead = model.clone();
            let mut wanted = Vec::new();
            for slot in slots.iter().filter(|slot| **slot != ClientPublic::default()) {
                wanted.push(ahead.accepts(slot));
                ahead.nullifiers.extend(slot.nullifiers);
            }
            let applied = world.apply(shape, &slots);
            prop_assert_eq!(applied.is_ok(), !wanted.is_empty() && wanted.iter().all(|fine| *fine));
            if let Ok(state) = applied {
                model.apply(shape, &slots, state.data_root);
                seen.extend(slots.iter().flat_map(|slot| slot.nullifiers).filter(|value| !value.is_zero()));
            }
            let state = *world.state();
            prop_assert_eq!(state.rollup_id as usize, model.rollup_id());
            prop_assert_eq!(state.data_next, model.data_next);
            prop_assert_eq!(state.nullifier_next, model.nullifier_next());
            for (index, root) in (0..).zip(&model.data_roots) {
                prop_assert_eq!(world.data_root(index).unwrap(), Some(*root));
            }
            for index in 0..state.data_next {
                let leaf = model.leaves.get(&index).copied().unwrap_or_default();
                prop_assert_eq!(world.data_leaf(&state.data_root, index).unwrap(), leaf);
            }
            for nullifier in &model.nullifiers {
                prop_assert!(world.is_nullified(nullifier).unwrap());
            }
            if rng.random() {
                world.commit().unwrap();
            }
        }
    }
}
