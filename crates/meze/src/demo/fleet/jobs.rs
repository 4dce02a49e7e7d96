//! A rollup as a job: an inner task for each inner rollup, the outer one on top of them, the root verifier on top
//! of that. Wrapped proofs come from wallets, so they are part of the inner tasks' inputs.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use proving::id::TaskId;
use rollup::builder::RollupPlan;
use rollup_circuits::family::Family;
use rollup_circuits::id::CircuitId;
use rollup_circuits::witness_file::Witness;
use terminal::{Console, Stage};
use transport::ask::{AskClient, Input, JobRequest, JobStanding, JobView, TaskRequest, TaskStanding};

use crate::fleet::bundle;
use crate::measure::Cost;
use crate::pipeline::{Ledger, PROVIDER};

/// How long the demo waits for a dispatcher that does not answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A rollup that the fleet proved.
#[derive(Debug)]
pub(super) struct Proved {
    pub(super) proof: Vec<u8>,
    /// Every task, and when its proof counted.
    pub(super) accepted: Vec<(TaskId, u64)>,
    costs: Vec<(CircuitId, Cost, usize)>,
}

impl Proved {
    /// What each proof took, as its worker says.
    pub(super) fn enter(&self, ledger: &mut Ledger) {
        for (circuit, cost, bytes) in &self.costs {
            ledger.add(*circuit, cost, *bytes);
        }
    }
}

/// Asks for the proof of a rollup, and waits for it.
pub(super) async fn ask(
    ask: &AskClient,
    family: &Family,
    plan: &RollupPlan,
    wrapped: &[Vec<u8>],
    name: &str,
    console: Console,
) -> Result<Proved> {
    let mut tasks = Vec::new();
    let mut rest = wrapped.iter();
    for (index, inner) in plan.inners.iter().enumerate() {
        let real = inner.slots.iter().flatten().count();
        let proofs: Vec<&Vec<u8>> = rest.by_ref().take(real).collect();
        let input = bundle::pack(&Witness::Inner(Box::new(inner.clone())).to_bytes(), &proofs);
        tasks.push(task(ask, family, CircuitId::Inner, format!("inner-{index}"), input, Vec::new()).await?);
    }
    let inners = tasks.iter().filter_map(|task| task.name.clone()).collect();
    let outer = Witness::Outer(Box::new(plan.outer.clone())).to_bytes();
    tasks.push(task(ask, family, CircuitId::Outer, "outer".to_owned(), outer, inners).await?);
    let needs = vec!["outer".to_owned()];
    tasks.push(task(ask, family, CircuitId::RootVerifier, "root".to_owned(), Vec::new(), needs).await?);

    let total = tasks.len();
    let request = JobRequest {
        name: name.to_owned(),
        owner: None,
        priority: 5,
        deadline_seconds: None,
        tasks,
        root: Some("root".to_owned()),
    };
    retried(|| ask.submit(&request)).await.context("the job was not taken")?;
    let mut stage = Stage::begin(console, format!("{name}: fleet's proofs"), total);
    let mut done = 0;
    let view = ask.wait(name, PATIENCE, |view| {
        let now = view.tasks_by_state.get(&TaskStanding::Done).copied().unwrap_or(0);
        (done..now).for_each(|_| stage.step());
        done = done.max(now);
    });
    let view = view.await.context("nobody knows what became of the job")?;
    stage.end();
    match view.state {
        JobStanding::Done => {}
        _ => bail!("{name} was not proved: {}", view.reason.unwrap_or_else(|| "it was cancelled".to_owned())),
    }
    let proof = retried(|| ask.result(name)).await.context("the proof cannot be fetched")?;
    Ok(Proved { proof: proof.to_vec(), accepted: accepted(&view), costs: costs(&view) })
}

async fn task(
    ask: &AskClient,
    family: &Family,
    circuit: CircuitId,
    name: String,
    input: Vec<u8>,
    needs: Vec<String>,
) -> Result<TaskRequest> {
    let input = Bytes::from(input);
    let stored: Input = retried(|| ask.input(input.clone(), false)).await.context("an input was not taken")?;
    Ok(TaskRequest {
        name: Some(name),
        kind: circuit.kind(),
        statement: family.verification_key(circuit)?.statement(),
        input: stored,
        needs,
        memory_bytes: 0,
        secret: false,
        traceparent: None,
    })
}

/// Asks again while the dispatcher is away: it may be starting again.
async fn retried<T, F>(mut question: impl FnMut() -> F) -> Result<T, transport::ask::AskError>
where
    F: Future<Output = Result<T, transport::ask::AskError>>,
{
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        match question().await {
            Err(transport::ask::AskError::Away(_)) if tokio::time::Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            answer => return answer,
        }
    }
}

fn accepted(view: &JobView) -> Vec<(TaskId, u64)> {
    view.tasks.iter().filter_map(|task| Some((task.id, task.since_ms?))).collect()
}

fn costs(view: &JobView) -> Vec<(CircuitId, Cost, usize)> {
    let cost = |task: &transport::ask::TaskView| {
        let circuit = PROVIDER.into_iter().find(|circuit| circuit.kind() == task.kind)?;
        let cost = Cost {
            count: 1,
            wall_seconds: task.wall_seconds?,
            cpu_seconds: task.cpu_seconds?,
            peak_rss_bytes: task.peak_memory_bytes?,
        };
        Some((circuit, cost, usize::try_from(task.proof_bytes?).ok()?))
    };
    view.tasks.iter().filter_map(cost).collect()
}
