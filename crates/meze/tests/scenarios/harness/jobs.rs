//! Jobs of sleepers: what is asked for, and how it goes on.

use std::time::Duration;

use meze::fleet::sleep;
use proving::id::{InputDigest, Owner, TaskId, TaskParts};
use proving::kind::Kind;
use transport::ask::{AskClient, Input, JobRequest, JobStanding, JobView, TaskRequest, TaskStanding, TaskView};

use super::fleet::{Fleet, LONG, until};

/// A task of a sleeper, by what it is told.
pub(crate) fn sleeper(order: &str) -> TaskRequest {
    TaskRequest {
        name: None,
        kind: Kind::TEST_SLEEP,
        statement: sleep::statement(),
        input: Input::Hex(hex::encode(order)),
        needs: Vec::new(),
        memory_bytes: 0,
        secret: false,
        traceparent: None,
    }
}

/// The id of a sleeper without needs.
pub(crate) fn id_of(order: &str) -> TaskId {
    id_over(order, &[])
}

/// The id of a sleeper on top of others.
pub(crate) fn id_over(order: &str, needs: &[TaskId]) -> TaskId {
    let owner: Owner = "local".parse().unwrap();
    let (kind, statement, input) = (Kind::TEST_SLEEP, sleep::statement(), InputDigest::of(order.as_bytes()));
    TaskId::of(&TaskParts { owner: &owner, kind: &kind, statement: &statement, input: &input, needs })
}

/// A job of one task.
pub(crate) fn single(name: &str, order: &str) -> JobRequest {
    let task = TaskRequest { name: Some("root".to_owned()), ..sleeper(order) };
    JobRequest {
        name: name.to_owned(),
        owner: None,
        priority: 5,
        deadline_seconds: None,
        tasks: vec![task],
        root: Some("root".to_owned()),
    }
}

/// A job of these tasks and a root on top of all of them that takes no time.
pub(crate) fn many<T: AsRef<str>>(name: &str, orders: &[T]) -> JobRequest {
    let named =
        |(index, order): (usize, &T)| TaskRequest { name: Some(format!("t{index}")), ..sleeper(order.as_ref()) };
    let mut tasks: Vec<TaskRequest> = orders.iter().enumerate().map(named).collect();
    let needs = tasks.iter().filter_map(|task| task.name.clone()).collect();
    tasks.push(TaskRequest { name: Some("root".to_owned()), needs, ..sleeper(&format!("id=root-of-{name}")) });
    JobRequest { tasks, ..single(name, "") }
}

/// Orders for `count` sleepers that differ.
pub(crate) fn orders(count: usize, words: &str) -> Vec<String> {
    (0..count).map(|number| format!("{words} id={number}")).collect()
}

/// Waits for the end of a job.
pub(crate) async fn ended(asker: &AskClient, job: &str, within: Duration) -> JobView {
    let wait = asker.wait(job, Duration::from_secs(30), |_| {});
    let view = tokio::time::timeout(within, wait).await;
    view.unwrap_or_else(|_| panic!("job {job} has not ended within {within:?}")).unwrap()
}

/// Waits until a job is done; anything else is a failure of the test.
pub(crate) async fn done(asker: &AskClient, job: &str, within: Duration) -> JobView {
    let view = ended(asker, job, within).await;
    assert_eq!(view.state, JobStanding::Done, "{job}: {:?}", view.reason);
    view
}

/// A task as it stands in a job.
pub(crate) async fn task(asker: &AskClient, job: &str, id: TaskId) -> TaskView {
    let view = asker.job(job).await.unwrap();
    view.tasks.into_iter().find(|task| task.id == id).unwrap_or_else(|| panic!("{id} is not in job {job}"))
}

/// Waits until the proof of a task was started so many times, and gives the worker and time of the last one.
pub(crate) async fn started(fleet: &Fleet, id: TaskId, times: usize, within: Duration) -> super::fleet::Start {
    until(&format!("{times} starts of {id}"), within, async || fleet.starts_of(&id).into_iter().nth(times - 1)).await
}

/// Waits until a task stands so.
pub(crate) async fn stands(asker: &AskClient, job: &str, id: TaskId, standing: TaskStanding) -> TaskView {
    until(&format!("task {id} is {standing:?}"), LONG, async || {
        Some(task(asker, job, id).await).filter(|task| task.state == standing)
    })
    .await
}

/// The tasks of a job whose proof was started more than once.
pub(crate) fn started_again(fleet: &Fleet) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    fleet.starts().into_iter().for_each(|start| *counts.entry(start.task).or_default() += 1);
    counts.into_iter().filter(|(_, count)| *count > 1).collect()
}
