//! One suite of behaviours that every store shows.

use std::sync::Arc;

use crate::fixtures::{DEPLOYMENT, Opened, rng, shape, slots, stores, transactions};
use rollup::state::Deployment;
use rollup::tree::{DiskStore, TreeError};
use rollup::world::{World, WorldError};
use tempfile::TempDir;

fn each(behaviour: impl Fn(&Opened)) {
    stores().iter().for_each(behaviour);
}

fn open(opened: &Opened) -> World {
    World::with_store(Arc::clone(&opened.store), DEPLOYMENT).unwrap()
}

fn grow(world: &mut World, seed: u64) {
    let pending = transactions(&mut rng(seed), world.state().data_root, 5);
    world.apply(shape(3, 2), &slots(&pending)).unwrap();
}

#[test]
fn an_empty_store_starts_at_genesis() {
    each(|opened| {
        assert_eq!(opened.store.committed().unwrap(), None);
        let world = open(opened);
        let state = *world.state();
        assert_eq!((state.rollup_id, state.data_next, state.nullifier_next), (0, 1, 1));
        assert_eq!(world.data_leaf(&state.data_root, 0).unwrap(), DEPLOYMENT.leaf());
        assert_eq!(world.data_root(0).unwrap(), Some(state.data_root));
        assert_eq!(world.data_root(1).unwrap(), None);
        assert_eq!(opened.store.committed().unwrap().unwrap().state, state);
    });
}

#[test]
fn both_stores_come_to_the_same_states() {
    let states = stores().map(|opened| {
        let mut world = open(&opened);
        for seed in 0..4 {
            grow(&mut world, seed);
            world.commit().unwrap();
        }
        *world.state()
    });
    assert_eq!(states[0], states[1]);
}

#[test]
fn a_committed_state_is_there_for_whoever_opens_next() {
    each(|opened| {
        let mut world = open(opened);
        grow(&mut world, 1);
        world.commit().unwrap();
        let again = open(opened);
        assert_eq!(again.state(), world.state());
        assert_eq!(again.data_root(1).unwrap(), Some(world.state().data_root));
    });
}

#[test]
fn a_dropped_fork_leaves_no_trace() {
    each(|opened| {
        let world = open(opened);
        let before = *world.state();
        let mut fork = world.fork();
        grow(&mut fork, 1);
        let pending = transactions(&mut rng(1), before.data_root, 5);
        let after = *fork.state();
        drop(fork);
        assert_eq!(*world.state(), before);
        assert_eq!(world.committed().unwrap().state(), &before);
        assert_eq!(opened.store.children(&after.data_root).unwrap(), None);
        assert_eq!(opened.store.data_root_index(&after.data_root, u64::MAX).unwrap(), None);
        assert!(!world.is_nullified(&pending[0].public.nullifiers[0]).unwrap());
    });
}

#[test]
fn old_roots_stay_readable() {
    each(|opened| {
        let mut world = open(opened);
        let mut roots = vec![world.state().data_root];
        for seed in 0..5 {
            grow(&mut world, seed);
            roots.push(world.state().data_root);
            if seed % 2 == 1 {
                world.commit().unwrap();
            }
        }
        world.commit().unwrap();
        let world = open(opened);
        for (index, root) in (0..).zip(&roots) {
            assert_eq!(world.data_root(index).unwrap(), Some(*root));
            assert_eq!(world.data_leaf(root, 0).unwrap(), DEPLOYMENT.leaf());
            let path = world.root_path(root).unwrap();
            assert_eq!((path.index, rollup::tree::fold(root, &path)), (index.into(), world.state().roots_root));
        }
        let leaf = world.data_leaf(&roots[1], 8).unwrap();
        assert!(!leaf.is_zero());
        for root in &roots[1..] {
            let path = world.data_path(root, 8).unwrap();
            assert_eq!(rollup::tree::fold(&leaf, &path), *root);
        }
    });
}

