//! A proxy that is killed in the middle, over a folder of its own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use miden_wire::kind::ProofKind;
use tokio::task::JoinSet;

use crate::harness::{House, LONG, START, bytes, prove, request, until};

/// Asks until there is an answer.
async fn insist(address: String, kind: ProofKind, name: String) -> bytes::Bytes {
    let begun = Instant::now();
    loop {
        match prove(&address, kind, bytes(&name)).await {
            Ok(proof) => return proof,
            Err(status) => assert!(begun.elapsed() < LONG, "{name}: {status:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_outlive_their_proxy_and_none_is_lost_or_proved_twice() {
    let house = House::new();
    let workers = ["one", "two"].map(|name| house.worker(name, "batch", &[]));
    let data = house.path("data");
    let fixed = ["--data-dir", data.to_str().unwrap(), "--max-queue-items", "64"];
    let mut proxy = house.proxy("proxy", "batch", &[&workers[0], &workers[1]], &fixed);
    let (address, port) = (proxy.address().to_owned(), proxy.address().rsplit(':').next().unwrap().to_owned());
    workers.iter().for_each(|worker| worker.freeze_child());
    let mut clients = JoinSet::new();
    for client in 0..20 {
        clients.spawn(insist(address.clone(), ProofKind::Batch, format!("batch-{client}")));
    }
    until("all are accepted", LONG, || proxy.counts() == (18, 2));
    // Some are proved before, some wait, two run.
    workers.iter().for_each(|worker| worker.thaw_child());
    until("some are proved", LONG, || proxy.metric("meze_proxy_requests_total{outcome=\"proved\"}") >= 4.0);
    proxy.process.kill();
    let running = 2;
    let again = house.proxy("again", "batch", &[&workers[0], &workers[1]], &[&fixed[..], &["--port", &port]].concat());
    while let Some(proof) = clients.join_next().await {
        assert!(!proof.unwrap().is_empty());
    }
    let starts = workers.iter().map(|worker| worker.starts()).sum::<usize>();
    assert!((20..=20 + running).contains(&starts), "only what was cut off was begun again: {starts}");
    // Whoever asks once more is given what is there.
    for client in 0..20 {
        prove(&address, ProofKind::Batch, bytes(&format!("batch-{client}"))).await.unwrap();
    }
    assert_eq!(workers.iter().map(|worker| worker.starts()).sum::<usize>(), starts);
    drop(again);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_client_is_gone_too_is_proved_after_the_restart() {
    let house = House::new();
    let worker = house.worker("worker", "batch", &[]);
    let data = house.path("data");
    let fixed = ["--data-dir", data.to_str().unwrap()];
    let mut proxy = house.proxy("proxy", "batch", &[&worker], &fixed);
    worker.freeze_child();
    let address = proxy.address().to_owned();
    let client = tokio::spawn(async move { prove(&address, ProofKind::Batch, bytes("batch-0")).await });
    until("it runs", START, || worker.starts() == 1);
    proxy.process.kill();
    assert!(client.await.unwrap().is_err());
    let again = house.proxy("again", "batch", &[&worker], &fixed);
    until("the worker is free of the old one and has it again", START, || worker.starts() == 2);
    until("it is proved", LONG, || again.counts() == (0, 0));
    prove(again.address(), ProofKind::Batch, bytes("batch-0")).await.unwrap();
    assert_eq!(worker.starts(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_plain_witness_is_in_any_file_after_a_durable_run() {
    let house = House::new();
    let worker = house.worker("worker", "transaction", &[]);
    let data = house.path("data");
    let fixed = ["--data-dir", data.to_str().unwrap()];
    let mut proxy = house.proxy("proxy", "transaction", &[&worker], &fixed);
    let address = proxy.address().to_owned();
    // One that is cut off in the middle, one that is proved, one that is no witness, one that ends its prover.
    let cut_off = tokio::spawn(async move { prove(&address, ProofKind::Transaction, bytes("transaction-5")).await });
    until("it runs", START, || worker.starts() == 1);
    let witness = std::fs::read(request("transaction-5")).unwrap();
    worker.process.children().into_iter().for_each(|child| {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(child as i32), nix::sys::signal::Signal::SIGABRT);
    });
    until("it is tried again", START, || worker.starts() == 2);
    proxy.process.kill();
    assert!(cut_off.await.unwrap().is_err());
    let leaks = leaking(house.root(), &witness);
    assert!(leaks.is_empty(), "in the middle: {leaks:?}");
    let again = house.proxy("again", "transaction", &[&worker], &fixed);
    let mut damaged = witness.clone();
    damaged.truncate(witness.len() / 2);
    assert!(prove(again.address(), ProofKind::Transaction, damaged.into()).await.is_err());
    prove(again.address(), ProofKind::Transaction, witness.clone().into()).await.unwrap();
    let leaks = leaking(house.root(), &witness);
    assert!(leaks.is_empty(), "in the end: {leaks:?}");
    // What is left of it is the proof alone, sealed.
    let folder = data.join("blobs/v1/secret");
    until("the input is gone", START, || std::fs::read_dir(&folder).unwrap().count() == 1);
    assert_eq!(std::fs::read_dir(data.join("blobs/v1/plain")).unwrap().count(), 0);
}

/// The files that hold a part of the witness that nothing else has, as it is or in hex.
fn leaking(folder: &Path, witness: &[u8]) -> Vec<PathBuf> {
    // Parts of the code of the network's own accounts are in the program too, but it is not in this folder.
    let parts: Vec<&[u8]> = (0..16).map(|part| &witness[part * (witness.len() / 16)..][..24]).collect();
    let distinct: Vec<&[u8]> = parts.into_iter().filter(|part| part.iter().any(|byte| *byte != part[0])).collect();
    assert!(distinct.len() > 8);
    let forms: Vec<Vec<u8>> =
        distinct.iter().flat_map(|part| [part.to_vec(), hex::encode(part).into_bytes()]).collect();
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap_or_default();
            if forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form)) {
                found.push(path);
            }
        }
    }
    found
}
