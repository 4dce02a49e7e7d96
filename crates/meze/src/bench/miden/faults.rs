//! A client killed, a worker killed and a worker frozen in the middle of a proof: what each does to that request, and to
//! the next one.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use miden_wire::kind::ProofKind;
use nix::sys::signal::Signal;
use tokio::task::JoinHandle;
use tonic::Status;

use super::Table;
use super::service::{Maker, Service};

/// Longer is as good as never.
const PATIENCE: Duration = Duration::from_secs(60);

/// How far a proof is when the fault comes.
const IN_THE_MIDDLE: Duration = Duration::from_millis(1200);

#[derive(Debug, Clone, Copy)]
enum Fault {
    ClientKilled,
    WorkerKilled,
    WorkerFrozen,
}

/// All faults, each with a proxy and two workers of its own.
pub(super) async fn all(makers: &[Maker], table: &mut Table) -> Result<()> {
    for (fault, what) in [
        (Fault::ClientKilled, "client killed in the middle"),
        (Fault::WorkerKilled, "worker killed in the middle"),
        (Fault::WorkerFrozen, "worker frozen in the middle"),
    ] {
        for maker in makers {
            let (this, next) = one(maker, fault).await?;
            table.add(&format!("{what}: that request"), maker.make.name(), this, "");
            table.add(&format!("{what}: the next one"), maker.make.name(), next, "");
        }
    }
    Ok(())
}

async fn one(maker: &Maker, fault: Fault) -> Result<(String, String)> {
    // With one worker a request that nobody wants any more is in the way of the next.
    let alone = matches!(fault, Fault::ClientKilled);
    let mut workers = vec![maker.worker("transaction").await?];
    if !alone {
        workers.push(maker.worker("transaction").await?);
    }
    let proxy = maker.proxy("transaction", &workers.iter().collect::<Vec<_>>(), &["--timeout-secs", "60"]).await?;
    let cpu = |worker: &Service| worker.cpu_of_all().unwrap_or(0.0);
    let before: Vec<f64> = workers.iter().map(cpu).collect();
    let begun = Instant::now();
    let request = ask(&proxy, maker.bytes("transaction-0")?)?;
    tokio::time::sleep(IN_THE_MIDDLE).await;
    // Whoever computes has it.
    let used = |place: &usize| ((cpu(&workers[*place]) - before[*place]) * 100.0) as u64;
    let place = (0..workers.len()).max_by_key(used).unwrap_or(0);
    let this = match fault {
        Fault::ClientKilled => {
            request.abort();
            "gone".to_owned()
        }
        Fault::WorkerKilled => {
            workers[place].kill()?;
            outcome(request, begun).await
        }
        Fault::WorkerFrozen => {
            workers[place].signal(Signal::SIGSTOP)?;
            outcome(request, begun).await
        }
    };
    let begun = Instant::now();
    let next = outcome(ask(&proxy, maker.bytes("transaction-1")?)?, begun).await;
    Ok((this, next))
}

fn ask(proxy: &Service, payload: Bytes) -> Result<JoinHandle<Result<Bytes, Status>>> {
    let caller = proxy.caller()?;
    if proxy.is_old() {
        caller.assume_old();
    }
    Ok(tokio::spawn(async move { caller.prove(ProofKind::Transaction, payload, None).await }))
}

async fn outcome(request: JoinHandle<Result<Bytes, Status>>, begun: Instant) -> String {
    let answer = tokio::time::timeout(PATIENCE, request).await;
    let took = begun.elapsed().as_secs_f64();
    match answer {
        Err(_) => format!("nothing in {} s", PATIENCE.as_secs()),
        Ok(Ok(Ok(_))) => format!("proved, {took:.1} s"),
        Ok(Ok(Err(status))) => format!("{:?}, {took:.1} s", status.code()),
        Ok(Err(_)) => "lost".to_owned(),
    }
}
