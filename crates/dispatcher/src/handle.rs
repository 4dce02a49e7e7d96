//! The dispatcher as everything else in this process sees it: a handle on the loop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use blobs::Blobs;
use dispatch::event::{Event, NotTaken, Reply, RequestId, SessionId, Submit};
use dispatch::model::{JobId, JobState};
use dispatch::state::State;
use proving::kind::Kind;
use tokio::sync::{mpsc, oneshot};
use transport::http::{Refusal, Scope};
use transport::plane::PlaneError;

use crate::driver::{Clock, Input};
use crate::events::Events;
use crate::metrics::Metrics;
use crate::verify::Checker;

/// A running dispatcher. Clones are the same one.
#[derive(Clone)]
pub struct Dispatcher {
    pub(crate) shared: Arc<Shared>,
    /// The kinds that workers get through this handle; all where `None`.
    pub(crate) kinds: Option<Arc<BTreeSet<Kind>>>,
}

pub(crate) struct Shared {
    pub(crate) inputs: mpsc::UnboundedSender<Input>,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) checker: Checker,
    pub(crate) events: Arc<Events>,
    pub(crate) metrics: Arc<Metrics>,
    /// One scrape at a time: a second one would see gauges that the first is about to set.
    pub(crate) scrape: tokio::sync::Mutex<()>,
    pub(crate) clock: Clock,
    pub(crate) max_blob_bytes: usize,
    pub(crate) lease_ms: u64,
    pub(crate) beat_ms: u64,
    /// What a CPU-hour costs, where that is set.
    pub(crate) price: Option<f64>,
    pub(crate) requests: AtomicU64,
    pub(crate) sessions: AtomicU64,
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher").finish_non_exhaustive()
    }
}

/// Why a job is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// It never will be, as it is.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// Not now.
    #[error(transparent)]
    Plane(#[from] PlaneError),
}

fn gone() -> PlaneError {
    PlaneError::Unavailable("it is ending".to_owned())
}

impl Dispatcher {
    pub(crate) fn request(&self) -> RequestId {
        RequestId(self.shared.requests.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn session(&self) -> SessionId {
        SessionId(self.shared.sessions.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn send(&self, input: Input) -> Result<(), PlaneError> {
        self.shared.inputs.send(input).map_err(|_| gone())
    }

    /// Hands an event over and waits for its answer.
    pub(crate) async fn call(&self, event: impl FnOnce(RequestId) -> Event) -> Result<Reply, PlaneError> {
        let request = self.request();
        let (answer, answered) = oneshot::channel();
        self.send(Input::Call(event(request), request, answer))?;
        match answered.await {
            Ok(Reply::Unavailable) => Err(PlaneError::Unavailable("its store is away".to_owned())),
            Ok(reply) => Ok(reply),
            Err(_) => Err(gone()),
        }
    }

    /// Asks for a task, for at most `within`. Dropped, it takes the question back, and an offer that was on its way
    /// goes back too.
    pub(crate) async fn take(&self, session: SessionId, within: Duration) -> Result<Reply, PlaneError> {
        let request = self.request();
        let (answer, answered) = oneshot::channel();
        self.send(Input::Call(Event::Ask { request, session }, request, answer))?;
        let mut question = Question { dispatcher: self, session, request, answered };
        if !within.is_zero()
            && let Ok(answered) = tokio::time::timeout(within, &mut question.answered).await
        {
            return answered.map_err(|_| gone());
        }
        self.send(Input::Event(Event::Unask { session, request }))?;
        (&mut question.answered).await.map_err(|_| gone())
    }

    /// Asks for a job.
    ///
    /// # Errors
    /// It is not taken, or the dispatcher cannot keep it now.
    pub async fn submit(&self, submit: Submit) -> Result<(JobId, JobState), SubmitError> {
        match self.call(|request| Event::Submit { request, submit }).await? {
            Reply::Submitted(job, state) => Ok((job, state)),
            Reply::NotTaken(reason) => Err(reason.into()),
            _ => Err(gone().into()),
        }
    }

    /// Wants a job no more, and waits for no answer. What is said to the dispatcher later counts later.
    pub fn cancel(&self, job: JobId) {
        let _ = self.send(Input::Event(Event::Cancel { request: self.request(), job }));
    }

    /// Looks at the state. The answer comes when what it shows is durable.
    ///
    /// # Errors
    /// The dispatcher is ending, or its store is away.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, PlaneError> {
        let (answer, answered) = oneshot::channel();
        self.send(Input::Look(Box::new(move |state| {
            let seen = look(state);
            Box::new(move || {
                // Whoever looked may have turned away.
                let _ = answer.send(seen);
            })
        })))?;
        answered.await.map_err(|_| PlaneError::Unavailable("its store is away".to_owned()))
    }

    /// The metrics, in the text format of Prometheus.
    pub async fn metrics(&self) -> String {
        let metrics = self.shared.metrics.clone();
        let _alone = self.shared.scrape.lock().await;
        // Depth and age are of this moment; the rest counts on as things happen.
        let _ = self.look(move |state| metrics.observe(state)).await;
        self.shared.metrics.text()
    }

    /// The same dispatcher for workers that get tasks of these kinds only, whatever they offer.
    #[must_use]
    pub fn only(&self, kinds: Option<BTreeSet<Kind>>) -> Self {
        Self { shared: self.shared.clone(), kinds: kinds.map(Arc::new) }
    }

    /// Counts a request that was sent away for its token.
    pub fn token_refused(&self, scope: Scope, refusal: Refusal) {
        self.shared.metrics.refused(scope, refusal);
    }

    /// Counts a message of a broker that nobody understood.
    pub fn message_refused(&self) {
        self.shared.metrics.messages_refused.inc();
    }

    /// Tells the loop to end.
    pub fn end(&self) {
        let _ = self.send(Input::End);
    }
}

/// A question for work that is open.
struct Question<'a> {
    dispatcher: &'a Dispatcher,
    session: SessionId,
    request: RequestId,
    answered: oneshot::Receiver<Reply>,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        if self.answered.is_terminated() {
            return;
        }
        // Closed first, so that an answer either is here already or is seen not to be taken.
        self.answered.close();
        let (session, request) = (self.session, self.request);
        let input = match self.answered.try_recv() {
            Ok(Reply::Offer(offer)) => Event::untaken(request, session, offer.held),
            _ => Event::Unask { session, request },
        };
        let _ = self.dispatcher.send(Input::Event(input));
    }
}
