//! A worker's session through the broker.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lapin::Connection;
use proving::id::TaskId;
use proving::payload::{BlobDigest, MAX_INLINE_BYTES, Payload};
use tokio::sync::{Mutex, mpsc};

use super::offers::Taking;
use super::talk::{Listening, Talk, unexpected};
use super::wire::{Key, Opening, Reply, Request};
use crate::http::BlobClient;
use crate::limits::cut;
use crate::link::{LinkError, Session};
use crate::message::{Answer, Beat, Done, Failed, Notice, Offer};

/// The blobs of secret tasks, which never pass through the broker. They outlive a session, as the tasks do.
pub(super) type Secrets = Arc<std::sync::Mutex<HashMap<TaskId, Vec<BlobDigest>>>>;

/// A connection to the dispatcher through the broker, which ends when this is dropped.
pub struct AmqpSession {
    talk: Talk,
    key: Key,
    inline_limit: usize,
    taking: Arc<Mutex<Taking>>,
    blobs: Option<BlobClient>,
    secrets: Secrets,
    notices: Option<mpsc::UnboundedReceiver<Notice>>,
    _listening: Listening,
}

impl fmt::Debug for AmqpSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpSession").field("inline_limit", &self.inline_limit).finish_non_exhaustive()
    }
}

impl AmqpSession {
    pub(super) fn new(
        talk: Talk,
        opening: &Opening,
        queues: Vec<String>,
        (blobs, secrets): (Option<BlobClient>, Secrets),
        connection: Arc<Connection>,
        (notices, listening): (mpsc::UnboundedReceiver<Notice>, Listening),
    ) -> Self {
        let key = Key(opening.session);
        Self {
            taking: Arc::new(Mutex::new(Taking::new(talk.clone(), key, queues, connection))),
            talk,
            key,
            inline_limit: opening.inline_limit,
            blobs,
            secrets,
            notices: Some(notices),
            _listening: listening,
        }
    }

    async fn ask(&self, request: Request, within: Duration) -> Result<Reply, LinkError> {
        self.talk.ask(Some(self.key), request, within).await
    }

    fn secrets(&self) -> MutexGuard<'_, HashMap<TaskId, Vec<BlobDigest>>> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a blob may be in a message.
    fn in_message(&self, bytes: u64, secret: bool) -> bool {
        !secret && usize::try_from(bytes).is_ok_and(|bytes| bytes <= self.inline_limit)
    }

    /// The way for blobs that no message carries.
    fn beside(&self, bytes: u64, secret: bool) -> Result<&BlobClient, LinkError> {
        self.blobs.as_ref().ok_or_else(|| {
            let limit = self.inline_limit;
            LinkError::TooLarge(match secret {
                true => "a secret never passes through the broker: give this worker the URL of the dispatcher's blobs"
                    .to_owned(),
                false => format!(
                    "{bytes} bytes do not pass through the broker (at most {limit} do): give this worker the URL of \
                     the dispatcher's blobs"
                ),
            })
        })
    }
}

impl Session for AmqpSession {
    async fn next(&self) -> Result<Offer, LinkError> {
        let taking = async { Taking::next(Arc::clone(&self.taking).lock_owned().await).await };
        let offer = self.talk.life().during(taking).await?;
        if offer.secret {
            let blobs = std::iter::once(&offer.input).chain(&offer.needs).filter_map(Payload::blob).collect();
            self.secrets().insert(offer.task, blobs);
        }
        Ok(offer)
    }

    async fn beat(&self, beat: &Beat) -> Result<bool, LinkError> {
        let beat = Beat { stage: cut(&beat.stage).to_owned(), ..beat.clone() };
        match self.ask(Request::Beat(beat), self.talk.settings().beat).await? {
            Reply::Beat(live) => Ok(live),
            other => Err(unexpected(&other)),
        }
    }

    async fn done(&self, done: &Done) -> Result<Answer, LinkError> {
        let reply = self.ask(Request::Done(done.clone()), self.talk.settings().call).await?;
        self.secrets().remove(&done.held.task);
        match reply {
            Reply::Answer(answer) => Ok(answer),
            other => Err(unexpected(&other)),
        }
    }

    async fn failed(&self, failed: &Failed) -> Result<Answer, LinkError> {
        let said = Failed { reason: cut(&failed.reason).to_owned(), ..failed.clone() };
        let reply = self.ask(Request::Failed(said), self.talk.settings().call).await?;
        self.secrets().remove(&failed.held.task);
        match reply {
            Reply::Answer(answer) => Ok(answer),
            other => Err(unexpected(&other)),
        }
    }

    async fn fetch(&self, payload: &Payload) -> Result<Bytes, LinkError> {
        let (digest, length) = match payload {
            Payload::Inline(bytes) => return Ok(Bytes::copy_from_slice(bytes)),
            Payload::Blob { digest, bytes } => (*digest, *bytes),
        };
        let secret = self.secrets().values().flatten().any(|secret| *secret == digest);
        if !self.in_message(length, secret) {
            return self.talk.life().during(self.beside(length, secret)?.fetch(payload)).await;
        }
        match self.ask(Request::Read(digest), self.talk.settings().call).await? {
            Reply::Blob(bytes) if bytes.len() as u64 == length && BlobDigest::of(&bytes) == digest => Ok(bytes.into()),
            Reply::Blob(_) => Err(LinkError::Blob(format!("blob {digest} is damaged"))),
            other => Err(unexpected(&other)),
        }
    }

    async fn store(&self, bytes: Bytes, secret: bool) -> Result<Payload, LinkError> {
        if bytes.len() <= MAX_INLINE_BYTES && !secret {
            return Ok(Payload::Inline(bytes.to_vec()));
        }
        let length = bytes.len() as u64;
        if !self.in_message(length, secret) {
            return self.talk.life().during(self.beside(length, secret)?.store(bytes, secret)).await;
        }
        match self.ask(Request::Keep(bytes.into()), self.talk.settings().call).await? {
            Reply::Kept(payload) => Ok(payload),
            other => Err(unexpected(&other)),
        }
    }

    fn notices(&mut self) -> mpsc::UnboundedReceiver<Notice> {
        // Taken twice, it gives one that has ended.
        self.notices.take().unwrap_or_else(|| mpsc::unbounded_channel().1)
    }
}
