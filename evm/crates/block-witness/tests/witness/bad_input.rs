//! Each bad input gets its sentence before anything is proved, or is accepted where it can be.

use std::time::{Duration, Instant};

use block_witness::{BATCH_SIZE, Previous, WitnessError, check_links, decode, read, read_within};
use ethereum_types::H256;
use serde_json::{Value, json};

use crate::empty_blocks::{FIRST, bytes, chain, hash_of};

fn refused(value: &Value) -> String {
    read(&bytes(value)).unwrap_err().to_string()
}

fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut block = chain(1).remove(0);
    change(&mut block);
    block
}

#[test]
fn one_block_an_array_or_several_after_each_other_are_read() {
    let blocks = chain(3);
    assert_eq!(read(&bytes(&blocks[0])).unwrap().len(), 1);
    assert_eq!(read(&bytes(&Value::Array(blocks.clone()))).unwrap().len(), 3);
    let lines = [bytes(&blocks[0]), b"\n".to_vec(), bytes(&json!([blocks[1], blocks[2]]))].concat();
    let numbers: Vec<_> = read(&lines).unwrap().iter().map(|block| block.number()).collect();
    assert_eq!(numbers, [FIRST, FIRST + 1, FIRST + 2]);
}

#[test]
fn what_is_no_witness_says_what_one_is() {
    for (text, found) in [
        ("", "there is no block in it"),
        ("[]", "there is no block in it"),
        ("7", "this begins with 7"),
        ("\"0x\"", "this begins with \"0x\""),
        ("error: no node", "this is no JSON: expected value at line 1 column 1"),
        ("[{}", "this is no JSON: EOF while parsing a list at line 1 column 3"),
    ] {
        let said = read(text.as_bytes()).unwrap_err().to_string();
        assert!(said.starts_with("a witness is one block as a JSON object, or blocks as a JSON array"), "{said}");
        assert!(said.ends_with(found), "{said}");
    }
}

#[test]
fn a_bad_field_is_named_with_its_block() {
    let meta = |field: &str, value: Value| changed(|block| block["other_data"]["b_data"]["b_meta"][field] = value);
    for (block, said) in [
        (json!({}), "block at place 1 of the witness, field (the block itself): missing field `block_trace`"),
        (
            meta("block_timestamp", json!(12)),
            "block 7, field other_data.b_data.b_meta.block_timestamp: invalid type: integer `12`, expected a (both \
             0x-prefixed or not) hex string or byte array containing between (0; 32] bytes",
        ),
        (
            meta("block_chain_id", json!("0x100000000")),
            "block 7, field other_data.b_data.b_meta.block_chain_id: expected a number of at most 32 bits, which is \
             what the circuits prove; it is 0x100000000",
        ),
        (
            meta("block_number", json!("0x0")),
            "block 0, field other_data.b_data.b_meta.block_number: expected 1 or more: the genesis block follows no \
             block, so it has no proof",
        ),
        (
            changed(|block| {
                block["other_data"]["b_data"]["b_meta"].as_object_mut().unwrap().remove("block_blob_gas_used");
            }),
            "block 7, field other_data.b_data.b_meta.block_blob_gas_used: expected a value, since only blocks from \
             Cancun on are proved; the block is from before",
        ),
        (
            changed(|block| block["other_data"]["b_data"]["b_hashes"]["prev_hashes"] = json!([hash_of(1)])),
            "block 7, field other_data.b_data.b_hashes.prev_hashes: expected 256 hashes, the oldest first, zeros \
             before the first block; there are 1",
        ),
        (
            meta("block_gas_used", json!("0x10")),
            "block 7, field block_trace.txn_info: expected transactions that used 16 gas together, as block_gas_used \
             says; they used 0",
        ),
        (
            changed(|block| block["other_data"]["burn_addr"] = json!(hash_of(1))),
            "block 7, field other_data.burn_addr: expected null or absent, as Ethereum has it: the witness is of \
             another kind of chain",
        ),
        (
            changed(|block| block["block_trace"]["trie_pre_images"] = json!({"combined": {"compact": "0x0101"}})),
            "block 7, field block_trace.trie_pre_images.combined.compact: expected a compact witness; at byte 2 there \
             should be a byte string",
        ),
        (
            changed(|block| block["block_trace"]["txn_info"] = json!([{"traces": {}, "meta": {"byte_code": "0xzz"}}])),
            "block 7, field block_trace.txn_info[0].meta.byte_code: Invalid character 'z' at position 0",
        ),
    ] {
        assert_eq!(refused(&block), said);
    }
    let second = json!([chain(1).remove(0), json!({"block_trace": 3})]);
    assert!(
        refused(&second).starts_with("block at place 2 of the witness, field block_trace: "),
        "{}",
        refused(&second)
    );
}

