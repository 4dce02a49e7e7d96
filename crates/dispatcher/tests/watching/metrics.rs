//! The numbers: what Prometheus' own checker says of them, and whether they count what happened.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proving::error::VerifyError;
use proving::kind::Kind;
use proving::lease::Cause;
use proving::payload::Payload;
use proving::prover::{Proof, Verifier};
use proving::statement::Statement;
use transport::ask::JobStanding;

use crate::house::{House, SLEEP, STATEMENT, job, task};

/// Refuses proofs that say so.
struct Reader;

impl Verifier for Reader {
    fn kind(&self) -> Kind {
        SLEEP.parse().unwrap()
    }

    fn statement(&self) -> Statement {
        STATEMENT.parse().unwrap()
    }

    fn verify(&self, _: &[u8], _: &[&[u8]], proof: &Proof) -> Result<(), VerifyError> {
        match proof.bytes() {
            b"wrong" => Err(VerifyError::new("text", "it says that it is wrong")),
            _ => Ok(()),
        }
    }
}

/// What `name` with these labels says in the text, the sum where there are several.
fn value(text: &str, name: &str, labels: &str) -> f64 {
    let lines = text.lines().filter_map(|line| line.strip_prefix(&format!("meze_dispatcher_{name}")));
    let fitting = lines.filter(|rest| rest.starts_with(['{', ' ']) && rest.contains(labels));
    fitting.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// A dispatcher after a job of three proofs, with a panic, a wrong proof and a refused token on the way, and a job
/// that failed.
async fn eventful() -> House {
    let house = House::open(vec![Arc::new(Reader)]).await;
    let attempts = AtomicU32::new(0);
    house.worker("one", move |offer| {
        if offer.input == Payload::Inline(b"bad".to_vec()) {
            return Err(Cause::InvalidInput);
        }
        match attempts.fetch_add(1, Ordering::Relaxed) {
            0 => Err(Cause::Panic),
            1 => Ok(b"wrong".to_vec()),
            _ => Ok(vec![7; 600]),
        }
    });
    let asker = house.asker();
    asker.submit(&job("good", vec![task("a", &[]), task("b", &["a"]), task("c", &["b"])])).await.unwrap();
    asker.submit(&job("hopeless", vec![task("bad", &[])])).await.unwrap();
    for (name, state) in [("good", JobStanding::Done), ("hopeless", JobStanding::Failed)] {
        let view = asker.wait(name, Duration::from_secs(5), |_| {}).await.unwrap();
        assert_eq!(view.state, state, "{view:?}");
    }
    // Long enough for workers to have been there for a tick.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let refused = status_without_token(&format!("{}/v1/jobs", house.url)).await;
    assert_eq!(refused, 401);
    house
}

async fn status_without_token(url: &str) -> u16 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn everything_that_happened_is_counted_once() {
    let house = eventful().await;
    let text = house.dispatcher.metrics().await;
    for (name, labels, expected) in [
        ("proof_seconds_count", "", 3.0),
        ("proof_seconds_sum", "", 4.5),
        ("proof_cpu_seconds_sum", "", 6.0),
        ("proof_memory_bytes_count", "", 3.0),
        ("cpu_seconds_total", "", 12.0),
        ("cost_total", "owner=\"local\"", 12.0),
        ("job_cost_sum", "", 12.0),
        ("job_cost_count", "", 2.0),
        ("attempts_failed_total", "", 3.0),
        ("retries_total", "", 2.0),
        ("retries_total", "cause=\"panic\"", 1.0),
        ("verification_refusals_total", "", 1.0),
        ("dead_lettered_total", "", 1.0),
        ("dead_letters", "", 1.0),
        ("dispatch_latency_seconds_count", "", 6.0),
        ("jobs_ended_total", "state=\"done\"", 1.0),
        ("jobs_ended_total", "state=\"failed\"", 1.0),
        ("tokens_refused_total", "scope=\"ask\"", 1.0),
        ("tasks", "state=\"done\"", 3.0),
        ("demand_tasks", "kind=\"test.sleep\"", 0.0),
        ("workers", "state=\"idle\"", 1.0),
    ] {
        assert_eq!(value(&text, name, labels), expected, "{name} {labels}\n{text}");
    }
    let there = value(&text, "fleet_available_seconds_total", "");
    assert!(there > 0.1 && value(&text, "worker_available_seconds_total", SLEEP) == there, "{text}");
}

#[tokio::test]
async fn the_checker_of_prometheus_has_nothing_to_say() {
    let text = eventful().await.dispatcher.metrics().await;
    let checker = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut checker) = checker else {
        eprintln!("skipped: promtool is not installed; it comes with Prometheus (apt-get install prometheus)");
        return;
    };
    checker.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = checker.wait_with_output().unwrap();
    let words = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success() && words.is_empty(), "{words}\n{text}");
}
