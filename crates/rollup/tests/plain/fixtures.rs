//! Worlds and transactions to test with. The transactions are random and carry no proof.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rollup::builder::Pending;
use rollup::field::Digest;
use rollup::note::NO_ASSET;
use rollup::payload::Payload;
use rollup::shape::Shape;
use rollup::state::Deployment;
use rollup::transaction::{Address, ClientPublic, TxType};
use rollup::tree::{DiskStore, MemoryStore, NodeStore};
use rollup::world::World;
use tempfile::TempDir;

pub(crate) const DEPLOYMENT: Deployment = Deployment { chain_id: 31_337, contract: Address([1, 2, 3, 4, 5]) };
pub(crate) const BENEFICIARY: Address = Address([9, 8, 7, 6, 5]);
pub(crate) const FEE_ASSETS: [u32; 4] = [0, 7, NO_ASSET, NO_ASSET];

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub(crate) fn shape(inner: usize, outer: usize) -> Shape {
    Shape::new(inner, outer).unwrap()
}

/// A store of either kind; the folder lives as long as the store.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn NodeStore>,
    pub(crate) _folder: Option<TempDir>,
}

/// One of each kind of store, empty.
pub(crate) fn stores() -> [Opened; 2] {
    let folder = TempDir::new().unwrap();
    let disk = DiskStore::open(&folder.path().join("trees")).unwrap();
    [
        Opened { store: Arc::new(MemoryStore::default()), _folder: None },
        Opened { store: Arc::new(disk), _folder: Some(folder) },
    ]
}

pub(crate) fn world() -> World {
    World::in_memory(DEPLOYMENT).unwrap()
}

/// A transaction that any rollup after `data_root` takes.
pub(crate) fn transaction(rng: &mut ChaCha20Rng, data_root: Digest) -> Pending {
    let tx_type = TxType::ALL[rng.random_range(1..TxType::ALL.len())];
    let mut public = ClientPublic {
        tx_type,
        commitments: [Digest::random(rng), Digest::random(rng)],
        nullifiers: [Digest::random(rng), Digest::random(rng)],
        data_root,
        ..ClientPublic::default()
    };
    if matches!(tx_type, TxType::Deposit | TxType::Withdraw) {
        public.public_amount = rng.random_range(1..1 << 62);
        public.public_owner = Address(rng.random());
        public.public_asset = 7;
    }
    let mut payload = Vec::new();
    if tx_type == TxType::Account {
        public.commitments[rng.random_range(0..2)] = Digest::ZERO;
    } else {
        payload = (0..Payload::LEN).map(|_| rng.random()).collect();
        public.payload_digest = Payload::decode(&payload).unwrap().digest();
        public.fee = rng.random_range(0..1 << 48);
        public.fee_asset = FEE_ASSETS[rng.random_range(0..2)];
    }
    Pending { public, payload }
}

pub(crate) fn transactions(rng: &mut ChaCha20Rng, data_root: Digest, count: usize) -> Vec<Pending> {
    (0..count).map(|_| transaction(rng, data_root)).collect()
}

/// What the transactions publish, slot by slot.
pub(crate) fn slots(pending: &[Pending]) -> Vec<ClientPublic> {
    pending.iter().map(|pending| pending.public).collect()
}
