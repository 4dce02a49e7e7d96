//! The simulated disk: what is on it survives every crash, and nobody but its owner writes to it.

use crate::store::Kept;

/// What outlives the dispatchers.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// The epoch of the owner.
    pub(super) epoch: u64,
    pub(super) kept: Kept,
    /// Until when it takes nothing.
    pub(super) full_until: u64,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Kept,
    Fenced,
    Full,
}

impl Disk {
    pub(super) fn open(&mut self) -> u64 {
        self.epoch += 1;
        self.epoch
    }

    pub(super) fn append(&mut self, epoch: u64, number: u64, bytes: &[u8], now: u64) -> Written {
        if epoch != self.epoch {
            return Written::Fenced;
        }
        if now < self.full_until {
            return Written::Full;
        }
        assert_eq!(number, self.kept.last() + 1, "batches come in their order");
        self.kept.batches.push(bytes.to_vec());
        Written::Kept
    }

    pub(super) fn snapshot(&mut self, epoch: u64, covered: u64, snapshot: Vec<u8>) -> Written {
        if epoch != self.epoch {
            return Written::Fenced;
        }
        let forgotten = covered.checked_sub(self.kept.covered).expect("snapshots come in their order");
        assert!(covered <= self.kept.last(), "a snapshot covers what is kept, and not more");
        self.kept.batches.drain(..forgotten as usize);
        self.kept.covered = covered;
        self.kept.snapshot = Some(snapshot);
        Written::Kept
    }
}
