//! Verifying another circuit's proof: for real, or in the proverless mode by its public inputs alone.
//!
//! In proverless mode there are no proofs to verify. Every other constraint of the outer circuit stays;
//! the caller checks that the mock it was handed is a mock of the right circuit.

use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::circuit_data::VerifierCircuitTarget;
use plonky2::plonk::proof::ProofWithPublicInputsTarget;

use crate::gadgets::Cx;
use crate::plonk::{C, D, F, PlonkProof, VerifierData};

/// The key of the circuit whose proofs are verified.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ChildKey<'a> {
    /// A real verification key.
    Real(&'a VerifierData),
    /// Proverless: only the number of public inputs is known.
    Mock {
        /// Of the child.
        public_inputs: usize,
    },
}

/// A child's proof, or in proverless mode its public inputs.
#[derive(Debug, Clone)]
pub(crate) enum ChildTarget {
    Real(Box<ProofWithPublicInputsTarget<D>>),
    Mock(Vec<Target>),
}

/// What is set for a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildProof {
    /// A proof.
    Real(Box<PlonkProof>),
    /// The public inputs of a mock.
    Mock(Vec<F>),
}

impl ChildProof {
    /// The public inputs.
    pub fn public_inputs(&self) -> &[F] {
        match self {
            Self::Real(proof) => &proof.public_inputs,
            Self::Mock(limbs) => limbs,
        }
    }
}

impl Cx<'_> {
    /// Verifies a proof under one constant key.
    pub(crate) fn verify_child(&mut self, key: ChildKey<'_>) -> ChildTarget {
        match key {
            ChildKey::Real(key) => {
                let constant = self.b.constant_verifier_data(&key.verifier_only);
                self.verify_under(key, &constant)
            }
            ChildKey::Mock { public_inputs } => ChildTarget::Mock(self.b.add_virtual_targets(public_inputs)),
        }
    }

    /// Verifies a proof under a key that other constraints choose; `shape` gives the circuit's shape.
    pub(crate) fn verify_under(&mut self, shape: &VerifierData, key: &VerifierCircuitTarget) -> ChildTarget {
        let proof = self.b.add_virtual_proof_with_pis(&shape.common);
        self.b.verify_proof::<C>(&proof, key, &shape.common);
        ChildTarget::Real(Box::new(proof))
    }
}

impl ChildTarget {
    /// The public inputs of the child.
    pub(crate) fn public_inputs(&self) -> &[Target] {
        match self {
            Self::Real(proof) => &proof.public_inputs,
            Self::Mock(limbs) => limbs,
        }
    }

    /// Sets the child's proof.
    pub(crate) fn assign(&self, pw: &mut PartialWitness<F>, child: &ChildProof) -> anyhow::Result<()> {
        match (self, child) {
            (Self::Real(target), ChildProof::Real(proof)) => pw.set_proof_with_pis_target(target, proof),
            (Self::Mock(targets), ChildProof::Mock(limbs)) if targets.len() == limbs.len() => {
                pw.set_target_arr(targets, limbs)
            }
            (Self::Real(_), ChildProof::Mock(_)) => anyhow::bail!("a mock cannot stand in for a real proof"),
            (Self::Mock(_), _) => anyhow::bail!("a proverless circuit takes a mock with its public inputs"),
        }
    }
}
