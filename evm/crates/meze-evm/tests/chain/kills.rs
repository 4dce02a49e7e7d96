//! Processes that die in the middle: a good proof each time, and nothing that was finished is proved again. They take
//! minutes, so they run with the long tests.

use std::time::Duration;

use test_services::RabbitMq;

use crate::blocks::blocks;
use crate::stage::{Process, Stage, both, said, until};

/// How long a block may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// A stage with a witness of two blocks, and a leader on it.
struct Play {
    stage: Stage,
    broker: RabbitMq,
}

impl Play {
    fn begin() -> Self {
        let (stage, broker) = (Stage::new(), RabbitMq::start().unwrap());
        stage.write("witness.json", &blocks(2).witness);
        Self { stage, broker }
    }

    fn worker(&self, name: &str) -> Process {
        self.stage.worker(name, &self.broker)
    }

    fn leader(&self) -> Process {
        let words = ["--amqp-uri", &self.broker.url(), "--use-test-config", "-o", "proofs", "stdio"];
        self.stage.start("leader", "leader", &words, Some(&self.stage.path("witness.json")))
    }

    /// Waits until a proof of this kind was begun.
    fn begun(&self, kind: &str, leader: &Process) {
        until(&format!("{kind} begun: {}", said(&leader.log)), PATIENCE, || {
            self.stage.starts().values().any(|(begun, _)| begun == kind)
        });
    }

    fn end(&self, mut leader: Process) {
        let status = leader.child.wait().unwrap();
        assert!(status.success(), "{}", said(&leader.log));
        for block in [1, 2] {
            let good = self.stage.bash(&format!("verifier --file-path proofs/b{block}.zkproof --use-test-config"));
            assert!(good.status.success(), "{}", both(&good));
        }
    }

    /// The kinds of tasks that were begun more than once.
    fn repeated(&self) -> Vec<(String, usize)> {
        self.stage.starts().into_values().filter(|(_, times)| *times > 1).collect()
    }
}

#[test]
#[ignore = "takes minutes"]
fn evm_long_kill_a_worker_in_a_segment_costs_that_segment_only() {
    let play = Play::begin();
    let mut first = play.worker("anna");
    let leader = play.leader();
    play.begun("evm.segment", &leader);
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    let _others = [play.worker("berta"), play.worker("carl")];
    play.end(leader);
    assert_eq!(play.repeated(), [("evm.segment".to_owned(), 2)]);
}

#[test]
#[ignore = "takes minutes"]
fn evm_long_kill_the_leader_between_segment_and_block_costs_nothing() {
    let play = Play::begin();
    let _workers = [play.worker("anna"), play.worker("berta")];
    let mut leader = play.leader();
    play.begun("evm.segment-aggregation", &leader);
    leader.child.kill().unwrap();
    leader.child.wait().unwrap();
    play.end(play.leader());
    assert_eq!(play.repeated(), []);
}

#[test]
#[ignore = "takes minutes"]
fn evm_long_kill_the_broker_and_start_it_again_costs_nothing() {
    let mut play = Play::begin();
    let _workers = [play.worker("anna"), play.worker("berta")];
    let leader = play.leader();
    play.begun("evm.segment-aggregation", &leader);
    play.broker.restart().unwrap();
    play.end(leader);
    assert_eq!(play.repeated(), []);
}

#[test]
#[ignore = "takes minutes"]
fn evm_long_in_memory_needs_no_broker() {
    let stage = Stage::new();
    stage.write("witness.json", &blocks(2).witness);
    let line = "leader --runtime=in-memory --use-test-config stdio < witness.json &> out";
    let proved = stage.bash(line);
    assert!(proved.status.success(), "{}", said(&stage.path("out")));
    let good = stage.bash("tail -n1 out | jq > proof.json && verifier --file-path proof.json --use-test-config");
    assert!(good.status.success(), "{}", both(&good));
    assert!(both(&good).contains("all 2 proofs are good"), "{}", both(&good));
}
