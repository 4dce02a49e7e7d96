//! What is wrong is said in one sentence, before anything is proved.

use serde_json::{Value, json};

use crate::blocks::blocks;
use crate::stage::{Stage, both};

/// What a leader in memory says of a witness, with its exit code.
fn leader(stage: &Stage, witness: &[u8], words: &str) -> (Option<i32>, String) {
    stage.write("witness.json", witness);
    let output =
        stage.bash(&format!("leader --runtime=in-memory --use-test-config --test-only {words} stdio < witness.json"));
    (output.status.code(), both(&output))
}

#[test]
fn blocks_that_fit_pass_and_those_that_do_not_are_refused_by_table() {
    let (stage, blocks) = (Stage::new(), blocks(2));
    let (code, said) = leader(&stage, &blocks.witness, "");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("All proof witnesses have been generated successfully."), "{said}");
    let (code, said) = leader(&stage, &blocks.witness, "--cpu 9..10");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("block 1, batch 0, segment 0: table cpu"), "{said}");
    assert!(said.contains("CPU_CIRCUIT_SIZE="), "{said}");
}

#[test]
fn a_wrong_witness_is_one_sentence() {
    let (stage, blocks) = (Stage::new(), blocks(2));
    let list: Vec<Value> = serde_json::from_slice(&blocks.witness).unwrap();
    let changed = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut list = list.clone();
        change(&mut list);
        serde_json::to_vec(&list).unwrap()
    };
    let checkpoint = "checkpoint_state_trie_root";
    let elsewhere = json!(format!("0x{}", "07".repeat(32)));
    for (witness, expected) in [
        (Vec::new(), "stdin is empty"),
        (b"[]".to_vec(), "there is no block in it"),
        (b"block".to_vec(), "witness is one block as a JSON object"),
        (changed(&|list| list.swap(0, 1)), "block 1 does not follow"),
        (changed(&|list| list[0]["other_data"][checkpoint] = elsewhere.clone()), "checkpoint"),
        (changed(&|list| drop(list[0]["other_data"].as_object_mut().unwrap().remove("b_data"))), "b_data"),
    ] {
        let (code, said) = leader(&stage, &witness, "");
        assert_eq!(code, Some(1), "{expected}: {said}");
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn a_wrong_command_line_is_one_sentence() {
    let stage = Stage::new();
    for (line, expected) in [
        ("leader stdio < /dev/null", "no broker is named: say --amqp-uri"),
        ("leader --amqp-uri http://here stdio < /dev/null", "amqp://user:password@host:port"),
        ("leader --cpu 5 --runtime in-memory stdio < /dev/null", "lo..hi"),
        ("worker", "no broker is named"),
        ("worker --runtime in-memory", "a worker works for a leader at a broker"),
        ("worker --amqp-uri amqp://here --task-bus-routing-key middle", "--kinds says what a worker proves"),
        ("leader --runtime in-memory rpc -u http://here -s 1", "say where proofs go, with --proof-output-dir"),
        ("leader --runtime in-memory rpc -u http://here -s 2 -e 1", "--end-block is before --start-block"),
        ("leader --amqp-uri amqp://here rpc -u http://here -s 1 -e 2 --test-only", "--test-only is for leader stdio"),
        ("leader --block-pool-size 18446744073709551615 stdio < /dev/null", "is not in 1..=4096"),
        ("leader --simulate-ahead 18446744073709551615 stdio < /dev/null", "is not in 0..=604800"),
        ("verifier", "--file-path"),
        ("verifier --file-path p --block-range 6..3", "no range of blocks"),
    ] {
        let output = stage.bash(line);
        assert_eq!(output.status.code(), Some(2), "{line}: {}", both(&output));
        assert!(both(&output).contains(expected), "{line}: {}", both(&output));
    }
    let output = stage.bash("verifier --file-path nothing.json");
    assert_eq!(output.status.code(), Some(1), "{}", both(&output));
    stage.write("no.json", b"{}");
    let output = stage.bash("verifier --file-path no.json");
    assert_eq!(output.status.code(), Some(1), "{}", both(&output));
    assert!(both(&output).contains("no proof of Ethereum blocks"), "{}", both(&output));
}

#[test]
fn provers_that_cannot_be_started_end_the_leader() {
    let stage = Stage::new();
    stage.write("witness.json", &blocks(1).witness);
    stage.write("no-folder", b"");
    let output = stage.bash(
        "leader verification-key --use-test-config --output key && timeout 120 leader --runtime=in-memory \
         --use-test-config --verification-key key --circuits-dir no-folder stdio < witness.json",
    );
    assert_eq!(output.status.code(), Some(1), "{}", both(&output));
    assert!(both(&output).contains("no prover of this process can be started: "), "{}", both(&output));
}
