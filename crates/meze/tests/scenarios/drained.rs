//! Workers that are sent home under load.

use std::time::Duration;

use proving::lease::Cause;

use crate::harness::fleet::{Fleet, LONG, measured, now_ms, until};
use crate::harness::jobs::{done, id_of, many, orders, single, started, started_again, task};

#[tokio::test(flavor = "multi_thread")]
async fn drained_workers_finish_what_they_have_and_nothing_is_proved_twice() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let asker = dispatcher.asker();
    let [_stays, mut told, mut drained] =
        ["stays", "told", "drained"].map(|name| fleet.worker(name, &dispatcher, &["--grace", "60"]));
    let all = orders(24, "ms=400");
    asker.submit(&many("job", &all)).await.unwrap();
    let on = async |worker: &str| {
        let what = format!("{worker} has a task");
        until(&what, LONG, async || fleet.starts().into_iter().find(|start| start.worker == worker)).await;
    };
    on("told").await;
    on("drained").await;
    let unknown = dispatcher.admin().drain("nobody").await.unwrap_err().to_string();
    assert_eq!(unknown, "no such worker is connected");

    told.terminate();
    assert_eq!(dispatcher.admin().drain("drained").await.unwrap().sessions, 1);
    let asked_ms = now_ms();
    assert_eq!(told.process.wait_end(LONG), Some(0));
    assert_eq!(drained.process.wait_end(LONG), Some(0));
    measured("drain to both workers gone, of proofs of 400 ms", now_ms() - asked_ms, "within the grace");
    let late = fleet.starts().into_iter().filter(|start| start.worker != "stays" && start.unix_ms > asked_ms + 500);
    assert_eq!(late.count(), 0, "a draining worker takes nothing");
    let view = done(&asker, "job", LONG).await;
    assert_eq!(started_again(&fleet), []);
    assert!(view.tasks_by_state.values().sum::<usize>() == 25 && fleet.starts().len() == 25);
    for order in &all {
        assert_eq!(task(&asker, "job", id_of(order)).await.failures, [], "{order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_is_longer_than_the_grace_is_handed_back() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let asker = dispatcher.asker();
    let mut short = fleet.worker("short", &dispatcher, &["--grace", "1"]);
    let order = "ms=5000 id=long";
    asker.submit(&single("job", order)).await.unwrap();
    started(&fleet, id_of(order), 1, LONG).await;
    let _other = fleet.worker("other", &dispatcher, &[]);

    let told_ms = now_ms();
    short.terminate();
    let again = started(&fleet, id_of(order), 2, LONG).await;
    let back = again.unix_ms - told_ms;
    measured("SIGTERM with a grace of 1000 to the task started elsewhere", back, "1000 to 3000");
    assert!((1000..=3000).contains(&back), "handed back after {back} ms");
    assert_eq!(short.process.wait_end(Duration::from_secs(20)), Some(0));
    done(&asker, "job", LONG).await;
    let failures = task(&asker, "job", id_of(order)).await.failures;
    assert_eq!(failures.iter().map(|failure| failure.cause).collect::<Vec<_>>(), [Cause::Returned]);
    assert_eq!(started_again(&fleet), [(id_of(order).to_string(), 2)]);
}
