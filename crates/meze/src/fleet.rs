//! The rollup's proofs as tasks: what a worker makes them with, what a dispatcher checks them with, and how an
//! input carries proofs that no task made.
//!
//! - [`bundle`]: an input that is a witness and the proofs that it is on top of.
//! - [`provers`]: what a prover child proves with, circuit by circuit; [`keys`]: verification keys as tasks, from
//!   files, and over a worker's HTTP.
//! - [`sleep`]: a prover that sleeps, for tests and benchmarks of the fabric. It is a mock and says so.
//! - [`circuits`]: which kinds a worker is for.

pub mod bundle;
pub mod circuits;
pub mod keys;
pub mod provers;
pub mod sleep;
