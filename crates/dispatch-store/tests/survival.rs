//! What was acknowledged is there after a SIGKILL at any moment.

#![allow(clippy::unwrap_used, reason = "what a test calls may panic, as a test may")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use dispatch::store::Store;
use dispatch_store::{OpenOptions, SqliteStore};

/// Where the child finds the path of its store.
const PATH: &str = "MEZE_TEST_STORE";

/// What batch `number` holds: now little, now much.
fn batch(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat((number % 700) as usize)
}

#[tokio::test]
#[ignore = "the child of another test, which starts it with the path of a store"]
async fn the_child_that_appends() {
    let Ok(path) = std::env::var(PATH) else { return };
    let store = SqliteStore::open(path, OpenOptions::default()).await.unwrap();
    let mut number = store.load().await.unwrap().last();
    loop {
        number += 1;
        store.append(number, &batch(number)).await.unwrap();
        println!("acknowledged {number}");
        if number % 150 == 0 {
            store.snapshot(number, &batch(number)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn every_acknowledged_batch_survives_a_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut last = 0;
    for round in 0..4_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "the_child_that_appends", "--nocapture"])
            .env(PATH, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut numbers = lines.filter_map(|line| line.unwrap().strip_prefix("acknowledged ")?.parse().ok());
        let first: u64 = numbers.next().expect("the child appends");
        assert!(first > last);
        let reader = std::thread::spawn(move || numbers.last().unwrap_or(first));
        std::thread::sleep(Duration::from_millis(150 + 70 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        last = reader.join().unwrap();

        let store = SqliteStore::open(&path, OpenOptions::default()).await.unwrap();
        let kept = store.load().await.unwrap();
        // One more may have been kept whose acknowledgement was not heard.
        assert!(kept.last() == last || kept.last() == last + 1, "{} of {last}", kept.last());
        for (number, found) in (kept.covered + 1..).zip(&kept.batches) {
            assert_eq!(*found, batch(number));
        }
        last = kept.last();
        store.release().await.unwrap();
    }
    assert!(last > 100, "only {last} batches");
}
