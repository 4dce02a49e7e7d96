//! The loop against dispatch in memory: proofs, failures, beats, stops and ends.

use std::time::{Duration, Instant};

use bytes::Bytes;
use proving::kind::Kind;
use proving::lease::{Cause, Token};
use proving::payload::Payload;
use tokio::task::JoinHandle;
use transport::message::Notice;
use worker::counters::Counters;
use worker::error::WorkerError;
use worker::prover::{ChildConfig, ProverChild};
use worker::run::{RunConfig, Shutdown, run};

use crate::dispatch::{BEAT, Dispatch};
use crate::toy::{config, start};

/// A worker that runs against `dispatch`.
pub(crate) struct Running {
    pub(crate) dispatch: Dispatch,
    pub(crate) prover: ProverChild,
    pub(crate) shutdown: Shutdown,
    pub(crate) ended: JoinHandle<Result<(), WorkerError>>,
}

pub(crate) async fn running(change: impl FnOnce(&mut RunConfig)) -> Running {
    running_with(config(), change).await
}

async fn running_with(child: ChildConfig, change: impl FnOnce(&mut RunConfig)) -> Running {
    let (dispatch, shutdown) = (Dispatch::default(), Shutdown::new());
    let prover = start(child).await;
    let mut run_config = RunConfig::new("toy-1", "0.0.0", 1 << 30);
    change(&mut run_config);
    let ended = tokio::spawn(run(dispatch.clone(), prover.clone(), run_config, shutdown.clone()));
    Running { dispatch, prover, shutdown, ended }
}

