//! The Merkle–Patricia trie over a sorted list of keys: its root, and the nodes on the way to a key.
//!
//! Nothing is cached: a test's tries are small, and one recursive function is easy to check by eye.

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{Encodable, Header};

/// A trie with all its values; no key may be the beginning of another.
#[derive(Debug, Default)]
pub(crate) struct Trie {
    /// Keys as nibbles, sorted, each with its value's bytes.
    leaves: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Trie {
    pub(crate) fn new(leaves: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        let mut leaves: Vec<_> = leaves.into_iter().map(|(key, value)| (nibbles(&key), value)).collect();
        leaves.sort();
        Self { leaves }
    }

    /// The trie of a list: transactions, receipts or withdrawals under their indices.
    pub(crate) fn of_list(values: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self::new(values.into_iter().enumerate().map(|(index, value)| (alloy_rlp::encode(index), value)))
    }

    pub(crate) fn root(&self) -> B256 {
        keccak256(encode(&self.leaves, 0, None, &mut Vec::new()))
    }

    /// The nodes from the root down to `key`, or to where its way ends, as `eth_getProof` lists them: those shorter
    /// than a hash are inside their parents.
    pub(crate) fn proof(&self, key: &[u8]) -> Vec<Bytes> {
        if self.leaves.is_empty() {
            return Vec::new();
        }
        let mut way = Vec::new();
        encode(&self.leaves, 0, Some(&nibbles(key)), &mut way);
        way.reverse();
        let root = way.remove(0);
        std::iter::once(root).chain(way.into_iter().filter(|node| node.len() >= 32)).map(Bytes::from).collect()
    }
}

fn nibbles(key: &[u8]) -> Vec<u8> {
    key.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect()
}

/// The encoding of the node that holds `leaves`, whose keys agree up to `depth`. Nodes on the way to `target` are
/// pushed to `way`, the lowest first.
fn encode(leaves: &[(Vec<u8>, Vec<u8>)], depth: usize, target: Option<&[u8]>, way: &mut Vec<Vec<u8>>) -> Vec<u8> {
    let node = match leaves {
        [] => vec![alloy_rlp::EMPTY_STRING_CODE],
        [(key, value)] => list(&[string(&hex_prefix(&key[depth..], true)), string(value)]),
        [(first, _), .., (last, _)] => {
            let shared = first[depth..].iter().zip(&last[depth..]).take_while(|(a, b)| a == b).count();
            if shared > 0 {
                let path = &first[depth..depth + shared];
                let below = target.filter(|target| target[depth..].starts_with(path));
                let child = encode(leaves, depth + shared, below, way);
                list(&[string(&hex_prefix(path, false)), reference(&child)])
            } else {
                let mut fields = Vec::with_capacity(17);
                for nibble in 0..16 {
                    let from = leaves.partition_point(|(key, _)| key[depth] < nibble);
                    let to = leaves.partition_point(|(key, _)| key[depth] <= nibble);
                    let below = target.filter(|target| target[depth] == nibble);
                    fields.push(match from == to {
                        true => vec![alloy_rlp::EMPTY_STRING_CODE],
                        false => reference(&encode(&leaves[from..to], depth + 1, below, way)),
                    });
                }
                fields.push(vec![alloy_rlp::EMPTY_STRING_CODE]);
                list(&fields)
            }
        }
    };
    if target.is_some() {
        way.push(node.clone());
    }
    node
}

/// How a parent names its child: by its hash, or whole where that is shorter.
fn reference(node: &[u8]) -> Vec<u8> {
    if node.len() < 32 { node.to_vec() } else { string(keccak256(node).as_slice()) }
}

fn hex_prefix(path: &[u8], leaf: bool) -> Vec<u8> {
    let flag = if leaf { 0x20 } else { 0 };
    let (first, rest) = match path.len() % 2 {
        0 => (flag, path),
        _ => (flag | 0x10 | path[0], &path[1..]),
    };
    std::iter::once(first).chain(rest.chunks(2).map(|pair| pair[0] << 4 | pair[1])).collect()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    alloy_rlp::encode(bytes)
}

fn list(fields: &[Vec<u8>]) -> Vec<u8> {
    let payload = fields.concat();
    let mut out = Vec::with_capacity(payload.len() + 4);
    Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend(payload);
    out
}

/// Bytes of one value, as tries hold them.
pub(crate) fn encoded(value: &impl Encodable) -> Vec<u8> {
    alloy_rlp::encode(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mpt_trie::nibbles::Nibbles;
    use mpt_trie::partial_trie::{HashedPartialTrie, PartialTrie};
    use proptest::prelude::*;

    #[test]
    fn the_empty_trie_has_the_known_root() {
        assert_eq!(Trie::default().root(), alloy_consensus::EMPTY_ROOT_HASH);
    }

    proptest! {
        #[test]
        fn roots_are_those_of_another_implementation(
            leaves in prop::collection::btree_map(any::<[u8; 3]>(), prop::collection::vec(any::<u8>(), 1..60), 1..40),
        ) {
            let mut other = HashedPartialTrie::default();
            for (key, value) in &leaves {
                other.insert(Nibbles::from_bytes_be(key).expect("three bytes"), value.clone()).expect("a whole trie");
            }
            let trie = Trie::new(leaves.into_iter().map(|(key, value)| (key.to_vec(), value)));
            let root = trie.root();
            let expected = B256::from(other.hash().0);
            prop_assert_eq!(root, expected);
        }

        #[test]
        fn nodes_of_a_proof_lead_from_the_root_to_the_value(
            leaves in prop::collection::btree_map(any::<[u8; 3]>(), prop::collection::vec(any::<u8>(), 32..60), 1..40),
            chosen: prop::sample::Index,
        ) {
            let key = *leaves.keys().nth(chosen.index(leaves.len())).expect("there are leaves");
            let value = leaves[&key].clone();
            let trie = Trie::new(leaves.into_iter().map(|(key, value)| (key.to_vec(), value)));
            let proof = trie.proof(&key);
            prop_assert_eq!(keccak256(&proof[0]), trie.root());
            for pair in proof.windows(2) {
                let hash = keccak256(&pair[1]);
                prop_assert!(pair[0].windows(32).any(|bytes| bytes == hash.as_slice()));
            }
            let last = proof.last().expect("there is a root");
            prop_assert!(last.ends_with(&value));
        }
    }
}
