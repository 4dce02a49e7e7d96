//! A child never outlives its worker, and an idle one that dies is replaced unasked.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use worker::prover::{ProverChild, Standing};

use crate::toy::{config, is_alive, program, prove, request, soon, start};

/// The process id of the child: a toy's first stage.
async fn pid_of(child: &ProverChild) -> u32 {
    let (standing, mut seen) = watch::channel(Standing::default());
    let proving = child.prove(request("sleep 50"), CancellationToken::new(), standing);
    let (_, pid) = tokio::join!(proving, async {
        seen.wait_for(|now| now.stage.parse::<u32>().is_ok()).await.unwrap().stage.parse().unwrap()
    });
    pid
}

fn kill_process(pid: u32) {
    kill(Pid::from_raw(pid as i32), Signal::SIGKILL).unwrap();
}

#[test]
fn killing_the_worker_ends_its_child_even_in_the_middle_of_a_proof() {
    for input in ["sleep 60000", "stubborn 60000"] {
        let mut worker = Command::new(program()).args(["worker", input]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(worker.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let child: u32 = line.trim().parse().unwrap();
        assert!(is_alive(child));
        worker.kill().unwrap();
        worker.wait().unwrap();
        soon(Duration::from_secs(1), || !is_alive(child));
    }
}

#[tokio::test]
async fn the_child_ends_with_the_last_handle() {
    let child = start(config()).await;
    let pid = pid_of(&child).await;
    drop(child);
    tokio::task::spawn_blocking(move || soon(Duration::from_secs(1), || !is_alive(pid))).await.unwrap();
}

#[tokio::test]
async fn an_idle_child_that_dies_is_replaced() {
    let child = start(config()).await;
    let pid = pid_of(&child).await;
    kill_process(pid);
    let watched = child.clone();
    let replaced = move || watched.counters().snapshot().child_starts == 2;
    tokio::task::spawn_blocking(move || soon(Duration::from_secs(2), replaced)).await.unwrap();
    assert_eq!(prove(&child, "echo on").await.outcome.unwrap(), "on");
    assert_eq!(child.counters().snapshot().deaths[&proving::lease::Cause::Signal], 1);
}

#[tokio::test]
async fn a_child_has_a_process_group_of_its_own() {
    let child = start(config()).await;
    let pid = pid_of(&child).await;
    let group = nix::unistd::getpgid(Some(Pid::from_raw(pid as i32))).unwrap();
    assert_eq!(group.as_raw() as u32, pid);
    assert_ne!(group, nix::unistd::getpgrp());
}

#[tokio::test]
async fn dropping_the_request_stops_the_proof() {
    let child = start(config()).await;
    let asked = tokio::time::timeout(Duration::from_millis(200), prove(&child, "sleep 60000")).await;
    assert!(asked.is_err());
    let next = tokio::time::timeout(Duration::from_secs(2), prove(&child, "echo on")).await;
    assert_eq!(next.unwrap().outcome.unwrap(), "on");
}
