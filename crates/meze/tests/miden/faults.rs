//! A client, a worker and a prover that die or freeze in the middle of a proof.

use std::time::{Duration, Instant};

use miden_wire::kind::ProofKind;
use nix::sys::signal::Signal;
use tonic::Code;

use crate::harness::{House, LONG, START, block_on, bytes, prove, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_gone_frees_its_worker_and_the_next_request_is_proved() {
    let house = House::new();
    let worker = house.worker("worker", "transaction", &[]);
    let proxy = house.proxy("proxy", "transaction", &[&worker], &[]);
    let address = proxy.address().to_owned();
    let gone = tokio::spawn(async move { prove(&address, ProofKind::Transaction, bytes("transaction-3")).await });
    until("the proof has begun", START, || worker.starts() == 1);
    gone.abort();
    let asked = Instant::now();
    until("nothing runs", LONG, || proxy.counts() == (0, 0));
    prove(proxy.address(), ProofKind::Transaction, bytes("transaction-4")).await.unwrap();
    assert_eq!(worker.starts(), 2);
    assert!(asked.elapsed() < LONG);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_costs_its_request_nothing_but_time() {
    let house = House::new();
    let mut workers = ["one", "two"].map(|name| house.worker(name, "batch", &[]));
    let proxy = house.proxy("proxy", "batch", &[&workers[0], &workers[1]], &[]);
    workers.iter().for_each(|worker| worker.freeze_child());
    let address = proxy.address().to_owned();
    let asked = tokio::spawn(async move { prove(&address, ProofKind::Batch, bytes("batch-0")).await });
    until("one has it", LONG, || workers.iter().any(|worker| worker.starts() == 1));
    let unlucky = workers.iter().position(|worker| worker.starts() == 1).unwrap();
    workers[unlucky].process.kill();
    workers[1 - unlucky].thaw_child();
    asked.await.unwrap().unwrap();
    assert_eq!(workers[1 - unlucky].starts(), 1);
    assert_eq!(proxy.metric("request_retries"), 1.0);
    until("it is seen to be gone", START, || proxy.healthy() == 1);
    prove(proxy.address(), ProofKind::Batch, bytes("batch-1")).await.unwrap();
    // It comes back at its address.
    let port: u16 = workers[unlucky].address.rsplit(':').next().unwrap().parse().unwrap();
    let _back = house.worker_at("back", "batch", port, &[]);
    proxy.wait_healthy(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_frozen_loses_its_request_to_another() {
    let house = House::new();
    let mut workers = ["one", "two"].map(|name| house.worker(name, "batch", &[]));
    let proxy = house.proxy("proxy", "batch", &[&workers[0], &workers[1]], &["--worker-silence", "3s"]);
    workers.iter().for_each(|worker| worker.freeze_child());
    let address = proxy.address().to_owned();
    let asked = tokio::spawn(async move { prove(&address, ProofKind::Batch, bytes("batch-0")).await });
    until("one has it", LONG, || workers.iter().any(|worker| worker.starts() == 1));
    let unlucky = workers.iter().position(|worker| worker.starts() == 1).unwrap();
    workers[unlucky].process.signal(Signal::SIGSTOP);
    workers[1 - unlucky].thaw_child();
    tokio::time::timeout(Duration::from_secs(30), asked).await.unwrap().unwrap().unwrap();
    assert_eq!(workers[1 - unlucky].starts(), 1);
    workers[unlucky].process.signal(Signal::SIGCONT);
    workers[unlucky].thaw_child();
    proxy.wait_healthy(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_ends_every_prover_is_given_up_after_its_retries() {
    let house = House::new();
    // No transaction is proved in so little memory, and every prover that tries is ended.
    let workers = ["one", "two"].map(|name| house.worker(name, "transaction", &["--memory-limit", "250"]));
    let proxy = house.proxy("proxy", "transaction", &[&workers[0], &workers[1]], &["--max-retries-per-request", "2"]);
    let refused = prove(proxy.address(), ProofKind::Transaction, bytes("transaction-0")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Internal, "{refused:?}");
    assert!(refused.message().starts_with("out-of-memory"), "{refused:?}");
    assert_eq!(workers.iter().map(|worker| worker.starts()).sum::<usize>(), 3);
    assert_eq!(proxy.counts(), (0, 0));
    // The workers themselves live on.
    proxy.wait_healthy(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_lets_its_proof_go_on_and_says_so() {
    let house = House::new();
    let mut worker = house.worker("worker", "batch", &[]);
    worker.freeze_child();
    let address = worker.address.clone();
    let asked = tokio::spawn(async move { prove(&address, ProofKind::Batch, bytes("batch-0")).await });
    until("the proof has begun", START, || worker.starts() == 1);
    // One at a time.
    let busy = prove(&worker.address, ProofKind::Batch, bytes("batch-1")).await.unwrap_err();
    assert_eq!((busy.code(), busy.message()), (Code::ResourceExhausted, "Server is busy handling another request"));
    worker.process.signal(Signal::SIGTERM);
    until("nobody else gets in", START, || {
        block_on(prove(&worker.address, ProofKind::Batch, bytes("batch-1")))
            .is_err_and(|status| status.code() != Code::ResourceExhausted)
    });
    worker.thaw_child();
    asked.await.unwrap().unwrap();
    assert_eq!(worker.process.wait_end(START), Some(0));
}
