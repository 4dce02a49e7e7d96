//! Nodes of tries as proofs bring them, and the partial trie that they make.

use super::path::{self, WHOLE};
use ethereum_types::H256;
use mpt_trie::partial_trie::{HashedPartialTrie, Node, PartialTrie, WrappedNode};
use rlp::{Rlp, RlpStream};
use std::collections::HashMap;

/// The root of a trie without any values.
pub(super) const EMPTY_ROOT: H256 = keccak_hash::KECCAK_NULL_RLP;

/// Nodes by their hash: whatever a node claims, a trie only takes what its root leads to.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    by_hash: HashMap<H256, Vec<u8>>,
}

impl Nodes {
    pub(super) fn insert(&mut self, node: &[u8]) {
        self.by_hash.insert(keccak_hash::keccak(node), node.to_vec());
    }

    /// Inserts what a node of the trie *after* the block may have been before it. A deletion that leaves a branch with
    /// one child makes that child's path longer; so the child before had one of the shorter paths.
    pub(super) fn insert_shorter(&mut self, node: &[u8]) {
        let node = Rlp::new(node);
        if node.item_count().is_ok_and(|count| count == 17) {
            for child in node.iter().filter(|child| child.is_list()) {
                self.insert_shorter_path(&child);
            }
        } else {
            self.insert_shorter_path(&node);
        }
    }

    fn insert_shorter_path(&mut self, node: &Rlp<'_>) {
        let Ok([prefix, below]) = <[Rlp<'_>; 2]>::try_from(node.iter().take(3).collect::<Vec<_>>()) else { return };
        let Some((leaf, path)) = prefix.data().ok().and_then(path::from_hex_prefix) else { return };
        for from in 1..=path.len() {
            if leaf || from < path.len() {
                let mut fields = RlpStream::new_list(2);
                fields.append(&path::to_hex_prefix(&path[from..], leaf)).append_raw(below.as_raw(), 1);
                self.insert(&fields.out());
            }
        }
    }

    /// The trie with this root, as far as its nodes are here; what is below others is only their hash.
    pub(super) fn trie(&self, root: H256) -> Result<HashedPartialTrie, &'static str> {
        self.resolve(root, 0).map(HashedPartialTrie::new)
    }

