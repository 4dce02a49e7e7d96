//! Proves and checks Ethereum blocks with the published Type 1 prover.
//!
//! - [`config`]: what circuits are built for; it names the statement of every task without building any.
//! - [`circuits`], [`store`]: the circuits, built once and kept in a folder; [`key`]: the small file that verifiers need.
//! - [`task`]: the bytes of the four kinds of task; [`recursive`]: the bytes of the proofs between them.
//! - [`provers`], [`verifiers`]: the four kinds behind the vocabulary that all proof families share.
//! - [`block_proof`]: proofs of blocks as files; [`check`](mod@check): what a proof of a block says, against what is
//!   expected.
//! - [`direct`]: the library by itself, to measure all of this against.
//!
//! A block's tasks: segments (heavy) → segment aggregation, pairwise, until one proof of each batch is left (a batch
//! of one segment is aggregated with a dummy) → batch aggregation, pairwise, until one is left → the block, on top of
//! the block before it or of a checkpoint. A block has at least two batches.

mod asked;
pub mod block_proof;
pub mod check;
pub mod circuits;
pub mod config;
pub mod direct;
pub mod error;
mod exact;
mod guard;
pub mod kernel;
pub mod key;
pub mod provers;
pub mod recursive;
mod segment;
pub mod store;
pub mod task;
mod trie;
pub mod verifiers;

pub use block_proof::BlockProof;
pub use check::{Expectations, Report, check};
pub use circuits::{Circuits, Part};
pub use config::{CircuitConfig, Preset, Security};
pub use error::EvmError;
pub use key::VerificationKey;
pub use store::CircuitStore;
