//! Wallets against a toy chain: a list of leaves that checks in plain code what circuits will.

mod accounts;
mod payments;
mod random;
mod toy_chain;

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use self::toy_chain::ToyChain;
use crate::field::Digest;
use crate::keys::{AliasHash, Secret};
use crate::transaction::Address;
use crate::wallet::{Wallet, WalletKeys};

const OUTSIDE: Address = Address([1, 2, 3, 4, 5]);

/// Keys without the slow way from a phrase.
fn keys(wallet: u8) -> WalletKeys {
    WalletKeys::from_seed([wallet; 64])
}

/// A chain, a wallet and a source of randomness; the wallet has scanned the chain.
struct Scene {
    chain: ToyChain,
    wallet: Wallet,
    rng: ChaCha20Rng,
}

impl Scene {
    fn new() -> Self {
        Self { chain: ToyChain::new(), wallet: Wallet::new(keys(1)), rng: ChaCha20Rng::seed_from_u64(1) }
    }

    /// A scene whose wallet holds one unregistered note of asset 0 for each amount.
    fn with_notes(amounts: &[u64]) -> Self {
        let mut scene = Self::new();
        amounts.iter().for_each(|amount| scene.deposit(*amount));
        scene
    }

    fn deposit(&mut self, amount: u64) {
        let draft = self.wallet.draft(&self.chain, &mut self.rng).deposit(amount, 0, OUTSIDE, 0).unwrap();
        self.chain.settle([draft.into()]);
        self.sync();
    }

    fn register(&mut self, alias: AliasHash) {
        let draft = self.wallet.draft(&self.chain, &mut self.rng).create_account(alias).unwrap();
        self.chain.settle([draft.into()]);
        self.sync();
    }

    fn migrate(&mut self) {
        let draft = self.wallet.draft(&self.chain, &mut self.rng).migrate().unwrap();
        self.chain.settle([draft.into()]);
        self.sync();
    }

    fn sync(&mut self) {
        self.chain.sync(&mut self.wallet);
    }

    fn available(&self) -> u128 {
        self.wallet.balance(0).available()
    }
}

fn alias(name: &str) -> AliasHash {
    AliasHash::of(name).unwrap()
}

fn stranger() -> Secret {
    Secret::new(Digest::from_limbs([9, 9, 9, 9]).unwrap())
}