#[test]
fn only_what_the_final_roots_reach_is_committed() {
    each(|opened| {
        let mut world = open(opened);
        let pending = transactions(&mut rng(1), world.state().data_root, 64);
        world.apply(shape(64, 1), &slots(&pending)).unwrap();
        // 128 leaves under 32 levels in the data tree, 129 in the nullifier tree, one root path.
        let most = 127 + 25 + 128 + 32 + 28 + 7;
        assert!(world.nodes().uncommitted_nodes() <= most, "{}", world.nodes().uncommitted_nodes());
        world.commit().unwrap();
        assert_eq!(world.nodes().uncommitted_nodes(), 0);
    });
}

#[test]
fn of_two_rival_forks_the_second_is_stale() {
    each(|opened| {
        let world = open(opened);
        let (mut first, mut second) = (world.fork(), world.fork());
        grow(&mut first, 1);
        grow(&mut second, 2);
        first.commit().unwrap();
        assert!(matches!(second.commit(), Err(WorldError::Tree(TreeError::Stale))));
        assert_eq!(world.committed().unwrap().state(), first.state());
    });
}

#[test]
fn a_fork_does_not_see_what_others_commit() {
    each(|opened| {
        let world = open(opened);
        let mut other = world.fork();
        grow(&mut other, 1);
        other.commit().unwrap();
        let spent = transactions(&mut rng(1), world.state().data_root, 1)[0].public.nullifiers[0];
        assert!(other.is_nullified(&spent).unwrap());
        assert!(!world.is_nullified(&spent).unwrap());
        assert_eq!(world.data_root_index(&other.state().data_root).unwrap(), None);
        let (mut late, mut fresh) = (world.fork(), World::in_memory(DEPLOYMENT).unwrap());
        grow(&mut late, 2);
        grow(&mut fresh, 2);
        assert_eq!(late.state(), fresh.state());
    });
}

#[test]
fn a_fork_of_a_fork_commits_what_is_still_missing() {
    each(|opened| {
        let mut first = open(opened);
        grow(&mut first, 1);
        let mut second = first.fork();
        grow(&mut second, 2);
        let mut same = second.fork();
        first.commit().unwrap();
        second.commit().unwrap();
        same.commit().unwrap();
        let world = open(opened);
        assert_eq!(world.state(), second.state());
        assert!(world.data_leaf(&first.state().data_root, 8).is_ok());
    });
}

#[test]
fn a_store_of_another_deployment_is_refused() {
    each(|opened| {
        open(opened);
        let other = Deployment { chain_id: 1, ..DEPLOYMENT };
        let error = World::with_store(Arc::clone(&opened.store), other).unwrap_err();
        assert!(matches!(error, WorldError::OtherDeployment { found: DEPLOYMENT, .. }));
        let said = error.to_string();
        assert!(said.contains("0x0000000100000002000000030000000400000005 on chain 31337"), "{said}");
    });
}

#[test]
fn an_unknown_root_is_a_missing_node() {
    each(|opened| {
        let world = open(opened);
        let unknown = rollup::field::Digest::random(&mut rng(3));
        assert!(matches!(world.data_path(&unknown, 0), Err(WorldError::Tree(TreeError::MissingNode(_)))));
        assert!(matches!(world.root_path(&unknown), Err(WorldError::UnknownDataRoot(_))));
        let root = world.state().data_root;
        assert!(matches!(world.data_path(&root, 1 << 32), Err(WorldError::Tree(TreeError::OutOfRange { .. }))));
    });
}

#[test]
fn a_closed_file_opens_again_as_it_was() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("trees");
    let mut world = World::open(&path, DEPLOYMENT).unwrap();
    grow(&mut world, 1);
    world.commit().unwrap();
    let committed = *world.state();
    grow(&mut world, 2);
    let next = *world.state();
    drop(world);
    let mut world = World::open(&path, DEPLOYMENT).unwrap();
    assert_eq!(*world.state(), committed);
    let pending = transactions(&mut rng(2), committed.data_root, 5);
    assert_eq!(world.apply(shape(3, 2), &slots(&pending)).unwrap(), next);
}

#[test]
fn a_file_that_is_open_elsewhere_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("trees");
    let first = DiskStore::open(&path).unwrap();
    assert!(matches!(DiskStore::open(&path), Err(TreeError::InUse(_))));
    drop(first);
    assert!(DiskStore::open(&path).is_ok());
}
