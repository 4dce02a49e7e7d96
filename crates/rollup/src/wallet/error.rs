//! What can go wrong in a wallet, each said so that its owner knows what to do.

use crate::note::{AMOUNT_BITS, ASSET_BITS, FEE_BITS};
use crate::payload::PayloadError;

/// Why the wallet refuses. No message ever contains a secret.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// The words are no BIP-39 phrase. Which of them is wrong stays unsaid: the text may be logged.
    #[error("not a seed phrase: enter the 12, 15, 18, 21 or 24 English words in the order they were written down")]
    Phrase,
    /// The text is no payment address.
    #[error("not a payment address ({0}): copy it again from whoever wants to be paid")]
    Address(&'static str),
    /// The alias has characters or a length that aliases do not have.
    #[error("not an alias: use 1 to 32 of the letters a to z, digits, '-', '_' and '.'")]
    Alias,
    /// A field is wider than the protocol allows.
    #[error("{field} {value} is too large: it must be below 2^{bits}")]
    TooLarge {
        /// Which field.
        field: &'static str,
        /// Its value.
        value: u64,
        /// What it may take.
        bits: usize,
    },
    /// Nothing would move.
    #[error("the amount must not be 0")]
    ZeroAmount,
    /// A deposit or withdrawal names nobody.
    #[error("the address on the chain must not be 0")]
    ZeroAddress,
    /// The fee takes all that is deposited or merged, and more.
    #[error("the fee of {fee} is more than the {amount} that it is taken from")]
    FeeTooLarge {
        /// The fee.
        fee: u64,
        /// What it is taken from.
        amount: u64,
    },
    /// There is not enough.
    #[error("{needed} of asset {asset} are needed (with the fee), {available} are available")]
    Insufficient {
        /// The asset.
        asset: u32,
        /// Amount and fee.
        needed: u64,
        /// What unlocked notes that this wallet can spend hold together.
        available: u128,
    },
    /// There is enough, but not in two notes that can be spent together.
    #[error(
        "{needed} of asset {asset} are needed (with the fee); of the {available} that are available one transaction \
         can spend {together}, two notes of one kind: merge or move notes first"
    )]
    MergeFirst {
        /// The asset.
        asset: u32,
        /// Amount and fee.
        needed: u64,
        /// What unlocked notes that this wallet can spend hold together.
        available: u128,
        /// The most that two of them of one kind hold.
        together: u128,
    },
    /// There are no two notes that one transaction can merge.
    #[error("no two notes of asset {asset} can be merged into one")]
    NothingToMerge {
        /// The asset.
        asset: u32,
    },
    /// The account has an alias already.
    #[error("this account is registered already: add keys to it or migrate it")]
    AlreadyRegistered,
    /// A transaction that changes the account has not settled yet.
    #[error("a transaction that registers or migrates this account is pending: wait until it settles, or release it")]
    AccountPending,
    /// No account note is known that a key of this wallet could use.
    #[error("no registered spending key is known for this account: register it, or tell the wallet its alias")]
    NoAuthority,
    /// No spending key was given.
    #[error("name at least one spending key to add")]
    NoKeys,
    /// A block out of order.
    #[error("rollup {found} does not follow: the wallet needs rollup {expected} next")]
    OutOfOrder {
        /// The wallet's next rollup.
        expected: u32,
        /// The rollup that was given.
        found: u32,
    },
    /// A block's payload is not what its transaction names; the block is not valid.
    #[error("the payload beside data leaf {leaf_index} is not the transaction's")]
    Payload {
        /// The transaction's first data leaf.
        leaf_index: u64,
        /// What is wrong with it.
        #[source]
        source: PayloadError,
    },
    /// The source of Merkle paths failed.
    #[error("there is no path for data leaf {leaf_index}")]
    Membership {
        /// The leaf.
        leaf_index: u64,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A Merkle path leads elsewhere; a proof made with it could only fail.
    #[error("the path of data leaf {leaf_index} does not lead to the data root: synchronise again")]
    WrongPath {
        /// The leaf.
        leaf_index: u64,
    },
}

/// Refuses a note or public amount of 2^62 or more.
pub(super) fn check_amount(value: u64) -> Result<(), WalletError> {
    fits("amount", value, AMOUNT_BITS)
}

/// Refuses a fee of 2^48 or more.
pub(super) fn check_fee(value: u64) -> Result<(), WalletError> {
    fits("fee", value, FEE_BITS)
}

/// Refuses an asset id of 2^30 or more.
pub(super) fn check_asset(value: u32) -> Result<(), WalletError> {
    fits("asset", u64::from(value), ASSET_BITS)
}

fn fits(field: &'static str, value: u64, bits: usize) -> Result<(), WalletError> {
    if value >> bits == 0 { Ok(()) } else { Err(WalletError::TooLarge { field, value, bits }) }
}
