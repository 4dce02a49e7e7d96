//! Two blocks, the second on top of the first: the way that all blocks go, and every lie about them.

use std::sync::{Arc, Mutex};

use block_witness::SegmentEnds;
use ethereum_types::H256;
use evm_proving::check::check_all;
use evm_proving::recursive::RecursiveProof;
use evm_proving::{BlockProof, Expectations, Security, VerificationKey, check, task};
use proving::context::{CancelToken, Progress, ProveContext};
use proving::error::{FailureClass, ProveError};
use proving::kind::Kind;
use proving::prover::{Proof, Prover};

use crate::forged::no_circuit_stands_on_proofs_under_another_key;
use crate::support::{Block, CHAIN_ID, Done, Family, MAX_CPU_LEN_LOG, chain, config, family, flips, store};

/// One test, since all of it is about the same proofs.
#[test]
fn two_blocks_are_proved_one_on_top_of_the_other_and_what_is_wrong_with_them_is_refused() {
    let config = config("16..17,8..9,12..14,8..10,8..9,6..8,17..19,16..17,7..8");
    let family = family(&config);
    let blocks = chain(2);
    let first = family.block(&blocks[0], None);
    let second = family.block(&blocks[1], first.last());
    let key = store().stored_key(&config).unwrap();
    let proofs = [&first, &second].map(|done| in_a_file(done.last().unwrap(), &key));

    each_is_good(&blocks, &proofs, &key);
    a_wrong_expectation_is_refused_by_name(&blocks[1], &proofs[1], &key);
    a_changed_byte_anywhere_is_refused(&proofs[1], &key);
    proofs_out_of_order_are_refused(&proofs, &key);
    other_circuits_refuse_it(&proofs[0]);
    no_circuit_stands_on_proofs_under_another_key(&proofs[0], &config.ranges);
    a_proof_of_another_task_is_refused(&family, &first, &second);
    a_changed_byte_of_a_proof_between_tasks_is_refused(&family, &first);
    a_block_that_does_not_stand_there_has_no_proof(&family, &first, &second);
    a_previous_proof_from_a_file_is_as_good_as_a_need(&family, &second, &proofs[0], &key);
    a_proof_is_cancelled(&family, &blocks[0]);
}

fn in_a_file(done: &Done, key: &VerificationKey) -> BlockProof {
    BlockProof::of(&RecursiveProof::from_bytes(done.proof.bytes()).unwrap(), key).unwrap()
}

fn expected(block: &Block) -> Expectations {
    Expectations {
        chain_id: Some(CHAIN_ID),
        last_block: Some(block.number),
        state_root: Some(block.state_root),
        checkpoint_state_root: Some(block.checkpoint),
        block_hash: Some(block.hash),
        allow_insecure: true,
        ..Default::default()
    }
}

fn each_is_good(blocks: &[Block], proofs: &[BlockProof], key: &VerificationKey) {
    for (block, proof) in blocks.iter().zip(proofs) {
        let report = check(proof, key, &expected(block)).unwrap();
        assert_eq!((report.block, report.state_root), (block.number, block.state_root));
        assert_eq!(report.security, Security::InsecureTest);
    }
    let json = BlockProof::list_to_json(proofs);
    let text = std::str::from_utf8(&json).unwrap();
    assert!(text.starts_with("[{\"b_height\":1,\"intern\":{\"proof\":{\"wires_cap\":"), "{}", &text[..80]);
    assert!(text.contains("\"configuration\":\"insecure-test\""));
    assert!(!text.contains('\n'));
    assert_eq!(BlockProof::list_from_json(&json).unwrap(), proofs);
    let one = serde_json::to_vec(&proofs[0]).unwrap();
    assert_eq!(BlockProof::list_from_json(&one).unwrap(), proofs[..1]);
    let range = Expectations { first_block: Some(1), ..expected(&blocks[1]) };
    assert_eq!(check_all(proofs, key, &range).unwrap().len(), 2);
    assert_eq!(VerificationKey::from_bytes(&key.to_bytes()).unwrap(), *key);
}

fn a_wrong_expectation_is_refused_by_name(block: &Block, proof: &BlockProof, key: &VerificationKey) {
    let good = || expected(block);
    let other = Some(H256::repeat_byte(7));
    let cases = [
        ("insecure", Expectations { allow_insecure: false, ..good() }),
        ("chain id", Expectations { chain_id: Some(CHAIN_ID + 1), ..good() }),
        ("last block", Expectations { last_block: Some(3), ..good() }),
        ("state root", Expectations { state_root: other, ..good() }),
        ("checkpoint state root", Expectations { checkpoint_state_root: other, ..good() }),
        ("block hash", Expectations { block_hash: other, ..good() }),
    ];
    for (name, expectations) in cases {
        assert_eq!(check(proof, key, &expectations).unwrap_err().check(), name);
    }
    let first_block = Expectations { first_block: Some(1), ..good() };
    assert_eq!(check_all(std::slice::from_ref(proof), key, &first_block).unwrap_err().check(), "first block");
}

