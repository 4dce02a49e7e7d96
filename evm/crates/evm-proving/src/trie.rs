//! Partial tries as bytes: the same trie is always the same bytes, cached hashes are not believed, and no depth of
//! nesting overflows the stack. The serde form of the library has none of the three.
//!
//! In preorder, a node is one byte and what follows:
//! | byte | node |
//! |---|---|
//! | 0 | empty |
//! | 1 | a hash: 32 bytes |
//! | 2 | a branch: two bytes that say which of 16 children are not empty, those, then its value |
//! | 3 | an extension: its nibbles, then its child |
//! | 4 | a leaf: its nibbles, then its value |
//!
//! Nibbles are their number in a byte and then two a byte; a value is its length in four bytes (little-endian) and
//! itself.

use std::sync::Arc;

use ethereum_types::H256;
use mpt_trie::nibbles::Nibbles;
use mpt_trie::partial_trie::{HashedPartialTrie, Node, PartialTrie, WrappedNode};

/// A path has at most 64 nibbles, so a trie has no more nodes on a way down than this.
const MAX_DEPTH: usize = 66;
const MAX_NIBBLES: usize = 65;

type Tree = Node<HashedPartialTrie>;

/// Appends a trie.
pub(crate) fn write(trie: &HashedPartialTrie, out: &mut Vec<u8>) -> Result<(), &'static str> {
    write_node(trie, out, 0)
}

fn write_node(node: &Tree, out: &mut Vec<u8>, depth: usize) -> Result<(), &'static str> {
    if depth > MAX_DEPTH {
        return Err("a trie is deeper than its paths are long");
    }
    match node {
        Node::Empty => out.push(0),
        Node::Hash(hash) => {
            out.push(1);
            out.extend(hash.as_bytes());
        }
        Node::Branch { children, value } => {
            out.push(2);
            let empty = |child: &WrappedNode<HashedPartialTrie>| matches!(child.as_ref(), Node::Empty);
            let mask = children.iter().rev().fold(0u16, |mask, child| mask << 1 | u16::from(!empty(child)));
            out.extend(mask.to_le_bytes());
            for child in children.iter().filter(|child| !empty(child)) {
                write_node(child.as_ref(), out, depth + 1)?;
            }
            write_value(value, out)?;
        }
        Node::Extension { nibbles, child } => {
            out.push(3);
            write_nibbles(nibbles, out)?;
            write_node(child.as_ref(), out, depth + 1)?;
        }
        Node::Leaf { nibbles, value } => {
            out.push(4);
            write_nibbles(nibbles, out)?;
            write_value(value, out)?;
        }
    }
    Ok(())
}

fn write_nibbles(nibbles: &Nibbles, out: &mut Vec<u8>) -> Result<(), &'static str> {
    if nibbles.count > MAX_NIBBLES {
        return Err("a path of a trie is too long");
    }
    out.push(nibbles.count as u8);
    let nibble = |at: usize| if at < nibbles.count { nibbles.get_nibble(at) } else { 0 };
    out.extend((0..nibbles.count).step_by(2).map(|at| nibble(at) << 4 | nibble(at + 1)));
    Ok(())
}

fn write_value(value: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    let length = u32::try_from(value.len()).map_err(|_| "a value of a trie is too long")?;
    out.extend(length.to_le_bytes());
    out.extend(value);
    Ok(())
}

/// Takes a trie from the front of `bytes`.
pub(crate) fn read(bytes: &mut &[u8]) -> Result<HashedPartialTrie, &'static str> {
    let empty: WrappedNode<HashedPartialTrie> = Node::Empty.into();
    Ok(HashedPartialTrie::new(read_node(bytes, &empty, 0)?))
}

