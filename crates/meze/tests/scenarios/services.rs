//! A real PostgreSQL that is restarted below a dispatcher.

use std::time::Duration;

use test_services::Postgres;

use crate::dispatchers::take_over;
use crate::harness::fleet::{Fleet, LONG, measured, now_ms, until};
use crate::harness::jobs::{done, id_of, many, orders, started, started_again};
use crate::harness::numbers::Numbers;

#[tokio::test(flavor = "multi_thread")]
async fn of_two_dispatchers_on_one_postgresql_store_only_one_counts() {
    let postgres = Postgres::start().unwrap();
    let fleet = Fleet::new();
    take_over(&fleet, &["--store", &postgres.url()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_is_restarted_costs_no_proof() {
    let mut postgres = Postgres::start().unwrap();
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &["--store", &postgres.url()]);
    let asker = dispatcher.asker();
    let _workers = ["w0", "w1"].map(|name| fleet.worker(name, &dispatcher, &[]));
    let long = "ms=6000 id=long";
    let all = [vec![long.to_owned()], orders(30, "ms=100")].concat();
    asker.submit(&many("job", &all)).await.unwrap();
    started(&fleet, id_of(long), 1, LONG).await;
    started(&fleet, id_of(&all[4]), 1, LONG).await;

    postgres.kill();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = fleet.starts().len();
    postgres.restart().unwrap();
    let back_ms = now_ms();
    let resumed = until("a task is given out again", LONG, async || fleet.starts().get(before).cloned()).await;
    measured("PostgreSQL back to the next start of a proof", resumed.unix_ms.saturating_sub(back_ms), "at most 5000");
    assert!(resumed.unix_ms.saturating_sub(back_ms) <= 5000);

    done(&asker, "job", LONG).await;
    assert_eq!(started_again(&fleet), [], "no proof is made twice");
    assert_eq!(fleet.starts().len(), 32);
    let numbers = Numbers::of(&dispatcher.url);
    assert!(numbers.sum("meze_dispatcher_store_failures_total", &[]) >= 1);
    assert_eq!(numbers.sum("meze_dispatcher_attempts_failed_total", &[]), 0);
}
