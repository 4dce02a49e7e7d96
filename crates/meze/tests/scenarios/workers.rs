//! Workers that die or freeze.

use std::time::{Duration, Instant};

use proving::lease::Cause;
use transport::ask::TaskStanding;

use crate::harness::fleet::{Fleet, LONG, measured, now_ms, until};
use crate::harness::jobs::{done, id_of, many, orders, single, stands, started, started_again, task};
use crate::harness::numbers::Numbers;
use crate::harness::process::is_alive;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_costs_only_the_proof_that_it_was_making() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let asker = dispatcher.asker();
    let mut workers = ["w0", "w1", "w2"].map(|name| fleet.worker(name, &dispatcher, &[]));
    let (victim, other) = ("ms=4000 id=victim", "ms=8000 id=other");
    let all = [orders(6, "ms=50"), vec![victim.to_owned(), other.to_owned()]].concat();
    asker.submit(&many("job", &all)).await.unwrap();
    for quick in &all[..6] {
        stands(&asker, "job", id_of(quick), TaskStanding::Done).await;
    }
    started(&fleet, id_of(other), 1, LONG).await;
    let start = started(&fleet, id_of(victim), 1, LONG).await;
    let worker = workers.iter_mut().find(|worker| worker.process.name == start.worker).unwrap();
    let child = worker.child();
    assert_eq!(child, start.pid);

    let (killed_ms, killed) = (now_ms(), Instant::now());
    worker.process.kill();
    let gone = until("the child of a killed worker is gone", Duration::from_secs(1), async || {
        (!is_alive(child)).then(|| killed.elapsed().as_millis())
    });
    let gone = gone.await;
    measured("worker killed to its child gone", gone, "at most 1000");
    assert!(gone <= 1000, "the child outlived its worker by {gone} ms");
    let again = started(&fleet, id_of(victim), 2, LONG).await;
    let elsewhere = again.unix_ms - killed_ms;
    measured("worker killed to its task started elsewhere", elsewhere, "at most 1000");
    assert!(elsewhere <= 1000, "the task was elsewhere only after {elsewhere} ms");
    assert_ne!(again.worker, start.worker);

    done(&asker, "job", LONG).await;
    assert_eq!(started_again(&fleet), [(id_of(victim).to_string(), 2)]);
    let failures = task(&asker, "job", id_of(victim)).await.failures;
    assert_eq!(failures.iter().map(|failure| failure.cause).collect::<Vec<_>>(), [Cause::Disconnected]);
    assert_eq!(failures[0].worker, start.worker);
    let numbers = Numbers::of(&dispatcher.url);
    assert_eq!(numbers.sum("meze_dispatcher_leases_lost_total", &[]), 1);
    assert_eq!(numbers.sum("meze_dispatcher_attempts_failed_total", &[]), 1);
    assert_eq!(numbers.sum("meze_dispatcher_proof_seconds_count", &[("kind", "test.sleep")]), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_freezes_loses_its_task_and_changes_nothing_when_it_wakes() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let asker = dispatcher.asker();
    let mut sleepy = fleet.worker("sleepy", &dispatcher, &[]);
    let order = "ms=1500 id=frozen";
    asker.submit(&single("job", order)).await.unwrap();
    started(&fleet, id_of(order), 1, LONG).await;
    let _awake = fleet.worker("awake", &dispatcher, &[]);

    let frozen_ms = now_ms();
    sleepy.freeze();
    let again = started(&fleet, id_of(order), 2, LONG).await;
    let elsewhere = again.unix_ms - frozen_ms;
    measured("worker frozen to its task started elsewhere", elsewhere, "at most 10000");
    assert!(elsewhere <= 10_000, "the task was elsewhere only after {elsewhere} ms");
    assert_eq!(again.worker, "awake");
    done(&asker, "job", LONG).await;
    let before = task(&asker, "job", id_of(order)).await;
    assert_eq!(before.failures.iter().map(|failure| failure.cause).collect::<Vec<_>>(), [Cause::Expired]);

    sleepy.wake();
    // It is of use again once it has got rid of its proof: the other one being busy, it gets the next task.
    let next = ["ms=1500 id=next", "ms=1500 id=after"];
    asker.submit(&many("next", &next)).await.unwrap();
    done(&asker, "next", LONG).await;
    let workers: Vec<String> = next.iter().map(|order| fleet.starts_of(&id_of(order))[0].worker.clone()).collect();
    assert!(workers.iter().any(|worker| worker == "sleepy"), "{workers:?}");

    assert_eq!(task(&asker, "job", id_of(order)).await, before);
    assert_eq!((before.worker.as_deref(), before.generation), (Some("awake"), 0));
    assert_eq!(started_again(&fleet), [(id_of(order).to_string(), 2)]);
    let numbers = Numbers::of(&dispatcher.url);
    assert_eq!(numbers.sum("meze_dispatcher_leases_lost_total", &[("cause", "expired")]), 1);
    assert_eq!(numbers.sum("meze_dispatcher_proof_seconds_count", &[]), 4);
}
