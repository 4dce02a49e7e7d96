//! The shell that every dispatcher runs around the state machine: nothing is done before it is durable.
//!
//! It does no I/O either, so that the simulation runs this very code. Whoever drives it hands events in,
//! makes the batches that it gives out durable, one after the other, and does what it releases. While one
//! batch is on its way to the disk the next one gathers: that is the group commit.

use crate::config::Config;
use crate::event::{Action, Answer, Event, NotTaken, Reply};
use crate::model::Durable;
use crate::planted::Fault;
use crate::record::{Record, RecordError, decode_batch, decode_snapshot, encode_batch, encode_snapshot};
use crate::state::{State, Step};
use crate::store::Kept;
use crate::time::Time;

/// A snapshot is taken after so many bytes of batches: it copies everything, and reading this much back takes a second
/// or two.
const SNAPSHOT_AFTER_BYTES: usize = 128 << 20;

/// A batch to make durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its number, for [`Store::append`](crate::store::Store::append).
    pub number: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What may be done now, since everything that it rests on is durable.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Released {
    /// The number of the first of `records`.
    pub first: u64,
    /// What happened, for those who watch.
    pub records: Vec<Record>,
    /// What is to be done, in this order.
    pub actions: Vec<Action>,
}

/// The state machine behind its gate.
#[derive(Debug)]
pub struct Engine {
    state: State,
    /// The number of the next batch.
    next: u64,
    gathering: Released,
    /// Something of what gathers has to be written past the store's owner, even if there is nothing to write.
    asserts: bool,
    in_flight: Option<Released>,
    released: Vec<Released>,
    /// A copy of the state, and the batch that it was taken after.
    cut: Option<(u64, Durable)>,
    bytes_since_snapshot: usize,
    snapshot_after: usize,
}

impl Engine {
    /// Starts from what a store keeps.
    ///
    /// # Errors
    /// What is kept cannot be read by this version.
    pub fn start(config: Config, kept: &Kept, now: Time) -> Result<Self, RecordError> {
        let durable = kept.snapshot.as_deref().map(decode_snapshot).transpose()?.unwrap_or_default();
        let mut records = Vec::new();
        for batch in &kept.batches {
            records.extend(decode_batch(batch)?);
        }
        Ok(Self {
            state: State::recover(config, durable, records, now),
            next: kept.last() + 1,
            gathering: Released::default(),
            asserts: false,
            cut: None,
            in_flight: None,
            released: Vec::new(),
            bytes_since_snapshot: kept.batches.iter().map(Vec::len).sum(),
            snapshot_after: SNAPSHOT_AFTER_BYTES,
        })
    }

    /// Hears an event.
    pub fn handle(&mut self, event: Event, now: Time) {
        let before = self.state.durable().last_record;
        let Step { records, actions } = self.state.handle(event, now);
        if self.gathering.records.is_empty() && !records.is_empty() {
            self.gathering.first = before + 1;
        }
        if self.state.planted(Fault::Durable) {
            self.released.push(Released { first: 0, records: Vec::new(), actions });
            self.gathering.records.extend(records);
            return;
        }
        self.asserts |= actions.iter().any(rests_on_ownership);
        self.gathering.records.extend(records);
        self.gathering.actions.extend(actions);
        self.pass();
    }

    /// The next batch to make durable, if there is one and none is on its way. [`Engine::durable`] is to
    /// follow when it is; if that fails, this engine is of no use any more: start another one from the store.
    pub fn batch(&mut self) -> Option<Batch> {
        if self.in_flight.is_some() || !self.has_to_be_written() {
            return None;
        }
        self.asserts = false;
        let group = std::mem::take(&mut self.gathering);
        let batch = Batch { number: self.next, bytes: encode_batch(&group.records) };
        self.next += 1;
        self.bytes_since_snapshot += batch.bytes.len();
        self.in_flight = Some(group);
        // Nothing gathers now, so that the state is what it will be after this batch. Under load there may be no
        // better moment.
        if self.cut.is_none() && self.snapshot_is_due() {
            self.bytes_since_snapshot = 0;
            self.cut = Some((batch.number, self.state.durable().clone()));
        }
        Some(batch)
    }

    /// The batch that was on its way is durable.
    pub fn durable(&mut self) {
        self.released.extend(self.in_flight.take());
        self.pass();
    }

    /// What may be done now.
    pub fn released(&mut self) -> Vec<Released> {
        std::mem::take(&mut self.released)
    }

    /// A copy of the durable state and the number of the last batch in it, once enough has gathered since the
    /// last one. All of it is durable. Encode it with [`snapshot_bytes`], away from the loop.
    pub fn snapshot(&mut self) -> Option<(u64, Durable)> {
        let durable_to = self.durable_to();
        if let Some(cut) = self.cut.take_if(|(number, _)| *number <= durable_to) {
            return Some(cut);
        }
        let settled = self.in_flight.is_none() && self.gathering.records.is_empty();
        if !settled || self.cut.is_some() || !self.snapshot_is_due() {
            return None;
        }
        self.bytes_since_snapshot = 0;
        Some((self.next - 1, self.state.durable().clone()))
    }

    fn snapshot_is_due(&self) -> bool {
        self.bytes_since_snapshot >= self.snapshot_after.max(self.state.durable().tasks.len() * 2048)
    }

    /// Takes snapshots after so many bytes.
    #[cfg(test)]
    pub(crate) fn snapshot_after(&mut self, bytes: usize) {
        self.snapshot_after = bytes;
    }

    /// The number of the batch after which all that the state says now is durable; how far that is, says
    /// [`durable_to`](Engine::durable_to).
    pub fn settled_by(&self) -> u64 {
        if self.gathering.records.is_empty() { self.next - 1 } else { self.next }
    }

    /// The number of the last batch that is durable.
    pub fn durable_to(&self) -> u64 {
        if self.in_flight.is_some() { self.next - 2 } else { self.next - 1 }
    }

    /// The state, to look at. It may be ahead of what is durable.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What rests on nothing that is still on its way need not wait.
    fn pass(&mut self) {
        if self.in_flight.is_none() && !self.has_to_be_written() && !self.gathering.actions.is_empty() {
            self.released.push(std::mem::take(&mut self.gathering));
        }
    }

    fn has_to_be_written(&self) -> bool {
        self.asserts || !self.gathering.records.is_empty()
    }
}

/// Whether an answer is wrong if another dispatcher owns the store by now. One that froze and woke does not know
/// the leases and jobs of the next one; it would call them stale, and their workers would drop their proofs and
/// acknowledge their offers. Such an answer waits for a batch, empty if need be, that only the owner can write.
fn rests_on_ownership(action: &Action) -> bool {
    let Action::Reply(_, reply) = action else { return false };
    match reply {
        Reply::Claim(None) | Reply::Beat(false) | Reply::Answer(Answer::Stale) => true,
        Reply::Welcome(stale) => !stale.is_empty(),
        Reply::NotTaken(reason) => !matches!(reason, NotTaken::Malformed(_) | NotTaken::UnknownKind(_)),
        _ => false,
    }
}

/// The bytes of a snapshot, for [`Store::snapshot`](crate::store::Store::snapshot).
pub fn snapshot_bytes(durable: &Durable) -> Vec<u8> {
    encode_snapshot(durable)
}
