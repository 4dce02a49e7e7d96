//! The store in memory: for tests, for trying things out, and as the twin of the others.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Kept, Store, StoreError, StoreFuture};

/// What outlives a dispatcher that keeps its store in memory: clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    epoch: u64,
    kept: Kept,
}

/// A store on a [`MemoryDisk`]. Nobody but this process can open it, so an owner is never asked whether it
/// is alive: the next one simply takes over.
#[derive(Debug)]
pub struct MemoryStore {
    disk: MemoryDisk,
    epoch: u64,
}

impl MemoryDisk {
    /// Opens it, and fences whoever had it open.
    pub fn open(&self) -> MemoryStore {
        let mut content = self.lock();
        content.epoch += 1;
        MemoryStore { disk: self.clone(), epoch: content.epoch }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryStore {
    fn owned<T>(&self, work: impl FnOnce(&mut Kept) -> Result<T, StoreError>) -> StoreFuture<'static, T>
    where
        T: Send + 'static,
    {
        let mut content = self.disk.lock();
        let theirs = content.epoch;
        let result = if theirs == self.epoch {
            work(&mut content.kept)
        } else {
            Err(StoreError::Fenced { ours: self.epoch, theirs })
        };
        Box::pin(std::future::ready(result))
    }
}

impl Store for MemoryStore {
    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn load(&self) -> StoreFuture<'_, Kept> {
        self.owned(|kept| Ok(kept.clone()))
    }

    fn append<'a>(&'a self, number: u64, batch: &'a [u8]) -> StoreFuture<'a, ()> {
        self.owned(|kept| {
            if number != kept.last() + 1 {
                return Err(StoreError::OutOfOrder { last: kept.last(), found: number });
            }
            kept.batches.push(batch.to_vec());
            Ok(())
        })
    }

    fn snapshot<'a>(&'a self, covered: u64, snapshot: &'a [u8]) -> StoreFuture<'a, ()> {
        self.owned(|kept| {
            let within = covered.checked_sub(kept.covered).filter(|_| covered <= kept.last());
            let Some(forgotten) = within else {
                return Err(StoreError::OutOfOrder { last: kept.last(), found: covered });
            };
            kept.batches.drain(..forgotten as usize);
            kept.covered = covered;
            kept.snapshot = Some(snapshot.to_vec());
            Ok(())
        })
    }

    fn renew(&self) -> StoreFuture<'_, ()> {
        self.owned(|_| Ok(()))
    }

    fn release(&self) -> StoreFuture<'_, ()> {
        self.owned(|_| Ok(()))
    }
}
