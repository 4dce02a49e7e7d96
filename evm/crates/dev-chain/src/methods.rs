//! The JSON-RPC methods.

use crate::chain::{Block, Chain};
use crate::render;
use alloy_primitives::{Address, B256, U256, keccak256};
use serde_json::{Value, json};

/// A refusal, as JSON-RPC codes and says it.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: i32,
    message: String,
}

impl Refusal {
    fn params(message: impl Into<String>) -> Self {
        Self { code: -32602, message: message.into() }
    }
}

/// The answer to one call.
pub(crate) fn answer(chain: &Chain, call: &Value) -> Value {
    let id = call.get("id").cloned().unwrap_or_default();
    let params = call.get("params").and_then(Value::as_array).cloned().unwrap_or_default();
    let method = call.get("method").and_then(Value::as_str).unwrap_or_default();
    match result(chain, method, &params) {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(Refusal { code, message }) => {
            json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
        }
    }
}

fn result(chain: &Chain, method: &str, params: &[Value]) -> Result<Value, Refusal> {
    Ok(match method {
        "web3_clientVersion" => json!("meze-dev-chain"),
        "eth_chainId" => render::quantity(chain.chain_id()),
        "net_version" => json!(chain.chain_id().to_string()),
        "eth_blockNumber" => render::quantity(chain.head().header.number),
        "eth_gasPrice" => render::quantity(chain.head().header.base_fee_per_gas.unwrap_or_default()),
        "eth_getBlockByNumber" | "eth_getBlockByHash" => {
            let whole = params.get(1).and_then(Value::as_bool).unwrap_or_default();
            find(chain, params.first())?.map_or(Value::Null, |block| render::block(block, whole))
        }
        "eth_getBalance" => {
            let account = account(chain, params)?;
            render::number(account.map_or(U256::ZERO, |account| account.balance))
        }
        "eth_getTransactionCount" => render::quantity(account(chain, params)?.map_or(0, |account| account.nonce)),
        "eth_getCode" => json!(account(chain, params)?.map(|account| &account.code).cloned().unwrap_or_default()),
        "eth_getStorageAt" => {
            let slot = slot(params.get(1))?;
            let at = block_at(chain, params.get(2))?;
            let account = at.state.account(address(params.first())?);
            let value = account.and_then(|account| account.storage.get(&slot)).copied().unwrap_or_default();
            json!(B256::from(value))
        }
        "eth_getProof" => proof(chain, params)?,
        "eth_getTransactionByHash" => match transaction(chain, params)? {
            Some((block, index)) => render::transaction(block, index),
            None => Value::Null,
        },
        "eth_getTransactionReceipt" => match transaction(chain, params)? {
            Some((block, index)) => render::receipt(block, index),
            None => Value::Null,
        },
        "eth_getBlockReceipts" => match find(chain, params.first())? {
            Some(block) => (0..block.transactions.len()).map(|index| render::receipt(block, index)).collect(),
            None => Value::Null,
        },
        "debug_traceTransaction" => {
            let options = params.get(1).cloned().unwrap_or_default();
            let (block, index) = transaction(chain, params)?
                .ok_or_else(|| Refusal { code: -32000, message: "transaction not found".into() })?;
            let executed = &block.transactions[index];
            let diff = options["tracerConfig"]["diffMode"].as_bool().unwrap_or_default();
            match options["tracer"].as_str() {
                Some("prestateTracer") if diff => executed.changes.clone(),
                Some("prestateTracer") => executed.before.clone(),
                _ => {
                    return Err(Refusal { code: -32000, message: "only prestateTracer is here".into() });
                }
            }
        }
        _ => {
            let message = format!("the method {method} does not exist/is not available");
            return Err(Refusal { code: -32601, message });
        }
    })
}

fn proof(chain: &Chain, params: &[Value]) -> Result<Value, Refusal> {
    let address = address(params.first())?;
    let slots = params.get(1).and_then(Value::as_array).cloned().unwrap_or_default();
    let at = block_at(chain, params.get(2))?;
    let account = at.state.account(address).cloned().unwrap_or_default();
    let storage = account.storage_trie();
    let storage_proof = slots
        .iter()
        .map(|key| {
            let slot = slot(Some(key))?;
            let value = account.storage.get(&slot).copied().unwrap_or_default();
            let proof = storage.proof(keccak256(slot.to_be_bytes::<32>()).as_slice());
            Ok(json!({"key": key, "value": render::number(value), "proof": proof}))
        })
        .collect::<Result<Vec<Value>, Refusal>>()?;
    Ok(json!({
        "address": format!("{address:#x}"),
        "accountProof": at.state.trie().proof(keccak256(address).as_slice()),
        "balance": render::number(account.balance),
        "codeHash": account.code_hash(),
        "nonce": render::quantity(account.nonce),
        "storageHash": storage.root(),
        "storageProof": storage_proof,
    }))
}

fn account<'a>(chain: &'a Chain, params: &[Value]) -> Result<Option<&'a crate::Account>, Refusal> {
    let at = block_at(chain, params.get(1))?;
    Ok(at.state.account(address(params.first())?))
}

fn block_at<'a>(chain: &'a Chain, name: Option<&Value>) -> Result<&'a Block, Refusal> {
    find(chain, name)?.ok_or_else(|| Refusal { code: -32000, message: "header not found".into() })
}

/// The block that a number, a tag or a hash names.
fn find<'a>(chain: &'a Chain, name: Option<&Value>) -> Result<Option<&'a Block>, Refusal> {
    let wrong = || Refusal::params("a block is named by its number, a tag or its hash");
    let hash = name.and_then(|name| name.get("blockHash")).or(name);
    let name = hash.and_then(Value::as_str).ok_or_else(wrong)?;
    let number = match name {
        "latest" | "pending" => chain.head().header.number,
        "finalized" => chain.finalized(),
        "safe" => chain.head().header.number.saturating_sub(1).max(chain.finalized()),
        "earliest" => 0,
        name if name.len() == 66 => return Ok(chain.block_by_hash(name.parse().map_err(|_| wrong())?)),
        name => {
            let digits = name.strip_prefix("0x").ok_or_else(wrong)?;
            u64::from_str_radix(digits, 16).map_err(|_| wrong())?
        }
    };
    Ok(chain.block(number))
}

fn address(value: Option<&Value>) -> Result<Address, Refusal> {
    let text = value.and_then(Value::as_str);
    text.and_then(|text| text.parse().ok()).ok_or_else(|| Refusal::params("an address has 20 bytes"))
}

fn slot(value: Option<&Value>) -> Result<U256, Refusal> {
    let text = value.and_then(Value::as_str);
    text.and_then(|text| text.parse().ok()).ok_or_else(|| Refusal::params("a slot has up to 32 bytes"))
}

fn transaction<'a>(chain: &'a Chain, params: &[Value]) -> Result<Option<(&'a Block, usize)>, Refusal> {
    let text = params.first().and_then(Value::as_str);
    let wanted: B256 = text.and_then(|text| text.parse().ok()).ok_or_else(|| Refusal::params("a hash has 32 bytes"))?;
    Ok(chain.blocks().iter().find_map(|block| {
        let index = block.transactions.iter().position(|executed| render::hash(executed) == wanted)?;
        Some((block, index))
    }))
}
