//! The roles of the fabric, a subcommand each: a dispatcher that decides, workers that prove, and the hidden child
//! that a worker hands its tasks to.

pub mod child;
pub mod control_workers;
pub mod dispatcher;
pub mod second_names;
pub mod secrets;
pub mod start_proxy;
pub mod start_worker;
pub mod worker;

use std::path::Path;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};

/// The runtime of a role.
///
/// # Errors
/// The system gives no threads.
pub fn runtime(threads: usize) -> Result<Runtime> {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().context("no runtime could be started")
}

/// Lets this process have as many files and sockets open as the system allows it: a fleet takes two of them a worker.
pub fn more_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // What was allowed before still is.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

/// A file or folder in a data folder, as stores and blobs are named.
fn inside(folder: &Path, name: &str) -> Result<String> {
    let path = folder.join(name);
    path.to_str().map(str::to_owned).with_context(|| format!("{} is not written in UTF-8", path.display()))
}