    fn resolve(&self, hash: H256, depth: usize) -> Result<Node<HashedPartialTrie>, &'static str> {
        match self.by_hash.get(&hash) {
            _ if hash == EMPTY_ROOT => Ok(Node::Empty),
            Some(node) => self.decode(&Rlp::new(node), depth),
            None => Ok(Node::Hash(hash)),
        }
    }

    fn child(&self, reference: &Rlp<'_>, depth: usize) -> Result<WrappedNode<HashedPartialTrie>, &'static str> {
        if reference.is_list() {
            return self.decode(reference, depth).map(Into::into);
        }
        match reference.data().map_err(|_| "a node is no RLP")? {
            [] => Ok(Node::Empty.into()),
            hash if hash.len() == 32 => self.resolve(H256::from_slice(hash), depth).map(Into::into),
            _ => Err("a node refers to another by something that is no hash"),
        }
    }

    fn decode(&self, node: &Rlp<'_>, depth: usize) -> Result<Node<HashedPartialTrie>, &'static str> {
        let field = |index| node.at(index).map_err(|_| "a node is no RLP");
        match node.item_count() {
            Ok(17) if depth < WHOLE => {
                let children = (0..16).map(|nibble| self.child(&field(nibble)?, depth + 1));
                let children = children.collect::<Result<Vec<_>, _>>()?;
                if field(16)?.data().map_or(true, |value| !value.is_empty()) {
                    return Err("a branch has a value, which keys of one length leave no place for");
                }
                let children = children.try_into().expect("there are sixteen nibbles");
                Ok(Node::Branch { children, value: Vec::new() })
            }
            Ok(2) => {
                let prefix = field(0)?.data().ok().and_then(path::from_hex_prefix);
                let (leaf, path) = prefix.ok_or("a node has no path")?;
                let nibbles = path::nibbles(&path);
                let end = depth + path.len();
                if leaf {
                    let value = field(1)?.data().map_err(|_| "a leaf has no value")?.to_vec();
                    let good = end == WHOLE && !value.is_empty();
                    good.then_some(Node::Leaf { nibbles, value }).ok_or("a leaf is not at the end of a key")
                } else if path.is_empty() || end >= WHOLE {
                    Err("an extension leads nowhere")
                } else {
                    let child = self.child(&field(1)?, end)?;
                    match child.as_ref() {
                        Node::Branch { .. } | Node::Hash(_) => Ok(Node::Extension { nibbles, child }),
                        _ => Err("an extension leads to no branch"),
                    }
                }
            }
            _ => Err("a node is neither a branch nor a leaf nor an extension"),
        }
    }
}

/// Whether the way to `key` is known to its end, be there a value or none.
pub(super) fn is_known(trie: &HashedPartialTrie, key: &[u8]) -> bool {
    let mut hidden = false;
    walk(trie, key, |_, node| hidden = matches!(node, Node::Hash(_)));
    !hidden
}

/// Where the only other child of the branch is from which `key` hangs, if that child is known by its hash alone:
/// before the key can be deleted, that node must be known, since it takes its parent's place.
pub(super) fn hidden_sibling(trie: &HashedPartialTrie, key: &[u8]) -> Option<Vec<u8>> {
    let mut sibling = None;
    let mut found = false;
    walk(trie, key, |depth, node| match node {
        Node::Branch { children, .. } => {
            let others = (0..16u8)
                .filter(|nibble| *nibble != key[depth] && !matches!(***children[usize::from(*nibble)], Node::Empty));
            let others: Vec<u8> = others.collect();
            sibling = match others[..] {
                [nibble] if matches!(***children[usize::from(nibble)], Node::Hash(_)) => {
                    Some([&key[..depth], &[nibble]].concat())
                }
                _ => None,
            };
        }
        Node::Leaf { nibbles, .. } => found = path::of_nibbles(nibbles) == key[depth..],
        _ => {}
    });
    sibling.filter(|_| found)
}

/// Goes from the root towards `key`, as far as there are nodes, with the depth of each.
fn walk(trie: &HashedPartialTrie, key: &[u8], mut visit: impl FnMut(usize, &Node<HashedPartialTrie>)) {
    let mut node: &Node<HashedPartialTrie> = trie;
    let mut depth = 0;
    loop {
        visit(depth, node);
        match node {
            Node::Branch { children, .. } if depth < key.len() => {
                node = &children[usize::from(key[depth])];
                depth += 1;
            }
            Node::Extension { nibbles, child } if key[depth..].starts_with(&path::of_nibbles(nibbles)) => {
                node = child;
                depth += nibbles.count;
            }
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_as_nodes_make_a_trie_or_a_reason(
            nodes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..6),
        ) {
            let mut all = Nodes::default();
            for node in &nodes {
                all.insert(node);
                all.insert_shorter(node);
            }
            let _ = all.trie(keccak_hash::keccak(&nodes[0]));
        }

        #[test]
        fn almost_good_nodes_make_a_trie_or_a_reason(
            mut node in prop::collection::vec(any::<u8>(), 30..80),
            items in 1usize..19,
            at: prop::sample::Index,
            byte: u8,
        ) {
            let mut fields = RlpStream::new_list(items);
            for index in 0..items {
                fields.append(&node[index..(index * 2).min(node.len() - 1).max(index)].to_vec());
            }
            node = fields.out().to_vec();
            let place = at.index(node.len());
            node[place] = byte;
            let mut all = Nodes::default();
            all.insert(&node);
            all.insert_shorter(&node);
            let _ = all.trie(keccak_hash::keccak(&node));
        }
    }
}
