//! Nodes that only a deletion needs. When a branch is left with one child, that child takes its place, so the child must
//! be known; but no proof of what the block touched goes there. A key that lies below it can be found by trying, and a
//! proof of that key brings the node.

use super::nodes::Nodes;
use super::path;
use super::prestate::ReplayError;
use super::proofs::{self, Touched};
use super::replay::{Missing, Stop, Tries};
use crate::answers::{Head, Proof};
use crate::client::Client;
use crate::error::SourceError;
use ethereum_types::{Address, H256};
use serde_json::json;

/// Trying takes sixteen times longer with each level: some seconds at this one.
const DEEPEST: usize = 6;

/// How many nodes a block may need this way.
const MOST: usize = 256;

/// The tries of `touched` at `parent`, with all nodes that `replay` needs.
pub(super) async fn complete(
    client: &Client,
    mut nodes: Nodes,
    touched: &Touched,
    parent: &Head,
    replay: impl Fn(Tries) -> Result<(), ReplayError>,
) -> Result<Tries, SourceError> {
    let block = parent.number.0 + 1;
    let mut fetched = Vec::new();
    loop {
        let tries = proofs::tries(&nodes, touched, parent)?;
        let missing = match replay(tries.clone()) {
            Ok(()) => return Ok(tries),
            Err(ReplayError::Source(error)) => return Err(error),
            Err(ReplayError::Stop(Stop::Broken(account, why))) => {
                return Err(SourceError::Proof { block, account, why });
            }
            Err(ReplayError::Stop(Stop::Missing(missing))) => missing,
        };
        if fetched.contains(&missing) || fetched.len() == MOST {
            let why = "a node that a deletion needs does not come".to_owned();
            return Err(SourceError::Proof { block, account: missing.account, why });
        }
        tracing::debug!(block, account = %missing.account, depth = missing.path.len(), "asking for a sibling");
        let proof = fetch(client, &missing, parent.number.0).await?;
        proofs::insert(&mut nodes, &[(missing.account, proof)]);
        fetched.push(missing);
    }
}

/// A proof that goes through the missing node.
async fn fetch(client: &Client, missing: &Missing, at: u64) -> Result<Proof, SourceError> {
    let (account, depth) = (missing.account, missing.path.len());
    if depth > DEEPEST {
        return Err(SourceError::TooDeep { block: at + 1, account, depth, limit: DEEPEST });
    }
    let (wanted, in_state) = (missing.path.clone(), missing.in_state);
    let key = tokio::task::spawn_blocking(move || match in_state {
        true => below::<20>(&wanted),
        false => below::<32>(&wanted),
    })
    .await
    .expect("trying keys does not panic");
    let at = format!("{at:#x}");
    match in_state {
        true => client.call("eth_getProof", json!([Address::from_slice(&key), [], at])).await,
        false => client.call("eth_getProof", json!([account, [H256::from_slice(&key)], at])).await,
    }
}

/// The first key of `N` bytes, counting up, whose hash begins with these nibbles.
fn below<const N: usize>(wanted: &[u8]) -> Vec<u8> {
    let keys = (0u64..).map(|count| {
        let mut key = [0; N];
        key[N - 8..].copy_from_slice(&count.to_be_bytes());
        key
    });
    let mut keys = keys.filter(|key| path::of_hash(keccak_hash::keccak(key)).starts_with(wanted));
    keys.next().expect("hashes that begin so are found long before 2^64").to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_below_a_node_is_found() {
        for wanted in [&[][..], &[3], &[15, 0], &[1, 2, 3]] {
            for key in [below::<20>(wanted), below::<32>(wanted)] {
                assert!(path::of_hash(keccak_hash::keccak(key)).starts_with(wanted));
            }
        }
    }
}
