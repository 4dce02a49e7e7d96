//! Aliases: names that people can remember, known to the rollup by their hash only.

use sha3::{Digest as _, Keccak256};

use crate::field::Digest;
use crate::keys::AliasHash;
use crate::wallet::error::WalletError;

/// The longest alias.
pub const MAX_ALIAS_LENGTH: usize = 32;

const DOMAIN: &[u8] = b"meze/alias/v1";

impl AliasHash {
    /// The hash of a name: spaces around it and case do not matter; ASCII letters, digits, `-`,
    /// `_` and `.` are all that is taken, so that no two names look the same.
    ///
    /// Keccak-256 of a domain and the normal form, as four words reduced into the field. Whoever
    /// guesses the name can make the hash too.
    pub fn of(name: &str) -> Result<Self, WalletError> {
        let normal = name.trim().to_ascii_lowercase();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if normal.is_empty() || normal.len() > MAX_ALIAS_LENGTH || !normal.bytes().all(allowed) {
            return Err(WalletError::Alias);
        }
        let hash = Keccak256::new().chain_update(DOMAIN).chain_update(normal.as_bytes()).finalize();
        Ok(Self(Digest::from_reduced_bytes(&hash.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_surrounding_space_do_not_matter() {
        let alias = AliasHash::of("ali-ce.1_").unwrap();
        assert_eq!(AliasHash::of(" Ali-CE.1_\n").unwrap(), alias);
        assert_ne!(AliasHash::of("ali-ce.1").unwrap(), alias);
    }

    #[test]
    fn what_is_no_alias_is_refused() {
        for name in ["", "  ", "a b", "älice", "аlice", "a\0", "a/b", &"x".repeat(MAX_ALIAS_LENGTH + 1)] {
            assert!(matches!(AliasHash::of(name), Err(WalletError::Alias)), "{name:?}");
        }
        assert!(AliasHash::of(&"x".repeat(MAX_ALIAS_LENGTH)).is_ok());
    }
}