#[test]
fn what_older_versions_write_is_accepted() {
    let expected = decode(read(&bytes(&chain(1)[0])).unwrap().remove(0), None, BATCH_SIZE).unwrap();
    let code = json!({ format!("{:#x}", keccak_hash::keccak([0x60, 0])): [0x60, 0] });
    let older = [
        changed(|block| block["block_trace"]["code_db"] = Value::Null),
        changed(|block| block["block_trace"]["code_db"] = code),
        changed(|block| {
            block["block_trace"].as_object_mut().unwrap().remove("code_db");
        }),
        changed(|block| block["other_data"]["checkpoint_consolidated_hash"] = Value::Null),
        changed(|block| {
            block["other_data"]["b_data"].as_object_mut().unwrap().remove("withdrawals").map(drop).unwrap()
        }),
        changed(|block| block["other_data"]["later_field"] = json!({"a": [1]})),
        changed(|block| {
            let number = &mut block["other_data"]["b_data"]["b_meta"]["block_number"];
            *number = number.as_str().unwrap().trim_start_matches("0x").into();
        }),
    ];
    for block in older {
        let decoded = decode(read(&bytes(&block)).unwrap().remove(0), None, BATCH_SIZE).unwrap();
        assert_eq!(decoded.post_state_root, expected.post_state_root);
        assert_eq!(decoded.checkpoint_consolidated_hash, expected.checkpoint_consolidated_hash);
    }
}

#[test]
fn a_witness_is_written_in_the_form_of_0_7() {
    let block = read(&bytes(&chain(1)[0])).unwrap().remove(0);
    let written = serde_json::to_vec(&block).unwrap();
    let back = read(&written).unwrap().remove(0);
    assert_eq!(serde_json::to_vec(&back).unwrap(), written);
    assert!(serde_json::from_slice::<Value>(&written).unwrap()["block_trace"]["code_db"].is_array());
}

#[test]
fn a_witness_of_more_than_8_megabytes_is_read_in_seconds_unless_the_limit_is_lower() {
    let code: Vec<String> = (0..400u32).map(|place| format!("0x{}", format!("{place:08x}").repeat(5_000))).collect();
    let block = changed(|block| block["block_trace"]["code_db"] = json!(code));
    let large = bytes(&block);
    assert!(large.len() > 8 << 20);
    let start = Instant::now();
    let blocks = read(&large).unwrap();
    decode(blocks.into_iter().next().unwrap(), None, BATCH_SIZE).unwrap();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let said = read_within(&large, 1 << 20).unwrap_err().to_string();
    assert!(said.starts_with("the witness has more than 1048576 bytes"), "{said}");
}

#[test]
fn tries_nested_deeper_than_json_may_be_are_refused() {
    let mut nested = json!({ "node": "Empty" });
    for _ in 0..120 {
        nested = json!({ "node": { "Extension": { "nibbles": { "count": 1, "packed": "0x1" }, "child": nested } } });
    }
    let text = String::from_utf8(bytes(&chain(1)[0])).unwrap();
    let direct = text.find("\"direct\":").unwrap() + "\"direct\":".len();
    let end = direct + text[direct..].find(",\"storage\"").map_or(0, |at| at - 1);
    // Written by hand: the value itself is too deep to be read back.
    let deep = format!("{}{}{}", &text[..direct], nested, &text[end..]);
    let said = read(deep.as_bytes()).unwrap_err().to_string();
    assert!(said.contains("recursion limit exceeded"), "{said}");
}

