//! Viewing keys: X25519 keys that note ciphertexts are made for, derived from the account secret.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};
use zeroize::Zeroizing;

use crate::keys::Secret;

const SALT: &[u8] = b"meze/viewing/v1";

/// Little-endian bytes of 2^255 − 19, the order of the curve's base field.
const FIELD_ORDER: [u8; 32] = {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed;
    bytes[31] = 0x7f;
    bytes
};

/// The bytes are no key that a note may be encrypted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a viewing key: the encoding is not canonical, or the point has a small order")]
pub struct NotAViewingKey;

/// The public half: whoever has it can encrypt notes for its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ViewingKey(PublicKey);

impl ViewingKey {
    /// Reads 32 little-endian bytes. Refuses other encodings of the same key, and points of small
    /// order: everybody knows the secret that they share with anybody.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, NotAViewingKey> {
        let key = PublicKey::from(bytes);
        // Clamping makes every secret a multiple of the cofactor, so one product tells.
        let large = StaticSecret::from([0; 32]).diffie_hellman(&key).was_contributory();
        if bytes.iter().rev().lt(FIELD_ORDER.iter().rev()) && large { Ok(Self(key)) } else { Err(NotAViewingKey) }
    }

    /// 32 little-endian bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    pub(crate) fn point(&self) -> &PublicKey {
        &self.0
    }
}

/// The secret half: whoever has it reads every note of one account, and cannot spend them.
#[derive(Clone)]
pub struct ViewingSecret(StaticSecret);

impl ViewingSecret {
    /// HKDF-SHA256 of the account secret.
    pub fn of(account: &Secret) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        let material = Zeroizing::new(account.reveal().to_bytes());
        Hkdf::<Sha256>::new(Some(SALT), material.as_slice())
            .expand(b"x25519", bytes.as_mut_slice())
            .expect("32 bytes are within what HKDF-SHA256 yields");
        Self(StaticSecret::from(*bytes))
    }

    /// The public half.
    pub fn key(&self) -> ViewingKey {
        ViewingKey(PublicKey::from(&self.0))
    }

    pub(crate) fn agree(&self, other: &PublicKey) -> SharedSecret {
        self.0.diffie_hellman(other)
    }
}

impl fmt::Debug for ViewingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ViewingSecret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Digest;

    #[test]
    fn a_derived_key_reads_back_and_is_determined_by_the_account_secret() {
        let secret = Secret::new(Digest::from_limbs([1, 2, 3, 4]).unwrap());
        let key = ViewingSecret::of(&secret).key();
        assert_eq!(ViewingKey::from_bytes(key.to_bytes()), Ok(key));
        assert_eq!(ViewingSecret::of(&secret).key(), key);
        let other = Secret::new(Digest::from_limbs([1, 2, 3, 5]).unwrap());
        assert_ne!(ViewingSecret::of(&other).key(), key);
        assert_eq!(format!("{:?}", ViewingSecret::of(&secret)), "ViewingSecret(redacted)");
    }

    #[test]
    fn small_orders_and_second_encodings_are_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        // 9 is the base point; 9 + p does not fit below 2^255, so its second encoding sets the top bit.
        let mut base_with_top_bit = [0; 32];
        base_with_top_bit[0] = 9;
        base_with_top_bit[31] = 0x80;
        for bytes in [[0; 32], one, FIELD_ORDER, [0xff; 32], base_with_top_bit] {
            assert_eq!(ViewingKey::from_bytes(bytes), Err(NotAViewingKey));
        }
    }
}
