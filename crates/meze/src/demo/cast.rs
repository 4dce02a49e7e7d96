//! Who plays: people with a seed phrase, an alias, a wallet and an address on the chain.

use rand::RngExt;
use rand_chacha::ChaCha20Rng;
use rollup::keys::AliasHash;
use rollup::transaction::{Address, TxType};
use rollup::wallet::{SeedPhrase, Wallet, WalletError};

const NAMES: [&str; 8] = ["ada", "bela", "cleo", "dora", "ezra", "finn", "gita", "hugo"];

/// What a person's account does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Create,
    AddKey,
    Migrate,
}

/// Somebody with a wallet.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) alias: AliasHash,
    pub(crate) phrase: SeedPhrase,
    pub(crate) wallet: Wallet,
    /// Where deposits come from and withdrawals go to.
    pub(crate) outside: Address,
    pub(crate) next: Next,
}

/// As many people as there are account transactions for: each registers, adds a key and migrates. At
/// least two, so that somebody can be paid.
pub(crate) fn cast(rng: &mut ChaCha20Rng, account_transactions: usize) -> Result<Vec<Person>, WalletError> {
    let count = account_transactions.div_ceil(3).clamp(2, NAMES.len());
    let person = |name: &'static str| {
        let phrase = SeedPhrase::generate(rng);
        let wallet = Wallet::from_phrase(&phrase, "");
        Ok(Person {
            name,
            alias: AliasHash::of(name)?,
            phrase,
            wallet,
            outside: Address(rng.random()),
            next: Next::Create,
        })
    };
    NAMES.into_iter().take(count).map(person).collect()
}

impl Person {
    /// The wallet as its owner gets it back from the phrase and the alias, before any block.
    pub(crate) fn rebuilt(&self) -> Wallet {
        Wallet::from_phrase(&self.phrase, "").with_alias(self.alias)
    }

    /// Whether an account transaction of theirs is under way.
    pub(crate) fn account_pending(&self) -> bool {
        self.wallet.pending().any(|pending| pending.public.tx_type == TxType::Account)
    }
}
