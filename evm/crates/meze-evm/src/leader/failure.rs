//! Why a block is not proved: what its dead task says of every attempt, and, where that is asked for, the inputs of the
//! task in files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dispatch::model::Failure;
use dispatcher::Dispatcher;
use proving::id::TaskId;
use proving::kind::Kind;
use proving::payload::Payload;
use terminal::files;
use transport::plane::WorkPlane as _;

/// A task that nobody could prove.
#[derive(Debug)]
pub struct Dead {
    number: u64,
    task: TaskId,
    kind: Kind,
    failures: Vec<Failure>,
    input: Payload,
    needs: Vec<Payload>,
}

/// Where inputs of failed tasks go.
pub const FOLDER: &str = "debug";

/// Looks at a task of a block.
///
/// # Errors
/// The dispatcher is ending.
pub async fn dead(dispatcher: &Dispatcher, number: u64, task: TaskId) -> Result<Option<Dead>> {
    let look = move |state: &dispatch::state::State| {
        let tasks = &state.durable().tasks;
        let found = tasks.get(&task)?;
        let output = |need: &TaskId| Some(tasks.get(need)?.accepted()?.output.clone());
        Some(Dead {
            number,
            task,
            kind: found.spec.class.kind.clone(),
            failures: found.failures.clone(),
            input: found.spec.input.clone(),
            needs: found.spec.needs.iter().filter_map(output).collect(),
        })
    };
    Ok(dispatcher.look(look).await?)
}

impl Dead {
    /// One line for each attempt.
    pub fn lines(&self) -> Vec<String> {
        let head = format!("block {}: {} {} was not proved", self.number, self.kind, short(&self.task));
        let attempt =
            |failure: &Failure| format!("  {} on worker {}: {}", failure.cause, failure.worker, failure.reason);
        std::iter::once(head).chain(self.failures.iter().map(attempt)).collect()
    }

    /// Writes the input, and the proofs that it is on top of, into a folder; gives the files.
    ///
    /// # Errors
    /// They cannot be read or written.
    pub async fn save(&self, dispatcher: &Dispatcher, folder: &Path) -> Result<Vec<PathBuf>> {
        let stem = format!("b{}_{}_{}", self.number, self.kind.name(), short(&self.task));
        let needs = self.needs.iter().enumerate().map(|(at, need)| (format!("{stem}_need_{at}.proof"), need));
        let mut written = Vec::new();
        for (name, payload) in std::iter::once((format!("{stem}.input"), &self.input)).chain(needs) {
            let path = folder.join(name);
            files::write(&path, &bytes(dispatcher, payload).await?, false)?;
            written.push(path);
        }
        Ok(written)
    }
}

fn short(task: &TaskId) -> String {
    task.to_string().chars().take(12).collect()
}

/// The bytes of an input or output.
///
/// # Errors
/// They are lost.
pub async fn bytes(dispatcher: &Dispatcher, payload: &Payload) -> Result<Vec<u8>> {
    match payload {
        Payload::Inline(bytes) => Ok(bytes.clone()),
        Payload::Blob { digest, .. } => {
            Ok(dispatcher.read_blob(*digest).await.context("what was kept cannot be read")?.to_vec())
        }
    }
}
