//! Requests for proofs of the Miden network, and the network's own clients to ask with.
//!
//! It shares no code with what it tests: the requests come from `miden-testing`, the calls are those of the
//! unmodified `miden-remote-prover-client`, and what comes back is checked with Miden's own libraries.
//!
//! - [`fixtures`]: a small chain, and requests of every kind over it.
//! - [`client`]: one proof through the real client, and what came of it.

pub mod client;
pub mod fixtures;
