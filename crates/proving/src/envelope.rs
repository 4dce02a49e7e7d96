//! The frame of every file and blob of Meze, so that a wrong, old, damaged or oversized one is one clear
//! error before any parser sees it.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `MEZE` |
//! | 4 | the format's tag, ASCII |
//! | 2 | the format's version, big-endian |
//! | 8 | length of the body, big-endian |
//! | … | the body |
//! | 32 | BLAKE3 of all before |
//!
//! The checksum finds damage, not malice: anybody can compute it.

use std::fmt;

/// The first bytes of every envelope.
pub const MAGIC: [u8; 4] = *b"MEZE";

/// Bytes before the body.
pub const HEADER_BYTES: usize = 18;

/// Bytes after the body.
pub const CHECKSUM_BYTES: usize = 32;

/// What an envelope adds to its body: a reader with a limit may stop at the limit plus this.
pub const OVERHEAD: usize = HEADER_BYTES + CHECKSUM_BYTES;

/// Names a format in four ASCII letters and digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FormatTag([u8; 4]);

impl FormatTag {
    /// A format's tag, made for constants.
    ///
    /// # Panics
    /// Where a byte is not an ASCII letter or digit; in a constant this stops the compiler.
    pub const fn new(tag: &[u8; 4]) -> Self {
        let mut at = 0;
        while at < tag.len() {
            assert!(tag[at].is_ascii_alphanumeric(), "a format's tag is four ASCII letters and digits");
            at += 1;
        }
        Self(*tag)
    }
}

impl fmt::Display for FormatTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for FormatTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an envelope says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The format of the body. As read, its four bytes may be anything.
    pub tag: FormatTag,
    /// The version of that format.
    pub version: u16,
    /// The length of the body, in bytes.
    pub length: u64,
}

/// Why bytes are not the envelope that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// They do not begin with [`MAGIC`].
    #[error("this is not a file of Meze: it does not begin with MEZE")]
    Magic,
    /// There are fewer bytes than an empty envelope has.
    #[error("too short: {0} bytes, and an empty one has {OVERHEAD}")]
    TooShort(usize),
    /// It is an envelope of another format.
    #[error("this holds the format {found}, {expected} is needed")]
    OtherFormat {
        /// What the caller reads.
        expected: FormatTag,
        /// What there is.
        found: FormatTag,
    },
    /// It is the right format in another version.
    #[error("this is version {found} of the format {tag}, version {expected} is needed")]
    OtherVersion {
        /// The format.
        tag: FormatTag,
        /// What the caller reads.
        expected: u16,
        /// What there is.
        found: u16,
    },
    /// The body is longer than the caller allows.
    #[error("the body has {length} bytes, at most {limit} are allowed")]
    OverLimit {
        /// What the header says.
        length: u64,
        /// What the caller allows.
        limit: u64,
    },
    /// Bytes are missing at the end.
    #[error("truncated: the body should have {expected} bytes, there are {found}")]
    Truncated {
        /// What the header says.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// There are bytes after the end.
    #[error("{0} bytes too many at the end")]
    Trailing(u64),
    /// A byte somewhere has changed.
    #[error("damaged: the checksum does not match")]
    Checksum,
}

/// Puts `body` into an envelope.
pub fn seal(tag: FormatTag, version: u16, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + OVERHEAD);
    out.extend(MAGIC);
    out.extend(tag.0);
    out.extend(version.to_be_bytes());
    out.extend((body.len() as u64).to_be_bytes());
    out.extend(body);
    let checksum = blake3::hash(&out);
    out.extend(checksum.as_bytes());
    out
}

