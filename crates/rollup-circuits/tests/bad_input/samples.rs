//! Good bytes of every format, and how each is read.

use std::sync::Arc;

use proving::context::ProveContext;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rollup::block::Block;
use rollup::builder::{Pending, RollupPlan, build};
use rollup::field::Digest;
use rollup::keys::AliasHash;
use rollup::note::NO_ASSET;
use rollup::shape::Shape;
use rollup::state::Deployment;
use rollup::transaction::Address;
use rollup::wallet::{Membership, ScanSlot, SeedPhrase, Wallet};
use rollup::witness::MerklePath;
use rollup::world::World;
use rollup_circuits::ChildProof;
use rollup_circuits::family::Family;
use rollup_circuits::id::CircuitId;
use rollup_circuits::proof_file;
use rollup_circuits::settings::Settings;
use rollup_circuits::verification_key::VerificationKey;
use rollup_circuits::witness_file::Witness;

const OUTSIDE: Address = Address([0, 0, 0, 0, 7]);
const FEE_ASSETS: [u32; 4] = [0, NO_ASSET, NO_ASSET, NO_ASSET];

/// Reads untrusted bytes; where they are good, gives how what was read is written.
type Read = Box<dyn Fn(&[u8]) -> Result<Vec<u8>, String>>;

/// A parser with something that it takes.
pub(crate) struct Parser {
    pub(crate) name: &'static str,
    pub(crate) good: Vec<u8>,
    pub(crate) read: Read,
    /// Whether one content has one encoding.
    pub(crate) canonical: bool,
}

impl Parser {
    fn new(
        name: &'static str,
        good: Vec<u8>,
        canonical: bool,
        read: impl Fn(&[u8]) -> Result<Vec<u8>, String> + 'static,
    ) -> Self {
        Self { name, good, canonical, read: Box::new(read) }
    }
}

struct At<'a>(&'a World);

impl Membership for At<'_> {
    fn data_root(&self) -> Digest {
        self.0.state().data_root
    }

    fn data_path(&self, leaf_index: u64) -> Result<MerklePath, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.data_path(&self.data_root(), leaf_index)?)
    }
}

/// Witnesses of every circuit that takes one, and the rollup that they are of.
pub(crate) struct Drafted {
    pub(crate) witnesses: Vec<Witness>,
    pub(crate) plan: RollupPlan,
}

/// A wallet that registers and deposits, then pays a registered note and adds a key.
pub(crate) fn drafted() -> Drafted {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let deployment = Deployment { chain_id: 31_337, contract: OUTSIDE };
    let mut world = World::in_memory(deployment).unwrap();
    let mut wallet = Wallet::from_phrase(&SeedPhrase::generate(&mut rng), "");
    let shape = Shape::new(3, 2).unwrap();
    for round in 0..2 {
        let mut drafts = Vec::new();
        if round == 0 {
            let create = wallet.draft(&At(&world), &mut rng).create_account(AliasHash::of("anna").unwrap()).unwrap();
            drafts.push((create.witness.public, create.payload));
        } else {
            let deposit = wallet.draft(&At(&world), &mut rng).deposit(50, 0, OUTSIDE, 1).unwrap();
            drafts.push((deposit.witness.public, deposit.payload));
        }
        let pending: Vec<_> = drafts.into_iter().map(|(public, payload)| Pending { public, payload }).collect();
        let plan = build(&world, shape, &pending, FEE_ASSETS, OUTSIDE).unwrap();
        world = plan.world;
        let slots = plan.block.transactions().map(|(slot, transaction)| ScanSlot {
            leaf_index: plan.block.leaf_index(slot),
            public: &transaction.public,
            payload: &transaction.payload,
        });
        wallet.scan(round, plan.block.header().new.data_root, slots).unwrap();
    }
    let payee = wallet.address(true);
    let send = wallet.draft(&At(&world), &mut rng).send(&payee, 20, 0, 2).unwrap();
    assert!(send.witness.authority.is_some());
    let key = wallet.fresh_spending_key(0);
    let add = wallet.draft(&At(&world), &mut rng).add_keys([Some(key), None]).unwrap();
    let pending = [
        Pending { public: send.witness.public, payload: send.payload },
        Pending { public: add.witness.public, payload: Vec::new() },
    ];
    let plan = build(&world, shape, &pending, FEE_ASSETS, OUTSIDE).unwrap();
    let witnesses = vec![
        Witness::JoinSplit(Box::new(send.witness)),
        Witness::Account(Box::new(add.witness)),
        Witness::Inner(Box::new(plan.inners[0].clone())),
        Witness::Outer(Box::new(plan.outer.clone())),
    ];
    Drafted { witnesses, plan }
}

/// A proof of the cheapest circuit with its key.
pub(crate) struct Proved {
    pub(crate) proof: ChildProof,
    pub(crate) key: VerificationKey,
    pub(crate) file: Vec<u8>,
}

/// A real proof, or a mock, of the padding circuit.
pub(crate) fn padding(real: bool) -> Proved {
    let shape = Shape::new(3, 2).unwrap();
    let settings = if real { Settings::new(shape) } else { Settings::proverless(shape) };
    let family = Family::new(settings, Arc::new(|_| ()));
    let proof = family.prove_padding(&ProveContext::default()).unwrap();
    let key = family.verification_key(CircuitId::Padding).unwrap().as_ref().clone();
    Proved { file: proof_file::seal(&proof, &key), proof, key }
}

/// Every parser of files; proofs and keys of both modes.
pub(crate) fn file_parsers() -> Vec<Parser> {
    let mut parsers: Vec<Parser> = drafted()
        .witnesses
        .iter()
        .map(|witness| {
            let name = witness.circuit().name();
            Parser::new(name, witness.to_bytes(), false, |bytes| {
                let read = Witness::from_bytes(bytes).map_err(|error| error.to_string())?;
                assert!(Witness::from_bytes(&read.to_bytes()).unwrap() == read);
                Ok(read.to_bytes())
            })
        })
        .collect();
    for (real, proof, key) in [(true, "proof", "key"), (false, "mock proof", "mock key")] {
        let made = padding(real);
        parsers.push(key_parser(key, &made.key));
        parsers.push(Parser::new(proof, made.file, false, move |bytes| {
            let file = proof_file::open(bytes).map_err(|error| error.to_string())?;
            if let Err(error) = file.claimed_public_inputs() {
                crate::faults::clear(&error.to_string());
            }
            let proof = file.read(&made.key).map_err(|error| error.to_string())?;
            Ok(proof_file::seal(&proof, &made.key))
        }));
    }
    parsers
}

/// The parser of verification keys, with a key.
pub(crate) fn key_parser(name: &'static str, key: &VerificationKey) -> Parser {
    Parser::new(name, key.to_bytes(), true, |bytes| {
        VerificationKey::from_bytes(bytes).map(|key| key.to_bytes()).map_err(|error| error.to_string())
    })
}

/// The parser of blocks, which have no envelope.
pub(crate) fn block_parser() -> Parser {
    Parser::new("block", drafted().plan.block.encode(), true, |bytes| {
        Block::decode(bytes).map(|block| block.encode()).map_err(|error| error.to_string())
    })
}