impl Running {
    /// It ends, within `time`.
    pub(crate) async fn ends_within(self, time: Duration) -> Result<(), WorkerError> {
        tokio::time::timeout(time, self.ended).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn tasks_are_proved_and_small_proofs_travel_inline() {
    let worker = running(|_| {}).await;
    let need = Bytes::from_static(b"need ");
    let blob = Payload::blob_of(&need);
    worker.dispatch.state().blobs.insert(blob.digest(), need);
    worker.dispatch.offer_as("echo input", |offer| offer.needs = vec![blob]);
    worker.dispatch.offer("long 512");
    worker.dispatch.offer("long 513");
    worker.dispatch.offer_as("echo secret", |offer| offer.secret = true);
    worker.dispatch.until("four proofs", |state| state.done.len() == 4).await;
    let state = worker.dispatch.state();
    assert_eq!(state.done[0].output, Payload::Inline(b"need input".to_vec()));
    assert_eq!(state.done[1].output, Payload::Inline(vec![7; 512]));
    assert_eq!(state.done[2].output, Payload::blob_of(&[7; 513]));
    assert_eq!(state.done[3].output, Payload::blob_of(b"secret"));
    let secrecy: Vec<bool> = state.stored.iter().map(|(_, secret)| *secret).collect();
    assert_eq!(secrecy, [false, true]);
    let hello = &state.hellos[0];
    assert_eq!((hello.worker.as_str(), hello.memory_bytes, hello.offers.len()), ("toy-1", 1 << 30, 1));
    assert!(hello.running.is_empty());
}

#[tokio::test]
async fn failures_are_told_with_their_cause_and_the_next_task_is_done() {
    let worker = running(|_| {}).await;
    let dispatch = &worker.dispatch;
    dispatch.offer("panic now");
    dispatch.until_failed(Cause::Panic, "the toy broke").await;
    dispatch.offer("invalid");
    dispatch.until_failed(Cause::InvalidInput, "nothing follows").await;
    dispatch.offer_as("echo", |offer| offer.kind = Kind::EVM_BLOCK);
    dispatch.until_failed(Cause::Prover, "mismatch").await;
    dispatch.offer_as("echo", |offer| offer.input = Payload::blob_of(b"absent"));
    dispatch.until_failed(Cause::Blob, "is missing").await;
    dispatch.offer("echo on");
    dispatch.until("a proof", |state| state.done.len() == 1).await;
}

#[tokio::test]
async fn beats_go_on_while_the_child_and_even_the_worker_s_runtime_are_busy() {
    let worker = running(|_| {}).await;
    let token = worker.dispatch.offer("stubborn 1500");
    worker.dispatch.until_proving(token).await;
    let began = Instant::now();
    // The one thread of this runtime, which the worker's loop is on.
    std::thread::sleep(BEAT * 10);
    let until = Instant::now();
    let count = worker.dispatch.state().beats.iter().filter(|(_, at)| *at > began && *at < until).count();
    assert!(count >= 5, "{count} beats");
    worker.dispatch.until("the proof", |state| state.done.len() == 1).await;
    let beats = worker.dispatch.state().beats.len();
    tokio::time::sleep(BEAT * 4).await;
    assert_eq!(worker.dispatch.state().beats.len(), beats, "nothing is beaten for while idle");
}

#[tokio::test]
async fn a_stopped_task_ends_without_a_report() {
    let worker = running(|_| {}).await;
    let dispatch = &worker.dispatch;
    for (round, by_beat) in [true, false].into_iter().enumerate() {
        let token = dispatch.offer("stubborn 60000");
        dispatch.until_proving(token).await;
        if by_beat {
            dispatch.state().beats_are_stale = true;
        } else {
            dispatch.notify(Notice::Stop(Token(999)));
            dispatch.notify(Notice::Stop(token));
        }
        let began = Instant::now();
        dispatch.offer("echo on");
        tokio::time::sleep(BEAT * 2).await;
        dispatch.state().beats_are_stale = false;
        dispatch.until("the next proof", |state| state.done.len() == 1 + round).await;
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        assert!(dispatch.state().failed.is_empty());
    }
}

#[tokio::test]
async fn draining_lets_the_running_proof_finish_and_takes_no_more() {
    for by_notice in [false, true] {
        let worker = running(|_| {}).await;
        let dispatch = worker.dispatch.clone();
        let token = dispatch.offer("stubborn 400");
        dispatch.offer("echo later");
        dispatch.until_proving(token).await;
        if by_notice {
            dispatch.notify(Notice::Drain)
        } else {
            worker.shutdown.drain()
        }
        worker.ends_within(Duration::from_secs(3)).await.unwrap();
        let state = dispatch.state();
        assert_eq!((state.done.len(), state.failed.len()), (1, 0));
        assert_eq!(state.done[0].held.token, token);
    }
}

#[tokio::test]
async fn draining_hands_back_what_takes_longer_than_the_grace() {
    let worker = running(|config| config.drain_grace = Duration::from_millis(200)).await;
    let dispatch = worker.dispatch.clone();
    let token = dispatch.offer("stubborn 60000");
    dispatch.until_proving(token).await;
    worker.shutdown.drain();
    worker.ends_within(Duration::from_secs(2)).await.unwrap();
    dispatch.until_failed(Cause::Returned, "hands the task back").await;
}

#[tokio::test]
async fn an_idle_worker_drains_at_once_and_a_second_wish_ends_a_busy_one() {
    let worker = running(|_| {}).await;
    worker.dispatch.until("a hello", |state| state.hellos.len() == 1).await;
    worker.shutdown.drain();
    worker.ends_within(Duration::from_millis(500)).await.unwrap();

    let worker = running(|_| {}).await;
    let token = worker.dispatch.offer("stubborn 60000");
    worker.dispatch.until_proving(token).await;
    worker.shutdown.drain();
    worker.shutdown.end_now();
    worker.ends_within(Duration::from_millis(500)).await.unwrap();
}

#[tokio::test]
async fn a_refused_worker_ends_with_the_sentence() {
    let dispatch = Dispatch::default();
    dispatch.state().refusal = Some("the token of this worker is wrong".to_owned());
    let config_run = RunConfig::new("toy-1", "0.0.0", 0);
    let error = run(dispatch, start(config()).await, config_run, Shutdown::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "dispatch refuses this worker: the token of this worker is wrong");
}

#[tokio::test]
async fn every_start_of_a_proof_is_a_line_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("starts");
    let prover = ProverChild::start(config(), Counters::new(Some(&path)).unwrap()).await.unwrap();
    let dispatch = Dispatch::default();
    let ended = run(dispatch.clone(), prover, RunConfig::new("toy-1", "0.0.0", 0), Shutdown::new());
    let ended = tokio::spawn(ended);
    dispatch.offer("echo 1");
    dispatch.offer("panic 2");
    dispatch.until("both", |state| state.done.len() + state.failed.len() == 2).await;
    let log = std::fs::read_to_string(path).unwrap();
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.contains(&format!("\"task\":\"{}\"", "02".repeat(32))), "{log}");
    ended.abort();
}
