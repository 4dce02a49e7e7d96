//! A look over a compact witness before the decoder gets it: its tries may be only so deep.
//!
//! The decoder walks tries by recursion, so a witness of nothing but extensions would use up its stack, which nothing
//! can catch. This walk has no recursion: it keeps only the depth of each subtrie on the stack of the format.

/// No path in two nested tries of 64 nibbles each is longer, with some to spare.
const MAX_DEPTH: u32 = 160;

/// Why a compact witness is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not what the format has at this byte.
    At(usize, &'static str),
    /// Deeper than tries are.
    Deep(usize),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(byte, expected) => write!(f, "a compact witness; at byte {byte} there should be {expected}"),
            Self::Deep(byte) => {
                write!(f, "tries at most {MAX_DEPTH} nodes deep; at byte {byte} they are deeper than any can be")
            }
        }
    }
}

/// Checks that the witness is whole and no deeper than tries are.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Refused> {
    let mut reader = Reader { bytes, at: 0 };
    if !matches!(reader.byte("a header")?, 0 | 1) {
        return Err(Refused::At(0, "the header 0 or 1"));
    }
    if bytes.len() == 1 {
        return Err(Refused::At(1, "an instruction"));
    }
    let mut depths: Vec<u32> = Vec::new();
    while reader.at < bytes.len() {
        let at = reader.at;
        let children = match reader.byte("an instruction")? {
            // A leaf: its key and its value.
            0x00 => {
                reader.string()?;
                reader.string()?;
                0
            }
            // An extension: its key.
            0x01 => {
                reader.string()?;
                1
            }
            // A branch: which children it has.
            0x02 => reader.integer("a mask of children")?.count_ones() as usize,
            // A hash.
            0x03 => {
                reader.skip(32)?;
                0
            }
            // Code.
            0x04 => {
                reader.string()?;
                0
            }
            // An account: its key, flags, and what the flags say.
            0x05 => {
                reader.string()?;
                let flags = reader.byte("the flags of an account")?;
                if flags & 4 != 0 {
                    reader.integer("a nonce")?;
                }
                if flags & 8 != 0 {
                    reader.string()?;
                }
                if flags & 1 != 0 {
                    reader.integer("the length of code")?;
                }
                (flags & 3).count_ones() as usize
            }
            // The empty trie.
            0x06 => 0,
            // A new trie.
            0xbb => {
                depths.clear();
                continue;
            }
            _ => return Err(Refused::At(at, "an instruction of Ethereum's tries")),
        };
        let kept = depths.len().saturating_sub(children);
        let depth = 1 + depths.drain(kept..).max().unwrap_or(0);
        if depth > MAX_DEPTH {
            return Err(Refused::Deep(at));
        }
        depths.push(depth);
    }
    Ok(())
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self, expected: &'static str) -> Result<u8, Refused> {
        let byte = *self.bytes.get(self.at).ok_or(Refused::At(self.at, expected))?;
        self.at += 1;
        Ok(byte)
    }

    fn skip(&mut self, count: u64) -> Result<(), Refused> {
        let left = self.bytes.len() - self.at;
        match usize::try_from(count) {
            Ok(count) if count <= left => self.at += count,
            _ => return Err(Refused::At(self.at, "as many bytes as were announced")),
        }
        Ok(())
    }

    /// CBOR: a byte string.
    fn string(&mut self) -> Result<(), Refused> {
        let length = self.head(2, "a byte string")?;
        self.skip(length)
    }

    /// CBOR: an unsigned integer.
    fn integer(&mut self, expected: &'static str) -> Result<u64, Refused> {
        self.head(0, expected)
    }

    fn head(&mut self, major: u8, expected: &'static str) -> Result<u64, Refused> {
        let at = self.at;
        let first = self.byte(expected)?;
        if first >> 5 != major {
            return Err(Refused::At(at, expected));
        }
        let length = match first & 31 {
            small @ 0..=23 => return Ok(u64::from(small)),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return Err(Refused::At(at, expected)),
        };
        let mut number = 0;
        for _ in 0..length {
            number = number << 8 | u64::from(self.byte(expected)?);
        }
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_of_nothing_but_extensions_is_refused() {
        let mut bytes = vec![1, 3];
        bytes.extend([7; 32]);
        for _ in 0..159 {
            bytes.extend([1, 0x41, 3]);
        }
        assert_eq!(check(&bytes), Ok(()));
        bytes.extend([1, 0x41, 3]);
        assert_eq!(check(&bytes), Err(Refused::Deep(bytes.len() - 3)));
    }

    #[test]
    fn a_witness_that_is_cut_is_refused() {
        let whole = [0, 0, 0x42, 1, 2, 0x41, 9];
        assert_eq!(check(&whole), Ok(()));
        for end in 0..whole.len() {
            assert!(matches!(check(&whole[..end]), Err(Refused::At(..))), "{end}");
        }
        let long = [0, 0, 0x5b, 255, 255, 255, 255, 255, 255, 255, 255];
        assert!(matches!(check(&long), Err(Refused::At(11, _))));
    }
}
