//! Payment addresses: what somebody hands out to be paid, and its text.

use std::fmt;
use std::str::FromStr;

use sha3::{Digest as _, Keccak256};

use crate::field::Digest;
use crate::keys::AccountKey;
use crate::viewing::ViewingKey;
use crate::wallet::error::WalletError;

const PREFIX: &str = "meze1";
const DOMAIN: &[u8] = b"meze/address/v1";
const BODY_BYTES: usize = 1 + 32 + 32;
const CHECKSUM_BYTES: usize = 4;

/// Where a note can be sent.
///
/// Its text is `meze1` and lower-case hexadecimal digits of: registered (1 byte), account key (32),
/// viewing key (32), and the first 4 bytes of the Keccak-256 hash of a domain and these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PaymentAddress {
    /// Who will own the note.
    pub account: AccountKey,
    /// Whom its ciphertext is made for.
    pub viewing: ViewingKey,
    /// Whether spending it shall take a registered spending key.
    pub registered: bool,
}

impl PaymentAddress {
    fn body(&self) -> [u8; BODY_BYTES] {
        let mut body = [0; BODY_BYTES];
        body[0] = u8::from(self.registered);
        body[1..33].copy_from_slice(&self.account.0.to_bytes());
        body[33..].copy_from_slice(&self.viewing.to_bytes());
        body
    }
}

impl fmt::Display for PaymentAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body();
        write!(f, "{PREFIX}{}{}", hex::encode(body), hex::encode(checksum(&body)))
    }
}

impl FromStr for PaymentAddress {
    type Err = WalletError;

    fn from_str(text: &str) -> Result<Self, WalletError> {
        let digits = text.strip_prefix(PREFIX).ok_or(WalletError::Address("it must start with meze1"))?;
        let mut bytes = [0; BODY_BYTES + CHECKSUM_BYTES];
        if digits.len() != 2 * bytes.len() {
            return Err(WalletError::Address("its length is wrong"));
        }
        // One address has one text, so the other case of the digits is refused.
        if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(WalletError::Address("it must be in lower case"));
        }
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| WalletError::Address("it has a wrong character"))?;
        let (body, sum) = bytes.split_at(BODY_BYTES);
        if sum != checksum(body) {
            return Err(WalletError::Address("its checksum is wrong"));
        }
        let half = |at: usize| <[u8; 32]>::try_from(&body[at..at + 32]).expect("32 bytes were taken");
        let account = Digest::from_bytes(&half(1)).map_err(|_| WalletError::Address("its account key is none"))?;
        let viewing = ViewingKey::from_bytes(half(33)).map_err(|_| WalletError::Address("its viewing key is none"))?;
        let registered = match body[0] {
            0 => false,
            1 => true,
            _ => return Err(WalletError::Address("its kind is unknown")),
        };
        Ok(Self { account: AccountKey(account), viewing, registered })
    }
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash: [u8; 32] = Keccak256::new().chain_update(DOMAIN).chain_update(body).finalize().into();
    std::array::from_fn(|byte| hash[byte])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::Secret;
    use crate::viewing::ViewingSecret;

    fn address(limb: u64, registered: bool) -> PaymentAddress {
        let secret = Secret::new(Digest::from_limbs([limb, 1, 2, 3]).unwrap());
        PaymentAddress { account: secret.account_key(), viewing: ViewingSecret::of(&secret).key(), registered }
    }

    /// The text of a body that is not an address, with the right checksum.
    fn text_of(body: &[u8; BODY_BYTES]) -> String {
        format!("{PREFIX}{}{}", hex::encode(body), hex::encode(checksum(body)))
    }

    proptest! {
        #[test]
        fn the_text_reads_back(limb in 0..1_u64 << 60, registered: bool) {
            let address = address(limb, registered);
            prop_assert_eq!(address.to_string().parse::<PaymentAddress>().unwrap(), address);
        }

        #[test]
        fn a_changed_missing_or_further_character_is_refused(at in 0_usize..143, other in "[ -~]") {
            let text = address(1, true).to_string();
            prop_assert_eq!(text.len(), 143);
            let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            if changed != text {
                prop_assert!(changed.parse::<PaymentAddress>().is_err());
            }
            let shorter = format!("{}{}", &text[..at], &text[at + 1..]);
            prop_assert!(shorter.parse::<PaymentAddress>().is_err());
            let longer = format!("{}{other}{}", &text[..at], &text[at..]);
            prop_assert!(longer.parse::<PaymentAddress>().is_err());
            prop_assert!(text.to_uppercase().parse::<PaymentAddress>().is_err());
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text: String) {
            prop_assert!(text.parse::<PaymentAddress>().is_err());
            let prefixed = format!("{PREFIX}{text}");
            prop_assert!(prefixed.parse::<PaymentAddress>().is_err());
        }
    }

    #[test]
    fn a_right_checksum_does_not_save_a_wrong_body() {
        let body = address(1, false).body();
        assert!(text_of(&body).parse::<PaymentAddress>().is_ok());
        let mut kind = body;
        kind[0] = 2;
        let mut account = body;
        account[1..9].fill(0xff);
        let mut viewing = body;
        viewing[33..].fill(0);
        for wrong in [kind, account, viewing] {
            assert!(text_of(&wrong).parse::<PaymentAddress>().is_err());
        }
    }
}
