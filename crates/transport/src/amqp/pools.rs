//! Which classes have a pool: those that a connected worker can take.

use std::collections::HashMap;
use std::sync::{self, Arc, PoisonError};

use tokio::sync::{Mutex, MutexGuard};
use tokio_util::task::AbortOnDropHandle;

use super::broker::Broken;
use super::names::OfferClass;
use super::pool::{Pool, fill};
use super::post::Post;
use crate::message::Held;
use crate::plane::WorkPlane;

/// All pools.
#[derive(Debug)]
pub(super) struct Pools<P> {
    plane: P,
    post: Post,
    open: sync::Mutex<HashMap<OfferClass, Running>>,
    preparing: Mutex<()>,
}

#[derive(Debug)]
struct Running {
    pool: Arc<Pool>,
    /// Ends the pool's session when it is dropped.
    _filling: AbortOnDropHandle<()>,
}

impl<P: WorkPlane> Pools<P> {
    pub(super) fn new(plane: P, post: Post) -> Self {
        Self { plane, post, open: sync::Mutex::default(), preparing: Mutex::default() }
    }

    /// Makes sure of the queues of these classes, for a worker that is about to join them. One at a time: what another
    /// worker's pool has published since must not be taken for old.
    pub(super) async fn prepare(&self, classes: &[OfferClass]) -> Result<MutexGuard<'_, ()>, Broken> {
        let preparing = self.preparing.lock().await;
        for class in classes {
            self.post.declare(&class.queue()).await?;
            if !self.open().contains_key(class) {
                // What is in it was offered by a dispatcher or in a session that is over: nobody could claim it.
                self.post.purge(&class.queue()).await?;
            }
        }
        Ok(preparing)
    }

    /// A worker can take offers of these classes.
    pub(super) fn join(&self, classes: &[OfferClass]) {
        let mut open = self.open();
        for class in classes {
            let running = open.entry(class.clone()).or_insert_with(|| {
                let pool = Arc::new(Pool::default());
                let filling = fill(self.plane.clone(), self.post.clone(), class.clone(), Arc::clone(&pool));
                Running { pool, _filling: AbortOnDropHandle::new(tokio::spawn(filling)) }
            });
            running.pool.join();
        }
    }

    /// That worker is gone.
    pub(super) fn leave(&self, classes: &[OfferClass]) {
        let mut open = self.open();
        for class in classes {
            if open.get(class).is_some_and(|running| running.pool.leave()) {
                open.remove(class);
            }
        }
    }

    /// Somebody took an offer out of its queue.
    pub(super) fn claimed(&self, held: Held) {
        self.open().values().any(|running| running.pool.claimed(held));
    }

    fn open(&self) -> sync::MutexGuard<'_, HashMap<OfferClass, Running>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
