//! Notes and their commitments and nullifiers.

use plonky2_core::field::types::Field;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::field::{Digest, F};
use crate::hash::{Tag, hash};
use crate::keys::{AccountKey, AliasHash, Secret, SpendingKey};

/// Note and public amounts are below 2^62, in the asset's unit.
pub const AMOUNT_BITS: usize = 62;
/// Fees are below 2^48.
pub const FEE_BITS: usize = 48;
/// Asset ids are below 2^30; 0 is ether.
pub const ASSET_BITS: usize = 30;
/// What stands in an unused fee slot: no asset has this id.
pub const NO_ASSET: u32 = 1 << ASSET_BITS;

/// A note that holds an amount of one asset.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Zeroize)]
pub struct ValueNote {
    /// Whom it belongs to.
    #[zeroize(skip)]
    pub owner: AccountKey,
    /// Whether spending it takes a registered spending key beside the account secret.
    pub registered: bool,
    /// Hides the owner: four uniform limbs.
    pub blinding: Digest,
    /// In the asset's unit, below 2^62.
    pub amount: u64,
    /// Below 2^30.
    pub asset: u32,
    /// The nullifier of the same position in the transaction that made the note: no two notes collide.
    pub rho: Digest,
}

impl ValueNote {
    /// `H(PARTIAL, owner, registered, blinding)`.
    pub fn partial(&self) -> Digest {
        let mut limbs = [F::ZERO; 9];
        limbs[..4].copy_from_slice(&self.owner.0.0);
        limbs[4] = F::from_bool(self.registered);
        limbs[5..].copy_from_slice(&self.blinding.0);
        hash(Tag::Partial, &limbs)
    }

    /// `H(VALUE, partial, amount, asset, rho)`.
    pub fn commitment(&self) -> Digest {
        let mut limbs = [F::ZERO; 10];
        limbs[..4].copy_from_slice(&self.partial().0);
        limbs[4] = F::from_canonical_u64(self.amount);
        limbs[5] = F::from_canonical_u32(self.asset);
        limbs[6..].copy_from_slice(&self.rho.0);
        hash(Tag::Value, &limbs)
    }

    /// `H(NULLIFIER, commitment, nullifier key)`, for the owner's account secret.
    pub fn nullifier(&self, account: &Secret) -> Digest {
        let mut limbs = [F::ZERO; 8];
        limbs[..4].copy_from_slice(&self.commitment().0);
        limbs[4..].copy_from_slice(&account.nullifier_key().reveal().0);
        hash(Tag::Nullifier, &limbs)
    }
}

impl std::fmt::Debug for ValueNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ValueNote").field("commitment", &self.commitment()).finish_non_exhaustive()
    }
}

/// `H(DUMMY, randomness)`: what an unused input nullifies.
pub fn dummy_nullifier(randomness: &Digest) -> Digest {
    hash(Tag::Dummy, &randomness.0)
}

/// A note that lets a spending key act for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountNote {
    /// The account's alias.
    pub alias: AliasHash,
    /// The account's key.
    pub account: AccountKey,
    /// The key that may spend.
    pub spending: SpendingKey,
}

impl AccountNote {
    /// `H(ACCOUNT_NOTE, alias, account key, spending key)`.
    pub fn commitment(&self) -> Digest {
        let mut limbs = [F::ZERO; 12];
        limbs[..4].copy_from_slice(&self.alias.0.0);
        limbs[4..8].copy_from_slice(&self.account.0.0);
        limbs[8..].copy_from_slice(&self.spending.0.0);
        hash(Tag::AccountNote, &limbs)
    }
}
