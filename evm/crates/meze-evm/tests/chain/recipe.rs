//! The seed's recipe, word for word: a leader at a broker with two workers, `tail`, `jq`, `verifier`.

use test_services::RabbitMq;

use crate::blocks::{CHAIN, blocks};
use crate::stage::{Stage, both, said};

#[test]
fn two_chained_blocks_are_proved_by_two_workers_at_a_broker_and_verified() {
    let (stage, blocks) = (Stage::new(), blocks(2));
    stage.write("witness-0001.json", &blocks.witness);
    let broker = RabbitMq::start().unwrap();
    let workers = [stage.worker("anna", &broker), stage.worker("berta", &broker)];

    let proved = stage.bash(&format!(
        "env RUST_BACKTRACE=full RUST_LOG=debug leader --runtime=amqp --amqp-uri={} --use-test-config \
         stdio < witness-0001.json &> proof-0001.leader.out",
        broker.url()
    ));
    let out = said(&stage.path("proof-0001.leader.out"));
    let last: String = out.chars().rev().take(3000).collect::<Vec<_>>().into_iter().rev().collect();
    assert!(proved.status.success(), "{}\n{last}", said(&workers[0].log));
    assert!(out.contains("INSECURE"), "the test configuration is said aloud");

    let extracted = stage.bash("tail -n1 proof-0001.leader.out | jq > proof-0001.json");
    assert!(extracted.status.success(), "{}", both(&extracted));
    let good = stage.bash("env RUST_LOG=info verifier --file-path proof-0001.json --use-test-config");
    assert!(good.status.success(), "{}", both(&good));
    assert!(both(&good).contains("all 2 proofs are good"), "{}", both(&good));

    let verify = |words: &str| stage.bash(&format!("verifier --file-path proof-0001.json {words}"));
    let (checkpoint, root) = (&blocks.checkpoint, &blocks.state_root);
    let expected = format!(
        "--use-test-config --chain-id {CHAIN} --block-range 1..=2 --checkpoint {checkpoint} --state-root {root}"
    );
    let good = verify(&expected);
    assert!(good.status.success(), "{}", both(&good));
    for (words, check) in [
        ("", "refused, insecure"),
        ("--use-test-config --chain-id 1", "refused, chain id"),
        ("--use-test-config --block-range 2", "refused, first block"),
        (&format!("--use-test-config --checkpoint {root}"), "refused, checkpoint state root"),
        (&format!("--use-test-config --state-root {checkpoint}"), "refused, state root"),
    ] {
        let refused = verify(words);
        assert_eq!(refused.status.code(), Some(1), "{words}: {}", both(&refused));
        assert!(both(&refused).contains(check), "{words}: {}", both(&refused));
    }

    for block in 0..2 {
        // Some digit in the middle of the proof, and some public input.
        for place in [".intern.proof.openings.wires[3][0]", ".intern.public_inputs[5]"] {
            let other = r#"if type == "string" then .[:-1] + (if .[-1:] == "3" then "2" else "3" end) else . + 1 end"#;
            let line = format!("jq '.[{block}]{place} |= ({other})' proof-0001.json > flipped.json");
            let flipped = stage.bash(&line);
            assert!(flipped.status.success(), "{}", both(&flipped));
            let refused = stage.bash("verifier --file-path flipped.json --use-test-config");
            assert_eq!(refused.status.code(), Some(1), "{block} {place}: {}", both(&refused));
            assert!(both(&refused).contains("refused, proof"), "{block} {place}: {}", both(&refused));
        }
    }

    // Circuits of other ranges have another key.
    let other = "env CPU_CIRCUIT_SIZE=12..13 BYTE_PACKING_CIRCUIT_SIZE=8..9 KECCAK_CIRCUIT_SIZE=8..9 \
                 LOGIC_CIRCUIT_SIZE=6..7 MEMORY_CIRCUIT_SIZE=17..18";
    let refused = stage.bash(&format!("{other} verifier --file-path proof-0001.json --use-test-config"));
    assert_eq!(refused.status.code(), Some(1), "{}", both(&refused));
    assert!(both(&refused).contains("refused, proof"), "{}", both(&refused));

    // The same witness again: everything is there, and nothing is proved twice.
    let again = stage.bash(&format!(
        "leader --runtime=amqp --amqp-uri={} --use-test-config -o proofs stdio < witness-0001.json",
        broker.url()
    ));
    assert!(again.status.success(), "{}", both(&again));
    assert!(again.stdout.is_empty());
    let starts = stage.starts();
    assert!(starts.values().all(|(_, times)| *times == 1), "{starts:?}");
    let second = stage.bash("verifier --file-path proofs/b2.zkproof --use-test-config --block-range 2");
    assert!(second.status.success(), "{}", both(&second));
}
