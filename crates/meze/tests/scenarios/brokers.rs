//! A real RabbitMQ between dispatcher and workers, that is killed.

use std::time::Duration;

use proving::lease::Cause;
use test_services::RabbitMq;

use crate::harness::fleet::{Fleet, LONG, measured, now_ms, until};
use crate::harness::jobs::{done, id_of, many, orders, started, started_again, task};
use crate::harness::numbers::Numbers;
use crate::harness::process::is_alive;

#[tokio::test(flavor = "multi_thread")]
async fn a_rabbitmq_that_is_killed_and_started_again_costs_no_proof() {
    let mut rabbitmq = RabbitMq::start().unwrap();
    let url = rabbitmq.url();
    let fleet = Fleet::new();
    // The lease is shorter than the outage.
    let dispatcher = fleet.dispatcher("dispatcher", &["--amqp-url", &url, "--lease", "3000"]);
    let asker = dispatcher.asker();
    let _workers = ["w0", "w1"].map(|name| fleet.worker(name, &dispatcher, &["--amqp-url", &url]));
    let long = "ms=20000 bytes=100000 id=long";
    let all = [vec![long.to_owned()], orders(20, "ms=300 bytes=1000")].concat();
    asker.submit(&many("job", &all)).await.unwrap();
    let child = started(&fleet, id_of(long), 1, LONG).await.pid;
    started(&fleet, id_of(&all[4]), 1, LONG).await;

    rabbitmq.kill();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = fleet.starts().len();
    rabbitmq.restart().unwrap();
    let back_ms = now_ms();
    let resumed = until("a task is given out again", LONG, async || fleet.starts().get(before).cloned()).await;
    let resumed = resumed.unix_ms.saturating_sub(back_ms);
    measured("RabbitMQ back to the next start of a proof", resumed, "no bound; reconnecting is at most 5000 apart");

    done(&asker, "job", Duration::from_secs(120)).await;
    assert!(is_alive(child), "the running proof outlived the broker");
    for task in asker.job("job").await.unwrap().tasks {
        // An offer that was on its way to a broker that was not there any more is none of a worker's failures.
        assert!(task.failures.iter().all(|failure| failure.cause == Cause::Returned), "{task:?}");
    }
    assert_eq!(fleet.starts_of(&id_of(long)).len(), 1);
    assert_eq!(started_again(&fleet), [], "nothing is proved twice");
    assert_eq!(fleet.starts().len(), 22);
    assert_eq!(task(&asker, "job", id_of(long)).await.generation, 0);
    let numbers = Numbers::of(&dispatcher.url);
    assert_eq!(numbers.sum("meze_dispatcher_proof_seconds_count", &[]), 22);
    assert_eq!(numbers.sum("meze_dispatcher_messages_refused_total", &[]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_behind_a_broker_that_is_killed_costs_only_its_proof() {
    let rabbitmq = RabbitMq::start().unwrap();
    let url = rabbitmq.url();
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &["--amqp-url", &url]);
    let asker = dispatcher.asker();
    let mut workers = ["w0", "w1", "w2"].map(|name| fleet.worker(name, &dispatcher, &["--amqp-url", &url]));
    let victim = "ms=4000 id=victim";
    asker.submit(&many("job", &[victim, "ms=8000 id=other"])).await.unwrap();
    let start = started(&fleet, id_of(victim), 1, LONG).await;
    started(&fleet, id_of("ms=8000 id=other"), 1, LONG).await;

    let killed_ms = now_ms();
    workers.iter_mut().find(|worker| worker.process.name == start.worker).unwrap().process.kill();
    let again = started(&fleet, id_of(victim), 2, LONG).await;
    let elsewhere = again.unix_ms - killed_ms;
    measured("worker behind RabbitMQ killed to its task started elsewhere", elsewhere, "at most 1000");
    assert!(elsewhere <= 1000, "the task was elsewhere only after {elsewhere} ms");
    done(&asker, "job", LONG).await;
    assert_eq!(started_again(&fleet), [(id_of(victim).to_string(), 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_reaches_the_right_worker_through_the_broker() {
    let rabbitmq = RabbitMq::start().unwrap();
    let url = rabbitmq.url();
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &["--amqp-url", &url]);
    let asker = dispatcher.asker();
    let _workers = ["w0", "w1"].map(|name| fleet.worker(name, &dispatcher, &["--amqp-url", &url]));
    let (unwanted, wanted) = ("ms=600000 id=unwanted", "ms=600000 id=wanted");
    asker.submit(&many("unwanted", &[unwanted])).await.unwrap();
    asker.submit(&many("wanted", &[wanted])).await.unwrap();
    let stopped = started(&fleet, id_of(unwanted), 1, LONG).await;
    let other = started(&fleet, id_of(wanted), 1, LONG).await;
    asker.submit(&many("next", &["ms=10 id=next"])).await.unwrap();

    let cancelled_ms = now_ms();
    asker.cancel("unwanted").await.unwrap();
    let next = started(&fleet, id_of("ms=10 id=next"), 1, LONG).await;
    measured("cancel through RabbitMQ to the worker's next proof", next.unix_ms - cancelled_ms, "at most 1000");
    assert!(next.unix_ms - cancelled_ms <= 1000);
    assert_eq!(next.worker, stopped.worker);
    assert!(is_alive(other.pid), "the other worker goes on");
    assert_eq!(started_again(&fleet), []);
}
