//! The worker's end of a transport: what a worker needs of it, whatever carries it.

use bytes::Bytes;
use proving::payload::Payload;
use tokio::sync::mpsc;

use crate::message::{Answer, Beat, Done, Failed, Hello, Notice, Offer, Welcome};

/// A way to dispatch.
pub trait Link: Send + Sync + 'static {
    /// What it connects to.
    type Session: Session;

    /// Introduces the worker. The leases in [`Hello::running`] go on, except those in [`Welcome::stale`].
    ///
    /// # Errors
    /// [`LinkError::Refused`] will be the same next time; [`LinkError::Lost`] is worth trying again.
    fn connect(&self, hello: Hello) -> impl Future<Output = Result<(Self::Session, Welcome), LinkError>> + Send;
}

/// A connection that lives until a call says [`LinkError::Lost`]; then [`Link::connect`] again, with the
/// leases that are held. Dropping it tells dispatch that the worker is gone.
///
/// All calls may run side by side.
pub trait Session: Send + Sync + 'static {
    /// Waits for a task, for as long as it takes.
    fn next(&self) -> impl Future<Output = Result<Offer, LinkError>> + Send;

    /// Says that the worker is alive; `false` says that the lease was lost, and the task is to be stopped.
    fn beat(&self, beat: &Beat) -> impl Future<Output = Result<bool, LinkError>> + Send;

    /// Hands the proof over; its blob was stored before. Safe to repeat after a lost connection.
    fn done(&self, done: &Done) -> impl Future<Output = Result<Answer, LinkError>> + Send;

    /// Hands the proof over as [`done`](Self::done) does, and brings the next task along if there is one at once: one
    /// exchange instead of two. Only for a worker that begins at once, for nobody beats for what it has not begun.
    fn done_and_next(&self, done: &Done) -> impl Future<Output = Result<(Answer, Option<Offer>), LinkError>> + Send {
        async { Ok((self.done(done).await?, None)) }
    }

    /// Says that there will be no proof. Safe to repeat after a lost connection.
    fn failed(&self, failed: &Failed) -> impl Future<Output = Result<Answer, LinkError>> + Send;

    /// The bytes of a payload, checked against their digest.
    ///
    /// # Errors
    /// [`LinkError::Blob`] where they are missing or damaged.
    fn fetch(&self, payload: &Payload) -> impl Future<Output = Result<Bytes, LinkError>> + Send;

    /// Keeps a result where dispatch can read it. `secret` results are kept encrypted.
    fn store(&self, bytes: Bytes, secret: bool) -> impl Future<Output = Result<Payload, LinkError>> + Send;

    /// What dispatch says unasked; taken once. It ends with the session.
    fn notices(&mut self) -> mpsc::UnboundedReceiver<Notice>;
}

/// Why a worker cannot reach dispatch, or was sent away.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The connection is gone, or never was; trying again may help.
    #[error("no connection to dispatch: {0}")]
    Lost(String),
    /// Dispatch understood and says no: a wrong token, an unknown version. Trying again will not help.
    #[error("dispatch refuses this worker: {0}")]
    Refused(String),
    /// The bytes of a payload are missing or damaged.
    #[error("{0}")]
    Blob(String),
    /// A message is larger than this transport carries.
    #[error("{0}")]
    TooLarge(String),
}
