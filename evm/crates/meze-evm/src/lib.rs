//! Ethereum blocks proved by a leader and workers: the commands of the binary, and what wires them to the fabric.
//!
//! - [`leader`]: reads witnesses, draws up the graph of each block, and sees it through.
//! - [`worker`], [`child`]: take tasks and prove them.
//! - [`verifier`]: checks proofs of blocks.
//! - [`bench`](mod@bench): what all of this adds to the library that proves.
//! - [`command`], [`flags`], [`settings`], [`fabric`]: the command line.

pub mod bench;
pub mod child;
pub mod command;
mod deep;
pub mod fabric;
pub mod flags;
mod keys;
pub mod leader;
pub mod settings;
pub mod verifier;
pub mod worker;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};

/// The runtime of a command.
fn runtime() -> Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().context("no runtime could be started")
}
