//! The dispatcher behind every transport: what workers ask, said in the words of the state machine.

use std::time::Duration;

use blobs::{BlobError, Sensitivity};
use bytes::Bytes;
use dispatch::event::{self, Event, Reply};
use dispatch::model::Class;
use proving::error::with_sources;
use proving::kind::Kind;
use proving::lease::Token;
use proving::payload::{BlobDigest, Payload};
use tokio::sync::{mpsc, oneshot};
use transport::message::{Answer, Beat, Done, Failed, Held, Hello, Notice, Offer, Welcome};
use transport::plane::{Opened, PlaneError, Role, SessionId, WorkPlane};

use crate::driver::Input;
use crate::handle::Dispatcher;

impl WorkPlane for Dispatcher {
    async fn open(&self, role: Role, hello: Hello) -> Result<Opened, PlaneError> {
        let class = |offer: transport::message::Offering| Class { kind: offer.kind, statement: offer.statement };
        let hello = event::Hello {
            worker: hello.worker,
            pool: role == Role::Pool,
            classes: hello.offers.into_iter().filter(|offer| self.gives(&offer.kind)).map(class).collect(),
            memory_bytes: hello.memory_bytes,
            since_ms: hello.since_ms,
            running: hello.running.iter().map(held).collect(),
        };
        let (session, request) = (self.session(), self.request());
        let (answer, answered) = oneshot::channel();
        let (tell, told) = mpsc::unbounded_channel();
        self.send(Input::Open(Event::Hello { request, session, hello }, request, answer, session, tell))?;
        // What was opened for somebody who is gone before he knows of it is closed again.
        let mut closing = Closing { dispatcher: self, session: Some(session) };
        let reply = answered.await.map_err(|_| PlaneError::Unavailable("it is ending".to_owned()))?;
        let Reply::Welcome(stale) = reply else { return Err(unexpected(&reply)) };
        closing.session = None;
        let (notices, forwarded) = mpsc::unbounded_channel();
        tokio::spawn(forward(told, notices));
        let welcome = Welcome { lease_ms: self.shared.lease_ms, beat_ms: self.shared.beat_ms, stale };
        Ok(Opened { session: SessionId(session.0), welcome, notices: forwarded })
    }

    fn close(&self, session: SessionId) {
        let _ = self.send(Input::Event(Event::Gone { session: ours(session) }));
    }

    fn excuse(&self, session: SessionId) {
        let _ = self.send(Input::Event(Event::Excuse { session: ours(session) }));
    }

    async fn next(&self, session: SessionId, within: Duration) -> Result<Option<Offer>, PlaneError> {
        match self.take(ours(session), within).await? {
            Reply::Offer(offer) => Ok(Some(outward(*offer))),
            Reply::Nothing => Ok(None),
            reply => Err(unexpected(&reply)),
        }
    }

    async fn claim(&self, session: SessionId, lease: Held, redelivered: bool) -> Result<Option<Token>, PlaneError> {
        let (session, held) = (ours(session), held(&lease));
        match self.call(|request| Event::Claim { request, session, held, redelivered }).await? {
            Reply::Claim(token) => Ok(token),
            reply => Err(unexpected(&reply)),
        }
    }

    async fn beat(&self, session: SessionId, beat: Beat) -> Result<bool, PlaneError> {
        let (session, held) = (ours(session), held(&beat.held));
        let Beat { stage, done, total, rss_bytes, .. } = beat;
        let progress = event::Progress { stage, done, total, rss_bytes };
        match self.call(|request| Event::Beat { request, session, held, progress }).await? {
            Reply::Beat(live) => Ok(live),
            reply => Err(unexpected(&reply)),
        }
    }

    async fn done(&self, session: SessionId, done: Done) -> Result<Answer, PlaneError> {
        let (session, held) = (ours(session), held(&done.held));
        let Done { output, usage, .. } = done;
        answered(self.call(|request| Event::Done { request, session, held, output, usage }).await?)
    }

    async fn failed(&self, session: SessionId, failed: Failed) -> Result<Answer, PlaneError> {
        let (session, held) = (ours(session), held(&failed.held));
        let Failed { cause, reason, usage, .. } = failed;
        answered(self.call(|request| Event::Failed { request, session, held, cause, reason, usage }).await?)
    }

    async fn read_blob(&self, digest: BlobDigest) -> Result<Bytes, PlaneError> {
        let lost = match self.shared.blobs.get(digest).await {
            Ok(bytes) => return Ok(bytes),
            Err(error) if error.is_lost() => error,
            Err(error) => return Err(PlaneError::Unavailable(with_sources(&error))),
        };
        tracing::error!(%digest, error = %with_sources(&lost), "a blob is lost");
        self.send(Input::Event(Event::BlobLost { digest }))?;
        Err(PlaneError::Blob(digest))
    }

    async fn write_blob(&self, bytes: Bytes, secret: bool) -> Result<Payload, PlaneError> {
        let unavailable = |error: BlobError| PlaneError::Unavailable(with_sources(&error));
        let sensitivity = if secret { Sensitivity::Secret } else { Sensitivity::Public };
        self.shared.blobs.put(bytes, sensitivity).await.map_err(unavailable)
    }

    fn max_blob_bytes(&self) -> usize {
        self.shared.max_blob_bytes
    }
}

impl Dispatcher {
    /// Whether workers get tasks of this kind through this handle.
    fn gives(&self, kind: &Kind) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(kind))
    }
}

/// Closes a session unless it was handed over.
struct Closing<'a> {
    dispatcher: &'a Dispatcher,
    session: Option<event::SessionId>,
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session {
            let _ = self.dispatcher.send(Input::Event(Event::Gone { session }));
        }
    }
}

async fn forward(mut told: mpsc::UnboundedReceiver<event::Notice>, notices: mpsc::UnboundedSender<Notice>) {
    while let Some(notice) = told.recv().await {
        let notice = match notice {
            event::Notice::Stop(token) => Notice::Stop(token),
            event::Notice::Drain => Notice::Drain,
        };
        if notices.send(notice).is_err() {
            return;
        }
    }
}

fn ours(session: SessionId) -> event::SessionId {
    event::SessionId(session.0)
}

fn held(held: &Held) -> event::Held {
    event::Held { task: held.task, token: held.token }
}

fn outward(offer: event::Offer) -> Offer {
    Offer {
        task: offer.held.task,
        token: offer.held.token,
        kind: offer.spec.class.kind,
        statement: offer.spec.class.statement,
        input: offer.spec.input,
        needs: offer.needs,
        secret: offer.spec.secret,
        memory_bytes: offer.memory_bytes,
        traceparent: offer.spec.traceparent,
    }
}

fn answered(reply: Reply) -> Result<Answer, PlaneError> {
    match reply {
        Reply::Answer(event::Answer::Accepted) => Ok(Answer::Accepted),
        Reply::Answer(event::Answer::Stale) => Ok(Answer::Stale),
        Reply::Answer(event::Answer::Refused(reason)) => Ok(Answer::Refused { reason }),
        reply => Err(unexpected(&reply)),
    }
}

fn unexpected(reply: &Reply) -> PlaneError {
    match reply {
        Reply::NoSession => PlaneError::NoSession,
        Reply::Unavailable => PlaneError::Unavailable("its store is away".to_owned()),
        _ => PlaneError::Unavailable("it gave an answer to another question".to_owned()),
    }
}
