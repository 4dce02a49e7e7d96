//! The network's own client, unmodified, in a program of its own.

use crate::harness::{House, ask};

#[test]
fn the_networks_client_gets_a_transaction_from_a_worker_and_from_a_proxy() {
    let house = House::new();
    let worker = house.worker("worker", "transaction", &[]);
    let said = ask(&worker.url(), "transaction", "transaction-0", &["--timeout", "120"]);
    assert_eq!((&said["ok"], &said["verified"]), (&true.into(), &true.into()), "{said}");
    let proxy = house.proxy("proxy", "transaction", &[&worker], &[]);
    let said = ask(&proxy.url, "transaction", "transaction-1", &["--timeout", "120"]);
    assert_eq!((&said["ok"], &said["verified"]), (&true.into(), &true.into()), "{said}");
}

#[test]
fn the_networks_client_gets_batches_and_blocks_from_workers_and_from_proxies() {
    let house = House::new();
    for kind in ["batch", "block"] {
        let worker = house.worker(&format!("{kind}-worker"), kind, &[]);
        let proxy = house.proxy(&format!("{kind}-proxy"), kind, &[&worker], &[]);
        for endpoint in [worker.url(), proxy.url.clone()] {
            let said = ask(&endpoint, kind, kind, &[]);
            assert_eq!(said["ok"], true, "{kind} from {endpoint}: {said}");
        }
        // The same once more is not proved once more.
        assert_eq!(worker.starts(), 2);
        assert_eq!(ask(&proxy.url, kind, kind, &[])["ok"], true);
        assert_eq!(worker.starts(), 2);
    }
}

#[test]
fn a_block_in_the_servers_own_encoding_is_proved_too() {
    let house = House::new();
    let worker = house.worker("worker", "block", &[]);
    let payload = crate::harness::bytes("block-request");
    let kind = miden_wire::kind::ProofKind::Block;
    let proof = crate::harness::block_on(crate::harness::prove(&worker.address, kind, payload)).unwrap();
    assert!(proof.is_empty(), "a proof of a block of this line has no bytes");
}
