//! `meze workers`: who is connected, sending one home, trusting one again.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;
use terminal::Console;
use transport::ask::WorkerView;

use crate::connection::{ConnectionArgs, converse};
use crate::text::{bytes, table};

/// See and steer the workers of a dispatcher
#[derive(Debug, Clone, Subcommand)]
#[command(after_long_help = "Examples:\n  \
    meze workers list                 who is connected, what they can prove and do now\n  \
    meze workers drain prover-3       let it finish its task and go\n  \
    meze workers clear prover-3       give it tasks again after wrong proofs\n\n\
    These take a token of the admin scope.")]
pub enum WorkersCommand {
    /// Every connected worker
    List(ConnectionArgs),
    /// Let a worker finish what it has and end
    Drain(OneArgs),
    /// Trust a worker again that was suspended for wrong proofs
    Clear(OneArgs),
}

/// One worker.
#[derive(Debug, Clone, Args)]
pub struct OneArgs {
    /// Its name
    worker: String,

    /// Which dispatcher.
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Runs one of the commands.
///
/// # Errors
/// The dispatcher is away or says no.
pub fn run(command: &WorkersCommand, console: Console) -> Result<()> {
    match command {
        WorkersCommand::List(connection) => {
            let client = connection.client(&["admin"])?;
            let workers = converse(async { client.workers().await.map_err(|error| connection.explain(error)) })?;
            rows(&workers).iter().for_each(|line| console.say(line));
            console.object(&json!({ "ok": true, "workers": workers }));
        }
        WorkersCommand::Drain(OneArgs { worker, connection }) => {
            let client = connection.client(&["admin"])?;
            let drained = converse(async { client.drain(worker).await.map_err(|error| connection.explain(error)) })?;
            console.say(format!("{worker} takes no more tasks, and ends after the one that it has"));
            console.object(&json!({ "ok": true, "worker": worker, "sessions": drained.sessions }));
        }
        WorkersCommand::Clear(OneArgs { worker, connection }) => {
            let client = connection.client(&["admin"])?;
            let cleared = converse(async { client.clear(worker).await.map_err(|error| connection.explain(error)) })?;
            console.say(format!("{worker} gets tasks again"));
            console.object(&json!({ "ok": true, "worker": worker, "sessions": cleared.sessions }));
        }
    }
    Ok(())
}

fn rows(workers: &[WorkerView]) -> Vec<String> {
    if workers.is_empty() {
        return vec!["no worker is connected".to_owned()];
    }
    let heading = ["worker", "state", "tasks", "memory", "kinds"].map(str::to_owned).to_vec();
    let row = |worker: &WorkerView| {
        let state = match worker {
            WorkerView { suspended: true, .. } => "suspended",
            WorkerView { draining: true, .. } => "draining",
            WorkerView { pool: true, .. } => "queue",
            WorkerView { running, .. } if running.is_empty() => "idle",
            _ => "busy",
        };
        let memory = format!("{} of {}", bytes(worker.used_bytes), bytes(worker.memory_bytes));
        let kinds: Vec<&str> = worker.kinds.iter().map(|kind| kind.as_str()).collect();
        vec![worker.name.clone(), state.to_owned(), worker.running.len().to_string(), memory, kinds.join(" ")]
    };
    table(&std::iter::once(heading).chain(workers.iter().map(row)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(name: &str) -> WorkerView {
        WorkerView {
            name: name.to_owned(),
            pool: false,
            kinds: vec!["rollup.inner".parse().unwrap()],
            statements: Vec::new(),
            memory_bytes: 8 << 30,
            used_bytes: 0,
            draining: false,
            suspended: false,
            running: Vec::new(),
        }
    }

    #[test]
    fn a_suspended_worker_is_shown_as_such_even_while_it_drains() {
        let suspended = WorkerView { suspended: true, draining: true, ..worker("b") };
        let lines = rows(&[worker("a"), suspended]);
        assert!(lines[1].contains("idle") && lines[2].contains("suspended"), "{lines:?}");
        assert_eq!(rows(&[]), ["no worker is connected"]);
    }
}
