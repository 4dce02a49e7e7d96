//! Views to draw in tests.

use proving::id::TaskId;
use transport::ask::{Eta, FailureView, JobStanding, JobView, ProgressView, TaskStanding, TaskView};

/// When the jobs were submitted.
pub(crate) const START: u64 = 1_700_000_000_000;

pub(crate) fn id(number: u8) -> TaskId {
    TaskId::from_bytes([number; 32])
}

pub(crate) fn task(number: u8, kind: &str, level: u32, state: TaskStanding, needs: &[u8]) -> TaskView {
    let busy = matches!(state, TaskStanding::Running | TaskStanding::Done);
    TaskView {
        id: id(number),
        kind: kind.parse().unwrap(),
        statement: "test/line/sleep".parse().unwrap(),
        state,
        needs: needs.iter().map(|need| id(*need)).collect(),
        level,
        worker: busy.then(|| "prover-1".to_owned()),
        since_ms: busy.then_some(START + 10_000),
        progress: None,
        wall_seconds: (state == TaskStanding::Done).then_some(8.25),
        cpu_seconds: None,
        peak_memory_bytes: None,
        proof_bytes: None,
        memory_bytes: 0,
        generation: 0,
        failures: Vec::new(),
    }
}

pub(crate) fn job(tasks: Vec<TaskView>) -> JobView {
    let mut tasks_by_state = std::collections::BTreeMap::new();
    for task in &tasks {
        *tasks_by_state.entry(task.state).or_default() += 1;
    }
    JobView {
        id: 12,
        name: "block-7".to_owned(),
        owner: "local".parse().unwrap(),
        priority: 5,
        state: JobStanding::Open,
        reason: None,
        dead_task: None,
        root: tasks.first().map(|task| task.id),
        submitted_ms: START,
        ended_ms: None,
        deadline_ms: None,
        tasks_by_state,
        cpu_seconds: 12.5,
        cost: Some(0.0125),
        eta: Some(Eta { seconds: 250.0, critical_path_seconds: 62.0, learned: 0.8 }),
        tasks,
        cursor: 7,
    }
}

/// Four tasks: one done, one running after a panic, one ready, and the root, which waits for all of them.
pub(crate) fn small() -> JobView {
    let mut running = task(2, "rollup.inner", 1, TaskStanding::Running, &[3]);
    running.progress = Some(ProgressView { stage: "witness".to_owned(), done: 3, total: 6 });
    running.failures = vec![FailureView {
        at_ms: START + 5_000,
        worker: "prover-2".to_owned(),
        cause: "panic".parse().unwrap(),
        reason: "index out\x1b[31m of bounds".to_owned(),
    }];
    job(vec![
        task(1, "rollup.outer", 2, TaskStanding::Waiting, &[2, 4]),
        running,
        task(4, "rollup.inner", 1, TaskStanding::Ready, &[3]),
        task(3, "rollup.wrap", 0, TaskStanding::Done, &[]),
    ])
}
