//! Proving: one function a circuit. In proverless mode each checks every constraint and gives a mock.

use plonky2::iop::witness::PartialWitness;
use proving::context::ProveContext;
use proving::error::{ProveError, VerifyError};
use rollup::public::{InnerPublic, RollupPublic};
use rollup::witness::{AccountWitness, InnerWitness, JoinSplitWitness, OuterWitness};

use super::{EMPTY_SLOT, Family, Ready};
use crate::client::account::AccountValues;
use crate::client::join_split::JoinSplitValues;
use crate::id::CircuitId;
use crate::inner::values::InnerValues;
use crate::outer::{OuterValues, new_roots_root};
use crate::plonk::F;
use crate::recursion::ChildProof;
use crate::root_verifier::RootValues;
use crate::verification_key::{KeyMaterial, VerificationKey};
use crate::wrap::WrapValues;

type Proved = Result<ChildProof, ProveError>;

impl Family {
    /// Proves a deposit, send or withdrawal.
    ///
    /// # Errors
    /// As [`proving::prover::Prover::prove`].
    pub fn prove_join_split(&self, witness: &JoinSplitWitness, context: &ProveContext) -> Proved {
        let ready = self.join_split()?;
        let values = JoinSplitValues::of(witness);
        self.run(CircuitId::JoinSplit, &ready, context, |targets, pw| targets.assign(pw, &values))
    }

    /// Proves an account transaction.
    ///
    /// # Errors
    /// As [`proving::prover::Prover::prove`].
    pub fn prove_account(&self, witness: &AccountWitness, context: &ProveContext) -> Proved {
        let ready = self.account()?;
        let values = AccountValues::of(witness);
        self.run(CircuitId::Account, &ready, context, |targets, pw| targets.assign(pw, &values))
    }

    /// Proves an empty slot.
    ///
    /// # Errors
    /// As [`proving::prover::Prover::prove`].
    pub fn prove_padding(&self, context: &ProveContext) -> Proved {
        let ready = self.padding()?;
        self.run(CircuitId::Padding, &ready, context, |targets, pw| targets.assign(pw, &EMPTY_SLOT))
    }

    /// Wraps a proof of the client circuit `client`.
    ///
    /// # Errors
    /// As [`proving::prover::Prover::prove`].
    pub fn prove_wrap(&self, client: CircuitId, proof: ChildProof, context: &ProveContext) -> Proved {
        let position = CircuitId::CLIENTS
            .iter()
            .position(|circuit| *circuit == client)
            .ok_or_else(|| ProveError::invalid_input(format!("a wrap takes a client proof, not one of {client}")))?;
        self.check_child(client, &proof, "the client proof")?;
        let ready = self.wrap()?;
        let clients = self.client_keys()?;
        let values = WrapValues::of(position, clients.as_ref(), proof);
        self.run(CircuitId::Wrap, &ready, context, |targets, pw| targets.assign(pw, &values))
    }

    /// Proves an inner rollup over the wrapped proofs of its real slots, in order.
    ///
    /// # Errors
    /// As [`proving::prover::Prover::prove`].
    pub fn prove_inner(&self, witness: &InnerWitness, wrapped: Vec<ChildProof>, context: &ProveContext) -> Proved {
        let slots = self.settings.shape.inner();
        let real = witness.slots.iter().flatten().count();
        if witness.slots.len() != slots || wrapped.len() != real {
            return Err(ProveError::invalid_input(format!(
                "an inner rollup of {slots} slots takes as many slots and a proof for each real one; here are {} slots, \
                 {real} of them real, and {} proofs",
                witness.slots.len(),
                wrapped.len()
            )));
        }
        let padding = self.wrapped_padding()?;
        let mut proofs = wrapped.into_iter();
        let mut children = Vec::with_capacity(slots);
        for (index, slot) in witness.slots.iter().enumerate() {
            context.step("check", index as u64, slots as u64)?;
            let Some((slot, proof)) = slot.as_ref().and_then(|slot| Some((slot, proofs.next()?))) else {
                children.push(padding.as_ref().clone());
                continue;
            };
            let what = format!("the proof of slot {index}");
            self.check_child(CircuitId::Wrap, &proof, &what)?;
            if proof.public_inputs() != slot.public.limbs() {
                return Err(ProveError::invalid_input(format!("{what} is of another transaction than the witness")));
            }
            children.push(proof);
        }
        let public = InnerPublic::expected(witness).limbs().to_vec();
        let values = InnerValues::of(witness, public, children);
        let ready = self.inner()?;
        self.run(CircuitId::Inner, &ready, context, |targets, pw| targets.assign(pw, &values))
    }

