//! One request of a worker: read, done, answered, acknowledged.

use std::sync::Arc;

use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicRejectOptions};

use super::broker::{Broken, Fate};
use super::guests::Guests;
use super::post::Post;
use super::wire::{Garbage, Outgoing, Reply, Request, Sender, request};
use crate::limits::Check as _;
use crate::plane::{PlaneError, WorkPlane};

/// What answering needs.
#[derive(Debug)]
pub(super) struct Desk<P> {
    pub(super) plane: P,
    pub(super) guests: Arc<Guests<P>>,
    pub(super) post: Post,
    pub(super) inline_limit: usize,
}

impl<P: WorkPlane> Desk<P> {
    /// Answers what was delivered during this connection. It is acknowledged after that: if the dispatcher dies in
    /// between, the next one answers that the session has ended.
    pub(super) async fn serve(&self, delivery: Delivery, connection: u64) -> Result<Option<Garbage>, Broken> {
        let (sender, asked) = match request(&delivery.properties, &delivery.data) {
            Ok(asked) => asked,
            Err(garbage) => {
                delivery.reject(BasicRejectOptions { requeue: false }).await?;
                return Ok(Some(garbage));
            }
        };
        let reply = match self.answer(&sender, asked, connection).await {
            Ok(reply) => reply,
            Err(error) => Reply::Error(error.into()),
        };
        let opened = match &reply {
            Reply::Welcome(opening) => Some(super::wire::Key(opening.session)),
            _ => sender.session,
        };
        let reply = Outgoing::reply(&reply, Some(sender.correlation))?;
        if self.post.reply(&sender.reply_to, &reply).await == Fate::Returned
            && let Some(key) = opened
        {
            self.guests.gone(key, &sender.reply_to, connection);
        }
        delivery.ack(BasicAckOptions::default()).await?;
        Ok(None)
    }

    async fn answer(&self, sender: &Sender, asked: Request, connection: u64) -> Result<Reply, PlaneError> {
        if let Request::Hello(hello) = asked {
            // In a task of its own, so that a connection that breaks meanwhile leaves no session that nobody closes.
            let (guests, reply_to, limit) = (Arc::clone(&self.guests), sender.reply_to.clone(), self.inline_limit);
            let admitted = tokio::spawn(async move { guests.admit(hello, reply_to, connection, limit).await }).await;
            let failed = |_| PlaneError::Unavailable("it could not open a session".to_owned());
            return admitted.map_err(failed)?.map(Reply::Welcome);
        }
        let session = self.guests.find(sender.session, &sender.reply_to)?.session;
        Ok(match asked {
            // Answered above.
            Request::Hello(_) => return Err(PlaneError::NoSession),
            Request::Claim(held) => {
                self.guests.pools.claimed(held);
                // Never as redelivered: a worker that is gone is noticed by its queue, and only then the lease moves.
                // An offer that was merely given back is redelivered, too, and so would take another's lease away.
                Reply::Claimed(self.plane.claim(session, held, false).await?)
            }
            Request::Beat(beat) => {
                beat.check()?;
                Reply::Beat(self.plane.beat(session, beat).await?)
            }
            Request::Done(done) => {
                done.check()?;
                Reply::Answer(self.plane.done(session, done).await?)
            }
            Request::Failed(failed) => {
                failed.check()?;
                Reply::Answer(self.plane.failed(session, failed).await?)
            }
            Request::Read(digest) => {
                let bytes = self.plane.read_blob(digest).await?;
                if bytes.len() > self.inline_limit {
                    return Err(PlaneError::Bad(format!("blob {digest} is too large for a message")));
                }
                Reply::Blob(bytes.into())
            }
            Request::Keep(bytes) => {
                if bytes.len() > self.inline_limit.min(self.plane.max_blob_bytes()) {
                    return Err(PlaneError::Bad("a blob in a message is too large".to_owned()));
                }
                Reply::Kept(self.plane.write_blob(bytes.into(), false).await?)
            }
        })
    }
}
