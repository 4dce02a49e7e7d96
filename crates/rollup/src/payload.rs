//! The payload of a join-split: two note ciphertexts of one fixed length.
//!
//! There are always two, also for a note of amount 0, so that the payload tells nothing about the
//! notes. The transaction carries its digest, and provider, verifier and wallet make the same
//! [`check`] that the bytes beside it are those that its sender meant.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload as Message};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use rand::CryptoRng;
use sha2::Sha256;
use sha3::{Digest as _, Keccak256};
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};
use zeroize::{Zeroize, Zeroizing};

use crate::field::Digest;
use crate::note::{AMOUNT_BITS, ASSET_BITS};
use crate::transaction::{ClientPublic, TxType};
use crate::viewing::{ViewingKey, ViewingSecret};

/// Bytes of the ephemeral X25519 key in front of each ciphertext.
pub const EPHEMERAL_BYTES: usize = 32;
/// Bytes of a note's opening: amount (8), asset (4), registered (1), blinding (32), big-endian.
pub const OPENING_BYTES: usize = 8 + 4 + 1 + 32;
/// Bytes of the Poly1305 tag.
pub const TAG_BYTES: usize = 16;
/// Bytes of one note ciphertext.
pub const CIPHERTEXT_BYTES: usize = EPHEMERAL_BYTES + OPENING_BYTES + TAG_BYTES;

const SALT: &[u8] = b"meze/payload/v1";

/// What a recipient must learn to spend a note; owner and rho it knows already.
#[derive(Clone, PartialEq, Eq, Zeroize)]
#[zeroize(drop)]
pub struct Opening {
    /// In the asset's unit, below 2^62.
    pub amount: u64,
    /// Below 2^30.
    pub asset: u32,
    /// Whether spending takes a registered spending key.
    pub registered: bool,
    /// The note's blinding.
    pub blinding: Digest,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening(redacted)")
    }
}

/// Why bytes are not the payload of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The number of bytes is off.
    #[error("a payload of {found} bytes where {expected} are needed")]
    Length {
        /// What the transaction type needs.
        expected: usize,
        /// What there is.
        found: usize,
    },
    /// The bytes are not those that the transaction names.
    #[error("the payload's digest is {found}, the transaction names {expected}")]
    Digest {
        /// What the transaction names.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
}

/// Two note ciphertexts, in the order of the commitments.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload([u8; Payload::LEN]);

impl Payload {
    /// Bytes of a payload.
    pub const LEN: usize = 2 * CIPHERTEXT_BYTES;

    /// Encrypts one opening for each recipient, each under an ephemeral key of its own.
    pub fn seal(notes: [(&Opening, &ViewingKey); 2], rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut out = [0; Self::LEN];
        for (position, (to, (opening, recipient))) in out.chunks_exact_mut(CIPHERTEXT_BYTES).zip(notes).enumerate() {
            let secret = StaticSecret::random_from_rng(rng);
            let ephemeral = PublicKey::from(&secret);
            let cipher = cipher(&secret.diffie_hellman(recipient.point()), &ephemeral, recipient, position);
            let plain = opening.to_bytes();
            let sealed = cipher
                .encrypt(&Nonce::default(), Message { msg: plain.as_slice(), aad: &associated(&ephemeral, position) })
                .expect("ChaCha20-Poly1305 takes messages of this length");
            to[..EPHEMERAL_BYTES].copy_from_slice(ephemeral.as_bytes());
            to[EPHEMERAL_BYTES..].copy_from_slice(&sealed);
        }
        Self(out)
    }

    /// The opening at `position` (0 or 1), if it was made for this viewing key and is well formed.
    pub fn open(&self, position: usize, viewing: &ViewingSecret) -> Option<Opening> {
        self.open_as(position, viewing, &viewing.key())
    }

