//! How often every fault happened: a fault that never fires shows nothing, so a run in which one did not
//! fails.

use std::fmt::Write;

macro_rules! fired {
    ($($name:ident = $text:literal,)*) => {
        /// Something bad, or at least rare, that happens in the worlds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Fired {
            $($name,)*
        }

        const TEXTS: &[&str] = &[$($text),*];
    };
}

fired! {
    Crash = "the dispatcher crashed",
    BatchLost = "a batch on its way to the disk was lost in a crash",
    BatchKept = "a batch was kept, but its acknowledgement was lost in a crash",
    DiskFull = "a batch met a full disk",
    DiskUnknown = "the disk reported an error of a batch that it had kept",
    DiskSlow = "a batch took a second",
    Snapshot = "a snapshot was kept",
    SnapshotLost = "a snapshot was lost",
    Taken = "another dispatcher took the store of a frozen one",
    Fenced = "a dispatcher that woke was refused by the store",
    ClockBack = "the clock had gone back between two runs",
    ClockForth = "the clock had gone forth between two runs",
    ClockJump = "the clock jumped forth within a run",
    ClockStill = "the clock went back within a run",
    ClockSlow = "the clock ran at half speed",
    Death = "a worker died",
    DeathUnseen = "a worker died, and its connection lived on",
    Freeze = "a worker froze and woke",
    Partition = "a worker was cut off, and did not know",
    Lost = "a connection was lost",
    Late = "a message was late",
    Twice = "a message came twice",
    Overtaken = "a message was overtaken by a later one",
    Stale = "a stale result was posted",
    Again = "a result was posted again after a lost connection",
    Failed = "a proof failed",
    Invalid = "a proof failed for its input",
    Memory = "a proof ran out of memory",
    Returned = "a worker handed its task back",
    Wrong = "a wrong proof was posted",
    Swapped = "a wrong proof was posted while the right one was being checked",
    Suspended = "a worker was suspended for wrong proofs",
    Cleared = "a suspended worker was trusted again",
    Drain = "a worker was drained",
    Withdrawn = "a question for a task was taken back",
    Stopped = "a worker was told to stop",
    Cancel = "a job was cancelled",
    Retry = "a failed job was tried again",
    Resubmitted = "a submission was repeated",
    Deadline = "a job missed its deadline",
    NeedOfOther = "a task needed one of another job",
    Shared = "a task was in two jobs",
    Forgotten = "a job was forgotten",
    OutputLost = "the blob of a proof was lost",
    Bereft = "a lost proof could not be made again, for what was under it was forgotten",
    InputLost = "the blob of an input was lost",
    DeadLetter = "a task became a dead letter",
    PoolLost = "the broker lost its connection",
    Excused = "workers kept their leases while the broker was away",
    BrokerEmptied = "the broker lost its messages",
    Redelivered = "the broker delivered an offer again",
    ClaimRefused = "a stale offer was claimed",
    ClaimUnfit = "an offer was claimed by a worker that cannot have it",
}

/// The counts of one run.
#[derive(Debug, Clone)]
pub(super) struct Coverage(Vec<u64>);

impl Coverage {
    pub(super) fn new() -> Self {
        Self(vec![0; TEXTS.len()])
    }

    pub(super) fn count(&mut self, fired: Fired) {
        self.0[fired as usize] += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(&other.0) {
            *sum += more;
        }
    }

    /// What never happened.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        self.0.iter().zip(TEXTS).filter(|(count, _)| **count == 0).map(|(_, text)| *text).collect()
    }

    pub(super) fn table(&self) -> String {
        let mut table = String::new();
        for (count, text) in self.0.iter().zip(TEXTS) {
            let _ = writeln!(table, "{count:>12}  {text}");
        }
        table
    }
}
