//! The field and the digest: every number of the protocol is one or four canonical limbs.

use std::fmt;

use plonky2_core::field::types::{Field, Field64, PrimeField64};
use plonky2_core::hash_types::HashOut;
use rand::{Rng, RngExt};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroize;

/// The Goldilocks field, p = 2^64 − 2^32 + 1.
pub type F = plonky2_core::field::goldilocks_field::GoldilocksField;

/// The order of [`F`].
pub const ORDER: u64 = F::ORDER;

/// Limbs in a digest.
pub const DIGEST_LIMBS: usize = 4;

/// Bytes of one published limb.
pub const LIMB_BYTES: usize = 8;

/// A limb at or above the order of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("limb {0:#018x} is not canonical: it must be below the field's order {ORDER:#018x}")]
pub struct NotCanonical(pub u64);

/// Reads a limb, refusing what is not canonical.
pub fn canonical(limb: u64) -> Result<F, NotCanonical> {
    if limb < ORDER { Ok(F::from_canonical_u64(limb)) } else { Err(NotCanonical(limb)) }
}

/// Four limbs: a hash, a secret, a blinding. The first limb is the most significant one, so the
/// order of digests is the order of their big-endian bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Digest(pub [F; DIGEST_LIMBS]);

impl Digest {
    /// The digest of an empty leaf; never a hash.
    pub const ZERO: Self = Self([F::ZERO; DIGEST_LIMBS]);

    /// A digest of four canonical limbs.
    pub fn from_limbs(limbs: [u64; DIGEST_LIMBS]) -> Result<Self, NotCanonical> {
        let mut out = [F::ZERO; DIGEST_LIMBS];
        for (to, from) in out.iter_mut().zip(limbs) {
            *to = canonical(from)?;
        }
        Ok(Self(out))
    }

    /// Four 64-bit big-endian words, each reduced into the field.
    pub fn from_reduced_bytes(bytes: &[u8; 32]) -> Self {
        let mut out = [F::ZERO; DIGEST_LIMBS];
        for (to, chunk) in out.iter_mut().zip(bytes.chunks_exact(LIMB_BYTES)) {
            let word = u64::from_be_bytes(chunk.try_into().expect("chunks have 8 bytes"));
            *to = F::from_noncanonical_u64(word);
        }
        Self(out)
    }

    /// Four uniform limbs.
    pub fn random(rng: &mut (impl Rng + ?Sized)) -> Self {
        Self(std::array::from_fn(|_| random_limb(rng)))
    }

    /// The limbs as canonical integers, the most significant first.
    pub fn limbs(&self) -> [u64; DIGEST_LIMBS] {
        self.0.map(|limb| limb.to_canonical_u64())
    }

    /// 32 bytes, big-endian; their order is the order of digests.
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut out = [0; 32];
        for (to, limb) in out.chunks_exact_mut(LIMB_BYTES).zip(self.limbs()) {
            to.copy_from_slice(&limb.to_be_bytes());
        }
        out
    }

    /// Reads 32 big-endian bytes; every limb must be canonical.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, NotCanonical> {
        let mut limbs = [0; DIGEST_LIMBS];
        for (to, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(LIMB_BYTES)) {
            *to = u64::from_be_bytes(chunk.try_into().expect("chunks have 8 bytes"));
        }
        Self::from_limbs(limbs)
    }

    /// Whether this is the empty leaf.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

/// One uniform limb, by rejection.
pub fn random_limb(rng: &mut (impl Rng + ?Sized)) -> F {
    loop {
        if let Ok(limb) = canonical(rng.random::<u64>()) {
            return limb;
        }
    }
}

impl Ord for Digest {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.limbs().cmp(&other.limbs())
    }
}

impl PartialOrd for Digest {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Digest> for HashOut<F> {
    fn from(digest: Digest) -> Self {
        Self { elements: digest.0 }
    }
}

impl From<HashOut<F>> for Digest {
    fn from(hash: HashOut<F>) -> Self {
        Self(hash.elements)
    }
}

impl Zeroize for Digest {
    fn zeroize(&mut self) {
        self.0.iter_mut().for_each(|limb| limb.0.zeroize());
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.to_bytes().serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            parse_hex(&text).ok_or_else(|| de::Error::custom("a digest is 0x and 64 hex digits"))?
        } else {
            <[u8; 32]>::deserialize(deserializer)?
        };
        Self::from_bytes(&bytes).map_err(de::Error::custom)
    }
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut out = [0; 32];
    for (to, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *to = u8::try_from(high << 4 | low).ok()?;
    }
    Some(out)
}
