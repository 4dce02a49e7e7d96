//! A client that gives up after ten seconds, and a proof that takes longer.

use std::time::Duration;

use crate::harness::{House, ask, until};

#[test]
fn three_asks_of_the_stock_client_make_one_proof_and_the_last_is_answered() {
    let house = House::new();
    let worker = house.worker("worker", "transaction", &[]);
    let proxy = house.proxy("proxy", "transaction", &[&worker], &["--linger", "30s"]);
    let said = std::thread::scope(|scope| {
        // With its own timeout, which is ten seconds.
        let asking = scope.spawn(|| ask(&proxy.url, "transaction", "transaction-2", &["--asks", "3"]));
        until("the proof has begun", Duration::from_secs(20), || worker.starts() == 1);
        // The prover stands still for as long as a proof of 25 seconds lacks.
        std::thread::sleep(Duration::from_millis(4500));
        worker.freeze_child();
        std::thread::sleep(Duration::from_millis(16_200));
        worker.thaw_child();
        asking.join().unwrap()
    });
    assert_eq!((&said["ok"], &said["verified"]), (&true.into(), &true.into()), "{said}");
    assert_eq!(said["asks"], 3, "{said}");
    assert!(said["seconds"].as_f64().unwrap() > 20.0, "{said}");
    assert_eq!(worker.starts(), 1);
}
