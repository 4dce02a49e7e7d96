//! Deleting blobs that nothing names any more. Nothing is deleted before what needs it is done: a blob goes
//! when no task that is kept names it, and only when it is old enough that its task would have come by now.

use std::collections::HashSet;
use std::time::Duration;

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
        let Ok(named) = dispatcher.look(|state| named(state)).await else { continue };
        match dispatcher.shared.blobs.sweep(AGE, |digest| named.contains(digest)).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "swept blobs that nothing names"),
            Err(error) => tracing::warn!(%error, "cannot sweep blobs"),
        }
    }
}

fn named(state: &dispatch::state::State) -> HashSet<BlobDigest> {
    let tasks = state.durable().tasks.values();
    tasks
        .flat_map(|task| {
            let output = task.accepted().map(|accepted| &accepted.output);
            [Some(&task.spec.input), output].into_iter().flatten().filter_map(Payload::blob)
        })
        .collect()
}
