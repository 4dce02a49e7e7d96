//! What goes well, and the prover's own answers.

use std::time::{Duration, Instant};

use bytes::Bytes;
use proving::kind::Kind;
use proving::lease::{Cause, Token};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use transport::message::Offering;
use worker::counters::Counters;
use worker::error::WorkerError;
use worker::prover::{ChildConfig, ProverChild, Request, Standing, State};

use crate::toy::{assert_failed, config, kind, program, prove, prove_request, request, start, statement};

#[tokio::test]
async fn a_child_offers_its_provers_and_proves_on_top_of_needs() {
    let child = start(config()).await;
    let offers = child.ready().await.unwrap();
    assert_eq!(*offers, [Offering { kind: kind(), statement: statement() }]);
    let needs = vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")];
    let attempt = prove_request(&child, Request { needs, ..request("echo c") }).await;
    assert_eq!(attempt.outcome.unwrap(), "abc");
}

#[tokio::test]
async fn usage_is_of_this_proof_alone() {
    let child = start(config()).await;
    // A busy machine gives a spinning process a fraction of a core.
    let spun = prove(&child, "spin 600").await.usage;
    assert!(spun.wall_ms >= 600 && spun.cpu_ms >= 60 && spun.peak_memory_bytes > 1 << 20, "{spun:?}");
    let slept = prove(&child, "stubborn 200").await.usage;
    assert!(slept.wall_ms >= 200 && slept.cpu_ms < 50, "{slept:?}");
    let counted = child.counters().snapshot();
    assert!(counted.cpu_seconds >= 0.06 && counted.busy_seconds >= 0.8, "{counted:?}");
    assert!(counted.available_seconds >= counted.busy_seconds);
    assert_eq!((counted.proofs, counted.started, counted.child_starts), (2, 2, 1));
}

#[tokio::test]
async fn progress_is_seen_while_it_proves() {
    let child = start(config()).await;
    let (standing, seen) = watch::channel(Standing::default());
    let proving = child.prove(request("steps 40"), CancellationToken::new(), standing);
    let seen = tokio::spawn(async move {
        let mut seen = seen;
        seen.wait_for(|now| now.stage == "steps" && now.done > 5 && now.total == 40 && now.rss_bytes > 0).await.is_ok()
    });
    assert!(proving.await.outcome.is_ok());
    assert!(seen.await.unwrap());
}

#[tokio::test]
async fn the_prover_s_own_failures_keep_their_class_and_the_child() {
    let child = start(config()).await;
    for (input, cause, words) in [
        ("invalid", Cause::InvalidInput, &["nothing follows"][..]),
        ("fail under it", Cause::Prover, &["the disk is full", "under it"]),
        ("large", Cause::OutOfMemory, &["4 GiB needed"]),
        ("foreign", Cause::Prover, &["toy.run", "evm.block"]),
    ] {
        assert_failed(&prove(&child, input).await, cause, words);
    }
    let counted = child.counters().snapshot();
    assert_eq!((counted.child_starts, counted.deaths.len()), (1, 0));
    assert_eq!(counted.failures[&Cause::Prover], 2);
}

#[tokio::test]
async fn a_kind_that_the_child_does_not_have_is_a_mismatch() {
    let child = start(config()).await;
    let attempt = prove_request(&child, Request { kind: Kind::EVM_BLOCK, ..request("echo") }).await;
    assert_failed(&attempt, Cause::Prover, &["mismatch", "evm.block"]);
}

#[tokio::test]
async fn what_does_not_fit_the_pipe_is_said_and_the_child_lives() {
    let child = start(ChildConfig { frame_limit: 4096, ..config() }).await;
    assert_failed(&prove(&child, &"x".repeat(5000)).await, Cause::Prover, &["over the limit of 4096"]);
    assert_failed(&prove(&child, "long 5000").await, Cause::Prover, &["over the limit of 4096"]);
    assert_eq!(prove(&child, "echo x").await.outcome.unwrap(), "x");
    assert_eq!(child.counters().snapshot().child_starts, 1);
}

#[tokio::test]
async fn proofs_wait_for_one_another_in_the_order_of_asking() {
    let child = start(config()).await;
    let began = Instant::now();
    let (first, second) = tokio::join!(prove(&child, "sleep 200"), async {
        let attempt = prove(&child, "sleep 200").await;
        (attempt, began.elapsed())
    });
    assert!(first.outcome.is_ok() && second.0.outcome.is_ok());
    assert!(second.1 >= Duration::from_millis(400));
}

#[tokio::test]
async fn starts_are_counted_by_task() {
    let child = start(config()).await;
    let task = proving::id::TaskId::from_bytes([7; 32]);
    for token in 0..2 {
        prove_request(&child, Request { task: Some((task, Token(token))), ..request("echo") }).await;
    }
    assert_eq!(child.counters().starts_of(&task), 2);
}

#[tokio::test]
async fn a_child_that_cannot_get_ready_says_why() {
    for (how, words) in [
        ("keyless", "the key is not there"),
        ("untrue", "1 + 1 is 3"),
        ("fragile", "no keys today"),
        ("odd", "code 64"),
    ] {
        let config = ChildConfig::new(program(), ["child", how]);
        let error = ProverChild::start(config, Counters::new(None).unwrap()).await.unwrap_err();
        assert!(matches!(&error, WorkerError::NotReady { reason, .. } if reason.contains(words)), "{how}: {error}");
    }
    let slow =
        ChildConfig { ready_within: Duration::from_millis(300), ..ChildConfig::new(program(), ["child", "slow"]) };
    let error = ProverChild::start(slow, Counters::new(None).unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("not within"), "{error}");
    let absent = ChildConfig::new("/nowhere/prover", ["child"]);
    let error = ProverChild::start(absent, Counters::new(None).unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere/prover"), "{error}");
}

#[tokio::test]
async fn a_child_is_recycled_after_so_many_proofs_or_above_its_mark() {
    let child = start(ChildConfig { recycle_after: Some(2), ..config() }).await;
    for _ in 0..5 {
        assert!(prove(&child, "echo x").await.outcome.is_ok());
    }
    let counted = child.counters().snapshot();
    assert_eq!((counted.child_starts, counted.recycled, counted.deaths.len()), (3, 2, 0));

    let child = start(ChildConfig { recycle_above: Some(1), ..config() }).await;
    assert!(prove(&child, "echo x").await.outcome.is_ok());
    assert!(!matches!(child.state(), State::Ready(_)), "the old child is not ready any more");
    assert!(prove(&child, "echo x").await.outcome.is_ok());
    assert!(child.counters().snapshot().recycled >= 1);
}

#[tokio::test]
async fn what_no_prover_can_read_wears_no_child_out() {
    let child = start(ChildConfig { recycle_after: Some(2), ..config() }).await;
    for _ in 0..5 {
        assert_failed(&prove(&child, "invalid").await, Cause::InvalidInput, &["nothing follows"]);
    }
    assert!(prove(&child, "echo x").await.outcome.is_ok());
    assert_eq!(child.counters().snapshot().child_starts, 1);
    assert!(prove(&child, "echo x").await.outcome.is_ok());
    assert!(prove(&child, "echo x").await.outcome.is_ok());
    assert_eq!(child.counters().snapshot().child_starts, 2);
}
