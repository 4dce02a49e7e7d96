//! The way inside one process: a worker beside its dispatcher, without any socket between. The twin of the other
//! ways, and what a one-machine set-up uses.

use std::time::Duration;

use bytes::Bytes;
use proving::payload::{BlobDigest, MAX_INLINE_BYTES, Payload};
use tokio::sync::mpsc;

use crate::limits::{Check as _, cut};
use crate::link::{Link, LinkError, Session};
use crate::message::{Answer, Beat, Done, Failed, Hello, Notice, Offer, Welcome};
use crate::plane::{PlaneError, Role, SessionId, WorkPlane};

/// How long one question for a task waits before the next.
const POLL: Duration = Duration::from_secs(25);

/// The way to a dispatcher in the same process.
#[derive(Debug, Clone)]
pub struct LocalLink<P> {
    plane: P,
}

impl<P: WorkPlane> LocalLink<P> {
    /// The way to this one.
    pub const fn new(plane: P) -> Self {
        Self { plane }
    }
}

impl<P: WorkPlane> Link for LocalLink<P> {
    type Session = LocalSession<P>;

    async fn connect(&self, hello: Hello) -> Result<(LocalSession<P>, Welcome), LinkError> {
        hello.check()?;
        let opened = self.plane.open(Role::Worker, hello).await?;
        let session = LocalSession { plane: self.plane.clone(), id: opened.session, notices: Some(opened.notices) };
        Ok((session, opened.welcome))
    }
}

/// A worker's session at a dispatcher in the same process.
#[derive(Debug)]
pub struct LocalSession<P: WorkPlane> {
    plane: P,
    id: SessionId,
    notices: Option<mpsc::UnboundedReceiver<Notice>>,
}

impl<P: WorkPlane> Drop for LocalSession<P> {
    fn drop(&mut self) {
        self.plane.close(self.id);
    }
}

impl<P: WorkPlane> Session for LocalSession<P> {
    async fn next(&self) -> Result<Offer, LinkError> {
        loop {
            if let Some(offer) = self.plane.next(self.id, POLL).await? {
                return Ok(offer);
            }
        }
    }

    async fn beat(&self, beat: &Beat) -> Result<bool, LinkError> {
        let beat = Beat { stage: cut(&beat.stage).to_owned(), ..beat.clone() };
        Ok(self.plane.beat(self.id, beat).await?)
    }

    async fn done(&self, done: &Done) -> Result<Answer, LinkError> {
        done.check()?;
        Ok(self.plane.done(self.id, done.clone()).await?)
    }

    async fn done_and_next(&self, done: &Done) -> Result<(Answer, Option<Offer>), LinkError> {
        let answer = self.done(done).await?;
        Ok((answer, self.plane.next(self.id, Duration::ZERO).await.unwrap_or_default()))
    }

    async fn failed(&self, failed: &Failed) -> Result<Answer, LinkError> {
        let failed = Failed { reason: cut(&failed.reason).to_owned(), ..failed.clone() };
        Ok(self.plane.failed(self.id, failed).await?)
    }

    async fn fetch(&self, payload: &Payload) -> Result<Bytes, LinkError> {
        let digest = match payload {
            Payload::Inline(bytes) => return Ok(Bytes::copy_from_slice(bytes)),
            Payload::Blob { digest, .. } => *digest,
        };
        let bytes = self.plane.read_blob(digest).await?;
        if BlobDigest::of(&bytes) == digest {
            Ok(bytes)
        } else {
            Err(LinkError::Blob(format!("blob {digest} is damaged")))
        }
    }

    async fn store(&self, bytes: Bytes, secret: bool) -> Result<Payload, LinkError> {
        if bytes.len() <= MAX_INLINE_BYTES && !secret {
            return Ok(Payload::Inline(bytes.to_vec()));
        }
        let limit = self.plane.max_blob_bytes();
        if bytes.len() > limit {
            return Err(LinkError::TooLarge(format!("at most {limit} bytes are taken here")));
        }
        Ok(self.plane.write_blob(bytes, secret).await?)
    }

    fn notices(&mut self) -> mpsc::UnboundedReceiver<Notice> {
        // Taken twice, it gives one that has ended.
        self.notices.take().unwrap_or_else(|| mpsc::unbounded_channel().1)
    }
}

impl From<PlaneError> for LinkError {
    fn from(error: PlaneError) -> Self {
        let sentence = error.to_string();
        match error {
            PlaneError::NoSession | PlaneError::Unavailable(_) => Self::Lost(sentence),
            PlaneError::Bad(_) => Self::Refused(sentence),
            PlaneError::Blob(_) => Self::Blob(sentence),
        }
    }
}