/// Reads what an envelope says of itself, to find out what a file is or which of several versions to
/// [`open`] it as. Nothing behind the header is looked at, so nothing of it is known to be whole.
///
/// # Errors
/// [`EnvelopeError::Magic`] and [`EnvelopeError::TooShort`].
pub fn header(bytes: &[u8]) -> Result<Header, EnvelopeError> {
    let begins = bytes.iter().zip(MAGIC).all(|(byte, magic)| *byte == magic);
    if !begins {
        return Err(EnvelopeError::Magic);
    }
    let Some((header, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(EnvelopeError::TooShort(bytes.len()));
    };
    let [_, _, _, _, a, b, c, d, version @ .., l0, l1, l2, l3, l4, l5, l6, l7] = *header;
    Ok(Header {
        tag: FormatTag([a, b, c, d]),
        version: u16::from_be_bytes(version),
        length: u64::from_be_bytes([l0, l1, l2, l3, l4, l5, l6, l7]),
    })
}

/// Opens an envelope of this format and version and returns its body, of at most `limit` bytes. Nothing is
/// allocated, and nothing is hashed before the lengths are right.
///
/// # Errors
/// Every [`EnvelopeError`], the first that applies.
pub fn open(bytes: &[u8], tag: FormatTag, version: u16, limit: u64) -> Result<&[u8], EnvelopeError> {
    let Header { tag: found_tag, version: found_version, length } = header(bytes)?;
    if bytes.len() < OVERHEAD {
        return Err(EnvelopeError::TooShort(bytes.len()));
    }
    if found_tag != tag {
        return Err(EnvelopeError::OtherFormat { expected: tag, found: found_tag });
    }
    if found_version != version {
        return Err(EnvelopeError::OtherVersion { tag, expected: version, found: found_version });
    }
    if length > limit {
        return Err(EnvelopeError::OverLimit { length, limit });
    }
    let found = (bytes.len() - OVERHEAD) as u64;
    if found < length {
        return Err(EnvelopeError::Truncated { expected: length, found });
    }
    if found > length {
        return Err(EnvelopeError::Trailing(found - length));
    }
    let (sealed, checksum) = bytes.split_at(bytes.len() - CHECKSUM_BYTES);
    if blake3::hash(sealed).as_bytes() != checksum {
        return Err(EnvelopeError::Checksum);
    }
    Ok(&sealed[HEADER_BYTES..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TAG: FormatTag = FormatTag::new(b"TEST");
    const VERSION: u16 = 3;
    const LIMIT: u64 = 4096;

    fn open_test(bytes: &[u8]) -> Result<&[u8], EnvelopeError> {
        open(bytes, TAG, VERSION, LIMIT)
    }

    /// The envelope of `body` with bytes changed and the checksum made right again.
    fn resealed(body: &[u8], at: usize, change: &[u8]) -> Vec<u8> {
        let mut bytes = seal(TAG, VERSION, body);
        bytes.truncate(HEADER_BYTES + body.len());
        bytes[at..at + change.len()].copy_from_slice(change);
        let checksum = blake3::hash(&bytes);
        bytes.extend(checksum.as_bytes());
        bytes
    }

    #[test]
    fn the_layout_is_as_documented() {
        let bytes = seal(TAG, VERSION, b"body");
        assert_eq!(bytes[..22], *b"MEZETEST\x00\x03\x00\x00\x00\x00\x00\x00\x00\x04body");
        assert_eq!(bytes[22..], *blake3::hash(&bytes[..22]).as_bytes());
        assert_eq!(header(&bytes), Ok(Header { tag: TAG, version: VERSION, length: 4 }));
    }

    #[test]
    fn each_fault_has_its_own_error() {
        let whole = seal(TAG, VERSION, b"body");
        let other = FormatTag::new(b"OTHR");
        let cases = [
            (b"PK\x03\x04, something else entirely".to_vec(), EnvelopeError::Magic),
            (Vec::new(), EnvelopeError::TooShort(0)),
            (whole[..10].to_vec(), EnvelopeError::TooShort(10)),
            (whole[..OVERHEAD - 1].to_vec(), EnvelopeError::TooShort(OVERHEAD - 1)),
            (seal(other, VERSION, b"body"), EnvelopeError::OtherFormat { expected: TAG, found: other }),
            (seal(TAG, 2, b"body"), EnvelopeError::OtherVersion { tag: TAG, expected: VERSION, found: 2 }),
            (seal(TAG, VERSION, &[0; 4097]), EnvelopeError::OverLimit { length: 4097, limit: LIMIT }),
            (whole[..whole.len() - 1].to_vec(), EnvelopeError::Truncated { expected: 4, found: 3 }),
            ([&whole[..], b"xy"].concat(), EnvelopeError::Trailing(2)),
            (resealed(b"body", 10, &5u64.to_be_bytes()), EnvelopeError::Truncated { expected: 5, found: 4 }),
            (resealed(b"body", 10, &3u64.to_be_bytes()), EnvelopeError::Trailing(1)),
            (resealed(b"body", 10, &[0xff; 8]), EnvelopeError::OverLimit { length: u64::MAX, limit: LIMIT }),
        ];
        for (bytes, error) in cases {
            assert_eq!(open_test(&bytes), Err(error));
        }
        let mut damaged = whole;
        damaged[20] ^= 1;
        assert_eq!(open_test(&damaged), Err(EnvelopeError::Checksum));
    }

    #[test]
    fn a_length_beyond_memory_is_no_overflow() {
        let bytes = resealed(b"", 10, &[0xff; 8]);
        let error = open(&bytes, TAG, VERSION, u64::MAX).unwrap_err();
        assert_eq!(error, EnvelopeError::Truncated { expected: u64::MAX, found: 0 });
    }

    #[test]
    fn a_foreign_tag_is_shown_without_control_characters() {
        let bytes = resealed(b"", 4, b"\x1b[2J");
        assert!(open_test(&bytes).unwrap_err().to_string().contains("\\x1b[2J"));
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let bytes = seal(TAG, VERSION, &body);
            prop_assert_eq!(open_test(&bytes), Ok(&body[..]));
        }

        #[test]
        fn a_truncated_envelope_is_refused(body in prop::collection::vec(any::<u8>(), 0..300), cut: prop::sample::Index) {
            let bytes = seal(TAG, VERSION, &body);
            prop_assert!(open_test(&bytes[..cut.index(bytes.len())]).is_err());
        }

        #[test]
        fn an_extended_envelope_is_refused(
            body in prop::collection::vec(any::<u8>(), 0..300), tail in prop::collection::vec(any::<u8>(), 1..100),
        ) {
            prop_assert!(open_test(&[seal(TAG, VERSION, &body), tail].concat()).is_err());
        }

        #[test]
        fn a_flipped_bit_anywhere_is_found(
            body in prop::collection::vec(any::<u8>(), 0..300), place: prop::sample::Index, bit in 0u8..8,
        ) {
            let mut bytes = seal(TAG, VERSION, &body);
            let at = place.index(bytes.len());
            bytes[at] ^= 1u8 << bit;
            prop_assert!(open_test(&bytes).is_err());
        }

        #[test]
        fn random_bytes_never_open_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let framed = [&MAGIC[..], &bytes].concat();
            prop_assert!(open_test(&bytes).is_err());
            prop_assert!(open_test(&framed).is_err());
        }
    }
}
