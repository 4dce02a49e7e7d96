//! A small job beside a huge one.

use std::time::Duration;

use transport::ask::{AskClient, JobRequest, JobView, TaskRequest, TaskStanding};

use crate::harness::fleet::{Fleet, measured};
use crate::harness::jobs::{done, many, orders, single, sleeper};
use crate::harness::numbers::Numbers;

const SMALL: usize = 9;

/// Asks for small jobs, one after the other; each as it stood at its end.
async fn small_jobs(asker: &AskClient, name: &str) -> Vec<JobView> {
    let mut views = Vec::new();
    for number in 0..SMALL {
        let job = format!("{name}-{number}");
        asker.submit(&single(&job, &format!("ms=20 id={job}"))).await.unwrap();
        views.push(done(asker, &job, Duration::from_secs(60)).await);
    }
    views
}

/// How long they took, from asked for to done by the dispatcher's clock: the middle one, in milliseconds.
fn median<'a>(views: impl Iterator<Item = &'a JobView>) -> u64 {
    let mut times: Vec<u64> = views.map(|view| view.ended_ms.unwrap() - view.submitted_ms).collect();
    times.sort_unstable();
    times[times.len() / 2]
}

/// Many tasks, in groups, since a task has at most 4096 needs.
fn huge(size: usize) -> JobRequest {
    let mut request = many("huge", &orders(size, "ms=0"));
    let mut root = request.tasks.pop().unwrap();
    let groups = root.needs.chunks(100).enumerate().map(|(number, needs)| TaskRequest {
        name: Some(format!("group{number}")),
        needs: needs.to_vec(),
        ..sleeper(&format!("id=group{number}"))
    });
    let groups: Vec<TaskRequest> = groups.collect();
    root.needs = groups.iter().filter_map(|group| group.name.clone()).collect();
    request.tasks.extend(groups);
    request.tasks.push(root);
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_job_does_not_wait_for_a_huge_one() {
    small_beside(1_000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes where syncing to the disk is slow"]
async fn scenarios_long_a_small_job_does_not_wait_for_one_of_5000_tasks() {
    small_beside(5_000).await;
}

async fn small_beside(size: usize) {
    // With the groups and the root.
    let tasks = size + size / 100 + 1;
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let asker = dispatcher.asker();
    let _workers = ["w0", "w1"].map(|name| fleet.worker(name, &dispatcher, &[]));
    let alone = median(small_jobs(&asker, "alone").await.iter());
    asker.submit(&huge(size)).await.unwrap();
    let all = small_jobs(&asker, "beside").await;
    let huge = done(&asker, "huge", Duration::from_secs(600)).await;
    let beside: Vec<&JobView> = all.iter().filter(|view| view.ended_ms < huge.ended_ms).collect();
    assert!(beside.len() >= 3, "only {} small jobs ended before the huge one", beside.len());
    let (number, beside) = (beside.len(), median(beside.into_iter()));
    measured("a small job of 20 ms alone, median of 9", alone, "for comparison");
    measured(&format!("the same beside one of {size} tasks, median of {number}"), beside, "at most 2 x alone + 250");
    measured(&format!("the job of {size} tasks"), huge.ended_ms.unwrap() - huge.submitted_ms, "no bound");
    assert!(beside <= 2 * alone + 250, "{beside} ms beside, {alone} ms alone");
    assert_eq!(huge.tasks_by_state.get(&TaskStanding::Done), Some(&tasks));
    assert_eq!(fleet.starts().len(), tasks + 2 * SMALL, "each proof once");
    let proofs = Numbers::of(&dispatcher.url).sum("meze_dispatcher_proof_seconds_count", &[]);
    assert_eq!(proofs as usize, tasks + 2 * SMALL);
}
