//! A faster prover for plonky2 circuits: the same proofs, with Poseidon over many leaves at once.
//!
//! The library hashes one Merkle leaf at a time, and that is most of a proof's work. Here all leaves
//! of a tree go through the permutation side by side in the CPU's vectors, and so do the Fourier
//! transforms; the proofs are those of the library's protocol, and its verifier accepts them.
//!
//! ```text
//! prover        the order of a proof: transcript, commitments, challenges
//! commitment    polynomials → evaluations on a larger domain → Merkle tree
//! permutation   the running products of the copy constraints
//! constraints   the quotient by the vanishing polynomial, and its check at one point
//! openings      evaluations at the challenge point, and their combination
//! fri           folding, grinding, queries
//! merkle, transform, poseidon, lanes      what the above stand on
//! ```
//!
//! [`prove`] replaces the library's function of that name for circuits over Goldilocks with Poseidon,
//! extension degree 2 and no lookup tables. [`commit`] and [`commit_values`] replace its polynomial
//! commitments, for whoever builds keys.

#![forbid(unsafe_code)]

mod commitment;
mod constraints;
mod domain;
mod error;
mod extension;
mod fri;
mod lanes;
mod merkle;
mod openings;
mod permutation;
mod poseidon;
mod prover;
mod transform;

pub use commitment::{commit, commit_values};
pub use error::ProveError;
pub use merkle::merkle_tree;
pub use prover::{prove, prove_with_witness};

use extension::Extension;
use plonky2::field::goldilocks_field::GoldilocksField;
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::iop::challenger::Challenger;
use plonky2::plonk::circuit_data::{CommonCircuitData, ProverOnlyCircuitData};
use plonky2::plonk::config::PoseidonGoldilocksConfig;

/// The field of every circuit.
pub type F = GoldilocksField;
/// Degree of the extension that challenges are drawn from.
pub const D: usize = 2;
/// Hashes and field of every proof.
pub type C = PoseidonGoldilocksConfig;

/// A node of a Merkle tree.
type Digest = HashOut<F>;
/// A Merkle tree whose leaves are rows of evaluations.
type Tree = plonky2::hash::merkle_tree::MerkleTree<F, PoseidonHash>;
/// Committed polynomials.
type Batch = plonky2::fri::oracle::PolynomialBatch<F, C, D>;
/// The transcript.
type Transcript = Challenger<F, PoseidonHash>;
/// What prover and verifier share.
type Common = CommonCircuitData<F, D>;
/// What only the prover has.
type ProverOnly = ProverOnlyCircuitData<F, C, D>;
