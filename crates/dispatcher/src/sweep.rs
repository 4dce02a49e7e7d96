//! Deleting blobs that nothing names any more. Nothing is deleted before what needs it is done: a blob goes
//! when no task that is kept names it, and only when it is old enough that its task would have come by now. Only
//! the inputs of secret tasks go as soon as their task is over.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use blobs::Swept;
use dispatch::state::State;
use proving::payload::{BlobDigest, Payload};

use crate::handle::Dispatcher;

/// When blobs go that nothing names.
#[derive(Debug, Clone, Copy)]
pub struct Sweep {
    /// How often they are looked for.
    pub every: Duration,
    /// How old a blob is before it can go: inputs are stored before the job that names them.
    pub age: Duration,
}

impl Default for Sweep {
    fn default() -> Self {
        Self { every: Duration::from_secs(600), age: Duration::from_secs(6 * 3600) }
    }
}

/// Sweeps until the dispatcher ends.
pub(crate) async fn sweep(dispatcher: Dispatcher, when: Sweep) {
    loop {
        tokio::time::sleep(when.every).await;
        let Ok(named) = dispatcher.look(named).await else { continue };
        match dispatcher.shared.blobs.sweep(&named, when.age, SystemTime::now()).await {
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
