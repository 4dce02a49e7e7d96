//! Wallets over the real trees and blocks: what the wallet drafts, the rollup builder takes, and
//! what the block says, the wallet finds again at the same leaves.
#![allow(clippy::unwrap_used, reason = "a test")]

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rollup::block::Block;
use rollup::builder::{Pending, build};
use rollup::field::Digest;
use rollup::keys::AliasHash;
use rollup::note::NO_ASSET;
use rollup::shape::Shape;
use rollup::state::Deployment;
use rollup::transaction::{Address, ClientPublic};
use rollup::wallet::{Membership, PaymentAddress, ScanSlot, SeedPhrase, Wallet};
use rollup::witness::MerklePath;
use rollup::world::World;

const OUTSIDE: Address = Address([0, 0, 0, 0, 7]);

struct Chain {
    world: World,
    blocks: Vec<Block>,
}

impl Membership for Chain {
    fn data_root(&self) -> Digest {
        self.world.state().data_root
    }

    fn data_path(&self, leaf_index: u64) -> Result<MerklePath, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.world.data_path(&self.data_root(), leaf_index)?)
    }
}

impl Chain {
    fn new() -> Self {
        let deployment = Deployment { chain_id: 31_337, contract: OUTSIDE };
        Self { world: World::in_memory(deployment).unwrap(), blocks: Vec::new() }
    }

    fn roll_up(&mut self, sent: &[(ClientPublic, &[u8])]) {
        let pending: Vec<Pending> =
            sent.iter().map(|(public, payload)| Pending { public: *public, payload: payload.to_vec() }).collect();
        let fee_assets = [0, NO_ASSET, NO_ASSET, NO_ASSET];
        let plan = build(&self.world, Shape::new(3, 2).unwrap(), &pending, fee_assets, OUTSIDE).unwrap();
        self.world = plan.world;
        self.blocks.push(plan.block);
    }

    fn sync(&self, wallet: &mut Wallet) {
        for block in &self.blocks[wallet.next_rollup() as usize..] {
            let slots = block.transactions().map(|(slot, transaction)| ScanSlot {
                leaf_index: block.leaf_index(slot),
                public: &transaction.public,
                payload: &transaction.payload,
            });
            wallet.scan(block.rollup_id(), block.header().new.data_root, slots).unwrap();
        }
    }
}

#[test]
fn drafts_settle_through_real_rollups_and_wallets_rebuild_from_their_blocks() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut chain = Chain::new();
    let phrases = [(); 2].map(|()| SeedPhrase::generate(&mut rng));
    let [mut alice, mut bob] = phrases.each_ref().map(|phrase| Wallet::from_phrase(phrase, ""));
    let alias = AliasHash::of("alice").unwrap();

    // Four transactions fill one inner rollup and begin a second one.
    let deposits = [100, 40, 7].map(|amount| alice.draft(&chain, &mut rng).deposit(amount, 0, OUTSIDE, 1).unwrap());
    let create = alice.draft(&chain, &mut rng).create_account(alias).unwrap();
    let mut sent: Vec<_> = deposits.iter().map(|draft| (draft.witness.public, draft.payload.as_slice())).collect();
    sent.insert(1, (create.witness.public, &[]));
    chain.roll_up(&sent);
    chain.sync(&mut alice);
    assert_eq!((alice.balance(0).available(), alice.pending().count()), (144, 0));

    // Over the text of an address, with two inputs, beside a registered deposit.
    let to: PaymentAddress = bob.address(false).to_string().parse().unwrap();
    let send = alice.draft(&chain, &mut rng).send(&to, 130, 0, 2).unwrap();
    let deposit = alice.draft(&chain, &mut rng).deposit(50, 0, OUTSIDE, 0).unwrap();
    chain.roll_up(&[(send.witness.public, &send.payload), (deposit.witness.public, &deposit.payload)]);
    chain.sync(&mut alice);
    chain.sync(&mut bob);
    assert_eq!((alice.balance(0).available(), bob.balance(0).available()), (62, 130));

    // The registered note is spent and the account migrates, in one rollup.
    let withdraw = alice.draft(&chain, &mut rng).withdraw(OUTSIDE, 49, 0, 1).unwrap();
    assert!(withdraw.witness.authority.is_some());
    let migrate = alice.draft(&chain, &mut rng).migrate().unwrap();
    chain.roll_up(&[(withdraw.witness.public, &withdraw.payload), (migrate.witness.public, &[])]);
    chain.sync(&mut alice);
    let moved = alice.draft(&chain, &mut rng).move_notes(0, 1).unwrap();
    let sent: Vec<_> = moved.iter().map(|draft| (draft.witness.public, draft.payload.as_slice())).collect();
    chain.roll_up(&sent);
    chain.sync(&mut alice);
    assert_eq!((alice.current_account(), alice.balance(0).available()), (1, 11));

    let mut restored = Wallet::from_phrase(&phrases[0], "").with_alias(alias);
    chain.sync(&mut restored);
    assert_eq!(restored.balances(), alice.balances());
    assert!(restored.notes().eq(alice.notes()));
}
