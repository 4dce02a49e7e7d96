//! Small requests in numbers, and none at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use miden_wire::kind::ProofKind;
use nix::sys::signal::Signal;
use tokio::task::JoinSet;
use tonic::Code;

use super::Table;
use super::service::{Make, Maker, Service};

/// Requests that no worker can read: all that they cost is the way there and back. With more clients than workers a
/// queue stands all the time.
pub(super) async fn small(makers: &[Maker], seconds: u64, count: usize, table: &mut Table) -> Result<()> {
    for clients in [1, 4, 16] {
        for maker in makers {
            let mut workers = Vec::new();
            for _ in 0..count {
                workers.push(maker.worker("batch").await?);
            }
            let proxy = maker.proxy("batch", &workers.iter().collect::<Vec<_>>(), &[]).await?;
            let (served, others) = flood(&proxy, clients, Duration::from_secs(seconds)).await?;
            let rate = served as f64 / seconds as f64;
            let what = format!("small requests through the proxy, {count} workers, {clients} clients");
            let cpu = proxy.cpu_seconds()? / (served + others).max(1) as f64 * 1e6;
            let note = format!("{others} refused; {cpu:.0} µs of the proxy's CPU each");
            table.add(&what, maker.make.name(), format!("{rate:.0}/s"), note);
        }
    }
    Ok(())
}

/// How many requests a worker answered, and how many it did not.
async fn flood(proxy: &Service, clients: usize, time: Duration) -> Result<(u64, u64)> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let (served, others) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let end = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (caller, served, others) = (proxy.caller()?, served.clone(), others.clone());
        // The first answer tells the line.
        caller.status(Duration::from_secs(5)).await.ok();
        tasks.spawn(async move {
            while Instant::now() < end {
                // No two are the same, or they would be asked once.
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                let payload = Bytes::from([&[0xff; 8][..], &number.to_le_bytes()].concat());
                match caller.prove(ProofKind::Batch, payload, None).await {
                    Err(status) if matches!(status.code(), Code::InvalidArgument | Code::Internal) => {
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                    _ => {
                        others.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    Ok((served.load(Ordering::Relaxed), others.load(Ordering::Relaxed)))
}

/// What a proxy takes while ten requests wait for a worker that does not move.
pub(super) async fn still(makers: &[Maker], seconds: u64, table: &mut Table) -> Result<()> {
    for maker in makers {
        let worker = maker.worker("batch").await?;
        let proxy = maker.proxy("batch", &[&worker], &["--timeout-secs", "600"]).await?;
        worker.signal(Signal::SIGSTOP)?;
        let mut tasks = JoinSet::new();
        for number in 0..10u8 {
            let caller = proxy.caller()?;
            if maker.make == Make::Peer {
                // Its status is the worker's, and that one does not answer.
                caller.assume_old();
            }
            tasks.spawn(async move { caller.prove(ProofKind::Batch, Bytes::from(vec![number; 64]), None).await });
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = proxy.cpu_seconds()?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let percent = (proxy.cpu_seconds()? - before) / seconds as f64 * 100.0;
        table.add(
            "CPU of a proxy while ten requests stand still",
            maker.make.name(),
            format!("{percent:.1} %"),
            "of a core",
        );
        tasks.abort_all();
    }
    Ok(())
}
