//! Runs worlds: many at a time, one again with its trace, or until a planted fault is found.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Instant;

use super::fired::Coverage;
use super::world::{Size, World};
use crate::planted::Fault;

/// Up to 8 workers, 40 tasks, 500 events.
pub(super) const SMALL: Size = Size { workers: 8, tasks: 40, events: 500, at_most: usize::MAX };

/// So many seeds are enough to find a planted fault.
const ENOUGH: u64 = 10_000;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// How many seeds to run.
pub(super) fn wanted_seeds(otherwise: u64) -> u64 {
    std::env::var("MEZE_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(otherwise)
}

/// Runs the worlds of the seeds from 0 to `seeds`.
pub(super) fn run_all(size: Size, seeds: u64) {
    let start = Instant::now();
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let sum = Mutex::new(Coverage::new());
    let failed: Mutex<Option<(u64, String)>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                let mut own = Coverage::new();
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        break;
                    }
                    match attempt(seed, size, None) {
                        Ok(fired) => own.add(&fired),
                        Err(why) => {
                            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some((seed, why));
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                }
                sum.lock().unwrap_or_else(PoisonError::into_inner).add(&own);
            });
        }
    });
    if let Some((seed, why)) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        panic!(
            "seed {seed}: {why}\nIt fails within {} events. Replay it with\n  MEZE_SEED={seed} cargo nextest run -p \
             dispatch simulation_replays_one_seed --run-ignored all --no-capture",
            shortest(seed, size, None)
        );
    }
    let took = start.elapsed().as_secs_f64();
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{seeds} worlds in {took:.1} s, {:.0} a second; in them", seeds as f64 / took);
    println!("{}", sum.table());
    // A handful of worlds cannot show everything.
    assert!(seeds < 1_000 || sum.missing().is_empty(), "this never happened: {:?}", sum.missing());
}

/// Runs one world, and tells what happens in it.
pub(super) fn replay(size: Size, seed: u64) {
    let events = match attempt(seed, size, None) {
        Ok(_) => size.at_most,
        Err(_) => shortest(seed, size, None),
    };
    let mut world = World::new(seed, Size { at_most: events, ..size }, None);
    world.trace = true;
    world.run();
}

/// Runs worlds until this fault is found.
pub(super) fn find(fault: Fault) {
    for seed in 0..ENOUGH {
        if let Err(why) = attempt(seed, SMALL, Some(fault)) {
            let events = shortest(seed, SMALL, Some(fault));
            println!("{fault:?} is found by seed {seed} within {events} events: {why}");
            return;
        }
    }
    panic!("{fault:?} is not found in {ENOUGH} worlds");
}

/// One world: how often faults fired in it, or what it broke.
fn attempt(seed: u64, size: Size, planted: Option<Fault>) -> Result<Coverage, String> {
    quiet();
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(seed, size, planted);
        world.run();
        world.fired
    }));
    QUIET.set(false);
    result.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

/// The fewest events after which the faults may end, and the world still fails.
fn shortest(seed: u64, size: Size, planted: Option<Fault>) -> usize {
    let budgets = (1..).map(|step| step * size.events.div_ceil(50)).take_while(|events| *events < size.events);
    let fails = |events: &usize| attempt(seed, Size { at_most: *events, ..size }, planted).is_err();
    budgets.into_iter().find(fails).unwrap_or(size.events)
}

/// Worlds that fail say so in the end, not one by one.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                loud(info);
            }
        }));
    });
}
