//! How the tests start a toy child and ask it for things.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use proving::kind::Kind;
use proving::lease::Cause;
use proving::statement::{KeyDigest, Mode, Statement};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use worker::counters::Counters;
use worker::prover::{Attempt, ChildConfig, ProverChild, Request, Standing};

/// Where cargo built the example, beside the folder of this test.
pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/toy");
    assert!(program.exists(), "{} is missing: cargo builds it with the tests, without --test", program.display());
    program
}

pub(crate) fn kind() -> Kind {
    "toy.run".parse().unwrap()
}

pub(crate) fn statement() -> Statement {
    Statement::of_key(Mode::Test, KeyDigest::of(b"toy"))
}

pub(crate) fn config() -> ChildConfig {
    ChildConfig::new(program(), ["child"])
}

pub(crate) async fn start(config: ChildConfig) -> ProverChild {
    ProverChild::start(config, Counters::new(None).unwrap()).await.unwrap()
}

pub(crate) fn request(input: &str) -> Request {
    Request {
        kind: kind(),
        statement: statement(),
        input: Bytes::from(input.to_owned()),
        needs: Vec::new(),
        secret: false,
        task: None,
    }
}

pub(crate) async fn prove(child: &ProverChild, input: &str) -> Attempt {
    prove_request(child, request(input)).await
}

pub(crate) async fn prove_request(child: &ProverChild, request: Request) -> Attempt {
    child.prove(request, CancellationToken::new(), watch::channel(Standing::default()).0).await
}

/// The attempt failed like this, and the reason names every one of `words`.
#[track_caller]
pub(crate) fn assert_failed(attempt: &Attempt, cause: Cause, words: &[&str]) {
    let failure = attempt.outcome.as_ref().expect_err("it makes no proof");
    assert_eq!(failure.cause, cause, "{}", failure.reason);
    for word in words {
        assert!(failure.reason.contains(word), "{word:?} is not in {:?}", failure.reason);
    }
}

/// Whether the process is there and no zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Waits for `condition`, at most this long.
#[track_caller]
pub(crate) fn soon(within: Duration, condition: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !condition() {
        assert!(began.elapsed() < within, "not within {within:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
