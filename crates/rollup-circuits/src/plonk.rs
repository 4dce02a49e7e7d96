//! The proof system's types, fixed once: plonky2 over Goldilocks with Poseidon, extension degree 2.

use plonky2::iop::target::Target;
use plonky2::plonk::circuit_builder::CircuitBuilder;
use plonky2::plonk::circuit_data::{CircuitData, CommonCircuitData, VerifierCircuitData, VerifierOnlyCircuitData};
use plonky2::plonk::config::PoseidonGoldilocksConfig;
use plonky2::plonk::proof::ProofWithPublicInputs;

pub use rollup::field::F;

/// Degree of the extension that challenges are drawn from.
pub const D: usize = 2;
/// Hashes and field of every proof.
pub type C = PoseidonGoldilocksConfig;
/// A circuit under construction.
pub type Builder = CircuitBuilder<F, D>;
/// A built circuit with its proving key.
pub type Data = CircuitData<F, C, D>;
/// What prover and verifier share.
pub type Common = CommonCircuitData<F, D>;
/// A verification key.
pub type VerifierData = VerifierCircuitData<F, C, D>;
/// The part of a verification key that tells circuits of one shape apart.
pub type VerifierOnly = VerifierOnlyCircuitData<C, D>;
/// A proof with its public inputs.
pub type PlonkProof = ProofWithPublicInputs<F, C, D>;

/// Four wires that hold a digest.
pub type DigestTarget = [Target; 4];
