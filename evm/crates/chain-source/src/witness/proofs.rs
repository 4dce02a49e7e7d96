//! Proofs of everything that a block touches, and the tries that they make.

use super::nodes::{Nodes, is_known};
use super::replay::{Leaf, Tries, account, account_key, hidden, slot_key};
use crate::answers::{Head, Proof};
use crate::client::Client;
use crate::error::SourceError;
use ethereum_types::{Address, H256};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Accounts, and slots of each.
pub(super) type Touched = BTreeMap<Address, BTreeSet<H256>>;

/// Slots in one call.
const SLOTS: usize = 512;

/// Proofs of `touched` at a block.
pub(super) async fn fetch(client: &Client, touched: &Touched, at: u64) -> Result<Vec<(Address, Proof)>, SourceError> {
    let mut calls = Vec::new();
    for (address, slots) in touched {
        let slots: Vec<H256> = slots.iter().copied().collect();
        let chunks = slots.chunks(SLOTS).map(<[H256]>::to_vec);
        calls.extend(chunks.chain(slots.is_empty().then(Vec::new)).map(|slots| (*address, slots)));
    }
    let calls = calls.into_iter().map(|(address, slots)| async move {
        let proof: Proof = client.call("eth_getProof", json!([address, slots, format!("{at:#x}")])).await?;
        Ok((address, proof))
    });
    stream::iter(calls).buffered(client.parallel()).try_collect().await
}

/// Takes all nodes of proofs.
pub(super) fn insert(nodes: &mut Nodes, proofs: &[(Address, Proof)]) {
    for (_, proof) in proofs {
        let storage = proof.storage_proof.iter().flat_map(|slot| &slot.proof);
        proof.account_proof.iter().chain(storage).for_each(|node| nodes.insert(&node.0));
    }
}

/// Takes what the last nodes of proofs *after* a block may have been before it.
pub(super) fn insert_shorter(nodes: &mut Nodes, proofs: &[(Address, Proof)]) {
    for (_, proof) in proofs {
        let ways = proof.storage_proof.iter().map(|slot| &slot.proof).chain([&proof.account_proof]);
        ways.filter_map(|way| way.last()).for_each(|node| nodes.insert_shorter(&node.0));
    }
}

/// The tries at a block, in which the way to all of `touched` is known.
pub(super) fn tries(nodes: &Nodes, touched: &Touched, at: &Head) -> Result<Tries, SourceError> {
    let block = at.number.0;
    let broken = |account, why: &str| SourceError::Proof { block, account, why: why.to_owned() };
    let first = touched.keys().next().copied().unwrap_or_default();
    let state = nodes.trie(at.state_root).map_err(|why| broken(first, why))?;
    let mut storage = BTreeMap::new();
    for (address, slots) in touched {
        let unknown = || broken(*address, "a node on the way is missing");
        if !is_known(&state, &account_key(*address)) {
            return Err(unknown());
        }
        let Some(Leaf { storage_root, .. }) = account(&state, *address).map_err(|why| broken(*address, why))? else {
            continue;
        };
        let trie = match slots.is_empty() {
            true => hidden(storage_root),
            false => nodes.trie(storage_root).map_err(|why| broken(*address, why))?,
        };
        if !slots.iter().all(|slot| is_known(&trie, &slot_key(*slot))) {
            return Err(unknown());
        }
        storage.insert(*address, trie);
    }
    Ok(Tries { state, storage })
}
