//! The worker with real prover children: `examples/toy.rs` is their program.

#![allow(clippy::unwrap_used, reason = "these files are tests throughout")]

#[path = "worker/toy.rs"]
mod toy;

#[path = "worker/deaths.rs"]
mod deaths;
#[path = "worker/dispatch.rs"]
mod dispatch;
#[path = "worker/http.rs"]
mod http;
#[path = "worker/lifetime.rs"]
mod lifetime;
#[path = "worker/proofs.rs"]
mod proofs;
#[path = "worker/reconnect.rs"]
mod reconnect;
#[path = "worker/run.rs"]
mod run;
#[path = "worker/secrets.rs"]
mod secrets;
