//! Ways to damage bytes, with and without making the checksum right again.

use proving::envelope::{CHECKSUM_BYTES, HEADER_BYTES};
use rand::RngExt;
use rand_chacha::ChaCha20Rng;
use rollup::field::ORDER;

/// Values that break careless arithmetic.
pub(crate) const NASTY: [u64; 10] =
    [0, 1, (1 << 32) - 1, 1 << 32, 1 << 36, 1 << 40, ORDER, ORDER + 1, 1 << 63, u64::MAX];

/// Makes the checksum of a damaged file right again.
pub(crate) fn reseal(bytes: &mut [u8]) {
    let (sealed, checksum) = bytes.split_at_mut(bytes.len() - CHECKSUM_BYTES);
    checksum.copy_from_slice(blake3::hash(sealed).as_bytes());
}

/// The body of a file.
pub(crate) fn body(bytes: &[u8]) -> &[u8] {
    &bytes[HEADER_BYTES..bytes.len() - CHECKSUM_BYTES]
}

/// The file around another body: same format and version, right length and checksum.
pub(crate) fn with_body(bytes: &[u8], body: &[u8]) -> Vec<u8> {
    let mut out = bytes[..HEADER_BYTES - 8].to_vec();
    out.extend((body.len() as u64).to_be_bytes());
    out.extend(body);
    out.extend([0; CHECKSUM_BYTES]);
    reseal(&mut out);
    out
}

/// One to four random changes: flipped, set, nasty, missing, further and moved bytes.
pub(crate) fn mutate(bytes: &[u8], rng: &mut ChaCha20Rng) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..rng.random_range(1..5) {
        if out.is_empty() {
            return out;
        }
        let at = rng.random_range(0..out.len());
        match rng.random_range(0..7) {
            0 | 1 => out[at] ^= 1 << rng.random_range(0..8),
            2 => out[at] = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)],
            3 => {
                let nasty = NASTY[rng.random_range(0..NASTY.len())];
                let bytes = if rng.random() { nasty.to_be_bytes() } else { nasty.to_le_bytes() };
                out.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = from);
            }
            4 => out.truncate(at),
            5 => out.insert(at, rng.random()),
            _ => {
                let part = out[at..].iter().copied().take(16).collect::<Vec<_>>();
                let to = rng.random_range(0..out.len());
                out.splice(to..to, part);
            }
        }
    }
    out
}

/// An error as people get to read it: one line, not too long.
pub(crate) fn clear(error: &str) {
    assert!((4..=300).contains(&error.len()) && !error.contains('\n'), "{error:?}");
    assert!(!error.contains("panicked"), "{error:?}");
}