fn read_node(bytes: &mut &[u8], empty: &WrappedNode<HashedPartialTrie>, depth: usize) -> Result<Tree, &'static str> {
    if depth > MAX_DEPTH {
        return Err("a trie is deeper than its paths are long");
    }
    let [sort] = take::<1>(bytes)?;
    Ok(match sort {
        0 => Node::Empty,
        1 => Node::Hash(H256(take(bytes)?)),
        2 => {
            let mask = u16::from_le_bytes(take(bytes)?);
            // All that are empty are one and the same.
            let mut children: [WrappedNode<HashedPartialTrie>; 16] = std::array::from_fn(|_| Arc::clone(empty));
            for (_, child) in children.iter_mut().enumerate().filter(|(at, _)| mask >> at & 1 == 1) {
                let node = read_node(bytes, empty, depth + 1)?;
                if matches!(node, Node::Empty) {
                    return Err("a child of a branch is empty and not said to be");
                }
                *child = node.into();
            }
            Node::Branch { children, value: read_value(bytes)? }
        }
        3 => Node::Extension { nibbles: read_nibbles(bytes)?, child: read_node(bytes, empty, depth + 1)?.into() },
        4 => Node::Leaf { nibbles: read_nibbles(bytes)?, value: read_value(bytes)? },
        _ => return Err("a node of a trie is of no known sort"),
    })
}

fn read_nibbles(bytes: &mut &[u8]) -> Result<Nibbles, &'static str> {
    let [count] = take::<1>(bytes)?;
    let count = usize::from(count);
    if count > MAX_NIBBLES {
        return Err("a path of a trie is too long");
    }
    let pairs = take_slice(bytes, count.div_ceil(2))?;
    let mut nibbles = Nibbles::default();
    for at in 0..count {
        let pair = pairs[at / 2];
        nibbles.push_nibble_back(if at % 2 == 0 { pair >> 4 } else { pair & 15 });
    }
    if count % 2 == 1 && pairs[count / 2] & 15 != 0 {
        return Err("a path of a trie has bits behind its end");
    }
    Ok(nibbles)
}

fn read_value(bytes: &mut &[u8]) -> Result<Vec<u8>, &'static str> {
    let length = u32::from_le_bytes(take(bytes)?);
    Ok(take_slice(bytes, length as usize)?.to_vec())
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], &'static str> {
    let (taken, rest) = bytes.split_first_chunk::<N>().ok_or("a trie is cut short")?;
    *bytes = rest;
    Ok(*taken)
}

fn take_slice<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], &'static str> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or("a trie is cut short")?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trie(entries: &[([u8; 32], Vec<u8>)]) -> HashedPartialTrie {
        let mut trie = HashedPartialTrie::default();
        for (key, value) in entries {
            trie.insert(Nibbles::from_h256_be(H256(*key)), value.clone()).unwrap();
        }
        trie
    }

    fn written(trie: &HashedPartialTrie) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(trie, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_trie_that_was_hashed_is_the_same_bytes_as_one_that_was_not() {
        let plain = trie(&[([1; 32], vec![1; 40]), ([2; 32], vec![2; 40]), ([0x12; 32], vec![3])]);
        let before = written(&plain);
        plain.hash();
        assert_eq!(written(&plain), before);
        assert_ne!(
            postcard::to_stdvec(&plain).unwrap(),
            postcard::to_stdvec(&read(&mut &before[..]).unwrap()).unwrap()
        );
    }

    #[test]
    fn nesting_is_refused_before_it_overflows() {
        let deep = [[3, 0].repeat(1_000_000), vec![0]].concat();
        assert_eq!(read(&mut &deep[..]).unwrap_err(), "a trie is deeper than its paths are long");
    }

    proptest! {
        #[test]
        fn tries_read_back(
            entries in prop::collection::vec((any::<[u8; 32]>(), prop::collection::vec(any::<u8>(), 1..80)), 0..20),
            hidden: bool,
        ) {
            let mut whole = trie(&entries);
            if hidden {
                whole.insert(Nibbles::from_h256_be(H256([9; 32])), H256([7; 32])).unwrap();
            }
            let bytes = written(&whole);
            let mut rest = &bytes[..];
            let back = read(&mut rest).unwrap();
            prop_assert!(rest.is_empty());
            prop_assert_eq!(&back, &whole);
            prop_assert_eq!(back.hash(), whole.hash());
            prop_assert_eq!(written(&back), bytes);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(0u8..6, 0..200), tail: Vec<u8>) {
            let bytes = [bytes, tail].concat();
            let mut rest = &bytes[..];
            if let Ok(trie) = read(&mut rest) {
                prop_assert_eq!(written(&trie), &bytes[..bytes.len() - rest.len()]);
            }
        }
    }
}
