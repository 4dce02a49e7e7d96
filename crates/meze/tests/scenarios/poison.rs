//! A task that fails wherever it is tried.

use proving::lease::Cause;
use transport::ask::{JobStanding, TaskStanding};

use crate::harness::fleet::{Fleet, LONG};
use crate::harness::jobs::{done, ended, id_of, many, orders, single, task};
use crate::harness::numbers::Numbers;

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_task_is_tried_three_times_kept_as_a_dead_letter_and_can_be_tried_again() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let asker = dispatcher.asker();
    let _workers = ["w0", "w1", "w2"].map(|name| fleet.worker(name, &dispatcher, &[]));
    // Once in the folder of each worker: three times in all.
    let poison = "ms=100 do=abort once=poisoned";
    asker.submit(&single("poisoned", poison)).await.unwrap();
    let others = orders(12, "ms=100");
    asker.submit(&many("others", &others)).await.unwrap();

    let failed = ended(&asker, "poisoned", LONG).await;
    assert_eq!((failed.state, failed.dead_task), (JobStanding::Failed, Some(id_of(poison))));
    assert!(failed.reason.unwrap().contains("SIGABRT"));
    let view = task(&asker, "poisoned", id_of(poison)).await;
    assert_eq!(view.failures.iter().map(|failure| failure.cause).collect::<Vec<_>>(), [Cause::Signal; 3]);
    let mut tried: Vec<&str> = view.failures.iter().map(|failure| failure.worker.as_str()).collect();
    tried.sort_unstable();
    assert_eq!(tried, ["w0", "w1", "w2"]);
    let letters = asker.dead_letters().await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.id).collect::<Vec<_>>(), [id_of(poison)]);
    assert_eq!(letters[0].failures, view.failures);
    assert_eq!(Numbers::of(&dispatcher.url).sum("meze_dispatcher_dead_letters", &[]), 1);

    let view = done(&asker, "others", LONG).await;
    assert_eq!(view.tasks_by_state.get(&TaskStanding::Done), Some(&13));
    assert!(others.iter().all(|order| fleet.starts_of(&id_of(order)).len() == 1), "nothing else was tried twice");

    assert_eq!(asker.retry("poisoned").await.unwrap().state, JobStanding::Open);
    done(&asker, "poisoned", LONG).await;
    assert_eq!(fleet.starts_of(&id_of(poison)).len(), 4);
    assert!(asker.dead_letters().await.unwrap().is_empty());
    assert_eq!(Numbers::of(&dispatcher.url).sum("meze_dispatcher_dead_letters", &[]), 0);
}
