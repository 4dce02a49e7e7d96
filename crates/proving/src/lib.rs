//! The vocabulary that every family of proofs shares: what a proof is of, who asked for it, how it is
//! made, checked, refused and stored.
//!
//! Blocking and pure: no I/O, no async, no transport, and no proof system.
//!
//! - [`kind`]: what sort of proof, as `family.kind`.
//! - [`statement`]: which circuit exactly, and whether the proof is real.
//! - [`id`]: the owner, the input and the name of a task; asking twice is asking once.
//! - [`prover`]: the traits [`Prover`](prover::Prover) and [`Verifier`](prover::Verifier).
//! - [`context`]: cancelling a proof and following its progress.
//! - [`lease`]: what passes between dispatch and a worker about one task; [`payload`]: the bytes with it.
//! - [`error`]: why there is no proof, or why it is refused.
//! - [`envelope`]: the frame of every file and blob; [`digest`]: how digests are written.

pub mod context;
pub mod digest;
pub mod envelope;
pub mod error;
pub mod id;
pub mod kind;
pub mod lease;
pub mod payload;
pub mod prover;
pub mod statement;
mod text;
