//! A worker's session over HTTP.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use proving::lease::Token;
use proving::payload::Payload;
use reqwest::{RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::blob_client::BlobClient;
use super::client::{Wire, lost, send, understood};
use super::lines::Lines;
use super::wire::{AnswerReply, BeatReply, BeatRequest, DoneRequest, FailedRequest, Key, NextReply, NextRequest};
use crate::lifeline::Lifeline;
use crate::limits::cut;
use crate::link::{LinkError, Session};
use crate::message::{Answer, Beat, Done, Failed, Notice, Offer};

/// A connection to the dispatcher, which ends when this is dropped.
pub struct HttpSession {
    wire: Wire,
    blobs: BlobClient,
    key: Key,
    /// Who holds it may ask for offers.
    asking: Mutex<Asking>,
    notices: Option<mpsc::UnboundedReceiver<Notice>>,
    life: Lifeline,
    /// Dropping it drops the stream, and the dispatcher sees its socket close.
    _listening: AbortOnDropHandle<()>,
}

/// What is known about offers.
#[derive(Debug, Default)]
struct Asking {
    /// The last one that came.
    seen: Option<Token>,
    /// One that came for somebody who no longer waited for it.
    ready: Option<Offer>,
}

impl fmt::Debug for HttpSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSession").field("key", &self.key).finish_non_exhaustive()
    }
}

impl HttpSession {
    pub(super) fn new(wire: Wire, key: Key, lines: Lines) -> Self {
        let life = Lifeline::default();
        let (sender, notices) = mpsc::unbounded_channel();
        let listening = AbortOnDropHandle::new(tokio::spawn(listen(lines, sender, life.clone())));
        Self {
            blobs: BlobClient::over(wire.clone()),
            wire,
            key,
            asking: Mutex::default(),
            notices: Some(notices),
            life,
            _listening: listening,
        }
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder, within: Duration) -> Result<T, LinkError> {
        self.life
            .during(async {
                let body = send(request.timeout(within)).await?.bytes().await.map_err(|error| lost(&error))?;
                understood(&body)
            })
            .await
    }

    /// Asks for an offer, and hands over `done` before. The caller holds `asking`.
    async fn exchange(&self, asking: &mut Asking, done: Option<&Done>) -> Result<Option<Answer>, LinkError> {
        let request = NextRequest { session: self.key, seen: asking.seen, done };
        let request = self.wire.post("work/next").json(&request).timeout(self.wire.settings.call);
        let response = send(request).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let reply: NextReply = understood(&response.bytes().await.map_err(|error| lost(&error))?)?;
        if let Some(offer) = reply.offer {
            asking.seen = Some(offer.token);
            asking.ready = Some(offer);
        }
        Ok(reply.answer)
    }
}

/// Hands the notices on until the stream ends.
async fn listen(mut lines: Lines, notices: mpsc::UnboundedSender<Notice>, life: Lifeline) {
    loop {
        match lines.next().await.and_then(|line| understood(&line)) {
            // Nobody may be interested in them, but the stream is the session all the same.
            Ok(notice) => {
                let _ = notices.send(notice);
            }
            Err(LinkError::Refused(why)) => {
                tracing::warn!(%why, "dispatch said something that this worker does not know")
            }
            Err(error) => {
                tracing::info!(%error, "the session has ended");
                return life.end();
            }
        }
    }
}

impl Session for HttpSession {
    async fn next(&self) -> Result<Offer, LinkError> {
        self.life
            .during(async {
                let mut asking = self.asking.lock().await;
                loop {
                    if let Some(offer) = asking.ready.take() {
                        return Ok(offer);
                    }
                    self.exchange(&mut asking, None).await?;
                }
            })
            .await
    }

    async fn beat(&self, beat: &Beat) -> Result<bool, LinkError> {
        let beat = Beat { stage: cut(&beat.stage).to_owned(), ..beat.clone() };
        let request = self.wire.post("work/beat").json(&BeatRequest { session: self.key, beat });
        self.ask(request, self.wire.settings.beat).await.map(|reply: BeatReply| reply.live)
    }

    async fn done(&self, done: &Done) -> Result<Answer, LinkError> {
        let request = self.wire.post("work/done").json(&DoneRequest { session: self.key, done });
        self.ask(request, self.wire.settings.call).await.map(|reply: AnswerReply| reply.answer)
    }

    async fn done_and_next(&self, done: &Done) -> Result<(Answer, Option<Offer>), LinkError> {
        // Only where nobody waits for a task already: a worker that asks side by side would be given two.
        let Ok(mut asking) = self.asking.try_lock() else { return Ok((self.done(done).await?, None)) };
        let answer = self.life.during(self.exchange(&mut asking, Some(done))).await?;
        let answer = answer.ok_or_else(|| LinkError::Refused("it does not answer to a proof".to_owned()))?;
        Ok((answer, asking.ready.take()))
    }

    async fn failed(&self, failed: &Failed) -> Result<Answer, LinkError> {
        let failed = Failed { reason: cut(&failed.reason).to_owned(), ..failed.clone() };
        let request = self.wire.post("work/failed").json(&FailedRequest { session: self.key, failed });
        self.ask(request, self.wire.settings.call).await.map(|reply: AnswerReply| reply.answer)
    }

    async fn fetch(&self, payload: &Payload) -> Result<Bytes, LinkError> {
        self.life.during(self.blobs.fetch(payload)).await
    }

    async fn store(&self, bytes: Bytes, secret: bool) -> Result<Payload, LinkError> {
        self.life.during(self.blobs.store(bytes, secret)).await
    }

    fn notices(&mut self) -> mpsc::UnboundedReceiver<Notice> {
        // Taken twice, it gives one that has ended.
        self.notices.take().unwrap_or_else(|| mpsc::unbounded_channel().1)
    }
}
