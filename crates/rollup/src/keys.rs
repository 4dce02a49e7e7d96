//! Secrets and the keys made of them. Keys are hashes: a client proof is itself the signature.

use std::fmt;

use rand::Rng;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::field::{Digest, F};
use crate::hash::{Tag, hash};

/// Four uniform limbs that only their owner knows. Redacted in `Debug`, erased when dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Secret(Digest);

impl Secret {
    /// Takes four limbs as a secret.
    pub fn new(limbs: Digest) -> Self {
        Self(limbs)
    }

    /// A fresh secret.
    pub fn random(rng: &mut (impl Rng + ?Sized)) -> Self {
        Self(Digest::random(rng))
    }

    /// The limbs, for a witness or a key derivation; keep them out of logs.
    pub fn reveal(&self) -> &Digest {
        &self.0
    }

    /// `H(ACCOUNT, secret)`: the account key of an account secret.
    pub fn account_key(&self) -> AccountKey {
        AccountKey(hash(Tag::AccountKey, &self.0.0))
    }

    /// `H(NULLIFIER_KEY, secret)`: the nullifier key of an account secret.
    pub fn nullifier_key(&self) -> Secret {
        Secret(hash(Tag::NullifierKey, &self.0.0))
    }

    /// `H(SPENDING, secret)`: the spending key of a spending secret.
    pub fn spending_key(&self) -> SpendingKey {
        SpendingKey(hash(Tag::SpendingKey, &self.0.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// The public key of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AccountKey(pub Digest);

/// A key that may spend the registered notes of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SpendingKey(pub Digest);

/// The hash of a human-readable alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AliasHash(pub Digest);

impl AliasHash {
    /// The nullifier that claims this alias once and for all.
    pub fn nullifier(&self) -> Digest {
        hash(Tag::Alias, &self.0.0)
    }

    /// The nullifier of migrating this alias away from `old`.
    pub fn migration_nullifier(&self, old: &AccountKey) -> Digest {
        let limbs: [F; 8] = std::array::from_fn(|i| if i < 4 { self.0.0[i] } else { old.0.0[i - 4] });
        hash(Tag::Migrated, &limbs)
    }
}

impl AccountKey {
    /// The nullifier that claims this account key once and for all.
    pub fn nullifier(&self) -> Digest {
        hash(Tag::RegisteredKey, &self.0.0)
    }
}
