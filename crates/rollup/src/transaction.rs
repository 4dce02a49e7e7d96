//! The public side of a client transaction: one layout of 43 limbs for every kind.

use plonky2_core::field::types::{Field, PrimeField64};
use serde::{Deserialize, Serialize};

use crate::field::{Digest, F, LIMB_BYTES, NotCanonical, canonical};
use crate::note::{AMOUNT_BITS, ASSET_BITS, FEE_BITS};

/// What a transaction does; the first public limb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum TxType {
    /// An empty slot.
    Padding = 0,
    /// Value comes in from the chain.
    Deposit = 1,
    /// Value goes out to the chain.
    Withdraw = 2,
    /// Value moves inside the rollup.
    Send = 3,
    /// An account is created, gets keys, or migrates.
    Account = 4,
}

impl TxType {
    /// Every type, padding first.
    pub const ALL: [Self; 5] = [Self::Padding, Self::Deposit, Self::Withdraw, Self::Send, Self::Account];

    /// The type of a first limb.
    pub fn from_limb(limb: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|tx_type| *tx_type as u64 == limb)
    }

    /// The name, as tables and JSON print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Padding => "padding",
            Self::Deposit => "deposit",
            Self::Withdraw => "withdraw",
            Self::Send => "send",
            Self::Account => "account",
        }
    }
}

/// An Ethereum address as five 32-bit words, the most significant first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Address(pub [u32; 5]);

/// Where each field starts among the public limbs of a client transaction.
pub mod layout {
    /// Transaction type (1).
    pub const TX_TYPE: usize = 0;
    /// Two commitments (2 × 4).
    pub const COMMITMENTS: usize = 1;
    /// Two nullifiers (2 × 4).
    pub const NULLIFIERS: usize = 9;
    /// Public amount (1).
    pub const PUBLIC_AMOUNT: usize = 17;
    /// Public owner (5).
    pub const PUBLIC_OWNER: usize = 18;
    /// Public asset (1).
    pub const PUBLIC_ASSET: usize = 23;
    /// Digest of the note ciphertexts (4).
    pub const PAYLOAD_DIGEST: usize = 24;
    /// How many limbs are published.
    pub const PUBLISHED: usize = 28;
    /// Data root (4).
    pub const DATA_ROOT: usize = 28;
    /// Fee (1).
    pub const FEE: usize = 32;
    /// Fee asset (1).
    pub const FEE_ASSET: usize = 33;
    /// Bridge call (4), defi deposit (1), defi root (4): reserved, 0.
    pub const RESERVED: usize = 34;
    /// All limbs.
    pub const TOTAL: usize = 43;
}

/// The public fields of a client transaction. The default is an empty slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientPublic {
    /// What it does.
    pub tx_type: TxType,
    /// Leaves for the data tree.
    pub commitments: [Digest; 2],
    /// Entries for the nullifier tree.
    pub nullifiers: [Digest; 2],
    /// Deposited or withdrawn amount, below 2^62.
    pub public_amount: u64,
    /// Who deposits or receives on the chain.
    pub public_owner: Address,
    /// The asset of the public amount.
    pub public_asset: u32,
    /// [`crate::payload::Payload::digest`] of the ciphertexts; 0 where there are none.
    pub payload_digest: Digest,
    /// The data root that its inputs are members of.
    pub data_root: Digest,
    /// Below 2^48.
    pub fee: u64,
    /// The asset of the fee.
    pub fee_asset: u32,
}

impl Default for ClientPublic {
    fn default() -> Self {
        Self {
            tx_type: TxType::Padding,
            commitments: [Digest::ZERO; 2],
            nullifiers: [Digest::ZERO; 2],
            public_amount: 0,
            public_owner: Address::default(),
            public_asset: 0,
            payload_digest: Digest::ZERO,
            data_root: Digest::ZERO,
            fee: 0,
            fee_asset: 0,
        }
    }
}

/// Why public limbs are not a transaction's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicError {
    /// The number of limbs or bytes is off.
    #[error("{found} where {expected} are needed")]
    Length {
        /// What the layout needs.
        expected: usize,
        /// What there is.
        found: usize,
    },
    /// A limb is at or above the field's order.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// No such transaction type.
    #[error("{0} is not a transaction type")]
    TxType(u64),
    /// A field is wider than the protocol allows.
    #[error("{field} {value} needs more than {bits} bits")]
    TooWide {
        /// Which field.
        field: &'static str,
        /// Its value.
        value: u64,
        /// What it may take.
        bits: usize,
    },
    /// A reserved limb is not 0.
    #[error("reserved limb {0} is not 0")]
    Reserved(usize),
}

