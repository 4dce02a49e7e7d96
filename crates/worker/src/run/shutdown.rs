//! How a worker is told to end: first gently, then at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::WorkerError;

/// Clones are the same request.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    now: CancellationToken,
}

impl Shutdown {
    /// Nobody wants an end yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asked for by SIGTERM or SIGINT: the first drains, the second ends at once. Must be called on a
    /// runtime.
    ///
    /// # Errors
    /// [`WorkerError::System`] where the signals cannot be listened to.
    pub fn on_signals() -> Result<Self, WorkerError> {
        let listen = |kind| {
            signal(kind).map_err(|source| WorkerError::System { what: "signals cannot be listened to".into(), source })
        };
        let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        let shutdown = Self::new();
        let asked = shutdown.clone();
        tokio::spawn(async move {
            for what in [Self::drain, Self::end_now] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                what(&asked);
            }
        });
        Ok(shutdown)
    }

    /// Take no more tasks, and end when the running one is over.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// End, whatever is running.
    pub fn end_now(&self) {
        self.now.cancel();
    }

    /// Waits for the wish to drain, which the wish to end at once implies.
    pub async fn draining(&self) {
        tokio::select! {
            () = self.drain.cancelled() => {}
            () = self.now.cancelled() => {}
        }
    }

    /// Waits for the wish to end at once.
    pub async fn ending_now(&self) {
        self.now.cancelled().await;
    }
}
