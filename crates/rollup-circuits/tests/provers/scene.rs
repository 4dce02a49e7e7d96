//! Two transactions and the rollup of them, with every input and need of its proofs.

use std::sync::Arc;

use proving::context::ProveContext;
use proving::error::ProveError;
use proving::prover::{Proof, Prover};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rollup::builder::{Pending, RollupPlan, build};
use rollup::field::Digest;
use rollup::keys::AliasHash;
use rollup::note::NO_ASSET;
use rollup::shape::Shape;
use rollup::state::Deployment;
use rollup::transaction::Address;
use rollup::wallet::{Membership, SeedPhrase, Wallet};
use rollup::witness::MerklePath;
use rollup::world::World;
use rollup_circuits::family::Family;
use rollup_circuits::id::CircuitId;
use rollup_circuits::provers::CircuitProver;
use rollup_circuits::settings::Settings;
use rollup_circuits::witness_file::Witness;

const OUTSIDE: Address = Address([0, 0, 0, 0, 7]);

struct At<'a>(&'a World);

impl Membership for At<'_> {
    fn data_root(&self) -> Digest {
        self.0.state().data_root
    }

    fn data_path(&self, leaf_index: u64) -> Result<MerklePath, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.data_path(&self.data_root(), leaf_index)?)
    }
}

/// A family with a rollup of one deposit and one new account.
pub(crate) struct Scene {
    pub(crate) family: Arc<Family>,
    pub(crate) plan: RollupPlan,
    pub(crate) deposit: Witness,
    pub(crate) create: Witness,
}

impl Scene {
    /// Proverless: in every respect but the proof itself as the real thing.
    pub(crate) fn new(seed: u64) -> Self {
        let family = Family::new(Settings::proverless(Shape::new(3, 2).unwrap()), Arc::new(|_| ()));
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let world = World::in_memory(Deployment { chain_id: 31_337, contract: OUTSIDE }).unwrap();
        let mut wallet = Wallet::from_phrase(&SeedPhrase::generate(&mut rng), "");
        let deposit = wallet.draft(&At(&world), &mut rng).deposit(100, 0, OUTSIDE, 1).unwrap();
        let create = wallet.draft(&At(&world), &mut rng).create_account(AliasHash::of("anna").unwrap()).unwrap();
        let pending = [
            Pending { public: deposit.witness.public, payload: deposit.payload },
            Pending { public: create.witness.public, payload: create.payload },
        ];
        let fee_assets = [0, NO_ASSET, NO_ASSET, NO_ASSET];
        let plan = build(&world, family.settings().shape, &pending, fee_assets, OUTSIDE).unwrap();
        Self {
            family: Arc::new(family),
            plan,
            deposit: Witness::JoinSplit(Box::new(deposit.witness)),
            create: Witness::Account(Box::new(create.witness)),
        }
    }

    pub(crate) fn prover(&self, circuit: CircuitId) -> CircuitProver {
        CircuitProver::new(self.family.clone(), circuit)
    }

    pub(crate) fn prove(&self, circuit: CircuitId, input: &[u8], needs: &[&[u8]]) -> Result<Proof, ProveError> {
        self.prover(circuit).prove(input, needs, &ProveContext::default())
    }

    /// The proof of a client witness.
    pub(crate) fn client(&self, witness: &Witness) -> Vec<u8> {
        self.prove(witness.circuit(), &witness.to_bytes(), &[]).unwrap().into_bytes()
    }

    /// The wrapped proof of a client witness.
    pub(crate) fn wrapped(&self, witness: &Witness) -> Vec<u8> {
        self.prove(CircuitId::Wrap, &[], &[&self.client(witness)]).unwrap().into_bytes()
    }

    pub(crate) fn inner_input(&self) -> Vec<u8> {
        Witness::Inner(Box::new(self.plan.inners[0].clone())).to_bytes()
    }

    pub(crate) fn inner(&self) -> Vec<u8> {
        let needs = [self.wrapped(&self.deposit), self.wrapped(&self.create)];
        self.prove(CircuitId::Inner, &self.inner_input(), &[&needs[0], &needs[1]]).unwrap().into_bytes()
    }

    pub(crate) fn outer_input(&self) -> Vec<u8> {
        Witness::Outer(Box::new(self.plan.outer.clone())).to_bytes()
    }

    pub(crate) fn outer(&self) -> Vec<u8> {
        self.prove(CircuitId::Outer, &self.outer_input(), &[&self.inner()]).unwrap().into_bytes()
    }
}
