//! The offers of one class: taken from dispatch a few at a time, published, and watched until they are claimed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proving::id::TaskId;
use proving::lease::Token;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::broker::Fate;
use super::names::OfferClass;
use super::post::Post;
use super::wire::Outgoing;
use crate::message::{Held, Hello, Notice, Offer, Offering};
use crate::plane::{Opened, PlaneError, Role, SessionId, WorkPlane};

/// So many offers more than there are workers: a worker that is done finds the next one in the queue.
const SPARE: usize = 2;

/// How long one question for a task waits before the next.
const POLL: Duration = Duration::from_secs(25);

/// How often the queue is looked at, and how long a published offer is not expected to have vanished from it.
const LOOK: Duration = Duration::from_secs(5);

/// How long a dispatcher that cannot give work now is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// What is known of the offers that nobody has claimed yet.
#[derive(Debug, Default)]
pub(super) struct Pool {
    consumers: AtomicUsize,
    unclaimed: Mutex<HashMap<TaskId, Unclaimed>>,
    /// There may be room for another offer.
    room: Notify,
}

#[derive(Debug)]
struct Unclaimed {
    offer: Offer,
    /// Since when the broker has it.
    kept: Option<Instant>,
}

impl Pool {
    /// Another worker can take offers of it.
    pub(super) fn join(&self) {
        self.consumers.fetch_add(1, Ordering::AcqRel);
        self.room.notify_one();
    }

    /// A worker is gone; whether it was the last one.
    pub(super) fn leave(&self) -> bool {
        self.consumers.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Somebody took an offer out of the queue; whether it was of this pool.
    pub(super) fn claimed(&self, held: Held) -> bool {
        let mut unclaimed = self.unclaimed();
        let here = unclaimed.get(&held.task).is_some_and(|unclaimed| unclaimed.offer.token == held.token);
        if here {
            unclaimed.remove(&held.task);
            self.room.notify_one();
        }
        here
    }

    fn unclaimed(&self) -> MutexGuard<'_, HashMap<TaskId, Unclaimed>> {
        self.unclaimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self) -> bool {
        self.unclaimed().len() < self.consumers.load(Ordering::Acquire) + SPARE
    }

    /// The broker has this one now.
    fn kept(&self, held: Held) {
        if let Some(unclaimed) = self.unclaimed().get_mut(&held.task)
            && unclaimed.offer.token == held.token
        {
            unclaimed.kept = Some(Instant::now());
        }
    }

    fn cancelled(&self, token: Token) {
        self.unclaimed().retain(|_, unclaimed| unclaimed.offer.token != token);
        self.room.notify_one();
    }

    /// The offers that the broker has had for a while, by the queue that they should be in.
    fn expected(&self) -> HashMap<String, Vec<Offer>> {
        let mut expected: HashMap<_, Vec<_>> = HashMap::new();
        for unclaimed in self.unclaimed().values() {
            if unclaimed.kept.is_some_and(|since| since.elapsed() > LOOK) {
                expected.entry(queue_of(&unclaimed.offer)).or_default().push(unclaimed.offer.clone());
            }
        }
        expected
    }
}

/// An offer's queue goes by its own memory, so that a small task is never stuck behind large workers.
fn queue_of(offer: &Offer) -> String {
    OfferClass::fitting(offer.kind.clone(), offer.statement.clone(), offer.memory_bytes).queue()
}

/// A pool's session, closed when it is dropped.
struct Session<P: WorkPlane>(P, SessionId);

impl<P: WorkPlane> Drop for Session<P> {
    fn drop(&mut self) {
        self.0.close(self.1);
    }
}

/// Keeps the class's queue filled, for as long as it is not dropped.
pub(super) async fn fill<P: WorkPlane>(plane: P, post: Post, class: OfferClass, pool: Arc<Pool>) {
    let offering = Offering { kind: class.kind.clone(), statement: class.statement.clone() };
    let hello = Hello {
        worker: class.queue(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        offers: vec![offering],
        memory_bytes: class.memory_bytes(),
        since_ms: 0,
        running: Vec::new(),
    };
    loop {
        match plane.open(Role::Pool, hello.clone()).await {
            Ok(opened) => fill_session(&plane, &post, &class, &pool, opened).await,
            Err(error) => tracing::warn!(%error, queue = class.queue(), "dispatch gives no offers"),
        }
        pool.unclaimed().clear();
        tokio::time::sleep(PAUSE).await;
    }
}

async fn fill_session<P: WorkPlane>(plane: &P, post: &Post, class: &OfferClass, pool: &Arc<Pool>, mut opened: Opened) {
    let session = Session(plane.clone(), opened.session);
    let mut publishing = JoinSet::new();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let room = pool.has_room();
        tokio::select! {
            notice = opened.notices.recv() => match notice {
                Some(Notice::Stop(token)) => pool.cancelled(token),
                Some(Notice::Drain) => {}
                None => return,
            },
            offer = plane.next(session.1, POLL), if room => match offer {
                Ok(Some(offer)) => {
                    pool.unclaimed().insert(offer.task, Unclaimed { offer: offer.clone(), kept: None });
                    publishing.spawn(publish(post.clone(), Arc::clone(pool), offer));
                }
                Ok(None) => {}
                Err(PlaneError::NoSession) => return,
                Err(error) => {
                    tracing::warn!(%error, queue = class.queue(), "dispatch gives no offers");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            () = pool.room.notified(), if !room => {}
            _ = looks.tick() => {
                for offer in vanished(post, pool).await {
                    publishing.spawn(publish(post.clone(), Arc::clone(pool), offer));
                }
            }
            Some(_) = publishing.join_next() => {}
        }
    }
}

/// Publishes until the broker has it.
async fn publish(post: Post, pool: Arc<Pool>, offer: Offer) {
    let held = Held { task: offer.task, token: offer.token };
    let queue = queue_of(&offer);
    let message = match Outgoing::offer(&offer) {
        Ok(message) => message,
        Err(error) => return tracing::error!(%error, task = %offer.task, "an offer cannot be written"),
    };
    while post.offer(&queue.as_str().into(), &message).await == Fate::Returned {
        if let Err(error) = post.declare(&queue).await {
            tracing::debug!(%error, queue, "a queue cannot be declared");
            tokio::time::sleep(PAUSE).await;
        }
    }
    pool.kept(held);
}

/// The offers that the broker had and has no longer, though nobody claimed them: somebody emptied the queue, or gave
/// them back too often. Those among them that are still there are then in the queue twice, and claimed once.
async fn vanished(post: &Post, pool: &Pool) -> Vec<Offer> {
    let mut vanished = Vec::new();
    for (queue, expected) in pool.expected() {
        match tokio::time::timeout(PAUSE, post.declare(&queue)).await {
            Ok(Ok(there)) if (there.message_count() as usize) < expected.len() => {
                tracing::warn!(queue, expected = expected.len(), "offers have vanished: publishing them again");
                vanished.extend(expected);
            }
            // Without a connection, this is no time to look.
            _ => {}
        }
    }
    vanished
}
