//! Plans against the protocol's own words: what each witness opens, and where it leads.

use crate::fixtures::{BENEFICIARY, FEE_ASSETS, rng, shape, slots, transactions, world};
use proptest::prelude::*;
use rollup::block::{Block, BlockHeader};
use rollup::builder::{BuildError, RollupPlan, build};
use rollup::field::Digest;
use rollup::note::NO_ASSET;
use rollup::shape::Shape;
use rollup::state::State;
use rollup::tree::{empty, fold, subtree_root};
use rollup::world::{World, WorldError};

fn plan(world: &World, shape: Shape, seed: u64, count: usize) -> RollupPlan {
    let pending = transactions(&mut rng(seed), world.state().data_root, count);
    build(world, shape, &pending, FEE_ASSETS, BENEFICIARY).unwrap()
}

/// Every opening of the plan, checked with nothing but hashes.
fn check_openings(plan: &RollupPlan, shape: Shape) {
    let old = plan.outer.old;
    let depth = shape.subtree_depth();
    let mut at = old;
    for (index, (inner, public)) in plan.inners.iter().zip(&plan.inner_publics).enumerate() {
        assert_eq!((inner.index, inner.slots.len()), (index as u64, shape.inner()));
        assert_eq!(inner.old, at);
        assert_eq!(inner.subtree_path.index, at.data_next.div_ceil(1 << depth));
        assert_eq!(inner.subtree_path.siblings.len(), 32 - depth);
        assert_eq!(fold(&empty(depth), &inner.subtree_path), at.data_root);
        for slot in inner.slots.iter().flatten() {
            assert_eq!(fold(&slot.public.data_root, &slot.root_path), old.roots_root);
            assert_eq!(slot.root_path.siblings.len(), 28);
        }
        (at.data_root, at.data_next) = (public.new_data_root, public.new_data_next);
        (at.nullifier_root, at.nullifier_next) = (public.new_nullifier_root, public.new_nullifier_next);
    }
    assert_eq!(plan.outer.roots_path.index, u64::from(old.rollup_id) + 1);
    assert_eq!(fold(&Digest::ZERO, &plan.outer.roots_path), old.roots_root);
    at.roots_root = fold(&at.data_root, &plan.outer.roots_path);
    at.rollup_id += 1;
    assert_eq!(at, plan.new_state);
    assert_eq!((plan.public.old_state, plan.public.new_state), (old.digest(), at.digest()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_plan_opens_what_it_says_and_its_block_leads_to_the_same_state(
        rollups in prop::collection::vec((1..6usize, 1..4usize, 1..18usize), 1..5),
    ) {
        let (mut world, mut follower) = (world(), world());
        for (seed, (inner, outer, count)) in (0..).zip(rollups) {
            let shape = shape(inner, outer);
            let before = *world.state();
            let plan = plan(&world, shape, seed, count.min(shape.slots()));
            prop_assert_eq!(*world.state(), before);
            check_openings(&plan, shape);
            prop_assert_eq!(plan.block.check(&plan.public), Ok(()));
            prop_assert_eq!(plan.block.published_bytes(), plan.published.bytes.clone());
            prop_assert_eq!(plan.published.evaluation, plan.public.evaluation);
            prop_assert_eq!(plan.published.commitment, plan.public.commitment);
            prop_assert_eq!(follower.apply_block(&plan.block).unwrap(), plan.new_state);
            for (slot, transaction) in plan.block.transactions() {
                let first = plan.block.leaf_index(slot);
                for (index, commitment) in (first..).zip(transaction.public.commitments) {
                    let root = &plan.new_state.data_root;
                    prop_assert_eq!(follower.data_leaf(root, index).unwrap(), commitment);
                }
            }
            world = plan.world;
        }
    }
}

#[test]
fn each_inner_rollup_takes_one_aligned_subtree_even_when_it_is_not_full() {
    let world = world();
    let plan = plan(&world, shape(3, 4), 1, 5);
    assert_eq!(plan.inners.len(), 2);
    assert_eq!(plan.inners.iter().map(|inner| inner.subtree_path.index).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(plan.inners[1].slots.iter().filter(|slot| slot.is_some()).count(), 2);
    assert_eq!(plan.new_state.data_next, 24);
    let mut leaves: Vec<Digest> =
        plan.inners[1].slots.iter().flatten().flat_map(|slot| slot.public.commitments).collect();
    let root = fold(&subtree_root(&leaves, 3), &plan.inners[1].subtree_path);
    assert_eq!(root, plan.new_state.data_root);
    leaves.resize(8, Digest::ZERO);
    assert_eq!(fold(&subtree_root(&leaves, 3), &plan.inners[1].subtree_path), root);
}

#[test]
fn only_the_next_block_is_followed() {
    let mut world = world();
    let before = *world.state();
    let first = plan(&world, shape(2, 1), 1, 2).block;
    let transactions: Vec<_> = first.transactions().map(|(_, transaction)| Some(transaction.clone())).collect();
    let header = *first.header();
    let later = BlockHeader { old: header.new, new: State { rollup_id: 2, ..header.new }, ..header };
    let lying = BlockHeader { new: State { data_next: 1, ..header.new }, ..header };
    for (header, expected) in [(later, "old state"), (lying, "new state")] {
        let block = Block::new(header, transactions.clone()).unwrap();
        let refused = world.apply_block(&block);
        assert!(matches!(refused, Err(WorldError::OtherBlock { field, .. }) if field == expected), "{expected}");
        assert_eq!(*world.state(), before);
    }
    assert_eq!(world.apply_block(&first).unwrap(), header.new);
}

#[test]
fn a_rollup_takes_between_one_and_all_slots() {
    let world = world();
    let pending = transactions(&mut rng(1), world.state().data_root, 5);
    let empty = build(&world, shape(2, 2), &[], FEE_ASSETS, BENEFICIARY);
    assert!(matches!(empty, Err(BuildError::Empty)));
    let full = build(&world, shape(2, 2), &pending, FEE_ASSETS, BENEFICIARY);
    assert!(matches!(full, Err(BuildError::TooMany { room: 4, found: 5 })));
}

#[test]
fn fee_assets_are_distinct_ids_with_the_unused_places_last() {
    let world = world();
    let pending = transactions(&mut rng(1), world.state().data_root, 1);
    let refused =
        [[0, 0, NO_ASSET, NO_ASSET], [NO_ASSET, 0, NO_ASSET, NO_ASSET], [0, NO_ASSET + 1, NO_ASSET, NO_ASSET]];
    for fee_assets in refused {
        let planned = build(&world, shape(1, 1), &pending, fee_assets, BENEFICIARY);
        assert!(matches!(planned, Err(BuildError::FeeAssets(found)) if found == fee_assets));
    }
}

#[test]
fn fees_add_up_by_asset() {
    let world = world();
    let pending = transactions(&mut rng(5), world.state().data_root, 12);
    let plan = build(&world, shape(3, 4), &pending, FEE_ASSETS, BENEFICIARY).unwrap();
    for (asset, sum) in FEE_ASSETS.iter().zip(plan.public.fee_sums) {
        let fees = slots(&pending).into_iter().filter(|public| public.fee_asset == *asset);
        assert_eq!(fees.map(|public| public.fee).sum::<u64>(), sum);
    }
    assert_eq!(plan.block.header().fee_sums, plan.public.fee_sums);
}
