//! The bytes of a secret blob as they are stored: `MEZEBLOB`, a version, a nonce, and the ciphertext of
//! XChaCha20-Poly1305 with the header and the blob's digest as associated data.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::SecretKey;

const MAGIC: &[u8; 8] = b"MEZEBLOB";
const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;

/// How many bytes sealing adds.
pub(crate) const OVERHEAD: usize = MAGIC.len() + 1 + NONCE + TAG;

/// Why stored bytes are not those of the blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotSealed {
    Cut,
    Magic,
    Version,
    Forged,
}

impl NotSealed {
    /// In words.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Cut => "its file is too short",
            Self::Magic => "its file does not begin as a secret blob does",
            Self::Version => "its file has a version that this version of meze does not read",
            Self::Forged => "its ciphertext was changed, or was made with another key",
        }
    }
}

/// The stored bytes of the secret blob with this digest; `nonce` must never be used again.
pub(crate) fn seal(key: &SecretKey, digest: &[u8; 32], plain: &[u8], nonce: [u8; NONCE]) -> Vec<u8> {
    let aad = associated(digest);
    let cipher = XChaCha20Poly1305::new(&(*key.encryption()).into());
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &aad })
        .expect("XChaCha20 encrypts up to 256 GiB, and the limit of a blob is far below");
    let mut stored = Vec::with_capacity(plain.len() + OVERHEAD);
    stored.extend_from_slice(MAGIC);
    stored.push(VERSION);
    stored.extend_from_slice(&nonce);
    stored.extend_from_slice(&sealed);
    stored
}

/// The bytes of the secret blob with this digest, from those that are stored, whatever these are.
pub(crate) fn unseal(key: &SecretKey, digest: &[u8; 32], stored: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotSealed> {
    let (magic, rest) = stored.split_first_chunk::<8>().ok_or(NotSealed::Cut)?;
    if magic != MAGIC {
        return Err(NotSealed::Magic);
    }
    let (version, rest) = rest.split_first().ok_or(NotSealed::Cut)?;
    if *version != VERSION {
        return Err(NotSealed::Version);
    }
    let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(NotSealed::Cut)?;
    if sealed.len() < TAG {
        return Err(NotSealed::Cut);
    }
    let aad = associated(digest);
    let cipher = XChaCha20Poly1305::new(&(*key.encryption()).into());
    let plain = cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &aad });
    plain.map(Zeroizing::new).map_err(|_| NotSealed::Forged)
}

fn associated(digest: &[u8; 32]) -> [u8; 41] {
    let mut aad = [0; 41];
    aad[..8].copy_from_slice(MAGIC);
    aad[8] = VERSION;
    aad[9..].copy_from_slice(digest);
    aad
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGEST: [u8; 32] = [3; 32];

    fn key() -> SecretKey {
        SecretKey::from_bytes([5; 32])
    }

    #[test]
    fn the_layout_of_version_1_never_changes() {
        let stored = seal(&key(), &DIGEST, b"secret", [9; NONCE]);
        let known = "4d455a45424c4f420109090909090909090909090909090909090909090909090919c82ec006d3e86262cacb78c0535a89bcf78fae8333";
        assert_eq!(hex::encode(&stored), known);
    }

    #[test]
    fn another_key_or_another_digest_opens_nothing() {
        let stored = seal(&key(), &DIGEST, b"secret", [9; NONCE]);
        assert_eq!(unseal(&SecretKey::from_bytes([6; 32]), &DIGEST, &stored).unwrap_err(), NotSealed::Forged);
        assert_eq!(unseal(&key(), &[4; 32], &stored).unwrap_err(), NotSealed::Forged);
    }

    proptest! {
        #[test]
        fn what_was_sealed_is_unsealed(plain: Vec<u8>, nonce: [u8; NONCE]) {
            let stored = seal(&key(), &DIGEST, &plain, nonce);
            prop_assert_eq!(stored.len(), plain.len() + OVERHEAD);
            prop_assert_eq!(&*unseal(&key(), &DIGEST, &stored).unwrap(), &plain);
        }

        #[test]
        fn any_bytes_are_one_error_and_never_a_panic(stored: Vec<u8>, header in 0..40_usize) {
            prop_assert!(unseal(&key(), &DIGEST, &stored).is_err());
            // The same behind a good beginning.
            let mut good = seal(&key(), &DIGEST, b"secret", [9; NONCE]);
            good.truncate(header);
            good.extend_from_slice(&stored);
            prop_assert!(unseal(&key(), &DIGEST, &good).is_err());
        }

        #[test]
        fn a_changed_bit_is_an_error(plain: Vec<u8>, place: prop::sample::Index, bit in 0..8_u8) {
            let mut stored = seal(&key(), &DIGEST, &plain, [9; NONCE]);
            let place = place.index(stored.len());
            stored[place] ^= 1 << bit;
            prop_assert!(unseal(&key(), &DIGEST, &stored).is_err());
        }
    }
}
