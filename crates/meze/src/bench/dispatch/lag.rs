//! From a task being asked for to a waiting worker having it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use proving::id::TaskId;
use transport::ask::{Input, JobRequest, TaskRequest};

use super::fleet::Fleet;
use super::server::Server;
use super::stats::{Lag, lag};
use crate::fleet::sleep;

/// Tasks a second; few enough that every worker waits.
const PER_SECOND: u64 = 100;

/// A sleeper's task.
pub(super) fn task(name: &str, order: &str, needs: Vec<String>) -> TaskRequest {
    TaskRequest {
        name: Some(name.to_owned()),
        kind: proving::kind::Kind::TEST_SLEEP,
        statement: sleep::statement(),
        input: Input::Hex(hex::encode(order)),
        needs,
        memory_bytes: 0,
        secret: false,
        traceparent: None,
    }
}

/// A job of these tasks.
pub(super) fn job(name: &str, owner: &str, tasks: Vec<TaskRequest>, root: &str) -> Result<JobRequest> {
    Ok(JobRequest {
        name: name.to_owned(),
        owner: Some(owner.parse()?),
        priority: 5,
        deadline_seconds: None,
        tasks,
        root: Some(root.to_owned()),
    })
}

/// Single tasks, one after the other, for waiting workers.
pub(super) async fn idle_workers(server: &Server, workers: usize, within: Duration) -> Result<Lag> {
    let ask = server.ask()?;
    let mut fleet = Fleet::start(&server.link()?, workers, "idle").await?;
    let count = (within.as_secs_f64() * PER_SECOND as f64) as u64;
    let mut asked: HashMap<TaskId, Instant> = HashMap::new();
    let mut pace = tokio::time::interval(Duration::from_millis(1000 / PER_SECOND));
    // The first ones make connections.
    let warm = 20;
    for number in 0..count + warm {
        pace.tick().await;
        let request = job(&format!("lag-{number}"), "lag", vec![task("t", &format!("id={number}"), vec![])], "t")?;
        let start = Instant::now();
        let view = ask.submit(&request).await?;
        if number >= warm {
            asked.insert(view.root.context("a sealed job has a root")?, start);
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut times = Vec::with_capacity(asked.len());
    while let Ok(got) = fleet.got.try_recv() {
        if let Some(start) = asked.remove(&got.task) {
            times.push(got.at.duration_since(start).as_secs_f64() * 1e3);
        }
    }
    anyhow::ensure!(asked.is_empty(), "{} tasks never came to a worker", asked.len());
    Ok(lag(times))
}
