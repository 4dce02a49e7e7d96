//! Dispatchers that die, and two of them on one store.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use transport::ask::{JobStanding, TaskStanding};

use crate::harness::fleet::{Dispatcher, Fleet, LONG, START, measured, now_ms, until};
use crate::harness::front::Front;
use crate::harness::jobs::{done, id_of, many, orders, single, stands, started, started_again};
use crate::harness::numbers::Numbers;
use crate::harness::process::is_alive;
use crate::harness::raw;

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatcher_that_is_killed_goes_on_with_the_running_proofs_where_it_was() {
    let fleet = Fleet::new();
    let mut dispatcher = fleet.dispatcher("dispatcher", &[]);
    let asker = dispatcher.asker();
    let _workers = ["w0", "w1", "w2"].map(|name| fleet.worker(name, &dispatcher, &[]));
    let long = ["ms=8000 id=long", "ms=9000 id=longer"];
    let all = [long.map(str::to_owned).to_vec(), orders(16, "ms=300")].concat();
    asker.submit(&many("job", &all)).await.unwrap();
    let mut children = Vec::new();
    for order in long {
        children.push(started(&fleet, id_of(order), 1, LONG).await.pid);
    }
    stands(&asker, "job", id_of(&all[3]), TaskStanding::Done).await;

    dispatcher.process.kill();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = fleet.starts().len();
    let (again_ms, again) = (now_ms(), Instant::now());
    dispatcher.start_again();
    measured("dispatcher started again to its listening", again.elapsed().as_millis(), "part of the next");
    let resumed = until("a task is given out again", LONG, async || fleet.starts().get(before).cloned()).await;
    let resumed = resumed.unix_ms - again_ms;
    measured("dispatcher started again to the next start of a proof", resumed, "at most 5000");
    assert!(resumed <= 5000, "dispatch resumed only after {resumed} ms");
    assert!(children.iter().all(|child| is_alive(*child)), "the running proofs go on");

    let view = done(&asker, "job", LONG).await;
    assert_eq!(view.tasks_by_state.get(&TaskStanding::Done), Some(&19));
    assert_eq!(started_again(&fleet), [], "nothing is proved twice");
    assert_eq!(fleet.starts().len(), 19);
    for task in asker.job("job").await.unwrap().tasks {
        assert_eq!(task.failures, [], "{task:?}");
    }
    // Asking again is asking for what is there.
    asker.submit(&many("again", &all)).await.unwrap();
    assert_eq!(ended_at_once(&asker, "again").await, JobStanding::Done);
    assert_eq!(fleet.starts().len(), 20, "only the new job's own root is new");
}

async fn ended_at_once(asker: &transport::ask::AskClient, job: &str) -> JobStanding {
    done(asker, job, LONG).await.state
}

/// Two dispatchers on one store: the second waits until the first is silent, and the first, when it wakes, ends.
pub(crate) async fn take_over(fleet: &Fleet, store: &[&str]) {
    let mut first = fleet.dispatcher("first", store);
    let mut second = fleet.dispatcher_unheard("refused", "first", store);
    assert_eq!(second.process.wait_end(START), Some(1));
    let said = second.process.log();
    assert!(said.contains("another dispatcher holds the store and is alive"), "{said}");
    assert!(said.contains("--standby") && said.trim().lines().count() == 1, "one sentence that helps: {said}");

    let front = Front::before(first.address()).await;
    let mut worker = fleet.worker_at("worker", &front.url, &first.token("work"), &[]);
    worker.wait_ready();
    let asker = first.asker();
    let order = "ms=12000 id=running";
    asker.submit(&many("job", &[order, "id=waiting"])).await.unwrap();
    let child = started(fleet, id_of(order), 1, LONG).await.pid;
    let all: Vec<&str> = store.iter().copied().chain(["--standby"]).collect();
    let standby = fleet.dispatcher_unheard("standby", "first", &all);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(!standby.process.log().contains("listening"), "it stands by while the first lives");

    let waited = freeze_between_writes(&mut first, &standby).await;
    measured("dispatcher frozen to the standby listening", waited, "no bound; silence is 2500");
    front.lead_to(standby.address());
    // Said to the first while it sleeps: it hears it when it wakes, and before it looks at its store.
    let (address, token) = (first.address().to_owned(), first.token("ask"));
    let body = serde_json::to_vec(&single("late", "id=late")).unwrap();
    let late = std::thread::spawn(move || raw::ask(&address, "POST", "/v1/jobs", Some(&token), &body));
    tokio::time::sleep(Duration::from_millis(500)).await;

    let woken = Instant::now();
    first.process.signal(Signal::SIGCONT);
    assert_eq!(first.process.wait_end(START), Some(1));
    measured("robbed dispatcher woken to its end", woken.elapsed().as_millis(), "no bound");
    let said = first.process.log();
    assert!(said.contains("the store belongs to another dispatcher now"), "{said}");
    let late = late.join().unwrap();
    assert_ne!(late.status, 201, "{late:?}");

    let asker = standby.asker();
    done(&asker, "job", LONG).await;
    assert!(asker.job("late").await.is_err(), "what the first heard after its time does not count");
    assert_eq!(asker.jobs(false, 10).await.unwrap().len(), 1);
    assert_eq!(started_again(fleet), [], "the running proof outlived its dispatcher");
    assert_eq!(fleet.starts().len(), 3);
    assert!(is_alive(child));
    assert_eq!(Numbers::of(&standby.url).sum("meze_dispatcher_proof_seconds_count", &[]), 3);
}

/// Freezes the first until the standby listens; how long that took, in milliseconds. Who is frozen in the middle of a
/// write keeps SQLite's lock with him, and nobody takes over before he wakes: then it is tried again.
async fn freeze_between_writes(first: &mut Dispatcher, standby: &Dispatcher) -> u128 {
    for _ in 0..5 {
        let frozen = Instant::now();
        first.process.signal(Signal::SIGSTOP);
        while frozen.elapsed() < Duration::from_secs(8) {
            if standby.process.log().contains("dispatcher: listening on ") {
                return frozen.elapsed().as_millis();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        println!("frozen in the middle of a write: again");
        first.process.signal(Signal::SIGCONT);
        tokio::time::sleep(Duration::from_millis(3210)).await;
    }
    panic!("the standby does not take over");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_dispatchers_on_one_sqlite_store_only_one_counts() {
    let fleet = Fleet::new();
    take_over(&fleet, &[]).await;
}
