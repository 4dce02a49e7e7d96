//! Workers that are not what they seem.

use meze::fleet::sleep;
use proving::lease::{Cause, Token};
use proving::statement::Statement;
use transport::ask::{JobStanding, TaskStanding};
use transport::message::Answer;

use crate::harness::fleet::{Fleet, LONG, until};
use crate::harness::guest::{join, say_done, take};
use crate::harness::jobs::{done, id_of, many, orders, single, started_again, task};
use crate::harness::numbers::Numbers;

/// What a sleeper's proof looks like, of another input.
fn wrong_proof() -> Vec<u8> {
    format!("mock: slept over {}", blake3::hash(b"something else").to_hex()).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lies_is_refused_counted_and_suspended_and_others_do_its_tasks() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let (asker, admin) = (dispatcher.asker(), dispatcher.admin());
    let liar = join(&dispatcher, "liar", sleep::statement()).await;
    let all = orders(5, "ms=10");
    asker.submit(&many("job", &all)).await.unwrap();
    let mut lied = Vec::new();
    while let Some(offer) = take(&liar).await {
        let answer = say_done(&liar, &offer, offer.token, &wrong_proof()).await;
        let Answer::Refused { reason } = answer else { panic!("{answer:?}") };
        assert_eq!(reason, "sleep: nobody slept over this");
        lied.push(offer.task);
    }
    assert_eq!(lied.len(), 3, "after three lies it gets nothing more");
    let refused = [("cause", "refused"), ("kind", "test.sleep")];
    assert_eq!(Numbers::of(&dispatcher.url).sum("meze_dispatcher_attempts_failed_total", &refused), 3);
    assert_eq!(Numbers::of(&dispatcher.url).sum("meze_dispatcher_proof_seconds_count", &[]), 0);
    let shown = admin.workers().await.unwrap();
    assert_eq!(shown.iter().map(|worker| (&*worker.name, worker.suspended)).collect::<Vec<_>>(), [("liar", true)]);

    let _honest = fleet.worker("honest", &dispatcher, &[]);
    done(&asker, "job", LONG).await;
    assert_eq!(started_again(&fleet), []);
    assert_eq!(fleet.starts().len(), 6);
    for order in &all {
        let view = task(&asker, "job", id_of(order)).await;
        assert_eq!(view.worker.as_deref(), Some("honest"));
        let causes: Vec<Cause> = view.failures.iter().map(|failure| failure.cause).collect();
        let expected = if lied.contains(&view.id) { vec![Cause::Refused] } else { vec![] };
        assert_eq!(causes, expected, "{order}");
    }

    assert!(take(&liar).await.is_none());
    assert_eq!(admin.clear("liar").await.unwrap().sessions, 1);
    assert!(!admin.workers().await.unwrap()[1].suspended, "trusted again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_or_forged_token_changes_nothing() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &["--lease", "1000"]);
    let asker = dispatcher.asker();
    let silent = join(&dispatcher, "silent", sleep::statement()).await;
    asker.submit(&single("job", "id=once")).await.unwrap();
    let offer = take(&silent).await.unwrap();
    let right = format!("mock: slept over {}", blake3::hash(b"id=once").to_hex()).into_bytes();
    for forged in [offer.token.0 + 1, offer.token.0 + 1000, 0, u64::MAX >> 11] {
        let answer = say_done(&silent, &offer, Token(forged), &right).await;
        assert_eq!(answer, Answer::Stale, "token {forged}");
    }
    assert_eq!(asker.job("job").await.unwrap().state, JobStanding::Open);
    assert_eq!(Numbers::of(&dispatcher.url).sum("meze_dispatcher_stale_reports_total", &[]), 4);

    // Its own token is stale once it was silent for longer than the lease.
    let _honest = fleet.worker("honest", &dispatcher, &[]);
    done(&asker, "job", LONG).await;
    let before = task(&asker, "job", offer.task).await;
    assert_eq!(before.worker.as_deref(), Some("honest"));
    assert_eq!(say_done(&silent, &offer, offer.token, &right).await, Answer::Stale);
    assert_eq!(task(&asker, "job", offer.task).await, before);
    let numbers = Numbers::of(&dispatcher.url);
    assert_eq!(numbers.sum("meze_dispatcher_proof_seconds_count", &[]), 1);
    assert_eq!(numbers.sum("meze_dispatcher_stale_reports_total", &[]), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_another_statement_is_shown_and_gets_nothing() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let (asker, admin) = (dispatcher.asker(), dispatcher.admin());
    let other: Statement = "test/line/sleep-of-another-version".parse().unwrap();
    let foreign = join(&dispatcher, "foreign", other.clone()).await;
    asker.submit(&single("job", "id=task")).await.unwrap();
    assert!(take(&foreign).await.is_none());
    let view = task(&asker, "job", id_of("id=task")).await;
    assert_eq!(view.state, TaskStanding::Ready);
    let shown = until("the worker is shown", LONG, async || admin.workers().await.unwrap().pop()).await;
    assert_eq!((shown.name.as_str(), shown.running.len()), ("foreign", 0));
    assert_eq!(shown.statements, [other], "anybody can see why");

    let _own = fleet.worker("own", &dispatcher, &[]);
    done(&asker, "job", LONG).await;
    assert!(take(&foreign).await.is_none());
    assert_eq!(fleet.starts_of(&id_of("id=task"))[0].worker, "own");
}
