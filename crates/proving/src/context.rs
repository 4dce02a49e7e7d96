//! What a running proof is given by whoever waits for it: a way to be stopped, and someone to tell how
//! far it is.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::ProveError;

/// Asks a proof to stop. Clones share one flag; once set it stays set.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everything that holds this token to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether somebody cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// The flag itself, for proof systems that take one.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// Hears how far a proof is. It is called from the proving threads, so it must return at once.
pub trait Progress: Send + Sync {
    /// `done` of `total` steps of `stage` are behind us. A `total` of 0 means that it is not known.
    fn report(&self, stage: &str, done: u64, total: u64);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _stage: &str, _done: u64, _total: u64) {}
}

/// Handed to a [`Prover`](crate::prover::Prover) with each task.
#[derive(Clone)]
pub struct ProveContext {
    cancel: CancelToken,
    progress: Arc<dyn Progress>,
}

impl ProveContext {
    /// A context that stops with `cancel` and reports to `progress`.
    pub fn new(cancel: CancelToken, progress: Arc<dyn Progress>) -> Self {
        Self { cancel, progress }
    }

    /// The token, to hand on or to watch.
    pub fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }

    /// Reports progress, unless the proof is cancelled: to be called between the steps of a proof.
    ///
    /// # Errors
    /// [`ProveError::Cancelled`], naming the stage, once the token is cancelled.
    pub fn step(&self, stage: &str, done: u64, total: u64) -> Result<(), ProveError> {
        if self.cancel.is_cancelled() {
            return Err(ProveError::cancelled(format!("stopped at {stage}, step {done} of {total}")));
        }
        self.progress.report(stage, done, total);
        Ok(())
    }
}

impl Default for ProveContext {
    /// Never cancelled and silent.
    fn default() -> Self {
        Self::new(CancelToken::new(), Arc::new(Silent))
    }
}

impl fmt::Debug for ProveContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProveContext").field("cancel", &self.cancel).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Keeps what it hears.
    #[derive(Default)]
    struct Heard(Mutex<Vec<(String, u64, u64)>>);

    impl Progress for Heard {
        fn report(&self, stage: &str, done: u64, total: u64) {
            self.0.lock().unwrap().push((stage.to_owned(), done, total));
        }
    }

    #[test]
    fn steps_are_reported_until_cancelled_and_then_refused() {
        let heard = Arc::new(Heard::default());
        let cancel = CancelToken::new();
        let context = ProveContext::new(cancel.clone(), heard.clone());
        context.step("witness", 0, 2).unwrap();
        context.step("witness", 1, 2).unwrap();
        cancel.cancel();
        let error = context.step("proof", 0, 1).unwrap_err();
        assert!(matches!(error, ProveError::Cancelled { .. }));
        assert!(error.to_string().contains("proof"), "{error}");
        assert_eq!(*heard.0.lock().unwrap(), [("witness".to_owned(), 0, 2), ("witness".to_owned(), 1, 2)]);
    }

    #[test]
    fn a_token_cancelled_on_one_thread_is_seen_by_every_clone_and_by_the_bare_flag() {
        let token = CancelToken::new();
        let (clone, flag) = (token.clone(), token.flag());
        assert!(!token.is_cancelled());
        std::thread::spawn(move || clone.cancel()).join().unwrap();
        assert!(token.is_cancelled() && flag.load(Ordering::Acquire));
    }
}
