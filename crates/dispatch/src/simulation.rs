//! Seeded simulation: whole worlds of askers, workers, brokers, disks and clocks around the real engine, each
//! made from one number, in which everything goes wrong that can.
//!
//! A world is run until its faults end, and then until everything that was asked for is over. Three things
//! watch: [`check_invariants`](crate::state::State::check_invariants), the [`judge`] who only reads what became
//! durable and hears what was answered, and the simulated workers, who know what they were given. The [`runner`]
//! runs many worlds, counts how often each fault fired, and shows how to replay a failing one.

mod asker;
mod broker;
mod chaos;
mod counter;
mod disk;
mod fired;
mod judge;
mod labour;
mod large;
mod process;
mod random;
mod runner;
mod worker;
mod world;

use crate::planted::Fault;
use runner::{SMALL, find, replay, run_all, wanted_seeds};

#[test]
fn simulation_of_small_worlds_holds_what_dispatch_promises() {
    run_all(SMALL, wanted_seeds(10_000));
}

#[test]
#[ignore = "hours: make test-long PARTS=simulation"]
fn simulation_million_of_small_worlds_holds_what_dispatch_promises() {
    run_all(SMALL, wanted_seeds(1_000_000));
}

#[test]
#[ignore = "for one seed: MEZE_SEED=… with --no-capture"]
fn simulation_replays_one_seed() {
    if let Ok(seed) = std::env::var("MEZE_SEED") {
        replay(SMALL, seed.parse().expect("MEZE_SEED is a number"));
    }
}

#[test]
fn a_completion_that_counts_whatever_its_token_is_found() {
    find(Fault::Fencing);
}

#[test]
fn an_action_before_its_record_is_durable_is_found() {
    find(Fault::Durable);
}

#[test]
fn a_task_that_is_lost_with_its_worker_is_found() {
    find(Fault::Requeue);
}

#[test]
fn a_worker_that_is_given_more_than_fits_is_found() {
    find(Fault::Weights);
}

#[test]
fn work_that_nobody_wants_and_nobody_stops_is_found() {
    find(Fault::Cancel);
}

#[test]
fn a_task_that_is_added_twice_is_found() {
    find(Fault::Dedupe);
}

#[test]
fn every_fault_that_can_be_planted_has_a_test_here() {
    assert_eq!(Fault::ALL.len(), 6);
}
