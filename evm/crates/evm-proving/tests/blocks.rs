//! Real proofs in the insecure test configuration, and what is refused about them.
//!
//! Circuits are built once, into a folder that all runs share.

#![allow(clippy::unwrap_used, reason = "these files are tests throughout")]

#[path = "blocks/support.rs"]
mod support;

#[path = "blocks/evm_long_proofs.rs"]
mod evm_long_proofs;
#[path = "blocks/evm_long_standard.rs"]
mod evm_long_standard;
#[path = "blocks/forged.rs"]
mod forged;
#[path = "blocks/two_blocks.rs"]
mod two_blocks;