    /// Proves a rollup over its real inner proofs, in order.
    ///
    /// # Errors
    /// As [`proving::prover::Prover::prove`].
    pub fn prove_outer(&self, witness: &OuterWitness, inners: Vec<ChildProof>, context: &ProveContext) -> Proved {
        let shape = self.settings.shape;
        if inners.is_empty() || inners.len() != witness.real || inners.len() > shape.outer() {
            return Err(ProveError::invalid_input(format!(
                "a rollup of up to {} inner rollups takes a proof for each real one; the witness has {} and here are {}",
                shape.outer(),
                witness.real,
                inners.len()
            )));
        }
        let mut publics = Vec::with_capacity(inners.len());
        for (index, proof) in inners.iter().enumerate() {
            context.step("check", index as u64, inners.len() as u64)?;
            let what = format!("inner proof {index}");
            self.check_child(CircuitId::Inner, proof, &what)?;
            let public = InnerPublic::from_limbs(proof.public_inputs())
                .map_err(|error| ProveError::invalid_input(format!("{what}: {error}")))?;
            publics.push(public);
        }
        let public = RollupPublic::expected(witness, &publics, shape).limbs().to_vec();
        let new_root = new_roots_root(witness, &publics);
        let values = OuterValues::of(witness, new_root, public, inners, shape.outer())
            .map_err(|error| ProveError::invalid_input(error.to_string()))?;
        let ready = self.outer()?;
        self.run(CircuitId::Outer, &ready, context, |targets, pw| targets.assign(pw, &values))
    }

    /// Proves an outer proof once more.
    ///
    /// # Errors
    /// As [`proving::prover::Prover::prove`].
    pub fn prove_root(&self, outer: ChildProof, context: &ProveContext) -> Proved {
        self.check_child(CircuitId::Outer, &outer, "the outer proof")?;
        let values = RootValues { public: outer.public_inputs().to_vec(), child: outer };
        let ready = self.root()?;
        self.run(CircuitId::RootVerifier, &ready, context, |targets, pw| targets.assign(pw, &values))
    }

    /// Verifies a proof of `circuit` under the family's own key.
    ///
    /// # Errors
    /// It does not hold.
    pub fn verify(&self, circuit: CircuitId, proof: &ChildProof) -> Result<(), VerifyError> {
        let key = self.verification_key(circuit).map_err(|error| VerifyError::new("key", error.to_string()))?;
        self.verify_as(&key, proof)
    }

    pub(super) fn verify_as(&self, key: &VerificationKey, proof: &ChildProof) -> Result<(), VerifyError> {
        crate::verify::check_proof(key, proof, self.settings.is_mock())
    }

    fn check_child(&self, circuit: CircuitId, proof: &ChildProof, what: &str) -> Result<(), ProveError> {
        let key = self.verification_key(circuit)?;
        self.verify_as(&key, proof).map_err(|error| ProveError::invalid_input(format!("{what} does not hold: {error}")))
    }

    /// Proves, or in proverless mode checks every constraint; a proof that does not verify never leaves.
    fn run<T>(
        &self,
        circuit: CircuitId,
        ready: &Ready<T>,
        context: &ProveContext,
        assign: impl FnOnce(&T, &mut PartialWitness<F>) -> anyhow::Result<()>,
    ) -> Proved {
        context.step(circuit.name(), 0, 1)?;
        let refused = |error: anyhow::Error| {
            ProveError::invalid_input(format!("the witness does not satisfy the {circuit} circuit: {error}"))
        };
        let proof = match &ready.checker {
            Some(checker) => {
                let mut witness = PartialWitness::new();
                assign(&ready.circuit.targets, &mut witness).map_err(refused)?;
                let public = checker
                    .check(&ready.circuit.data, witness)
                    .map_err(|violation| refused(anyhow::anyhow!("{violation}")))?;
                ChildProof::Mock(public)
            }
            None => {
                let proof = ready.circuit.prove(assign).map_err(refused)?;
                let key = KeyMaterial::Real(Box::new(ready.circuit.data.verifier_data()));
                let key = VerificationKey::new(circuit, self.settings.key_shape(circuit), key);
                let proof = ChildProof::Real(Box::new(proof));
                self.verify_as(&key, &proof).map_err(|_| refused(anyhow::anyhow!("the proof does not verify")))?;
                proof
            }
        };
        context.step(circuit.name(), 1, 1)?;
        Ok(proof)
    }
}
