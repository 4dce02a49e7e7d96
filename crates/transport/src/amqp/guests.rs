//! The workers that are connected through the broker, and whether they still are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapin::Channel;
use lapin::types::ShortString;
use tokio::sync::mpsc;

use super::broker::{Broken, Fate, missing};
use super::names::OfferClass;
use super::pools::Pools;
use super::post::Post;
use super::wire::{Key, Opening, Outgoing, Reply};
use crate::limits::Check as _;
use crate::message::{Hello, Notice};
use crate::plane::{PlaneError, Role, SessionId, WorkPlane};

/// A ping that is not read for so long need not be read any more. In milliseconds.
const PING_LIFE: &str = "5000";

/// A connected worker.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) session: SessionId,
    reply_to: ShortString,
    classes: Vec<OfferClass>,
    /// The dispatcher's connection during which it came.
    connection: u64,
}

/// All connected workers.
#[derive(Debug)]
pub(super) struct Guests<P> {
    plane: P,
    post: Post,
    pub(super) pools: Pools<P>,
    inside: Mutex<HashMap<Key, Arc<Guest>>>,
}

impl<P: WorkPlane> Guests<P> {
    pub(super) fn new(plane: P, post: Post) -> Self {
        Self { pools: Pools::new(plane.clone(), post.clone()), plane, post, inside: Mutex::default() }
    }

    /// Lets a worker in.
    pub(super) async fn admit(
        self: &Arc<Self>,
        hello: Hello,
        reply_to: ShortString,
        connection: u64,
        inline_limit: usize,
    ) -> Result<Opening, PlaneError> {
        hello.check()?;
        let classes = OfferClass::of_worker(&hello);
        if classes.is_empty() {
            return Err(PlaneError::Bad("a worker at a broker offers something, and has at least a GiB".to_owned()));
        }
        let busy = |error: Broken| PlaneError::Unavailable(error.to_string());
        let _prepared = self.pools.prepare(&classes).await.map_err(busy)?;
        let opened = self.plane.open(Role::Worker, hello).await?;
        let key = Key::random();
        let guest = Guest { session: opened.session, reply_to, classes, connection };
        self.pools.join(&guest.classes);
        self.inside().insert(key, Arc::new(guest));
        tokio::spawn(Arc::clone(self).tell(key, opened.notices));
        let inline_limit = inline_limit.min(self.plane.max_blob_bytes());
        Ok(Opening { session: key.0, inline_limit, welcome: opened.welcome })
    }

    /// The worker with this session, if it has the queue that it says.
    pub(super) fn find(&self, key: Option<Key>, reply_to: &ShortString) -> Result<Arc<Guest>, PlaneError> {
        let guest = key.and_then(|key| self.inside().get(&key).cloned());
        guest.filter(|guest| guest.reply_to == *reply_to).ok_or(PlaneError::NoSession)
    }

    /// The private queue that a worker named is not there, during this connection. One that came before it may be on
    /// its way back, as after a restart of the broker, which kept what it had asked: the pings see whether it comes.
    pub(super) fn gone(&self, key: Key, reply_to: &ShortString, connection: u64) {
        if self.find(Some(key), reply_to).is_ok_and(|guest| guest.connection == connection) {
            self.depart(key);
        }
    }

    /// A worker is gone.
    pub(super) fn depart(&self, key: Key) {
        let guest = self.inside().remove(&key);
        if let Some(guest) = guest {
            self.plane.close(guest.session);
            self.pools.leave(&guest.classes);
        }
    }

    /// Nobody can be heard: that none says anything is not their fault.
    pub(super) fn excuse(&self) {
        let sessions: Vec<_> = self.inside().values().map(|guest| guest.session).collect();
        sessions.into_iter().for_each(|session| self.plane.excuse(session));
    }

    /// All are gone, for the dispatcher is going.
    pub(super) fn depart_all(&self) {
        let keys: Vec<_> = self.inside().keys().copied().collect();
        keys.into_iter().for_each(|key| self.depart(key));
    }

    /// Says a word to everybody, on a channel for this alone; whose queue is not there is gone. Those who came before this connection of ours have
    /// until the end of their grace to come back: the broker may have ended their connections with ours.
    pub(super) async fn ping(&self, channel: &Channel, connection: u64, graced: bool) -> Result<(), Broken> {
        let mut ping = Outgoing::reply(&Reply::Ping, None)?;
        ping.properties = ping.properties.with_expiration(PING_LIFE.into());
        let guests: Vec<_> = self.inside().iter().map(|(key, guest)| (*key, Arc::clone(guest))).collect();
        let gone = missing(channel, guests.iter().map(|(_, guest)| &guest.reply_to), &ping).await?;
        for (key, guest) in guests {
            if gone.contains(&guest.reply_to) && (guest.connection == connection || !graced) {
                tracing::info!(session = guest.session.0, "a worker's connection to the broker is gone");
                self.depart(key);
            }
        }
        Ok(())
    }

    /// Hands notices on until the session ends, whoever ends it.
    async fn tell(self: Arc<Self>, key: Key, mut notices: mpsc::UnboundedReceiver<Notice>) {
        loop {
            let notice = notices.recv().await;
            let reply_to = match self.inside().get(&key) {
                Some(guest) => guest.reply_to.clone(),
                None => return,
            };
            let said = notice.map_or(Reply::Closed, Reply::Notice);
            let fate = match Outgoing::reply(&said, None) {
                Ok(message) => self.publish_shortly(&reply_to, &message).await,
                Err(error) => return tracing::error!(%error, "a notice cannot be written"),
            };
            if fate == Fate::Returned || notice.is_none() {
                return self.depart(key);
            }
        }
    }

    /// A notice that waits for the broker for longer than this is of no use: a worker that comes back learns from its
    /// welcome what is stale, and from its beats.
    async fn publish_shortly(&self, queue: &ShortString, message: &Outgoing) -> Fate {
        const PATIENCE: Duration = Duration::from_secs(10);
        tokio::time::timeout(PATIENCE, self.post.reply(queue, message)).await.unwrap_or(Fate::Kept)
    }

    fn inside(&self) -> MutexGuard<'_, HashMap<Key, Arc<Guest>>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
