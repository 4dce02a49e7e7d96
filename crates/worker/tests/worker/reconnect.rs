//! Lost connections: proofs go on, results are kept, leases come back or are given up.

use std::time::Duration;

use proving::id::TaskId;
use proving::lease::Token;
use transport::message::Held;

use crate::dispatch::Dispatch;
use crate::run::{Running, running};

fn held(token: Token) -> Held {
    Held { task: TaskId::from_bytes([token.0 as u8; 32]), token }
}

/// A worker that proves `input` while dispatch is away.
async fn left_alone_with(input: &str) -> (Running, Dispatch, Token) {
    let worker = running(|config| config.reconnect_grace = Duration::from_secs(2)).await;
    let dispatch = worker.dispatch.clone();
    let token = dispatch.offer(input);
    dispatch.until_proving(token).await;
    dispatch.go_away();
    (worker, dispatch, token)
}

#[tokio::test]
async fn a_proof_goes_on_without_a_connection_and_the_lease_is_kept() {
    let (worker, dispatch, token) = left_alone_with("stubborn 1000").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let beats = dispatch.state().beats.len();
    dispatch.come_back();
    dispatch.until("the second hello", |state| state.hellos.len() == 2).await;
    assert_eq!(dispatch.state().hellos[1].running, [held(token)]);
    dispatch.until("the proof", |state| state.done.len() == 1).await;
    assert_eq!(dispatch.state().done[0].held, held(token));
    assert!(dispatch.state().beats.len() > beats, "beats go on over the new connection");
    assert_eq!(worker.prover.counters().starts_of(&held(token).task), 1);
    assert_eq!(worker.prover.counters().snapshot().reconnects, 1);
}

#[tokio::test]
async fn a_result_is_kept_until_dispatch_is_back() {
    let (worker, dispatch, token) = left_alone_with("stubborn 200").await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(worker.prover.counters().snapshot().proofs, 1);
    assert!(dispatch.state().done.is_empty());
    dispatch.come_back();
    dispatch.until("the proof", |state| state.done.len() == 1).await;
    assert_eq!(dispatch.state().hellos[1].running, [held(token)]);
    assert_eq!(worker.prover.counters().starts_of(&held(token).task), 1);
}

#[tokio::test]
async fn a_lease_that_went_to_another_is_stopped_without_a_report() {
    let (_worker, dispatch, token) = left_alone_with("stubborn 60000").await;
    dispatch.state().stale.push(token);
    dispatch.come_back();
    let next = dispatch.offer("echo on");
    dispatch.until("the next proof", |state| state.done.len() == 1).await;
    assert_eq!(dispatch.state().done[0].held, held(next));
    assert!(dispatch.state().failed.is_empty());
}

#[tokio::test]
async fn a_task_is_given_up_when_dispatch_is_away_for_longer_than_the_grace() {
    let (_worker, dispatch, _) = left_alone_with("stubborn 60000").await;
    tokio::time::sleep(Duration::from_millis(2300)).await;
    dispatch.come_back();
    let next = dispatch.offer("echo on");
    dispatch.until("the next proof", |state| state.done.len() == 1).await;
    let state = dispatch.state();
    assert!(state.hellos[1].running.is_empty());
    assert_eq!((state.done[0].held, state.failed.len()), (held(next), 0));
}

#[tokio::test]
async fn a_report_whose_answer_was_lost_is_repeated() {
    let worker = running(|_| {}).await;
    worker.dispatch.state().loses_an_answer = true;
    let token = worker.dispatch.offer("echo once");
    worker.dispatch.until("the repeated report", |state| state.done.len() == 2).await;
    let state = worker.dispatch.state();
    assert_eq!(state.done[0], state.done[1]);
    assert_eq!(state.hellos[1].running, [held(token)]);
    assert_eq!(worker.prover.counters().snapshot().started, 1);
}

#[tokio::test]
async fn an_idle_worker_waits_for_dispatch_for_ever() {
    let worker = running(|config| config.reconnect_grace = Duration::from_millis(100)).await;
    worker.dispatch.until("a hello", |state| state.hellos.len() == 1).await;
    worker.dispatch.go_away();
    tokio::time::sleep(Duration::from_millis(600)).await;
    worker.dispatch.come_back();
    worker.dispatch.offer("echo on");
    worker.dispatch.until("a proof", |state| state.done.len() == 1).await;
}

#[tokio::test]
async fn a_worker_that_drains_while_dispatch_is_away_ends_after_its_last_words_had_their_time() {
    let worker = running(|config| config.drain_grace = Duration::from_millis(100)).await;
    let dispatch = worker.dispatch.clone();
    let token = dispatch.offer("stubborn 60000");
    dispatch.until_proving(token).await;
    dispatch.go_away();
    worker.shutdown.drain();
    worker.ends_within(Duration::from_secs(7)).await.unwrap();
}
