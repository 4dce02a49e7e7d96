//! The real programs: a leader, worker processes, a broker and a verifier, on blocks of a development chain, in the
//! insecure test configuration.

#![allow(clippy::unwrap_used, reason = "what a test calls may panic, as a test may")]

mod benchmark;
mod blocks;
mod follow;
mod kills;
mod recipe;
mod refusals;
mod silence;
mod stage;
