//! Work that recurses deeply and computes for long: on a thread of its own, with a stack that is large enough.

use anyhow::{Context, Result, anyhow};
use tokio::sync::oneshot;

/// The stack of such a thread, in bytes: tries of blocks are walked by recursion.
const STACK: usize = 64 << 20;

/// Starts such a thread.
///
/// # Errors
/// The system has no thread.
pub(crate) fn spawn(work: impl FnOnce() + Send + 'static) -> Result<()> {
    let builder = std::thread::Builder::new().name("deep".to_owned()).stack_size(STACK);
    builder.spawn(work).map(drop).context("no thread could be started")
}

/// Does the work, and waits for it.
///
/// # Errors
/// The system has no thread, or the work panicked.
pub(crate) async fn deep<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let (tell, told) = oneshot::channel();
    // Whoever asked may have turned away.
    spawn(move || drop(tell.send(work())))?;
    told.await.map_err(|_| anyhow!("the program failed: what it said is above"))
}
