//! Ways through a Merkle–Patricia trie, nibble by nibble.

use ethereum_types::H256;
use mpt_trie::nibbles::Nibbles;

/// Nibbles of a key: 64 for a whole one.
pub(super) const WHOLE: usize = 64;

/// A whole key.
pub(super) fn of_hash(hash: H256) -> Vec<u8> {
    hash.as_bytes().iter().flat_map(|byte| [byte >> 4, byte & 15]).collect()
}

/// The same as `mpt_trie` has it.
pub(super) fn nibbles(path: &[u8]) -> Nibbles {
    let mut nibbles = Nibbles::default();
    path.iter().for_each(|nibble| nibbles.push_nibble_back(*nibble));
    nibbles
}

/// And back.
pub(super) fn of_nibbles(nibbles: &Nibbles) -> Vec<u8> {
    (0..nibbles.count).map(|index| nibbles.get_nibble(index)).collect()
}

/// Decodes the hex prefix of a leaf or an extension: whether it is a leaf, and its nibbles.
pub(super) fn from_hex_prefix(bytes: &[u8]) -> Option<(bool, Vec<u8>)> {
    let (first, rest) = bytes.split_first()?;
    let (flags, nibble) = (first >> 4, first & 15);
    let mut path = match flags {
        0 | 2 if nibble == 0 => Vec::new(),
        1 | 3 => vec![nibble],
        _ => return None,
    };
    path.extend(rest.iter().flat_map(|byte| [byte >> 4, byte & 15]));
    (path.len() <= WHOLE).then_some((flags >= 2, path))
}

/// The hex prefix of a leaf's or an extension's nibbles.
pub(super) fn to_hex_prefix(path: &[u8], leaf: bool) -> Vec<u8> {
    let flag = if leaf { 0x20 } else { 0 };
    let (first, rest) = match path.len() % 2 {
        0 => (flag, path),
        _ => (flag | 0x10 | path[0], &path[1..]),
    };
    std::iter::once(first).chain(rest.chunks(2).map(|pair| pair[0] << 4 | pair[1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_hex_prefix_leads_back(path in prop::collection::vec(0u8..16, 0..=WHOLE), leaf: bool) {
            prop_assert_eq!(from_hex_prefix(&to_hex_prefix(&path, leaf)), Some((leaf, path)));
        }

        #[test]
        fn any_bytes_are_a_prefix_or_none(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = from_hex_prefix(&bytes);
        }
    }
}
