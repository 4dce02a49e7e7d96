//! Everything that a wallet derives from its seed phrase.
//!
//! `limb i of (kind, index) = word i of HKDF-SHA512(salt, BIP-39 seed, kind ‖ index) mod p`, with
//! words of 128 bits, so that a limb is uniform up to 2^-64.

use std::fmt;

use bip39::{Language, Mnemonic};
use hkdf::Hkdf;
use plonky2_core::field::types::Field;
use rand::CryptoRng;
use sha2::Sha512;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::field::{DIGEST_LIMBS, Digest, F};
use crate::keys::Secret;
use crate::wallet::error::WalletError;

const SALT: &[u8] = b"meze/wallet/v1";
const WIDE_BYTES: usize = 16;

/// The words from which a wallet can be rebuilt. Redacted in `Debug`, erased when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SeedPhrase(Mnemonic);

impl SeedPhrase {
    /// Reads 12, 15, 18, 21 or 24 English words; spacing and case do not matter, the checksum does.
    pub fn parse(words: &str) -> Result<Self, WalletError> {
        let lower = Zeroizing::new(words.to_lowercase());
        // The library's error says which word is wrong; in a log that helps only the wrong people.
        Mnemonic::parse_in_normalized(Language::English, &lower).map(Self).map_err(|_| WalletError::Phrase)
    }

    /// A fresh phrase of 24 words.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut entropy = Zeroizing::new([0; 32]);
        rng.fill_bytes(entropy.as_mut_slice());
        Self(Mnemonic::from_entropy_in(Language::English, entropy.as_slice()).expect("32 bytes make 24 words"))
    }

    /// The words, to be written down; keep them out of logs.
    pub fn reveal(&self) -> Zeroizing<String> {
        let words: Vec<&str> = self.0.words().collect();
        Zeroizing::new(words.join(" "))
    }
}

impl fmt::Debug for SeedPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeedPhrase(redacted)")
    }
}

/// The root of a wallet's secrets. Redacted in `Debug`, erased when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct WalletKeys([u8; 64]);

impl WalletKeys {
    /// The keys of a phrase and an optional passphrase; another passphrase is another wallet.
    pub fn new(phrase: &SeedPhrase, passphrase: &str) -> Self {
        Self(phrase.0.to_seed(passphrase))
    }

    #[cfg(test)]
    pub(super) fn from_seed(seed: [u8; 64]) -> Self {
        Self(seed)
    }

    /// The account secret after `index` migrations.
    pub fn account(&self, index: u32) -> Secret {
        self.secret(b"account", index)
    }

    /// The secret of the spending key `index`.
    pub fn spending(&self, index: u32) -> Secret {
        self.secret(b"spending", index)
    }

    fn secret(&self, kind: &[u8], index: u32) -> Secret {
        let mut bytes = Zeroizing::new([0; DIGEST_LIMBS * WIDE_BYTES]);
        Hkdf::<Sha512>::new(Some(SALT), &self.0)
            .expand_multi_info(&[kind, &index.to_be_bytes()], bytes.as_mut_slice())
            .expect("64 bytes are within what HKDF-SHA512 yields");
        let mut limbs = Digest::ZERO;
        for (to, wide) in limbs.0.iter_mut().zip(bytes.chunks_exact(WIDE_BYTES)) {
            *to = F::from_noncanonical_u128(u128::from_be_bytes(wide.try_into().expect("chunks have 16 bytes")));
        }
        let secret = Secret::new(limbs);
        limbs.zeroize();
        secret
    }
}

impl fmt::Debug for WalletKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WalletKeys(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    const WORDS: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";

    #[test]
    fn secrets_are_determined_by_phrase_passphrase_kind_and_index() {
        let keys = WalletKeys::new(&SeedPhrase::parse(WORDS).unwrap(), "");
        let again = WalletKeys::new(&SeedPhrase::parse(&format!("  {}\n", WORDS.to_uppercase())).unwrap(), "");
        let other = WalletKeys::new(&SeedPhrase::parse(WORDS).unwrap(), "TREZOR");
        let secrets = |keys: &WalletKeys| [keys.account(0), keys.account(1), keys.spending(0), keys.spending(1)];
        let all: Vec<_> = secrets(&keys).into_iter().chain(secrets(&other)).map(|s| *s.reveal()).collect();
        assert!(secrets(&keys) == secrets(&again));
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 8);
    }

    #[test]
    fn the_derivation_does_not_change_between_versions() {
        let keys = WalletKeys::new(&SeedPhrase::parse(WORDS).unwrap(), "TREZOR");
        let account = "0x1a0c91495e299448ec74801cb9076778abc35286ec8478a13397aea589b1d324";
        let spending = "0x594801a2cdeed104a892f6683dbeb4b1d426695c55c064124c0db4eca5fe8467";
        assert_eq!(keys.account(0).reveal().to_string(), account);
        assert_eq!(keys.spending(7).reveal().to_string(), spending);
    }

    #[test]
    fn every_phrase_length_is_taken_and_no_other() {
        for (bytes, words) in [(16, 12), (20, 15), (24, 18), (28, 21), (32, 24)] {
            let phrase = SeedPhrase(Mnemonic::from_entropy_in(Language::English, &vec![7; bytes]).unwrap());
            assert_eq!(phrase.reveal().split(' ').count(), words);
            assert_eq!(SeedPhrase::parse(&phrase.reveal()).unwrap(), phrase);
            let short = phrase.reveal().rsplit_once(' ').unwrap().0.to_owned();
            assert!(SeedPhrase::parse(&short).is_err());
        }
        let fresh = SeedPhrase::generate(&mut ChaCha20Rng::seed_from_u64(1));
        assert_eq!(SeedPhrase::parse(&fresh.reveal()).unwrap(), fresh);
    }

    #[test]
    fn nothing_shows_the_secrets() {
        let phrase = SeedPhrase::parse(WORDS).unwrap();
        let keys = WalletKeys::new(&phrase, "");
        let shown = format!("{phrase:?} {keys:?} {:?}", keys.account(0));
        assert_eq!(shown, "SeedPhrase(redacted) WalletKeys(redacted) Secret(redacted)");
    }

    proptest! {
        #[test]
        fn a_wrong_phrase_is_one_error_that_does_not_echo_it(at in 0_usize..12, wrong in "[b-df-hj-np-tv-z]{4,9}") {
            let mut words: Vec<&str> = WORDS.split(' ').collect();
            words[at] = &wrong;
            let error = SeedPhrase::parse(&words.join(" ")).unwrap_err();
            let shown = format!("{error} {error:?} {:?}", std::error::Error::source(&error));
            prop_assert!(words.iter().all(|word| !shown.contains(word)), "{}", shown);
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text: String) {
            prop_assert!(SeedPhrase::parse(&text).is_err());
        }
    }
}
