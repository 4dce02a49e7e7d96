//! Every way to die is told apart, and the next proof finds a new child.

use std::time::{Duration, Instant};

use proving::lease::Cause;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use worker::prover::{ChildConfig, Standing};

use crate::toy::{assert_failed, config, prove, request, start};

#[tokio::test]
async fn deaths_are_told_apart_and_the_child_is_replaced() {
    let child = start(config()).await;
    let mut deaths = 0;
    for (input, cause, words) in [
        ("panic at noon", Cause::Panic, &["the toy broke: at noon", "toy.rs:"][..]),
        ("exit 101", Cause::Panic, &["panicked"]),
        ("exit 7", Cause::Exit, &["code 7"]),
        ("exit 0", Cause::Exit, &["code 0"]),
        ("abort", Cause::Signal, &["signal 6 (SIGABRT)"]),
        ("killed", Cause::Signal, &["signal 9 (SIGKILL)"]),
        ("print some text", Cause::Protocol, &["not a frame", "\"some text\""]),
        ("println some\ttext", Cause::Protocol, &["\"some\\ttext\\n\""]),
        ("magic", Cause::Protocol, &["4294967295 bytes is over the limit"]),
    ] {
        assert_failed(&prove(&child, input).await, cause, words);
        deaths += 1;
        assert_eq!(prove(&child, "echo on").await.outcome.unwrap(), "on", "after {input}");
        assert_eq!(child.counters().snapshot().child_starts, 1 + deaths, "after {input}");
    }
    let counted = child.counters().snapshot().deaths;
    assert_eq!((counted[&Cause::Panic], counted[&Cause::Exit], counted[&Cause::Protocol]), (2, 2, 3));
}

#[tokio::test]
async fn a_kill_by_the_kernel_for_memory_is_no_mere_signal() {
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("memory.events");
    std::fs::write(&count, "oom_kill 0\n").unwrap();
    let child = start(ChildConfig { oom_counters: vec![count.clone()], ..config() }).await;
    let attempt = prove(&child, &format!("oom {}", count.display())).await;
    assert_failed(&attempt, Cause::OutOfMemory, &["the kernel killed"]);
    assert_failed(&prove(&child, "killed").await, Cause::Signal, &["SIGKILL"]);
}

#[tokio::test]
async fn a_proof_that_grows_over_the_limit_is_ended_with_both_sizes() {
    let child = start(ChildConfig { memory_limit: Some(150 << 20), ..config() }).await;
    let attempt = prove(&child, "allocate 100000").await;
    assert_failed(&attempt, Cause::OutOfMemory, &["needed more than 1", "limit of this worker is 150 MiB"]);
    assert!(attempt.usage.peak_memory_bytes > 150 << 20, "{:?}", attempt.usage);
    assert_eq!(prove(&child, "echo on").await.outcome.unwrap(), "on");
}

#[tokio::test]
async fn a_cancelled_proof_ends_within_a_second_even_if_it_does_not_listen() {
    let child = start(config()).await;
    for (input, word, starts) in [("sleep 60000", "stopped at", 1), ("stubborn 60000", "was killed", 2)] {
        let cancel = CancellationToken::new();
        let (standing, mut seen) = watch::channel(Standing::default());
        let proving = tokio::spawn({
            let (child, cancel) = (child.clone(), cancel.clone());
            async move { child.prove(request(input), cancel, standing).await }
        });
        seen.wait_for(|standing| !standing.stage.is_empty()).await.unwrap();
        let began = Instant::now();
        cancel.cancel();
        assert_failed(&proving.await.unwrap(), Cause::Cancelled, &[word]);
        assert!(began.elapsed() < Duration::from_secs(1), "{input}: {:?}", began.elapsed());
        assert_eq!(prove(&child, "echo on").await.outcome.unwrap(), "on");
        assert_eq!(child.counters().snapshot().child_starts, starts, "{input}");
    }
}

#[tokio::test]
async fn a_proof_that_waits_is_cancelled_at_once_and_leaves_the_running_one_alone() {
    let child = start(config()).await;
    let cancel = CancellationToken::new();
    let waiting = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let proving = child.prove(request("echo"), cancel.clone(), watch::channel(Standing::default()).0);
        let began = Instant::now();
        let (attempt, ()) = tokio::join!(proving, async { cancel.cancel() });
        assert!(began.elapsed() < Duration::from_millis(200));
        attempt
    };
    let (running, waiting) = tokio::join!(prove(&child, "sleep 600"), waiting);
    assert!(running.outcome.is_ok());
    assert_failed(&waiting, Cause::Cancelled, &["before it began"]);
    assert_eq!(child.counters().snapshot().started, 1);
}
