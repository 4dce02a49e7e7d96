//! Proofs of the Miden network, made and checked with Miden's own crates: transactions, batches and blocks.
//!
//! - [`prover`] and [`verifier`]: by kind, as every other family's.
//! - [`statement`] and [`VERSION`]: the line of Miden that all of it is of.
//! - [`self_test`]: whether this machine can prove at all, in a fraction of a second.
//!
//! A request is bytes that an unmodified Miden client wrote, so it is decoded here as what it is: untrusted. What
//! upstream's batch and block proofs are today, the README of this crate says plainly.

mod batch;
mod block;
mod decode;
mod self_test;
mod transaction;

use std::sync::Arc;

use futures_util::FutureExt;
use proving::error::ProveError;
use proving::kind::Kind;
use proving::prover::{Prover, Verifier};
use proving::statement::{Mode, Statement};

pub use self_test::self_test;

/// The line of Miden's libraries in here, as workers report it and as their clients know it.
pub const VERSION: &str = "0.15.3";

/// The security, in bits, that a transaction's proof must have: what upstream's own prover asks of a batch.
pub const SECURITY_LEVEL: u32 = miden_protocol::MIN_PROOF_SECURITY_LEVEL;

/// What every proof of this crate is under, `real/line/miden-0.15`.
pub fn statement() -> Statement {
    Statement::of_line(Mode::Real, "miden-0.15".parse().expect("the name of the line is well formed"))
}

/// The prover of `kind`, if it is one of Miden's.
pub fn prover(kind: &Kind) -> Option<Arc<dyn Prover>> {
    both(kind).map(|(prover, _)| prover)
}

/// The verifier of `kind`, if it is one of Miden's.
pub fn verifier(kind: &Kind) -> Option<Arc<dyn Verifier>> {
    both(kind).map(|(_, verifier)| verifier)
}

fn both(kind: &Kind) -> Option<(Arc<dyn Prover>, Arc<dyn Verifier>)> {
    if *kind == Kind::MIDEN_TRANSACTION {
        Some((Arc::new(transaction::Transactions), Arc::new(transaction::Transactions)))
    } else if *kind == Kind::MIDEN_BATCH {
        Some((Arc::new(batch::Batches), Arc::new(batch::Batches)))
    } else if *kind == Kind::MIDEN_BLOCK {
        Some((Arc::new(block::Blocks), Arc::new(block::Blocks)))
    } else {
        None
    }
}

/// Refuses proofs that come with a request: Miden's requests carry everything themselves.
fn alone(needs: &[&[u8]]) -> Result<(), ProveError> {
    if needs.is_empty() {
        return Ok(());
    }
    let reason = format!("a Miden request carries what it builds on, but {} needed proofs came with it", needs.len());
    Err(ProveError::invalid_input(reason))
}

/// What a future of Miden's prover comes to. They are `async` for the sake of browsers only: here all of the work
/// happens in the first poll.
fn at_once<T>(future: impl Future<Output = T>) -> Result<T, ProveError> {
    future.now_or_never().ok_or_else(|| ProveError::worker("Miden's prover waits for something that is not there"))
}
