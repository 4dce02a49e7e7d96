//! The Miden proving service as its users meet it: real processes, the network's own client, real proofs.
//!
//! | test | what it pins down |
//! |---|---|
//! | `real_clients` | the unmodified 0.15.2 client gets every kind of proof, from a worker and from a proxy |
//! | `slow` | a client that gives up and asks again attaches to its own proof |
//! | `queue` | of 64 clients exactly as many are admitted as there are places |
//! | `browsers` | gRPC-web and CORS, on proofs and on errors |
//! | `fleet` | workers come and go under load; control is for this machine alone |
//! | `faults` | a client killed, a worker killed, a worker frozen |
//! | `hostile` | thousands of bad requests, and then a good one |
//! | `durable` | the proxy killed in the middle; no witness in any file |
//! | `commands` | names, variables, errors |
//! | `long` | 64 real transactions, Miden's own worker and client of the line 0.9, a page in Chromium |

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod browsers;
mod commands;
mod durable;
mod faults;
mod fleet;
mod harness;
mod hostile;
mod long;
#[path = "../scenarios/harness/process.rs"]
#[allow(dead_code, reason = "the other tests use more of it")]
mod process;
mod queue;
mod real_clients;
mod slow;
