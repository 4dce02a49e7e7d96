//! Prover children that go wrong in the middle of a proof: what of it is shown, and where the task goes.

use std::time::Duration;

use proving::lease::Cause;
use transport::ask::{JobStanding, TaskStanding};

use crate::harness::fleet::{Fleet, LONG};
use crate::harness::jobs::{done, ended, id_of, single, stands, task};
use crate::harness::numbers::Numbers;

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_die_is_told_apart_and_tried_on_another_worker() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let asker = dispatcher.asker();
    let workers = ["w0", "w1"].map(|name| fleet.worker(name, &dispatcher, &[]));
    let ways = [
        ("panic", Cause::Panic, "told to panic"),
        ("abort", Cause::Signal, "SIGABRT"),
        ("exit", Cause::Exit, "code 7"),
        ("print", Cause::Protocol, "a library talks"),
        ("fail", Cause::Prover, "told to fail"),
    ];
    for (way, cause, words) in ways {
        let order = format!("ms=20 do={way} once={}", fleet.path(way).display());
        asker.submit(&single(way, &order)).await.unwrap();
        done(&asker, way, LONG).await;
        let (view, starts) = (task(&asker, way, id_of(&order)).await, fleet.starts_of(&id_of(&order)));
        let [failure] = &view.failures[..] else { panic!("{way}: {:?}", view.failures) };
        assert_eq!(failure.cause, cause, "{way}: {failure:?}");
        assert!(failure.reason.contains(words), "{way}: {}", failure.reason);
        assert_eq!(starts.len(), 2, "{way}");
        assert_eq!(failure.worker, starts[0].worker, "{way}");
        assert_ne!(starts[0].worker, starts[1].worker, "{way}");
        let labels = [("kind", "test.sleep"), ("cause", cause.name())];
        assert_eq!(Numbers::of(&dispatcher.url).sum("meze_dispatcher_attempts_failed_total", &labels), 1, "{way}");
    }

    // An input without a proof is nobody's fault but the asker's.
    asker.submit(&single("invalid", "do=invalid")).await.unwrap();
    let view = ended(&asker, "invalid", LONG).await;
    assert_eq!(view.state, JobStanding::Failed);
    assert!(view.reason.unwrap().contains("told to find it invalid"));
    assert_eq!(fleet.starts_of(&id_of("do=invalid")).len(), 1);
    let died: u64 = workers.iter().map(|w| Numbers::of(&w.url).sum("meze_worker_child_deaths_total", &[])).sum();
    assert_eq!(died, 4, "panic, abort, exit and print end a child");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_runs_out_of_memory_goes_to_a_worker_with_more_and_to_no_other() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let asker = dispatcher.asker();
    let small = ["--memory", "512", "--memory-limit", "200"];
    let first = fleet.worker("small", &dispatcher, &small);
    let order = format!("do=oom once={}", fleet.path("once").display());
    let id = id_of(&order);
    asker.submit(&single("job", &order)).await.unwrap();
    let waiting = stands(&asker, "job", id, TaskStanding::Running).await;
    assert_eq!(waiting.worker.as_deref(), Some("small"));
    let ready = stands(&asker, "job", id, TaskStanding::Ready).await;
    let [failure] = &ready.failures[..] else { panic!("{:?}", ready.failures) };
    assert_eq!(failure.cause, Cause::OutOfMemory);
    assert!(failure.reason.contains("limit of this worker is 200 MiB"), "{}", failure.reason);
    assert!(ready.memory_bytes > 512 << 20, "it now needs {} bytes", ready.memory_bytes);
    assert_eq!(Numbers::of(&first.url).sum("meze_worker_child_deaths_total", &[("cause", "out-of-memory")]), 1);

    let _same = fleet.worker("as-small", &dispatcher, &small);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(fleet.starts_of(&id).len(), 1, "nobody with as little memory tries it");

    let _large = fleet.worker("large", &dispatcher, &["--memory", "2048"]);
    done(&asker, "job", LONG).await;
    let workers: Vec<String> = fleet.starts_of(&id).into_iter().map(|start| start.worker).collect();
    assert_eq!(workers, ["small", "large"]);
}
