//! The program as other tests call it: a process, files, a line of JSON and an exit code.

#![allow(clippy::unwrap_used, reason = "what a test calls may panic, as a test may")]

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_miden-test-client")).args(arguments).output().unwrap()
}

#[test]
fn transactions_differ_and_nobody_there_is_said_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let made = run(&["fixtures", "--output", path, "--transactions", "3"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let request = |index: usize| fs::read(folder.path().join(format!("transaction-{index}.bin"))).unwrap();
    assert!(request(0) != request(1) && request(1) != request(2) && request(0) != request(2));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);

    // Port 1 is nobody's.
    let input = format!("{path}/transaction-0.bin");
    let endpoint = "http://127.0.0.1:1";
    let asked = run(&["prove", "--endpoint", endpoint, "--kind", "transaction", "--input", &input, "--asks", "2"]);
    assert_eq!(asked.status.code(), Some(1));
    let line: Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!((&line["ok"], &line["asks"], &line["kind"]), (&false.into(), &2.into(), &"transaction".into()));
    assert_eq!((&line["verified"], &line["bytes"], &line["code"]), (&Value::Null, &Value::Null, &Value::Null));
    assert!(line["error"].as_str().unwrap().contains("connect"), "{line}");
}

#[test]
fn batches_without_proofs_under_them_are_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let refused = run(&["fixtures", "--output", folder.path().to_str().unwrap(), "--batches", "2"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--prove"));
}