fn a_changed_byte_anywhere_is_refused(proof: &BlockProof, key: &VerificationKey) {
    let json = BlockProof::list_to_json(std::slice::from_ref(proof));
    let expectations = Expectations { allow_insecure: true, ..Default::default() };
    let mut parsed = 0;
    for changed in flips(&json, 600) {
        let Ok(proofs) = BlockProof::list_from_json(&changed) else { continue };
        parsed += 1;
        assert!(check_all(&proofs, key, &expectations).is_err(), "a changed byte was not found");
    }
    assert!(parsed > 100, "most bytes are digits, so most changes still parse: {parsed}");
    let text = String::from_utf8(json).unwrap();
    let cases = [
        ("height", text.replacen("\"b_height\":2", "\"b_height\":3", 1)),
        ("configuration", text.replacen("\"configuration\":\"insecure-test\"", "\"configuration\":\"standard\"", 1)),
        ("configuration", text.replacen(",\"configuration\":\"insecure-test\"", "", 1)),
    ];
    for (name, changed) in cases {
        let proofs = BlockProof::list_from_json(changed.as_bytes()).unwrap();
        assert_eq!(check(&proofs[0], key, &expectations).unwrap_err().check(), name);
    }
}

fn proofs_out_of_order_are_refused(proofs: &[BlockProof; 2], key: &VerificationKey) {
    let expectations = Expectations { allow_insecure: true, ..Default::default() };
    let [first, second] = proofs.clone();
    for list in [vec![second.clone(), first.clone()], vec![first.clone(), first], vec![]] {
        assert_eq!(check_all(&list, key, &expectations).unwrap_err().check(), "sequence");
    }
}

fn other_circuits_refuse_it(proof: &BlockProof) {
    let other = config("16..17,8..9,12..13,8..9,8..9,6..7,17..18,16..17,7..8");
    let key = store().key(&other).unwrap();
    let expectations = Expectations { allow_insecure: true, ..Default::default() };
    let refused = check(proof, &key, &expectations).unwrap_err();
    assert!(["proof", "public inputs"].contains(&refused.check()), "{refused}");
    assert_eq!(proof.to_recursive(&key).verify(&key).unwrap_err().check(), refused.check());
}

fn a_proof_of_another_task_is_refused(family: &Family, first: &[Done], second: &[Done]) {
    for (task, (other, check)) in first.iter().zip(second.iter().zip([
        "block metadata",
        "block metadata",
        "block metadata",
        "block metadata",
        "block metadata",
        "block metadata",
    ])) {
        family.verify(task, &task.proof).unwrap();
        assert_eq!(family.verify(task, &other.proof).unwrap_err().check(), check);
    }
    // The two batches of a block differ in their state only.
    assert_eq!(family.verify(&first[0], &first[2].proof).unwrap_err().check(), "state before");
    assert_eq!(family.verify(&first[0], &first[1].proof).unwrap_err().check(), "kind");
    let renamed = Proof::new(Kind::EVM_SEGMENT, first[1].proof.bytes().to_vec());
    assert_eq!(family.verify(&first[0], &renamed).unwrap_err().check(), "kind");
}

fn a_changed_byte_of_a_proof_between_tasks_is_refused(family: &Family, first: &[Done]) {
    for task in &first[..2] {
        for changed in flips(task.proof.bytes(), 100) {
            let proof = Proof::new(task.proof.kind().clone(), changed);
            assert_eq!(family.verify(task, &proof).unwrap_err().check(), "format");
        }
        for changed in crate::support::resealed_flips(task.proof.bytes(), 200) {
            let proof = Proof::new(task.proof.kind().clone(), changed);
            assert!(family.verify(task, &proof).is_err(), "a changed byte was not found");
        }
    }
}

fn refusal(family: &Family, kind: &Kind, input: &[u8], needs: &[&Done]) -> ProveError {
    let prover = family.provers.iter().find(|prover| Prover::kind(*prover) == *kind).unwrap();
    let needs: Vec<&[u8]> = needs.iter().map(|need| need.proof.bytes()).collect();
    let refused = prover.prove(input, &needs, &ProveContext::default()).unwrap_err();
    assert_eq!(refused.class(), FailureClass::InvalidInput, "{refused}");
    refused
}