    /// [`Self::open`] for a caller that has the public half at hand, which is costly to derive.
    pub fn open_as(&self, position: usize, viewing: &ViewingSecret, key: &ViewingKey) -> Option<Opening> {
        let bytes = self.0.chunks_exact(CIPHERTEXT_BYTES).nth(position)?;
        let (head, sealed) = bytes.split_at(EPHEMERAL_BYTES);
        let ephemeral = PublicKey::from(<[u8; EPHEMERAL_BYTES]>::try_from(head).ok()?);
        let shared = viewing.agree(&ephemeral);
        // Such a ciphertext would be readable by everybody; no honest sender makes it.
        if !shared.was_contributory() {
            return None;
        }
        let plain = cipher(&shared, &ephemeral, key, position)
            .decrypt(&Nonce::default(), Message { msg: sealed, aad: &associated(&ephemeral, position) })
            .ok()?;
        Opening::from_bytes(&Zeroizing::new(plain))
    }

    /// Keccak-256 of the bytes as four 64-bit words, each reduced into the field.
    pub fn digest(&self) -> Digest {
        digest(&self.0)
    }

    /// The bytes that are published.
    pub fn encode(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// Reads exactly [`Self::LEN`] bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        let found = bytes.len();
        bytes.try_into().map(Self).map_err(|_| PayloadError::Length { expected: Self::LEN, found })
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Payload").field(&self.digest()).finish()
    }
}

/// How many payload bytes a transaction of this type has beside it.
pub fn length(tx_type: TxType) -> usize {
    match tx_type {
        TxType::Deposit | TxType::Withdraw | TxType::Send => Payload::LEN,
        TxType::Account | TxType::Padding => 0,
    }
}

/// Whether `payload` is what `public` names: exactly two ciphertexts with its digest for a
/// join-split; no bytes and the digest 0 for the others.
pub fn check(public: &ClientPublic, payload: &[u8]) -> Result<(), PayloadError> {
    let expected = length(public.tx_type);
    if payload.len() != expected {
        return Err(PayloadError::Length { expected, found: payload.len() });
    }
    let found = if payload.is_empty() { Digest::ZERO } else { digest(payload) };
    if found == public.payload_digest {
        Ok(())
    } else {
        Err(PayloadError::Digest { expected: public.payload_digest, found })
    }
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::from_reduced_bytes(&Keccak256::digest(bytes).into())
}

/// The key is used for one message only, so the nonce can be 0.
fn cipher(shared: &SharedSecret, ephemeral: &PublicKey, recipient: &ViewingKey, position: usize) -> ChaCha20Poly1305 {
    let mut key = Zeroizing::new([0; 32]);
    let info = [&associated(ephemeral, position), recipient.to_bytes().as_slice()].concat();
    Hkdf::<Sha256>::new(Some(SALT), shared.as_bytes())
        .expand(&info, key.as_mut_slice())
        .expect("32 bytes are within what HKDF-SHA256 yields");
    ChaCha20Poly1305::new(&(*key).into())
}

fn associated(ephemeral: &PublicKey, position: usize) -> [u8; EPHEMERAL_BYTES + 1] {
    let mut out = [0; EPHEMERAL_BYTES + 1];
    out[..EPHEMERAL_BYTES].copy_from_slice(ephemeral.as_bytes());
    out[EPHEMERAL_BYTES] = u8::try_from(position).expect("there are two positions");
    out
}

impl Opening {
    fn to_bytes(&self) -> Zeroizing<[u8; OPENING_BYTES]> {
        let mut out = Zeroizing::new([0; OPENING_BYTES]);
        out[..8].copy_from_slice(&self.amount.to_be_bytes());
        out[8..12].copy_from_slice(&self.asset.to_be_bytes());
        out[12] = u8::from(self.registered);
        out[13..].copy_from_slice(&self.blinding.to_bytes());
        out
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; OPENING_BYTES] = bytes.try_into().ok()?;
        let amount = u64::from_be_bytes(bytes[..8].try_into().ok()?);
        let asset = u32::from_be_bytes(bytes[8..12].try_into().ok()?);
        let blinding = Digest::from_bytes(bytes[13..].try_into().ok()?).ok()?;
        let ranged = amount >> AMOUNT_BITS == 0 && asset >> ASSET_BITS == 0 && bytes[12] <= 1;
        ranged.then_some(Self { amount, asset, registered: bytes[12] == 1, blinding })
    }
}

#[cfg(test)]
mod tests;
