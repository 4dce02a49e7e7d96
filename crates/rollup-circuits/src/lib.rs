//! The statements of the rollup family, one file a circuit, and their provers and verifiers.
//!
//! - [`family::Family`] holds the circuits of one setting and proves with them.
//! - [`provers`] puts them behind the vocabulary that all proof families share.
//! - [`verify`] checks proofs, and rollups with their blocks; it needs a [`verification_key`] only.
//! - [`witness_file`], [`proof_file`]: what goes in and comes out, as files.
//! - [`self_test`](mod@self_test): whether this machine proves right.
//! - [`switches`] lists every constraint; [`config`] the parameters.

mod asked;
mod check;
mod circuit;
mod client;
pub mod codec;
pub mod config;
#[cfg(test)]
mod constraint_tests;
pub mod family;
mod gadgets;
pub mod id;
mod inner;
mod outer;
pub mod plonk;
pub mod proof_file;
pub mod provers;
mod recursion;
mod root_verifier;
pub mod self_test;
pub mod settings;
mod store;
pub mod switches;
pub mod verification_key;
pub mod verify;
pub mod witness_file;
mod wrap;

pub use circuit::TooLarge;
pub use recursion::ChildProof;
