//! A node that makes witnesses itself: its traces and compact tries go into the witness as they are.

use crate::Result;
use crate::fake::{Fake, Reply, result};
use chain_source::{CallSettings, NodeKind, Source, SourceError};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// The node that would have written these files: a block's witness and its header.
async fn node(witness: &Value, header: &Value) -> Result<Fake> {
    let trace = &witness["block_trace"];
    let data = &witness["other_data"]["b_data"];
    let previous: Vec<Value> = data["b_hashes"]["prev_hashes"].as_array().ok_or("hashes")?.clone();
    let mut block = header.clone();
    let transactions: Vec<Value> = trace["txn_info"]
        .as_array()
        .ok_or("transactions")?
        .iter()
        .map(|it| legacy(it["meta"]["byte_code"].as_str().unwrap_or_default()))
        .collect::<Result<_>>()?;
    let traced: Vec<Value> = trace["txn_info"]
        .as_array()
        .into_iter()
        .flatten()
        .zip(&transactions)
        .map(|(it, transaction)| json!({"txHash": transaction["hash"], "result": it}))
        .collect();
    block["transactions"] = json!(transactions);
    let number = number(&header["number"])?;
    let chain_id = data["b_meta"]["block_chain_id"].clone();
    let compact = trace["trie_pre_images"]["combined"]["compact"].clone();
    let (timestamp, root) = (header["timestamp"].clone(), header["parentBeaconBlockRoot"].clone());
    let checkpoint = witness["other_data"]["checkpoint_state_trie_root"].clone();
    let hash = header["hash"].clone();
    let mut asked_slots = std::collections::BTreeMap::new();
    let at = u64::from_str_radix(timestamp.as_str().ok_or("a timestamp")?.trim_start_matches("0x"), 16)? % 8191;
    asked_slots.insert(format!("{at:#x}"), timestamp);
    asked_slots.insert(format!("{:#x}", at + 8191), root);
    let older = move |number: u64| {
        let index = |number: u64| usize::try_from(number).ok().and_then(|number| previous.get(number)).cloned();
        // The last of the 256 is the parent's.
        json!({"number": format!("{number:#x}"), "timestamp": "0x1", "stateRoot": checkpoint,
            "hash": index(256 - (28 - number)), "parentHash": index(255 - (28 - number)).unwrap_or(json!(format!("0x{:064x}", 0)))})
    };
    Fake::start(None, move |method, params, _| {
        let named = params[0].as_str().unwrap_or_default();
        match method {
            "eth_chainId" => result(&chain_id),
            "eth_getBlockByNumber" => match u64::from_str_radix(named.trim_start_matches("0x"), 16) {
                Ok(asked) if asked == number => {
                    let mut block = block.clone();
                    if params[1] == json!(false) {
                        block["transactions"] = json!([]);
                    }
                    result(block)
                }
                Ok(asked) => result(older(asked)),
                Err(_) => result(Value::Null),
            },
            "eth_getBlockByHash" => match json!(named) == hash {
                true => result(&block),
                false => result(older(number - 1)),
            },
            "eth_getCode" => result("0x33"),
            "eth_getStorageAt" => result(asked_slots.get(params[1].as_str().unwrap_or_default())),
            "debug_traceBlockByNumber" if params[1]["tracer"] == "zeroTracer" => result(&traced),
            "eth_getWitness" => result(&compact),
            _ => Reply::Json(json!({"error": {"code": -32601, "message": "no such method"}})),
        }
    })
    .await
}

fn number(value: &Value) -> Result<u64> {
    Ok(u64::from_str_radix(value.as_str().ok_or("a number")?.trim_start_matches("0x"), 16)?)
}

/// A signed transaction of the oldest form, as JSON-RPC shows it.
fn legacy(bytes: &str) -> Result<Value> {
    let bytes = hex::decode(bytes.trim_start_matches("0x"))?;
    let fields = rlp::Rlp::new(&bytes);
    let mut shown = Map::from_iter([
        ("hash".to_owned(), json!(keccak_hash::keccak(&bytes))),
        ("type".to_owned(), json!("0x0")),
        ("from".to_owned(), json!(ethereum_types::Address::zero())),
    ]);
    for (index, name) in ["nonce", "gasPrice", "gas", "to", "value", "input", "v", "r", "s"].into_iter().enumerate() {
        let field = fields.at(index)?.data()?.to_vec();
        let text = hex::encode(&field);
        shown.insert(
            name.to_owned(),
            match name {
                "to" if field.is_empty() => Value::Null,
                "to" | "input" => json!(format!("0x{text}")),
                _ => json!(format!(
                    "0x{}",
                    match text.trim_start_matches('0') {
                        "" => "0",
                        digits => digits,
                    }
                )),
            },
        );
    }
    Ok(Value::Object(shown))
}

/// The two files, if `MEZE_TEST_WITNESSES` names a folder that has them.
fn files() -> Option<(Value, Value)> {
    let Some(folder) = std::env::var_os("MEZE_TEST_WITNESSES").map(PathBuf::from) else {
        eprintln!("skipped: MEZE_TEST_WITNESSES names no folder of witnesses");
        return None;
    };
    let read = |name: &str| {
        let bytes = std::fs::read(folder.join(name)).map_err(|error| eprintln!("skipped: {name}: {error}")).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok().map(|value| value[0].clone())
    };
    Some((read("block-28-witness.json")?, read("block-28-header.json")?))
}

#[tokio::test]
async fn a_block_of_a_zero_node_is_the_witness_that_the_zero_line_wrote() -> Result {
    let Some((theirs, header)) = files() else { return Ok(()) };
    let node = node(&theirs, &header).await?;
    let source = Source::new(&node.url(), None, CallSettings::default())?;
    assert_eq!(source.kind().await?, NodeKind::Zero);
    let witness = source.witness(28, None).await?;
    let ours: Value = serde_json::from_slice(&witness.json)?;
    for field in ["trie_pre_images", "txn_info"] {
        assert_eq!(ours["block_trace"][field], theirs["block_trace"][field], "{field}");
    }
    for field in ["b_meta", "b_hashes", "withdrawals"] {
        assert_eq!(ours["other_data"]["b_data"][field], theirs["other_data"]["b_data"][field], "{field}");
    }
    let decoded = block_witness::decode(block_witness::read(&witness.json)?.remove(0), None, 10)?;
    assert_eq!(json!(decoded.post_state_root), header["stateRoot"]);
    Ok(())
}

#[tokio::test]
async fn traces_of_another_block_are_refused() -> Result {
    let Some((theirs, header)) = files() else { return Ok(()) };
    let whole = node(&theirs, &header).await?;
    let other = Fake::start(Some(whole.url()), |method, _, answer| match method {
        "debug_traceBlockByNumber" => result(json!([])),
        _ => Reply::Json(answer),
    })
    .await?;
    let source = Source::new(&other.url(), None, CallSettings::default())?;
    let error = source.witness(28, None).await.expect_err("a trace is missing");
    assert!(matches!(error, SourceError::Disagrees { block: 28, .. }), "{error}");
    Ok(())
}
