//! The trace of a block from an ordinary node, by geth's prestate tracer and by proofs.

use super::changes::{self, Change, Changes, Codes};
use super::encoding;
use super::nodes::Nodes;
use super::proofs::{self, Touched};
use super::replay::{self, Stop, Tries, word};
use super::siblings;
use super::written::{Meta, Trace, Transaction};
use crate::answers::{Accounts, Block, Difference, Head, Receipt, Withdrawal};
use crate::beacon;
use crate::client::Client;
use crate::error::SourceError;
use ethereum_types::{Address, BigEndianHash, U256};
use futures_util::{StreamExt, TryStreamExt, future, stream};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Makes the trace of `block`.
pub(super) async fn trace(client: &Client, block: &Block, parent: &Head) -> Result<Trace, SourceError> {
    let signed = encoding::transactions(block)?;
    let (receipts, traces, ()) =
        future::try_join3(receipts(client, block), traces(client, block), beacon::check(client, &block.head)).await?;
    let encoded = encoding::receipts(block, &receipts)?;
    let mut codes = Codes::new();
    let mut changes: Vec<Changes> = block
        .transactions
        .iter()
        .zip(&receipts)
        .zip(&traces)
        .map(|((transaction, receipt), (before, difference))| {
            changes::of_transaction(transaction, receipt, before, difference, &mut codes)
        })
        .collect();

    let touched = touched(block, &changes);
    let number = block.head.number.0;
    let (before, after) =
        future::try_join(proofs::fetch(client, &touched, number - 1), proofs::fetch(client, &touched, number)).await?;
    let mut nodes = Nodes::default();
    proofs::insert(&mut nodes, &before);
    let mut nodes_after = Nodes::default();
    proofs::insert(&mut nodes_after, &after);
    let tries_after = proofs::tries(&nodes_after, &touched, &block.head)?;
    proofs::insert_shorter(&mut nodes, &after);
    settle(&mut changes, &tries_after, number)?;

    let tries = siblings::complete(client, nodes, &touched, parent, |tries| replay(tries, block, &changes)).await?;
    let transactions: Vec<Transaction> = changes
        .into_iter()
        .zip(signed.iter().zip(&encoded).zip(&receipts))
        .map(|(changes, ((signed, encoded), receipt))| Transaction {
            traces: changes.accounts,
            meta: Meta::new(signed, encoded, receipt.gas_used.0),
        })
        .collect();
    Trace::separate(&tries, codes, &transactions).map_err(|error| client.unexpected("eth_getProof", error.to_string()))
}

/// The receipts of a block, all at once where the node can.
async fn receipts(client: &Client, block: &Block) -> Result<Vec<Receipt>, SourceError> {
    if block.transactions.is_empty() {
        return Ok(Vec::new());
    }
    let number = format!("{:#x}", block.head.number.0);
    if let Some(receipts) = client.call_if_there("eth_getBlockReceipts", json!([number])).await? {
        return Ok(receipts);
    }
    let calls = block.transactions.iter().map(|it| client.call("eth_getTransactionReceipt", json!([it.hash])));
    stream::iter(calls).buffered(client.parallel()).try_collect().await
}

/// Both traces of every transaction.
async fn traces(client: &Client, block: &Block) -> Result<Vec<(Accounts, Difference)>, SourceError> {
    let options = |diff: bool| json!({"tracer": "prestateTracer", "tracerConfig": {"diffMode": diff}});
    let calls = block.transactions.iter().map(|it| {
        future::try_join(
            client.call("debug_traceTransaction", json!([it.hash, options(false)])),
            client.call("debug_traceTransaction", json!([it.hash, options(true)])),
        )
    });
    stream::iter(calls).buffered(client.parallel()).try_collect().await
}

/// Everything that a block reads or writes.
fn touched(block: &Block, changes: &[Changes]) -> Touched {
    let mut touched = Touched::new();
    for (address, change) in changes.iter().flat_map(|changes| &changes.accounts) {
        let slots = touched.entry(*address).or_default();
        slots.extend(change.storage_read.iter().chain(change.storage_written.keys()));
    }
    for Withdrawal { address, .. } in &block.withdrawals {
        touched.entry(*address).or_default();
    }
    touched.entry(block.miner).or_default();
    let beacon = touched.entry(beacon::CONTRACT).or_default();
    beacon.extend(beacon::slots(block.head.timestamp.0).map(word));
    touched
}

/// Looks up what became of contracts that a tracer before EIP-6780 takes for destroyed: they are as they are after the
/// block, if no later transaction changed them.
fn settle(changes: &mut [Changes], after: &Tries, block: u64) -> Result<(), SourceError> {
    let mut later = BTreeSet::new();
    for changes in changes.iter_mut().rev() {
        for address in std::mem::take(&mut changes.unsure) {
            let broken = |why: &str| SourceError::Proof { block, account: address, why: why.to_owned() };
            if later.contains(&address) {
                return Err(broken("two transactions changed a contract that the tracer says was destroyed"));
            }
            let change = changes.accounts.entry(address).or_default();
            let Some(leaf) = replay::account(&after.state, address).map_err(broken)? else {
                change.self_destructed = true;
                continue;
            };
            change.balance = Some(leaf.balance);
            change.nonce = Some(leaf.nonce);
            if let Some(storage) = after.storage.get(&address) {
                for slot in change.storage_read.clone() {
                    let value = replay::slot(storage, slot).map_err(broken)?;
                    change.storage_written.insert(slot, value);
                }
            }
        }
        let changed = changes.accounts.iter().filter(|(_, change)| changes_something(change));
        later.extend(changed.map(|(address, _)| *address));
    }
    Ok(())
}

fn changes_something(change: &Change) -> bool {
    change.balance.is_some() || change.nonce.is_some() || !change.storage_written.is_empty() || change.self_destructed
}

/// Does the whole block on tries of its beginning, up to the header's state root.
fn replay(mut tries: Tries, block: &Block, changes: &[Changes]) -> Result<(), ReplayError> {
    let root = block.head.parent_beacon_block_root.unwrap_or_default().into_uint();
    let values = [U256::from(block.head.timestamp.0), root];
    let slots = beacon::slots(block.head.timestamp.0).map(word);
    let slots: BTreeMap<_, _> = slots.into_iter().zip(values).collect();
    tries.write(beacon::CONTRACT, &slots)?;
    for changes in changes {
        tries.apply(&changes.accounts)?;
    }
    for Withdrawal { address, amount } in &block.withdrawals {
        let wei = amount.checked_mul(U256::from(1_000_000_000)).ok_or(too_much(*address))?;
        tries.credit(*address, wei)?;
    }
    let (found, expected) = (tries.root(), block.head.state_root);
    match found == expected {
        true => Ok(()),
        false => Err(ReplayError::Source(SourceError::StateRoot { block: block.head.number.0, found, expected })),
    }
}

fn too_much(address: Address) -> Stop {
    Stop::Broken(address, "a withdrawal is too great".to_owned())
}

/// Why a replay did not come to its end.
#[derive(Debug)]
pub(super) enum ReplayError {
    Stop(Stop),
    Source(SourceError),
}

impl From<Stop> for ReplayError {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}
