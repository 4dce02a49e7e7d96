//! Whatever the bytes are, reading and decoding say something and never panic.

use block_witness::{BATCH_SIZE, MAX_CPU_LEN_LOG, count_segments, decode, read};
use proptest::prelude::*;
use serde_json::Value;

use crate::empty_blocks::{bytes, chain};
use crate::folder::file;

/// Reads and decodes, and says so with an error where it can.
fn whole(witness: &[u8]) {
    if let Ok(blocks) = read(witness) {
        for block in blocks {
            let _ = decode(block, None, BATCH_SIZE).map_err(|error| error.to_string());
        }
    }
}

/// The place of every value in a JSON document.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Array(values) => {
            for (place, value) in values.iter().enumerate().take(40) {
                places(value, &format!("{at}/{place}"), all);
            }
        }
        Value::Object(values) => {
            for (name, value) in values {
                places(value, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        _ => {}
    }
}

fn mutated(mut value: Value, place: usize, with: u8, digit: usize) -> Value {
    let mut all = Vec::new();
    places(&value, "", &mut all);
    let place = &all[place % all.len()];
    let chosen = value.pointer_mut(place).expect("every place was seen in it");
    *chosen = match (with, chosen.take()) {
        (0, _) => Value::Null,
        (1, _) => Value::from("0x"),
        (2, _) => Value::from(u64::MAX),
        (3, _) => Value::Array(Vec::new()),
        (4, Value::Array(mut values)) => {
            values.pop();
            Value::Array(values)
        }
        (5, Value::Array(values)) => Value::Array([values.clone(), values].concat()),
        (_, Value::String(text)) if !text.is_empty() && text.is_ascii() => {
            let mut text = text.into_bytes();
            let at = digit % text.len();
            text[at] = b"0123456789abcdef"[digit % 16];
            Value::from(String::from_utf8(text).expect("one ASCII digit was changed"))
        }
        (_, Value::Number(number)) => Value::from(number.as_u64().unwrap_or_default() ^ 1 << (digit % 64)),
        (_, other) => other,
    };
    value
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        whole(&bytes);
    }

    #[test]
    fn an_empty_block_with_a_byte_changed_never_panics(at in any::<proptest::sample::Index>(), with in any::<u8>()) {
        let mut witness = bytes(&chain(1)[0]);
        let at = at.index(witness.len());
        witness[at] = with;
        whole(&witness);
    }

    #[test]
    fn an_empty_block_with_a_value_changed_never_panics(place in any::<usize>(), with in 0u8..9, digit in any::<usize>()) {
        whole(&bytes(&mutated(chain(1).remove(0), place, with, digit)));
    }

    #[test]
    fn arbitrary_compact_tries_never_panic(compact in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut block = chain(1).remove(0);
        block["block_trace"]["trie_pre_images"] =
            serde_json::json!({ "combined": { "compact": format!("0x00{}", hex::encode(compact)) } });
        whole(&bytes(&block));
    }
}

#[test]
fn an_empty_block_with_a_value_changed_never_panics_in_the_simulation() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(60));
    let outcome = runner.run(&(any::<usize>(), 0u8..9, any::<usize>()), |(place, with, digit)| {
        for block in read(&bytes(&mutated(chain(1).remove(0), place, with, digit))).unwrap_or_default() {
            let batches = decode(block, None, BATCH_SIZE).map(|block| block.batches).unwrap_or_default();
            for (place, batch) in batches.iter().enumerate() {
                let _ = count_segments(batch, place, MAX_CPU_LEN_LOG).map_err(|error| error.to_string());
            }
        }
        Ok(())
    });
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[test]
fn block_28_with_values_changed_never_panics() {
    let Some(witness) = file("block-28-witness.json") else { return };
    let block: Value = serde_json::from_slice::<Vec<Value>>(&witness).unwrap().remove(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
    let change = (any::<usize>(), 0u8..9, any::<usize>());
    let outcome = runner.run(&change, |(place, with, digit)| {
        whole(&bytes(&mutated(block.clone(), place, with, digit)));
        Ok(())
    });
    assert!(outcome.is_ok(), "{outcome:?}");
}
