//! Dispatch's end of a transport: what each transport needs of the dispatcher behind it.

use std::time::Duration;

use bytes::Bytes;
use proving::lease::Token;
use proving::payload::{BlobDigest, Payload};
use tokio::sync::mpsc;

use crate::message::{Answer, Beat, Done, Failed, Held, Hello, Notice, Offer, Welcome};

/// A connected worker, or a pool of offers, for as long as its connection lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// A session that was opened.
#[derive(Debug)]
pub struct Opened {
    /// Its name in all further calls.
    pub session: SessionId,
    /// What to tell the worker.
    pub welcome: Welcome,
    /// What to tell it later. When it ends, so has the session.
    pub notices: mpsc::UnboundedReceiver<Notice>,
}

/// How a session takes tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A worker: its memory limits what it holds together, its silence ends its leases.
    Worker,
    /// A queue of offers at a broker, in front of workers that are not known yet: an offer of it has no end
    /// until a worker [claims](WorkPlane::claim) it or the session is closed; memory limits each task by
    /// itself.
    Pool,
}

/// The dispatcher, as the transports see it. Clones are the same dispatcher.
///
/// A transport drops a call's future when the one who asked is gone, at any of its await points. That must be
/// safe: [`next`](Self::next) then loses no offer (it was not taken yet, or is given to the session's following
/// call), and [`open`](Self::open), [`claim`](Self::claim), [`beat`](Self::beat), [`done`](Self::done) and
/// [`failed`](Self::failed) happen either wholly or not at all.
///
/// An offer that `next` has given is the transport's to deliver. What does not reach its worker is requeued when
/// the session closes, and in a session that lives when nobody beats for as long as a lease lasts.
pub trait WorkPlane: Clone + Send + Sync + 'static {
    /// A worker or pool connected.
    fn open(&self, role: Role, hello: Hello) -> impl Future<Output = Result<Opened, PlaneError>> + Send;

    /// Its connection is gone: what it held is requeued at once.
    fn close(&self, session: SessionId);

    /// The dispatcher's own way to it is broken, as while a broker is away: its silence says nothing of it, and what
    /// it holds stays its own for as long as a lease from now.
    fn excuse(&self, session: SessionId);

    /// The next task for it; `None` when there was none for as long as `within`, which may be zero. It ends with
    /// [`PlaneError::NoSession`] when the session is closed meanwhile.
    fn next(
        &self,
        session: SessionId,
        within: Duration,
    ) -> impl Future<Output = Result<Option<Offer>, PlaneError>> + Send;

    /// A worker took an offer out of a pool: the lease is its own from now on. Where another worker had
    /// claimed it and the broker says that this one is gone (`redelivered`), the lease changes hands under
    /// a new token. `None`: the offer is stale.
    fn claim(
        &self,
        session: SessionId,
        held: Held,
        redelivered: bool,
    ) -> impl Future<Output = Result<Option<Token>, PlaneError>> + Send;

    /// A worker is alive; whether the lease is still its own.
    fn beat(&self, session: SessionId, beat: Beat) -> impl Future<Output = Result<bool, PlaneError>> + Send;

    /// A worker has a proof. Answers when it is verified and durable, or refused, or stale.
    fn done(&self, session: SessionId, done: Done) -> impl Future<Output = Result<Answer, PlaneError>> + Send;

    /// A worker has none. Answers when that is durable.
    fn failed(&self, session: SessionId, failed: Failed) -> impl Future<Output = Result<Answer, PlaneError>> + Send;

    /// The bytes of a blob. One that is missing or damaged is made again by its task, if it has one.
    fn read_blob(&self, digest: BlobDigest) -> impl Future<Output = Result<Bytes, PlaneError>> + Send;

    /// Keeps bytes; at most [`max_blob_bytes`](WorkPlane::max_blob_bytes) of them.
    fn write_blob(&self, bytes: Bytes, secret: bool) -> impl Future<Output = Result<Payload, PlaneError>> + Send;

    /// The size limit of a blob.
    fn max_blob_bytes(&self) -> usize;
}

/// Why the dispatcher does not do what a worker asks.
#[derive(Debug, thiserror::Error)]
pub enum PlaneError {
    /// The session has ended, or never was: the worker connects again.
    #[error("this session has ended: connect again")]
    NoSession,
    /// What was said makes no sense.
    #[error("{0}")]
    Bad(String),
    /// A blob is missing or damaged.
    #[error("blob {0} is missing or damaged")]
    Blob(BlobDigest),
    /// The dispatcher cannot keep anything just now, or is ending: try again later.
    #[error("the dispatcher cannot take this now: {0}")]
    Unavailable(String),
}