fn a_block_that_does_not_stand_there_has_no_proof(family: &Family, first: &[Done], second: &[Done]) {
    let (segment, lifted, whole, block) = (&first[0], &first[1], &first[4], &first[5]);
    let says = |kind: &Kind, input: &[u8], needs: &[&Done], part: &str| {
        let refused = refusal(family, kind, input, needs).to_string();
        assert!(refused.contains(part), "{refused}");
    };
    let (alone, pair) = (task::segment_aggregation_input(true), task::segment_aggregation_input(false));
    // The second block is no checkpoint block, and does not follow itself.
    says(&Kind::EVM_BLOCK, &task::block_input(None), &[&second[4]], "checkpoint state");
    says(&Kind::EVM_BLOCK, &task::block_input(None), &[&second[4], &second[5]], "block number");
    says(&Kind::EVM_BLOCK, &task::block_input(None), &[whole, whole], "no need of block");
    says(&Kind::EVM_BLOCK, &block.input, &[], "takes 1 proofs");
    says(&Kind::EVM_BATCH_AGGREGATION, &task::batch_aggregation_input(), &[lifted, &second[3]], "does not join");
    says(&Kind::EVM_BATCH_AGGREGATION, &task::batch_aggregation_input(), &[lifted, segment], "no need of");
    says(&Kind::EVM_SEGMENT_AGGREGATION, &pair, &[segment, segment], "registers between");
    says(&Kind::EVM_SEGMENT_AGGREGATION, &alone, &[segment, segment], "takes 1 proofs");
    says(&Kind::EVM_SEGMENT_AGGREGATION, &whole.input, &[segment], "is the input of");
    says(&Kind::EVM_SEGMENT, b"nothing", &[], "no task");
    says(&Kind::EVM_SEGMENT, &segment.input, &[segment], "takes 0 proofs");
    let task::TaskInput::Segment(batch) = task::TaskInput::from_bytes(&segment.input).unwrap() else {
        panic!("it is a segment's")
    };
    let beyond = task::segment_input(&batch.batch, 1, MAX_CPU_LEN_LOG, &batch.ends).unwrap();
    says(&Kind::EVM_SEGMENT, &beyond, &[], "there is none of index 1");
    let mut wrong = batch.batch.clone();
    wrong.trie_roots_after.state_root = H256::repeat_byte(9);
    let wrong = task::segment_input(&wrong, 0, MAX_CPU_LEN_LOG, &batch.ends).unwrap();
    says(&Kind::EVM_SEGMENT, &wrong, &[], "does not run");
    let elsewhere = task::segment_input(&batch.batch, 0, MAX_CPU_LEN_LOG, &SegmentEnds::default()).unwrap();
    says(&Kind::EVM_SEGMENT, &elsewhere, &[], "between other registers");
    let mut no_longer_true = first[0].clone();
    no_longer_true.proof =
        Proof::new(Kind::EVM_SEGMENT, crate::support::resealed_flips(segment.proof.bytes(), 9).pop().unwrap());
    says(&Kind::EVM_SEGMENT_AGGREGATION, &alone, &[&no_longer_true], "is not good");
}

fn a_previous_proof_from_a_file_is_as_good_as_a_need(
    family: &Family,
    second: &[Done],
    previous: &BlockProof,
    key: &VerificationKey,
) {
    let mut task = second[5].clone();
    task.input = task::block_input(Some(&previous.to_recursive(key)));
    task.needs.truncate(1);
    family.verify(&task, &task.proof).unwrap();
    let made = family.done(Kind::EVM_BLOCK, task.input.clone(), &[&second[4]]);
    family.verify(&task, &made.proof).unwrap();
    let twice = refusal(family, &Kind::EVM_BLOCK, &task.input, &[&second[4], &second[5]]);
    assert!(twice.to_string().contains("twice"), "{twice}");
}

/// Cancels at a stage, and remembers all stages.
struct StopAt(&'static str, CancelToken, Mutex<Vec<String>>);

impl Progress for StopAt {
    fn report(&self, stage: &str, _done: u64, _total: u64) {
        self.2.lock().unwrap().push(stage.to_owned());
        if stage == self.0 {
            self.1.cancel();
        }
    }
}

fn a_proof_is_cancelled(family: &Family, block: &Block) {
    let input = task::segment_input(&block.batches[0], 0, MAX_CPU_LEN_LOG, &SegmentEnds::default()).unwrap();
    for stage in ["reading", "tables"] {
        let cancel = CancelToken::new();
        let stop = Arc::new(StopAt(stage, cancel.clone(), Mutex::default()));
        let context = ProveContext::new(cancel, stop.clone());
        let stopped = family.provers[0].prove(&input, &[], &context).unwrap_err();
        assert_eq!(stopped.class(), FailureClass::Cancelled, "{stopped}");
        assert_eq!(stop.2.lock().unwrap().last().unwrap(), stage);
    }
}