#[test]
fn blocks_that_do_not_follow_each_other_are_refused() {
    let check = |value: &Value, previous: Option<&Previous>| check_links(&read(&bytes(value)).unwrap(), previous);
    let blocks = chain(3);
    assert!(check(&json!(blocks), None).is_ok());
    let link = |change: &dyn Fn(&mut Value)| {
        let mut blocks = chain(2);
        change(&mut blocks[1]);
        check(&json!(blocks), None).unwrap_err().to_string()
    };
    assert_eq!(
        check(&json!([blocks[0], blocks[2]]), None).unwrap_err().to_string(),
        "block 9 does not follow block 7: block 8 is expected next; blocks are proved one by one, in order"
    );
    let said = link(&|block| block["other_data"]["b_data"]["b_meta"]["block_chain_id"] = json!("0x1"));
    assert!(said.contains("it is of chain 1, and that one is of chain 4242"), "{said}");
    let said = link(&|block| block["other_data"]["b_data"]["b_hashes"]["prev_hashes"][255] = json!(hash_of(99)));
    assert!(said.contains("they are of different forks"), "{said}");
    let said = link(&|block| block["other_data"]["b_data"]["b_hashes"]["prev_hashes"][253] = json!(hash_of(99)));
    assert!(said.contains("they name different blocks as the one 3 before block 8"), "{said}");
    let said = link(&|block| block["other_data"]["checkpoint_state_trie_root"] = json!(hash_of(99)));
    assert!(said.contains("fetch the blocks with one checkpoint"), "{said}");
}

#[test]
fn a_block_must_follow_the_previous_proof() {
    let mut blocks = read(&bytes(&json!(chain(2)))).unwrap();
    let second = blocks.remove(1);
    let previous = decode(blocks.remove(0), None, BATCH_SIZE).unwrap().as_previous();
    assert!(decode(second.clone(), Some(&previous), BATCH_SIZE).is_ok());

    let later = Previous { number: previous.number + 1, ..previous.clone() };
    let said = decode(second.clone(), Some(&later), BATCH_SIZE).unwrap_err().to_string();
    assert!(said.starts_with("block 8 does not follow block 8: block 9 is expected next"), "{said}");

    let elsewhere = Previous { state_root: H256::repeat_byte(1), ..previous.clone() };
    let said = decode(second.clone(), Some(&elsewhere), BATCH_SIZE).unwrap_err().to_string();
    assert!(said.starts_with("inconsistent pre-state: block 8 starts from"), "{said}");
    assert!(said.contains("but the state root that the block before it ends in is 0x0101"), "{said}");

    let said = decode(second, None, BATCH_SIZE).unwrap_err().to_string();
    assert!(said.starts_with("inconsistent pre-state: block 8 starts from"), "{said}");
    assert!(said.contains("fetch the witness with checkpoint block 7") && said.contains("--previous-proof"), "{said}");
}

#[test]
fn a_consolidated_hash_that_is_not_the_checkpoints_is_refused() {
    let block = changed(|block| block["other_data"]["checkpoint_consolidated_hash"] = json!([1, 2, 3, 4]));
    let refused = decode(read(&bytes(&block)).unwrap().remove(0), None, BATCH_SIZE).unwrap_err();
    assert!(
        matches!(&refused, WitnessError::Field { field, .. } if field == "other_data.checkpoint_consolidated_hash")
    );
    assert!(refused.to_string().contains("leave the field out to have it computed"));
}

#[test]
fn a_decoder_that_panics_or_refuses_names_the_block() {
    let long = json!({ "count": 60, "packed": "0x1" });
    let trie = |node: Value| json!({ "node": node, "hash": null, "strategy": "Reject" });
    let leaf = trie(json!({ "Leaf": { "nibbles": long, "value": [1] } }));
    let too_long = trie(json!({ "Extension": { "nibbles": long, "child": leaf } }));
    let no_receipt = json!([{
        "traces": { "0x0000000000000000000000000000000000000001": { "balance": "0x1" } },
        "meta": { "byte_code": "0x01", "new_receipt_trie_node_byte": "0xf9", "gas_used": 0 },
    }]);
    for (block, why) in [
        (changed(|block| block["block_trace"]["trie_pre_images"]["separate"]["state"]["direct"] = too_long), "64"),
        (
            changed(|block| {
                block["block_trace"]["trie_pre_images"]["separate"]["storage"]["multiple_tries"] = json!({});
            }),
            "hash",
        ),
        (changed(|block| block["block_trace"]["txn_info"] = no_receipt), "receipt"),
    ] {
        let refused = decode(read(&bytes(&block)).unwrap().remove(0), None, BATCH_SIZE).unwrap_err();
        let said = refused.to_string();
        assert!(said.starts_with("block 7 cannot be decoded: ") && said.contains(why), "{said}");
    }
}
