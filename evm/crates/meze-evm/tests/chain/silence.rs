//! A leader that waits says what for.

use std::time::Duration;

use test_services::RabbitMq;

use crate::blocks::blocks;
use crate::stage::{Stage, said, until};

/// What is wrong is said after some seconds, and a worker may have to build its circuits first.
const PATIENCE: Duration = Duration::from_secs(240);

#[test]
fn a_leader_names_that_there_is_no_worker_and_then_the_one_with_other_circuits() {
    let (stage, broker) = (Stage::new(), RabbitMq::start().unwrap());
    let witness = stage.write("witness.json", &blocks(1).witness);
    let words = ["--amqp-uri", &broker.url(), "--use-test-config", "stdio"];
    let leader = stage.start("leader", "leader", &words, Some(&witness));
    until("no worker is named", PATIENCE, || said(&leader.log).contains("leader: no worker is connected: start one"));

    // One length a table: they are built in seconds.
    let others = [
        "--amqp-uri",
        &broker.url(),
        "--use-test-config",
        "--name",
        "stranger",
        "--cpu",
        "12..13",
        "--byte-packing",
        "8..9",
        "--keccak",
        "8..9",
        "--logic",
        "6..7",
        "--memory",
        "17..18",
        "--kinds",
        "light",
    ];
    let worker = stage.start("stranger", "worker", &others, None);
    let named = "nobody proves evm.segment: worker stranger has other circuits (test/key/";
    until("the worker with other circuits is named", PATIENCE, || said(&leader.log).contains(named));
    drop((leader, worker));
}
