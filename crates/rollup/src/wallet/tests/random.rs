//! Random wallets over many blocks agree with plain sums, and so do wallets rebuilt from the blocks.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::toy_chain::Sent;
use super::*;
use crate::wallet::{SeedPhrase, WalletError};

const WALLETS: usize = 2;

/// Something that one wallet tries; what it cannot do it refuses, which is fine too.
#[derive(Debug, Clone)]
enum Step {
    Deposit { amount: u64, asset: u32, fee: u64 },
    Send { to: usize, amount: u64, asset: u32, fee: u64 },
    Withdraw { amount: u64, asset: u32, fee: u64 },
    Merge { asset: u32, fee: u64 },
    Move { asset: u32, fee: u64 },
    Register,
    AddKey,
    Migrate,
    ReleaseAll,
}

fn step() -> impl Strategy<Value = Step> {
    let value = || (1..60_u64, 0..2_u32, 0..3_u64);
    prop_oneof![
        3 => value().prop_map(|(amount, asset, fee)| Step::Deposit { amount: 2 * amount, asset, fee }),
        4 => (0..WALLETS, value()).prop_map(|(to, (amount, asset, fee))| Step::Send { to, amount, asset, fee }),
        2 => value().prop_map(|(amount, asset, fee)| Step::Withdraw { amount, asset, fee }),
        2 => (0..2_u32, 0..3_u64).prop_map(|(asset, fee)| Step::Merge { asset, fee }),
        2 => (0..2_u32, 0..3_u64).prop_map(|(asset, fee)| Step::Move { asset, fee }),
        1 => Just(Step::Register),
        1 => Just(Step::AddKey),
        1 => Just(Step::Migrate),
        1 => Just(Step::ReleaseAll),
    ]
}

/// What the wallets should hold, by wallet and asset.
type Sums = BTreeMap<(usize, u32), u128>;

struct World {
    chain: ToyChain,
    wallets: Vec<Wallet>,
    rng: ChaCha20Rng,
    sums: Sums,
}

impl World {
    /// Drafts what a step says; the sums follow only when it was possible.
    fn act(&mut self, who: usize, step: &Step) -> Result<Vec<Sent>, WalletError> {
        let to = match step {
            Step::Send { to, .. } => Some(self.wallets[*to].address(self.wallets[*to].has_authority())),
            _ => None,
        };
        let fresh = self.wallets[who].fresh_spending_key(0);
        let mut draft = self.wallets[who].draft(&self.chain, &mut self.rng);
        let (sent, changes): (Vec<Sent>, Vec<(usize, u32, i128)>) = match *step {
            Step::Deposit { amount, asset, fee } => {
                let drafted = draft.deposit(amount, asset, OUTSIDE, fee)?;
                (vec![drafted.into()], vec![(who, asset, i128::from(amount) - i128::from(fee))])
            }
            Step::Send { to: whom, amount, asset, fee } => {
                let drafted = draft.send(&to.unwrap(), amount, asset, fee)?;
                let (amount, fee) = (i128::from(amount), i128::from(fee));
                (vec![drafted.into()], vec![(who, asset, -amount - fee), (whom, asset, amount)])
            }
            Step::Withdraw { amount, asset, fee } => {
                let drafted = draft.withdraw(OUTSIDE, amount, asset, fee)?;
                (vec![drafted.into()], vec![(who, asset, -i128::from(amount) - i128::from(fee))])
            }
            Step::Merge { asset, fee } => (vec![draft.merge(asset, fee)?.into()], vec![(who, asset, -i128::from(fee))]),
            Step::Move { asset, fee } => {
                let drafts = draft.move_notes(asset, fee)?;
                let paid = i128::from(fee) * drafts.len() as i128;
                (drafts.into_iter().map(Into::into).collect(), vec![(who, asset, -paid)])
            }
            Step::Register => (vec![draft.create_account(alias(&format!("wallet-{who}")))?.into()], vec![]),
            Step::AddKey => (vec![draft.add_keys([None, Some(fresh)])?.into()], vec![]),
            Step::Migrate => (vec![draft.migrate()?.into()], vec![]),
            Step::ReleaseAll => (vec![], vec![]),
        };
        for (whose, asset, change) in changes {
            let sum = self.sums.entry((whose, asset)).or_default();
            *sum = sum.checked_add_signed(change).expect("a wallet never spends more than it has");
        }
        Ok(sent)
    }

    fn held(&self) -> Sums {
        let of = |(who, wallet): (usize, &Wallet)| {
            wallet.balances().into_iter().map(move |(asset, balance)| ((who, asset), balance.total)).collect::<Vec<_>>()
        };
        self.wallets.iter().enumerate().flat_map(of).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn wallets_and_wallets_rebuilt_from_blocks_hold_what_sums_say(
        blocks in proptest::collection::vec(proptest::collection::vec((0..WALLETS, step()), 1..8), 1..24),
        seed: u64,
    ) {
        let wallets = (0..WALLETS).map(|who| Wallet::new(keys(who as u8))).collect();
        let rng = ChaCha20Rng::seed_from_u64(seed);
        let mut world = World { chain: ToyChain::new(), wallets, rng, sums: Sums::new() };
        for steps in &blocks {
            let mut sent = Vec::new();
            for (who, step) in steps {
                if matches!(step, Step::ReleaseAll) {
                    // A draft that never reached anybody; the sums do not know of it.
                    let unsent = world.wallets[*who].draft(&world.chain, &mut world.rng).deposit(1, 0, OUTSIDE, 0).unwrap();
                    prop_assert!(world.wallets[*who].release(&unsent.witness.public.nullifiers[0]));
                }
                sent.extend(world.act(*who, step).unwrap_or_default());
            }
            world.chain.settle(sent);
            for wallet in &mut world.wallets {
                world.chain.sync(wallet);
                prop_assert_eq!(wallet.pending().count(), 0);
            }
            world.sums.retain(|_, sum| *sum > 0);
            prop_assert_eq!(&world.held(), &world.sums);
        }
        for (who, wallet) in world.wallets.iter().enumerate() {
            let mut restored = Wallet::new(keys(who as u8));
            world.chain.sync(&mut restored);
            let totals = |wallet: &Wallet| wallet.balances().into_iter().map(|(asset, b)| (asset, b.total)).collect::<Vec<_>>();
            prop_assert_eq!(totals(&restored), totals(wallet));
            prop_assert!(restored.notes().eq(wallet.notes()));
            prop_assert_eq!(restored.account_key(), wallet.account_key());
            if let Some(alias) = wallet.alias() {
                restored.set_alias(alias);
            }
            prop_assert_eq!(restored.balances(), wallet.balances());
            prop_assert_eq!(restored.has_authority(), wallet.has_authority());
        }
    }
}

#[test]
fn a_phrase_alone_brings_the_balance_back() {
    let mut scene = Scene::new();
    let phrase = SeedPhrase::generate(&mut scene.rng);
    scene.wallet = Wallet::from_phrase(&phrase, "and more");
    scene.deposit(100);
    let words = phrase.reveal();
    for (passphrase, balance) in [("and more", 100), ("and mere", 0), ("", 0)] {
        let mut restored = Wallet::from_phrase(&SeedPhrase::parse(&words).unwrap(), passphrase);
        scene.chain.sync(&mut restored);
        assert_eq!(restored.balance(0).total, balance);
    }
}
