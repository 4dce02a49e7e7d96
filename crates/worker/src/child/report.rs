//! What the child writes to its worker: frames on the original stdout, one at a time from any thread.

use std::io::stdout;
use std::process::exit;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use proving::context::Progress;
use proving::lease::{Cause, Usage};

use super::EXIT_PROTOCOL;
use crate::error::{WorkerError, cut};
use crate::frame::{self, FromChild};

/// Within one stage, progress is written no more often than this.
const PROGRESS_PAUSE: Duration = Duration::from_millis(100);

/// The way to the worker.
pub(super) struct Pipe {
    limit: u32,
    /// The stage that was last written, and when.
    written: Mutex<Option<(String, Instant)>>,
}

impl Pipe {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, written: Mutex::new(None) }
    }

    /// Says something. A worker that cannot be told anything is gone, and so is the child.
    pub(super) fn send(&self, message: &FromChild) {
        if self.write(message).is_err() {
            exit(i32::from(EXIT_PROTOCOL));
        }
    }

    /// Hands a proof over, or says that it is too long to be.
    pub(super) fn send_proof(&self, bytes: Vec<u8>, usage: Usage) {
        match self.write(&FromChild::Proof { bytes: Bytes::from(bytes), usage }) {
            Ok(()) => {}
            Err(error @ WorkerError::FrameTooLarge { .. }) => {
                self.send(&FromChild::Failed { cause: Cause::Prover, reason: format!("the proof: {error}"), usage });
            }
            Err(_) => exit(i32::from(EXIT_PROTOCOL)),
        }
    }

    /// Where a proof reports to; it starts afresh.
    pub(super) fn progress(self: &Arc<Self>) -> Arc<dyn Progress> {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Arc::<Self>::clone(self)
    }

    fn write(&self, message: &FromChild) -> Result<(), WorkerError> {
        // The lock of stdout is what a library's print takes as well: a frame is never torn by one.
        frame::write(&mut stdout().lock(), message, self.limit)
    }
}

impl Progress for Pipe {
    fn report(&self, stage: &str, done: u64, total: u64) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let fresh = written.as_ref().is_none_or(|(last, at)| last != stage || now - *at >= PROGRESS_PAUSE);
        if fresh {
            *written = Some((stage.to_owned(), now));
            drop(written);
            self.send(&FromChild::Progress { stage: cut(stage.to_owned()), done, total });
        }
    }
}
