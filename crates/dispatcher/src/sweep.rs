//! Deleting blobs that nothing names any more. Nothing is deleted before what needs it is done: a blob goes
//! when no task that is kept names it, and only when it is old enough that its task would have come by now. Only
//! the inputs of secret tasks go as soon as their task is over.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use blobs::Swept;
use dispatch::model::{Phase, Task};
use dispatch::state::State;
use proving::id::TaskId;
use proving::payload::{BlobDigest, Payload};

use crate::handle::Dispatcher;

/// How often.
const EVERY: Duration = Duration::from_secs(600);
/// How old a blob is before it can go: inputs are stored before the job that names them.
const AGE: Duration = Duration::from_secs(6 * 3600);

/// Sweeps until the dispatcher ends.
pub(crate) async fn sweep(dispatcher: Dispatcher) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Ok(named) = dispatcher.look(named).await else { continue };
        match dispatcher.shared.blobs.sweep(&named, AGE, SystemTime::now()).await {
            Ok(Swept { blobs: 0, .. }) => {}
            Ok(Swept { blobs, bytes }) => tracing::info!(blobs, bytes, "swept blobs that nothing names"),
            Err(error) => tracing::warn!(%error, "cannot sweep blobs"),
        }
    }
}

fn named(state: &State) -> HashSet<BlobDigest> {
    let tasks = state.durable().tasks.values();
    tasks
        .flat_map(|task| {
            let output = task.accepted().map(|accepted| &accepted.output);
            [Some(&task.spec.input), output].into_iter().flatten().filter_map(Payload::blob)
        })
        .collect()
}

/// The secret inputs that these tasks took, and that no task takes any more.
pub(crate) fn spent_secrets<'a>(state: &State, over: impl IntoIterator<Item = &'a TaskId>) -> Vec<BlobDigest> {
    let tasks = &state.durable().tasks;
    let secret_of = |task: &Task| task.spec.input.blob().filter(|_| task.spec.secret);
    let unfinished = |task: &Task| matches!(task.phase, Phase::Queued | Phase::Leased { .. });
    let spent = over.into_iter().filter_map(|id| tasks.get(id).filter(|task| !unfinished(task)).and_then(secret_of));
    let spent: HashSet<BlobDigest> = spent.collect();
    if spent.is_empty() {
        return Vec::new();
    }
    let still: HashSet<BlobDigest> = tasks.values().filter(|task| unfinished(task)).filter_map(secret_of).collect();
    spent.difference(&still).copied().collect()
}
