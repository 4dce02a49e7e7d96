//! As much as goes through, and what a large fleet takes.

use std::time::{Duration, Instant};

use anyhow::Result;
use transport::ask::AskClient;

use super::fleet::Fleet;
use super::lag::{job, task};
use super::server::Server;
use super::stats::percentile;

/// Tasks of one job.
const JOB: usize = 2_000;

/// Asks for a job of sleepers that need nothing of each other.
async fn many(ask: &AskClient, name: &str, count: usize, ms: impl Fn(usize) -> usize) -> Result<()> {
    let one = |index| task(&format!("t{index}"), &format!("ms={} id={name}-{index}", ms(index)), vec![]);
    let mut tasks: Vec<_> = (0..count).map(one).collect();
    // The job is for all of them.
    let needs = (0..count.min(4000)).map(|index| format!("t{index}")).collect();
    tasks.push(task("all", &format!("id={name}"), needs));
    ask.submit(&job(name, "load", tasks, "all")?).await?;
    Ok(())
}

/// No-op tasks that are taken in, handed out and completed, all durable, a second.
pub(super) async fn throughput(server: &Server, within: Duration) -> Result<f64> {
    let ask = server.ask()?;
    let fleet = Fleet::start(&server.link()?, 256, "quick").await?;
    let start = Instant::now();
    let mut number = 0u64;
    let mut asked = 0u64;
    let mut warm: Option<(Instant, u64)> = None;
    while start.elapsed() < within {
        // A short queue, so that what is asked for is also completed within the time.
        if asked.saturating_sub(fleet.completed()) < 2 * JOB as u64 {
            many(&ask, &format!("load-{number}"), JOB, |_| 0).await?;
            number += 1;
            asked += JOB as u64 + 1;
        } else {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        if warm.is_none() && start.elapsed() > within / 6 {
            warm = Some((Instant::now(), fleet.completed()));
        }
    }
    let (since, before) = warm.unwrap_or((start, 0));
    Ok((fleet.completed() - before) as f64 / since.elapsed().as_secs_f64())
}

/// What a large fleet takes.
pub(super) struct Load {
    pub(super) p99_ms: f64,
    pub(super) per_second: f64,
    pub(super) cpu_cores: f64,
    pub(super) rss_bytes: u64,
    pub(super) utilisation: f64,
}

/// So many workers with tasks of a second on average (half a second to one and a half, so that they do not all end at
/// once), and ten times as many tasks waiting.
pub(super) async fn fleet(server: &Server, workers: usize, within: Duration) -> Result<Load> {
    let ask = server.ask()?;
    let mut fleet = Fleet::start(&server.link()?, workers, "many").await?;
    let mut asked = 0u64;
    let mut number = 0u64;
    let backlog = 10 * workers as u64;
    let mut top_up = async |completed: u64| -> Result<()> {
        while asked < completed + backlog + workers as u64 {
            many(&ask, &format!("many-{number}"), JOB, |index| 500 + index * 7919 % 1001).await?;
            number += 1;
            asked += JOB as u64;
        }
        Ok(())
    };
    top_up(0).await?;
    // Until every worker is in its second task, out of step with the others.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    while fleet.got.try_recv().is_ok() {}
    let (start, cpu, before) = (Instant::now(), server.cpu_seconds()?, fleet.completed());
    while start.elapsed() < within {
        top_up(fleet.completed()).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seconds = start.elapsed().as_secs_f64();
    let cpu_cores = (server.cpu_seconds()? - cpu) / seconds;
    let completed = fleet.completed() - before;
    let mut gaps = Vec::new();
    while let Ok(got) = fleet.got.try_recv() {
        gaps.extend(got.gap.map(|gap| gap.as_secs_f64() * 1e3));
    }
    gaps.sort_by(f64::total_cmp);
    let idle: f64 = gaps.iter().sum();
    let busy = gaps.len() as f64 * 1000.0;
    Ok(Load {
        p99_ms: percentile(&gaps, 0.99),
        per_second: completed as f64 / seconds,
        cpu_cores,
        rss_bytes: server.peak_rss_bytes()?,
        utilisation: busy / (busy + idle),
    })
}
