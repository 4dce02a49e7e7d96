//! Jobs, tasks and workers, as they are shown.

use std::collections::BTreeMap;

use dispatch::model::{Job, JobId, JobState, Phase, Task};
use dispatch::state::State;
use dispatch::time::Time;
use proving::id::TaskId;
use transport::ask::{FailureView, JobView, ProgressView, TaskStanding, TaskView, WorkerView};

use crate::events::standing;

fn ms(time: Time) -> u64 {
    time.0 / 1000
}

/// A job; with `tasks`, all of them, those nearest to the root first. The estimate is made elsewhere.
pub(crate) fn job_view(state: &State, id: JobId, job: &Job, price: Option<f64>, tasks: bool) -> JobView {
    let mut views: Vec<TaskView> = Vec::new();
    let mut by_state: BTreeMap<TaskStanding, usize> = BTreeMap::new();
    for (id, task) in job.tasks.iter().filter_map(|id| Some((id, state.durable().tasks.get(id)?))) {
        *by_state.entry(task_standing(state, id, task)).or_default() += 1;
        if tasks {
            views.push(task_view(state, id, task));
        }
    }
    views.sort_by_key(|view| (std::cmp::Reverse(view.level), view.kind.clone(), view.id));
    let (reason, dead_task) = match &job.state {
        JobState::Failed { task, reason } => (Some(reason.clone()), *task),
        _ => (None, None),
    };
    JobView {
        id: id.0,
        name: job.name.clone(),
        owner: job.owner.clone(),
        priority: job.priority,
        state: standing(&job.state),
        reason,
        dead_task,
        root: job.root,
        submitted_ms: ms(job.submitted),
        ended_ms: job.ended.map(ms),
        deadline_ms: job.deadline.map(ms),
        tasks_by_state: by_state,
        cpu_seconds: job.cpu_ms as f64 / 1000.0,
        cost: price.map(|hour| job.cpu_ms as f64 / 3_600_000.0 * hour),
        eta: None,
        tasks: views,
        cursor: state.durable().last_record,
    }
}

fn task_standing(state: &State, id: &TaskId, task: &Task) -> TaskStanding {
    match &task.phase {
        Phase::Idle => TaskStanding::Idle,
        Phase::Queued if task.missing > 0 => TaskStanding::Waiting,
        Phase::Queued => TaskStanding::Ready,
        Phase::Leased { .. } if state.lease(id).is_some_and(|lease| lease.verifying.is_some()) => {
            TaskStanding::Verifying
        }
        Phase::Leased { .. } => TaskStanding::Running,
        Phase::Done(_) => TaskStanding::Done,
        Phase::Dead => TaskStanding::Dead,
    }
}

/// A task.
pub(crate) fn task_view(state: &State, id: &TaskId, task: &Task) -> TaskView {
    let accepted = task.accepted();
    let lease = state.lease(id);
    let usage = accepted.map(|accepted| accepted.usage);
    let progress = lease.map(|lease| &lease.progress).filter(|progress| !progress.stage.is_empty());
    let since = match &task.phase {
        Phase::Leased { at, .. } => Some(*at),
        _ => accepted.map(|accepted| accepted.at).or_else(|| state.ready_since(id)),
    };
    TaskView {
        id: *id,
        kind: task.spec.class.kind.clone(),
        statement: task.spec.class.statement.clone(),
        state: task_standing(state, id, task),
        needs: task.spec.needs.clone(),
        level: task.level,
        worker: lease.map(|lease| lease.worker.clone()).or_else(|| accepted.map(|accepted| accepted.worker.clone())),
        since_ms: since.map(ms),
        progress: progress.map(|progress| ProgressView {
            stage: progress.stage.clone(),
            done: progress.done,
            total: progress.total,
        }),
        wall_seconds: usage.map(|usage| usage.wall_ms as f64 / 1000.0),
        cpu_seconds: usage.map(|usage| usage.cpu_ms as f64 / 1000.0),
        peak_memory_bytes: usage.map(|usage| usage.peak_memory_bytes),
        proof_bytes: accepted.map(|accepted| accepted.output.size()),
        memory_bytes: task.memory_bytes,
        generation: task.generation,
        failures: task.failures.iter().map(failure_view).collect(),
    }
}

fn failure_view(failure: &dispatch::model::Failure) -> FailureView {
    FailureView {
        at_ms: ms(failure.at),
        worker: failure.worker.clone(),
        cause: failure.cause,
        reason: failure.reason.clone(),
    }
}

/// Every dead letter.
pub(crate) fn dead_letters(state: &State) -> Vec<TaskView> {
    let dead = state.durable().tasks.iter().filter(|(_, task)| task.phase == Phase::Dead);
    let mut dead: Vec<TaskView> = dead.map(|(id, task)| task_view(state, id, task)).collect();
    dead.sort_by_key(|view| view.id);
    dead
}

/// Every connected worker and pool.
pub(crate) fn workers(state: &State) -> Vec<WorkerView> {
    let view = |(_, session): (_, &dispatch::state::Session)| WorkerView {
        name: session.worker.clone(),
        pool: session.pool,
        kinds: session.kinds(state),
        statements: session.statements(state),
        memory_bytes: session.memory_bytes,
        used_bytes: session.used_bytes,
        draining: session.draining,
        suspended: state.suspended(&session.worker),
        running: session.holding.iter().copied().collect(),
    };
    let mut all: Vec<WorkerView> = state.sessions().map(view).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}
