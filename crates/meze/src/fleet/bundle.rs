//! An input that brings proofs along: a witness, and proofs that were made elsewhere, such as the wrapped ones
//! from users' devices. They go before the proofs of the tasks that a task needs.

use proving::envelope::{FormatTag, open, seal};

/// The format, in its envelope.
pub const BUNDLE: FormatTag = FormatTag::new(b"BNDL");
const VERSION: u16 = 1;
/// The largest bundle, in bytes.
pub const MAX_BUNDLE: u64 = 256 << 20;

/// Puts an input and its proofs together. The input may be empty.
pub fn pack(input: &[u8], proofs: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in std::iter::once(input).chain(proofs.iter().map(AsRef::as_ref)) {
        body.extend((part.len() as u64).to_be_bytes());
        body.extend(part);
    }
    seal(BUNDLE, VERSION, &body)
}

/// Takes a bundle apart: the input, and its proofs. Bytes that are no bundle are an input without any.
///
/// # Errors
/// One sentence about a bundle that is damaged.
pub fn unpack(bytes: &[u8]) -> Result<(&[u8], Vec<&[u8]>), String> {
    if proving::envelope::header(bytes).ok().is_none_or(|header| header.tag != BUNDLE) {
        return Ok((bytes, Vec::new()));
    }
    let mut rest = open(bytes, BUNDLE, VERSION, MAX_BUNDLE).map_err(|error| format!("a bundle: {error}"))?;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let short = || "a bundle: its last part is cut off".to_owned();
        let (length, after) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let length = usize::try_from(u64::from_be_bytes(*length)).map_err(|_| short())?;
        let (part, after) = after.split_at_checked(length).ok_or_else(short)?;
        parts.push(part);
        rest = after;
    }
    match parts.split_first() {
        Some((input, proofs)) => Ok((input, proofs.to_vec())),
        None => Err("a bundle: it has no parts".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_input_without_proofs_needs_no_bundle() {
        assert_eq!(unpack(b"plain").unwrap(), (&b"plain"[..], vec![]));
        assert_eq!(unpack(b"").unwrap(), (&b""[..], vec![]));
    }

    proptest! {
        #[test]
        fn bundles_read_back(input: Vec<u8>, proofs: Vec<Vec<u8>>) {
            let packed = pack(&input, &proofs);
            let (read, parts) = unpack(&packed).unwrap();
            prop_assert_eq!(read, &input[..]);
            prop_assert_eq!(parts, proofs.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }

        #[test]
        fn a_sealed_body_of_any_bytes_is_parts_or_one_error(body: Vec<u8>) {
            let _ = unpack(&seal(BUNDLE, VERSION, &body));
        }

        #[test]
        fn any_bytes_are_an_input_or_one_error(bytes: Vec<u8>) {
            let _ = unpack(&bytes);
        }
    }
}
