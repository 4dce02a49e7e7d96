//! Takes one task at a time and hands it to a prover child: another process of the same binary, which can
//! panic, be killed or run out of memory without taking the worker with it.
//!
//! - [`frame`]: what the two say to each other over the child's stdin and stdout.
//! - [`child`]: the child's side, [`run_child`](child::run_child).
//! - [`prover`]: the worker's handle on the child: start, prove, cancel, guard, replace.
//! - [`run`]: the worker's loop, from dispatch to the child and back.
//! - [`http`]: health, readiness, metrics, keys and direct proofs over HTTP.
//! - [`counters`]: what the worker counts, for metrics and for tests.
//! - [`error`]: what can go wrong outside a proof.

pub mod child;
pub mod counters;
pub mod error;
pub mod frame;
pub mod http;
pub mod machine;
pub mod prover;
pub mod run;
