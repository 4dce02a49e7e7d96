//! Jobs that nobody wants any more.

use std::time::{Duration, Instant};

use transport::ask::JobStanding;

use crate::harness::fleet::{Fleet, LONG, measured, now_ms, until};
use crate::harness::jobs::{done, id_of, many, single, started};
use crate::harness::numbers::Numbers;
use crate::harness::process::is_alive;

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_frees_its_workers_within_a_second() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let asker = dispatcher.asker();
    let worker = fleet.worker("worker", &dispatcher, &[]);
    let order = "ms=600000 id=unwanted";
    asker.submit(&single("unwanted", order)).await.unwrap();
    started(&fleet, id_of(order), 1, LONG).await;
    asker.submit(&single("next", "id=next")).await.unwrap();

    let cancelled_ms = now_ms();
    assert_eq!(asker.cancel("unwanted").await.unwrap().state, JobStanding::Cancelled);
    let next = started(&fleet, id_of("id=next"), 1, LONG).await;
    let free = next.unix_ms - cancelled_ms;
    measured("cancel to the worker's next proof", free, "at most 1000");
    assert!(free <= 1000, "the worker was free only after {free} ms");
    done(&asker, "next", LONG).await;
    assert_eq!(worker.child(), next.pid);
    let numbers = Numbers::of(&worker.url);
    assert_eq!(numbers.sum("meze_worker_child_deaths_total", &[]), 0, "a child that listens is not killed");
    assert_eq!(numbers.sum("meze_worker_failures_total", &[("cause", "cancelled")]), 1);
    assert_eq!(fleet.starts_of(&id_of(order)).len(), 1);
    let ended = [("state", "cancelled")];
    assert_eq!(Numbers::of(&dispatcher.url).sum("meze_dispatcher_jobs_ended_total", &ended), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_does_not_listen_is_gone_within_a_second() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let asker = dispatcher.asker();
    let workers = ["w0", "w1"].map(|name| fleet.worker(name, &dispatcher, &[]));
    let stuck = ["do=stuck id=0", "do=stuck id=1"];
    asker.submit(&many("stuck", &stuck)).await.unwrap();
    let mut children = Vec::new();
    for order in stuck {
        children.push(started(&fleet, id_of(order), 1, LONG).await.pid);
    }
    // Past the sleep of no time, so that the children are where they never look up again.
    tokio::time::sleep(Duration::from_millis(300)).await;

    let cancelled = Instant::now();
    asker.cancel("stuck").await.unwrap();
    let gone = until("both children are gone", LONG, async || {
        children.iter().all(|child| !is_alive(*child)).then(|| cancelled.elapsed().as_millis())
    });
    let gone = gone.await;
    measured("cancel to the last stuck child gone", gone, "at most 1000");
    assert!(gone <= 1000, "the last child was gone only after {gone} ms");
    asker.submit(&many("next", &["id=2", "id=3", "id=4"])).await.unwrap();
    done(&asker, "next", LONG).await;
    for worker in &workers {
        let deaths = Numbers::of(&worker.url).sum("meze_worker_child_deaths_total", &[("cause", "cancelled")]);
        assert_eq!(deaths, 1, "{}", worker.process.name);
    }
}
