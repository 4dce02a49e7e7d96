//! The trace of a block from a node that makes witnesses itself: the zero line's tracer and compact tries.

use super::written::Trace;
use crate::answers::Block;
use crate::client::Client;
use crate::error::SourceError;
use ethereum_types::H256;
use futures_util::future;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A transaction's trace, which goes into the witness as it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Traced {
    tx_hash: Option<H256>,
    result: Map<String, Value>,
}

/// The trace of `block`.
pub(super) async fn trace(client: &Client, block: &Block) -> Result<Trace, SourceError> {
    const TRACES: &str = "debug_traceBlockByNumber";
    let number = format!("{:#x}", block.head.number.0);
    let (traced, compact) = future::try_join(
        client.call::<Vec<Traced>>(TRACES, json!([number, {"tracer": "zeroTracer"}])),
        client.call::<String>("eth_getWitness", json!([number])),
    )
    .await?;
    let hashes = traced.iter().map(|it| it.tx_hash);
    let same = traced.len() == block.transactions.len()
        && hashes.zip(&block.transactions).all(|(hash, it)| hash.is_none_or(|hash| hash == it.hash));
    if !same {
        let what = "the list of traces".to_owned();
        return Err(SourceError::Disagrees { block: block.head.number.0, what });
    }
    let mut transactions = Vec::new();
    for Traced { mut result, .. } in traced {
        let (traces, meta) = (result.remove("traces"), result.remove("meta"));
        let (Some(traces), Some(meta)) = (traces, meta) else {
            return Err(client.unexpected(TRACES, "a trace without traces and meta"));
        };
        transactions.push(json!({"traces": traces, "meta": meta}));
    }
    Ok(Trace::combined(&compact, Value::Array(transactions)))
}
