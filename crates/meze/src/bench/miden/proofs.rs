//! Real proofs: what the service adds to one, and how long a quick one takes there and back.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use miden_wire::kind::ProofKind;
use proving::context::ProveContext;
use serde_json::Value;

use super::Table;
use super::service::{Make, Maker};
use crate::bench::stats::{median, percentile, spread};

/// Batches, one after the other over one connection.
pub(super) async fn batches(makers: &[Maker], runs: usize, table: &mut Table) -> Result<()> {
    for maker in makers {
        let requests = maker.batches()?;
        ensure!(!requests.is_empty(), "there are no batches to ask for");
        let worker = maker.worker("batch").await?;
        for place in ["from the worker", "through the proxy"] {
            let mut times = Vec::new();
            for _ in 0..runs {
                // A new one each time: it would know the answers of the last one.
                let proxy = maker.proxy("batch", &[&worker], &[]).await?;
                let caller = if place == "from the worker" { worker.caller()? } else { proxy.caller()? };
                caller.status(Duration::from_secs(5)).await.ok();
                for request in &requests {
                    let begun = Instant::now();
                    let answer = caller.prove(ProofKind::Batch, request.clone(), None).await;
                    let took = begun.elapsed().as_secs_f64() * 1000.0;
                    answer.map_err(|status| anyhow::anyhow!("a batch {place}: {status}"))?;
                    times.push(took);
                }
            }
            times.sort_by(f64::total_cmp);
            let note = format!("p99 {:.1} ms of {}", percentile(&times, 0.99), times.len());
            let figure = format!("{:.1} ms", percentile(&times, 0.5));
            table.add(&format!("batch of two, there and back, {place}"), maker.make.name(), figure, note);
        }
        if maker.make == Make::Meze {
            let prover = miden_proving::prover(&ProofKind::Batch.kind()).context("no prover of batches")?;
            let mut times = Vec::new();
            for request in requests.iter().cycle().take(64) {
                let begun = Instant::now();
                prover.prove(request, &[], &ProveContext::default())?;
                times.push(begun.elapsed().as_secs_f64() * 1000.0);
            }
            times.sort_by(f64::total_cmp);
            let note = format!("p99 {:.1} ms", percentile(&times, 0.99));
            table.add("batch of two, proved in place", "meze", format!("{:.1} ms", percentile(&times, 0.5)), note);
        }
    }
    Ok(())
}

/// Transactions, in place and through the service by turns, both by the network's own client of each line.
pub(super) fn transactions(makers: &[Maker], runs: usize, table: &mut Table) -> Result<()> {
    let runtime = crate::roles::runtime(2)?;
    for maker in makers {
        let worker = runtime.block_on(maker.worker("transaction"))?;
        let proxy = runtime.block_on(maker.proxy("transaction", &[&worker], &["--timeout-secs", "300"]))?;
        let (mut local, mut through, mut added) = (Vec::new(), Vec::new(), Vec::new());
        // The first of each warms up and is not counted.
        for run in 0..=runs {
            let name = format!("transaction-{}", run % 6);
            let in_place = in_place(maker, &name)?;
            let asked = asked(maker, &format!("http://{}", proxy.address), &name)?;
            if run > 0 {
                local.push(in_place);
                through.push(asked);
                added.push((asked / in_place - 1.0) * 100.0);
            }
        }
        let who = maker.make.name();
        for (what, times) in [("proved in place", &local), ("through the proxy", &through)] {
            let (least, most) = spread(times).unwrap_or_default();
            let figure = format!("{:.2} s", median(times).unwrap_or_default());
            table.add(&format!("transaction, {what}"), who, figure, format!("{least:.2} to {most:.2} s"));
        }
        let ratio =
            median(&through).zip(median(&local)).map_or(0.0, |(through, local)| (through / local - 1.0) * 100.0);
        let (least, most) = spread(&added).unwrap_or_default();
        let note = format!("of the medians; by pairs {least:.1} to {most:.1} %");
        table.add("transaction, time added by the service", who, format!("{ratio:.1} %"), note);
    }
    Ok(())
}

/// Seconds of a proof in a process without any service.
fn in_place(maker: &Maker, name: &str) -> Result<f64> {
    let words = ["prove-local", "--kind", "transaction", "--repeat", "1", "--input"];
    let said = Command::new(&maker.client).args(words).arg(maker.request(name)).output()?;
    seconds(&said.stdout).with_context(|| String::from_utf8_lossy(&said.stderr).into_owned())
}

/// Seconds of a proof through the service.
fn asked(maker: &Maker, endpoint: &str, name: &str) -> Result<f64> {
    let mut command = Command::new(&maker.client);
    command.args(["prove", "--endpoint", endpoint, "--kind", "transaction", "--input"]).arg(maker.request(name));
    if maker.make == Make::Meze {
        command.args(["--timeout", "300"]);
    }
    let said = command.output()?;
    if !said.status.success() {
        bail!("a transaction from {endpoint}: {}", String::from_utf8_lossy(&said.stdout));
    }
    seconds(&said.stdout).with_context(|| String::from_utf8_lossy(&said.stderr).into_owned())
}

fn seconds(stdout: &[u8]) -> Result<f64> {
    let text = String::from_utf8_lossy(stdout);
    let line: Value = serde_json::from_str(text.lines().next_back().unwrap_or_default())?;
    line["seconds"].as_f64().context("no seconds")
}