impl ClientPublic {
    /// The 43 limbs in protocol order.
    pub fn limbs(&self) -> [F; layout::TOTAL] {
        let mut out = [F::ZERO; layout::TOTAL];
        out[layout::TX_TYPE] = F::from_canonical_u8(self.tx_type as u8);
        let digests = [
            (layout::COMMITMENTS, self.commitments[0]),
            (layout::COMMITMENTS + 4, self.commitments[1]),
            (layout::NULLIFIERS, self.nullifiers[0]),
            (layout::NULLIFIERS + 4, self.nullifiers[1]),
            (layout::PAYLOAD_DIGEST, self.payload_digest),
            (layout::DATA_ROOT, self.data_root),
        ];
        for (at, digest) in digests {
            out[at..at + 4].copy_from_slice(&digest.0);
        }
        out[layout::PUBLIC_AMOUNT] = F::from_canonical_u64(self.public_amount);
        for (word, to) in self.public_owner.0.iter().zip(&mut out[layout::PUBLIC_OWNER..]) {
            *to = F::from_canonical_u32(*word);
        }
        out[layout::PUBLIC_ASSET] = F::from_canonical_u32(self.public_asset);
        out[layout::FEE] = F::from_canonical_u64(self.fee);
        out[layout::FEE_ASSET] = F::from_canonical_u32(self.fee_asset);
        out
    }

    /// The 28 limbs that are published.
    pub fn published(&self) -> [F; layout::PUBLISHED] {
        std::array::from_fn(|limb| self.limbs()[limb])
    }

    /// Reads 43 limbs of a proof.
    pub fn from_limbs(limbs: &[F]) -> Result<Self, PublicError> {
        if limbs.len() != layout::TOTAL {
            return Err(PublicError::Length { expected: layout::TOTAL, found: limbs.len() });
        }
        let mut out = Self::from_published(&limbs[..layout::PUBLISHED])?;
        out.data_root = digest_at(limbs, layout::DATA_ROOT);
        out.fee = narrow(limbs, layout::FEE, "fee", FEE_BITS)?;
        out.fee_asset = narrow(limbs, layout::FEE_ASSET, "fee asset", ASSET_BITS)? as u32;
        match (layout::RESERVED..layout::TOTAL).find(|limb| limbs[*limb] != F::ZERO) {
            Some(limb) => Err(PublicError::Reserved(limb)),
            None => Ok(out),
        }
    }

    /// Reads the 28 published limbs; what is not published stays 0.
    pub fn from_published(limbs: &[F]) -> Result<Self, PublicError> {
        if limbs.len() != layout::PUBLISHED {
            return Err(PublicError::Length { expected: layout::PUBLISHED, found: limbs.len() });
        }
        let tx_type = limbs[layout::TX_TYPE].to_canonical_u64();
        let mut owner = Address::default();
        for (word, at) in owner.0.iter_mut().zip(layout::PUBLIC_OWNER..) {
            *word = narrow(limbs, at, "owner word", 32)? as u32;
        }
        Ok(Self {
            tx_type: TxType::from_limb(tx_type).ok_or(PublicError::TxType(tx_type))?,
            commitments: [0, 4].map(|at| digest_at(limbs, layout::COMMITMENTS + at)),
            nullifiers: [0, 4].map(|at| digest_at(limbs, layout::NULLIFIERS + at)),
            public_amount: narrow(limbs, layout::PUBLIC_AMOUNT, "public amount", AMOUNT_BITS)?,
            public_owner: owner,
            public_asset: narrow(limbs, layout::PUBLIC_ASSET, "public asset", ASSET_BITS)? as u32,
            payload_digest: digest_at(limbs, layout::PAYLOAD_DIGEST),
            ..Self::default()
        })
    }

    /// Reads 8 · 28 published bytes, refusing limbs that are not canonical.
    pub fn from_published_bytes(bytes: &[u8]) -> Result<Self, PublicError> {
        Self::from_published(&limbs_from_bytes(bytes, layout::PUBLISHED)?)
    }
}

/// Reads exactly `count` big-endian canonical limbs.
pub fn limbs_from_bytes(bytes: &[u8], count: usize) -> Result<Vec<F>, PublicError> {
    if bytes.len() != count * LIMB_BYTES {
        return Err(PublicError::Length { expected: count * LIMB_BYTES, found: bytes.len() });
    }
    bytes
        .chunks_exact(LIMB_BYTES)
        .map(|chunk| {
            let limb = u64::from_be_bytes(chunk.try_into().expect("chunks have 8 bytes"));
            Ok(canonical(limb)?)
        })
        .collect()
}

/// Writes limbs as big-endian bytes.
pub fn limbs_to_bytes(limbs: &[F]) -> Vec<u8> {
    limbs.iter().flat_map(|limb| limb.to_canonical_u64().to_be_bytes()).collect()
}

fn digest_at(limbs: &[F], at: usize) -> Digest {
    Digest(std::array::from_fn(|limb| limbs[at + limb]))
}

fn narrow(limbs: &[F], at: usize, field: &'static str, bits: usize) -> Result<u64, PublicError> {
    let value = limbs[at].to_canonical_u64();
    if value >> bits == 0 { Ok(value) } else { Err(PublicError::TooWide { field, value, bits }) }
}
