//! What the fabric adds to a tree of proofs, and to a small job beside a large one.

use std::time::{Duration, Instant};

use anyhow::Result;
use transport::ask::AskClient;

use super::fleet::Fleet;
use super::lag::{job, task};
use super::server::Server;
use super::stats::percentile;

/// A binary tree of 256 leaves, a second each, on as many workers: by how much it is over nine seconds.
pub(super) async fn tree(server: &Server) -> Result<f64> {
    let ask = server.ask()?;
    let _fleet = Fleet::start(&server.link()?, 256, "tree").await?;
    let mut tasks = Vec::new();
    let mut below: Vec<String> = Vec::new();
    let (mut width, mut level) = (256, 0);
    while width > 0 {
        let names: Vec<String> = (0..width).map(|index| format!("l{level}-{index}")).collect();
        for (index, name) in names.iter().enumerate() {
            let needs = below.chunks(2).nth(index).map(<[String]>::to_vec).unwrap_or_default();
            tasks.push(task(name, &format!("ms=1000 id={name}"), needs));
        }
        below = names;
        width /= 2;
        level += 1;
    }
    let request = job("tree", "tree", tasks, &below[0])?;
    let start = Instant::now();
    ask.submit(&request).await?;
    done(&ask, "tree").await?;
    let ideal = f64::from(level);
    Ok((start.elapsed().as_secs_f64() - ideal) / ideal)
}

/// How much longer a job of ten tasks takes while another owner has ten thousand waiting: the slowest hundredth of
/// its times, over those that it takes alone.
pub(super) async fn small_beside_large(server: &Server, workers: usize) -> Result<f64> {
    let ask = server.ask()?;
    let _fleet = Fleet::start(&server.link()?, workers, "share").await?;
    let alone = times(&ask, "alone", 30).await?;
    let large: Vec<_> =
        (0..10_000).map(|index| task(&format!("t{index}"), &format!("ms=100 id=large-{index}"), vec![])).collect();
    ask.submit(&job("large", "large", large, "t9999")?).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let beside = times(&ask, "beside", 30).await?;
    ask.cancel("large").await?;
    Ok(percentile(&beside, 0.99) / percentile(&alone, 0.99))
}

/// The times of small jobs, one after the other, sorted.
async fn times(ask: &AskClient, name: &str, count: usize) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for number in 0..count {
        let mut tasks: Vec<_> = (0..9)
            .map(|index| task(&format!("t{index}"), &format!("ms=100 id={name}-{number}-{index}"), vec![]))
            .collect();
        let needs = (0..9).map(|index| format!("t{index}")).collect();
        tasks.push(task("root", &format!("ms=100 id={name}-{number}"), needs));
        let start = Instant::now();
        let job_name = format!("{name}-{number}");
        ask.submit(&job(&job_name, "small", tasks, "root")?).await?;
        done(ask, &job_name).await?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Waits for the end of a job without asking for all of its tasks again and again.
pub(super) async fn done(ask: &AskClient, name: &str) -> Result<()> {
    let mut watching = ask.watch(name, Some(0)).await?;
    while let Some(news) = watching.next().await? {
        match news {
            transport::ask::News::Event(event) if matches!(event.what, transport::ask::Happening::Ended { .. }) => {
                return Ok(());
            }
            transport::ask::News::View(view) if view.state != transport::ask::JobStanding::Open => return Ok(()),
            _ => {}
        }
    }
    anyhow::bail!("the dispatcher ended the events of {name}")
}
