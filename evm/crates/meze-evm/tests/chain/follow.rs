//! `leader rpc`: blocks from a node, a range of them and the chain's end, across a reorg and a restart.

use std::process::Command;
use std::time::Duration;

use dev_chain::primitives::Address;
use dev_chain::{BlockPlan, Node, Transaction, Wallet};
use test_services::RabbitMq;
use tokio::runtime::Runtime;

use crate::blocks::{CHAIN, node};
use crate::stage::{Process, Stage, both, said, until};

/// How long a block may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

/// Adds a block with a transfer of so many wei.
fn mine(node: &Node, wei: u64) {
    let transfer = Transaction::transfer(&Wallet::numbered(0), Address::repeat_byte(0x42), wei);
    node.chain().mine(BlockPlan::of([transfer])).unwrap();
}

#[test]
#[ignore = "takes minutes"]
fn evm_long_rpc_proves_three_blocks_of_a_node() {
    let (stage, runtime, broker) = (Stage::new(), runtime(), RabbitMq::start().unwrap());
    let node = runtime.block_on(node(0));
    (1..=3).for_each(|wei| mine(&node, wei));
    let _workers = [stage.worker("anna", &broker), stage.worker("berta", &broker)];
    let proved = stage.bash(&format!(
        "leader rpc --rpc-url {} --start-block 1 --end-block 3 --amqp-uri {} --use-test-config &> out",
        node.url(),
        broker.url()
    ));
    assert!(proved.status.success(), "{}", said(&stage.path("out")));
    let root = |number| format!("{:#x}", node.chain().block(number).unwrap().header.state_root);
    let good = stage.bash(&format!(
        "tail -n1 out | jq > proof.json && verifier --file-path proof.json --use-test-config --chain-id {CHAIN} \
         --block-range 1..=3 --checkpoint {} --state-root {}",
        root(0),
        root(3)
    ));
    assert!(good.status.success(), "{}", both(&good));
    assert!(both(&good).contains("all 3 proofs are good"), "{}", both(&good));
}

/// Starts a leader that follows the node's chain.
fn follow(stage: &Stage, node: &Node, broker: &RabbitMq) -> Process {
    let (url, broker) = (node.url(), broker.url());
    let words = [
        "--amqp-uri",
        &broker,
        "--use-test-config",
        "-o",
        "proofs",
        "rpc",
        "--rpc-url",
        &url,
        "--start-block",
        "1",
        "--confirmations",
        "0",
        "--block-time",
        "200",
    ];
    stage.start("leader", "leader", &words, None)
}

/// Ends a process as its operator would.
fn terminate(mut process: Process) {
    let killed = Command::new("kill").args(["-TERM", &process.child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(process.child.wait().unwrap().code(), Some(0), "{}", said(&process.log));
}

#[test]
#[ignore = "takes minutes"]
fn evm_long_rpc_follows_the_chain_across_a_reorg_and_a_restart() {
    let (stage, runtime, broker) = (Stage::new(), runtime(), RabbitMq::start().unwrap());
    let node = runtime.block_on(node(0));
    mine(&node, 1);
    let _workers = [stage.worker("anna", &broker), stage.worker("berta", &broker)];
    let leader = follow(&stage, &node, &broker);
    let is_there = |number: u64| stage.path(&format!("proofs/b{number}.zkproof")).exists();
    until("block 1 proved", PATIENCE, || is_there(1));

    // Block 2 is given out, and then it is another one.
    mine(&node, 2);
    until("block 2 begun", PATIENCE, || stage.starts().len() > 6);
    node.chain().go_back(1).unwrap();
    mine(&node, 3);
    until("the reorg is noticed", PATIENCE, || said(&leader.log).contains("going back to block 2"));
    until("the new block 2 proved", PATIENCE, || is_there(2));
    terminate(leader);

    let before = stage.starts();
    mine(&node, 4);
    let leader = follow(&stage, &node, &broker);
    until("block 3 proved", PATIENCE, || is_there(3));
    terminate(leader);
    let again = before.keys().filter(|task| stage.starts()[*task] != before[*task]).count();
    assert_eq!(again, 0, "nothing of before is proved again");

    let root = |number| format!("{:#x}", node.chain().block(number).unwrap().header.state_root);
    for number in 1..=3 {
        let good = stage.bash(&format!(
            "verifier --file-path proofs/b{number}.zkproof --use-test-config --checkpoint {} --state-root {}",
            root(0),
            root(number)
        ));
        assert!(good.status.success(), "{}", both(&good));
    }
}
