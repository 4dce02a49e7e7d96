//! Block 28 of a development network, of the zero line's own tests: not in this repository. The folder that
//! `MEZE_TEST_WITNESSES` names has it; without it these tests say so and pass.

use block_witness::{BATCH_SIZE, MAX_CPU_LEN_LOG, WitnessError, check_links, count_segments, decode, read, simulate};
use ethereum_types::{Address, H256, U256};
use serde_json::Value;

use crate::folder::{Clock, file};
use crate::simulation::EMPTY;

/// What its batches take: one transaction, and nothing.
const RANGES: &str = "16..17,8..13,10..18,11..12,8..9,10..11,17..20,16..17,7..8";

fn field<T: serde::de::DeserializeOwned>(header: &Value, name: &str) -> T {
    serde_json::from_value(header[name].clone()).unwrap()
}

#[test]
fn block_28_agrees_with_its_header() {
    let (Some(witness), Some(header)) = (file("block-28-witness.json"), file("block-28-header.json")) else { return };
    let header: Value = serde_json::from_slice::<Vec<Value>>(&header).unwrap().remove(0);
    let blocks = read(&witness).unwrap();
    check_links(&blocks, None).unwrap();
    let [block] = &blocks[..] else { panic!("{} blocks", blocks.len()) };
    let meta = &block.other_data.b_data.b_meta;
    assert_eq!(U256::from(block.number()), field(&header, "number"));
    assert_eq!(block.block_hash(), field::<H256>(&header, "hash"));
    assert_eq!(block.parent_hash(), field::<H256>(&header, "parentHash"));
    assert_eq!(meta.block_beneficiary, field::<Address>(&header, "miner"));
    assert_eq!(meta.block_timestamp, field(&header, "timestamp"));
    assert_eq!(meta.block_gaslimit, field(&header, "gasLimit"));
    assert_eq!(meta.block_gas_used, field(&header, "gasUsed"));
    assert_eq!(meta.block_base_fee, field(&header, "baseFeePerGas"));
    assert_eq!(meta.block_random, field::<H256>(&header, "mixHash"));
    assert_eq!(meta.parent_beacon_block_root, field::<H256>(&header, "parentBeaconBlockRoot"));
    assert_eq!(block.transactions(), header["transactions"].as_array().unwrap().len());
    assert_eq!(block.other_data.checkpoint_consolidated_hash, Some(block.parent_hashes_digest()));

    let decoded = decode(block.clone(), None, BATCH_SIZE).unwrap();
    assert_eq!(decoded.pre_state_root, decoded.checkpoint_state_root);
    assert_eq!(decoded.post_state_root, field::<H256>(&header, "stateRoot"));
    let last = &decoded.batches.last().unwrap().trie_roots_after;
    assert_eq!(last.transactions_root, field::<H256>(&header, "transactionsRoot"));
    assert_eq!(last.receipts_root, field::<H256>(&header, "receiptsRoot"));
    assert_eq!(decoded.batches.last().unwrap().gas_used_after, field(&header, "gasUsed"));
}

#[test]
fn block_28_fits_the_ranges_of_a_block_with_a_transaction() {
    let Some(witness) = file("block-28-witness.json") else { return };
    let start = Clock::new();
    let block = read(&witness).unwrap().remove(0);
    let decoded = decode(block, None, BATCH_SIZE).unwrap();
    eprintln!("read and decoded in {start}");
    // The kernel is assembled on first use, which is not part of what is measured below.
    let start = Clock::new();
    count_segments(&decoded.batches[1], 1, MAX_CPU_LEN_LOG).unwrap();
    eprintln!("the kernel and an empty batch in {start}");
    for (place, batch) in decoded.batches.iter().enumerate() {
        let start = Clock::new();
        let count = count_segments(batch, place, MAX_CPU_LEN_LOG).unwrap();
        eprintln!("batch {place}: {count} segments counted in {start}");
        let start = Clock::new();
        let shapes = simulate(batch, place, MAX_CPU_LEN_LOG).unwrap();
        eprintln!("batch {place}: {shapes:?} in {start}");
        assert_eq!(shapes.len(), count);
        for shape in &shapes {
            shape.check(&RANGES.parse().unwrap(), decoded.number, place).unwrap();
            assert!(shape.cycles > 500 && shape.cycles < 1 << MAX_CPU_LEN_LOG);
        }
    }
    let heavy = simulate(&decoded.batches[0], 0, MAX_CPU_LEN_LOG).unwrap().remove(0);
    let said = heavy.check(&EMPTY.parse().unwrap(), decoded.number, 0).unwrap_err().to_string();
    assert!(said.starts_with("block 28, batch 0, segment 0: table "), "{said}");
    assert!(said.contains("_CIRCUIT_SIZE="), "{said}");
}

#[test]
fn block_28_in_the_form_of_0_6_is_the_same_block() {
    let Some(witness) = file("block-28-witness.json") else { return };
    let mut json: Value = serde_json::from_slice(&witness).unwrap();
    let expected = decode(read(&witness).unwrap().remove(0), None, BATCH_SIZE).unwrap();
    let block = &mut json[0];
    block["block_trace"]["code_db"] = Value::Null;
    block["block_trace"]["txn_info"][0]["meta"]["new_txn_trie_node_byte"] = "0x00".into();
    block["other_data"].as_object_mut().unwrap().remove("checkpoint_consolidated_hash");
    let older = read(&serde_json::to_vec(&block).unwrap()).unwrap().remove(0);
    let decoded = decode(older, None, BATCH_SIZE).unwrap();
    assert_eq!(decoded.post_state_root, expected.post_state_root);
    assert_eq!(decoded.checkpoint_consolidated_hash, expected.checkpoint_consolidated_hash);
}

#[test]
fn block_28_from_another_checkpoint_is_an_inconsistent_pre_state() {
    let Some(witness) = file("block-28-witness.json") else { return };
    let mut block = read(&witness).unwrap().remove(0);
    block.other_data.checkpoint_state_trie_root = H256::repeat_byte(7);
    let refused = decode(block, None, BATCH_SIZE).unwrap_err();
    assert!(matches!(refused, WitnessError::PreState { number: 28, .. }));
    let said = refused.to_string();
    assert!(said.starts_with("inconsistent pre-state: block 28 starts from the state root 0x106d584f"), "{said}");
    assert!(said.contains("checkpoint block 27") && said.contains("--previous-proof"), "{said}");
}
