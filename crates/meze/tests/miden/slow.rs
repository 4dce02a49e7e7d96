//! A client that gives up after ten seconds, and a proof that takes longer.

use std::time::{Duration, Instant};

use miden_wire::kind::ProofKind;

use crate::harness::{House, ask, block_on, bytes, prove, until};

#[test]
fn three_asks_of_the_stock_client_make_one_proof_and_the_last_is_answered() {
    let house = House::new();
    let worker = house.worker("worker", "transaction", &[]);
    // What a proof takes on this machine now.
    let begun = Instant::now();
    block_on(prove(&worker.address, ProofKind::Transaction, bytes("transaction-3"))).unwrap();
    let lacking = Duration::from_secs(25).saturating_sub(begun.elapsed());
    let proxy = house.proxy("proxy", "transaction", &[&worker], &["--linger", "30s"]);
    let said = std::thread::scope(|scope| {
        // With its own timeout, which is ten seconds.
        let asking = scope.spawn(|| ask(&proxy.url, "transaction", "transaction-2", &["--asks", "3"]));
        until("the proof has begun", Duration::from_secs(20), || worker.starts() == 2);
        // The prover stands still for as long as a proof of 25 seconds lacks.
        worker.freeze_child();
        std::thread::sleep(lacking);
        worker.thaw_child();
        asking.join().unwrap()
    });
    assert_eq!((&said["ok"], &said["verified"]), (&true.into(), &true.into()), "{said}");
    assert_eq!(said["asks"], 3, "{said}");
    assert!(said["seconds"].as_f64().unwrap() > 20.0, "{said}");
    assert_eq!(worker.starts(), 2);
}
