//! Nothing of a secret input reaches a log or an error.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proving::lease::Cause;
use tracing_subscriber::fmt::MakeWriter;
use worker::prover::{ChildConfig, ProverChild, Request};

use crate::toy::{assert_failed, config, prove, prove_request, request, start};

const SECRET: &str = "hunter2";

/// All log lines of a test, whatever their level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// On this thread, which the current-thread runtime of a test never leaves.
    fn record(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(self.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

async fn prove_secret(child: &ProverChild, word: &str) -> worker::prover::Attempt {
    prove_request(child, Request { secret: true, ..request(&format!("{word} {SECRET}")) }).await
}

#[tokio::test]
async fn no_byte_of_a_secret_input_is_in_logs_or_errors() {
    let log = Log::default();
    let _recording = log.record();
    let child = start(config()).await;
    let attempt = prove_secret(&child, "panic").await;
    assert_failed(&attempt, Cause::Panic, &["toy.rs:", "withheld"]);
    let mut shown = format!("{attempt:?}");
    for (word, cause) in
        [("print", Cause::Protocol), ("println", Cause::Protocol), ("fail", Cause::Prover), ("exit", Cause::Exit)]
    {
        let attempt = prove_secret(&child, word).await;
        assert_failed(&attempt, cause, &[]);
        shown.push_str(&format!("{:?}", attempt.outcome));
    }
    prove_secret(&child, "stderr").await.outcome.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(!log.text().contains(SECRET), "{}", log.text());
    assert!(!format!("{:?}", Request { secret: true, ..request(SECRET) }).contains(SECRET));
}

#[tokio::test]
async fn stderr_is_logged_line_by_line_unless_a_task_was_secret() {
    let log = Log::default();
    let _recording = log.record();
    let child = start(config()).await;
    prove(&child, "stderr plain words").await.outcome.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(log.text().contains("plain words"), "{}", log.text());
    prove_secret(&child, "stderr").await.outcome.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!log.text().contains(SECRET));

    let open = start(ChildConfig { show_secret_stderr: true, ..config() }).await;
    prove_secret(&open, "stderr").await.outcome.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(log.text().contains(SECRET), "opted in");
}
