//! The service's commands as they were typed before: names, variables, errors.

use meze::connection::plain_http;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::harness::{House, START, until};

#[test]
fn a_port_that_is_taken_is_one_sentence_with_the_flag() {
    let house = House::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (words, flag) in [
        (vec!["start-worker", "--localhost", "--prover-type", "batch", "--port", &port], "--port (MPS_WORKER_PORT)"),
        (
            vec!["start-proxy", "--localhost", "--port", "0", "--control-port", &port],
            "--control-port (MPS_CONTROL_PORT)",
        ),
    ] {
        let mut process = house.meze(words[0], &words, &[]);
        assert_eq!(process.wait_end(START), Some(1));
        let log = process.log();
        assert!(log.contains(flag) && log.contains(&port), "{log}");
        assert_eq!(log.lines().filter(|line| line.starts_with("meze: ")).count(), 1, "{log}");
    }
}

#[test]
fn what_is_no_setting_is_refused_before_anything_starts() {
    let house = House::new();
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str);
    let cases: [Case<'_>; 6] = [
        (&["start-worker"], &[], "--prover-type"),
        (&["start-worker"], &[("MPS_WORKER_PROVER_TYPE", "batches")], "batches"),
        (&["start-proxy", "--timeout-secs", "soon"], &[], "soon"),
        (&["start-proxy"], &[("MRP_TIMEOUT", "10 parsecs")], "parsecs"),
        (&["start-proxy", "--miden-version", "fifteen"], &[], "0.15"),
        (&["add-workers"], &[], "host:port"),
    ];
    for (number, (words, environment, part)) in cases.into_iter().enumerate() {
        let mut process = house.meze(&format!("case-{number}"), words, environment);
        assert_eq!(process.wait_end(START), Some(2), "{words:?}");
        assert!(process.log().contains(part), "{words:?}: {}", process.log());
    }
    let mut process = house.meze(
        "worker-address",
        &["start-proxy", "--port", "0", "--control-port", "0", "--status-port", "0", "nonsense"],
        &[],
    );
    assert_eq!(process.wait_end(START), Some(1));
    assert!(process.log().contains("host:port"), "{}", process.log());
}

#[test]
fn the_services_variables_of_both_lines_are_heard() {
    let house = House::new();
    let environment = [("MPS_WORKER_LOCALHOST", "true"), ("MRP_WORKER_PROOF_TYPE", "Batch"), ("MPS_WORKER_PORT", "0")];
    let mut worker = house.meze("worker", &["start-worker"], &environment);
    let address = worker.wait_said("worker: batch proofs of Miden 0.15.3 on ", START);
    let environment = [
        ("MPS_LOCALHOST", "true"),
        ("MPS_PROVER_TYPE", "batch"),
        ("MPS_PORT", "0"),
        ("MPS_CONTROL_PORT", "0"),
        ("MPS_STATUS_PORT", "0"),
        ("MRP_PROXY_WORKERS_LIST", &address),
        ("MRP_TIMEOUT", "1m 30s"),
    ];
    let mut proxy = house.meze("proxy", &["start-proxy"], &environment);
    let said = proxy.wait_said("status on ", START);
    let status = format!("{}/status", said.split(',').next().unwrap());
    until("the worker is healthy", START, || {
        let page: serde_json::Value = crate::harness::block_on(async {
            plain_http().unwrap().get(&status).send().await.unwrap().json().await.unwrap()
        });
        page["workers"][0]["status"] == "Healthy"
    });
}

#[test]
fn called_by_the_services_name_it_is_the_service() {
    let said = Command::new(env!("CARGO_BIN_EXE_meze")).arg0("miden-proving-service").arg("--help").output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success());
    for command in ["start-worker", "start-proxy", "add-workers", "remove-workers"] {
        assert!(text.contains(command), "{text}");
    }
    assert!(text.contains("Usage: miden-proving-service") && !text.contains("dispatcher"), "{text}");
}
