//! What happened, for those who watch: the last events in memory, by number, and a bell when there are more.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dispatch::model::{JobId, JobState};
use dispatch::record::Record;
use proving::id::TaskId;
use tokio::sync::watch;
use transport::ask::{Happening, JobEvent, JobStanding};

/// So many events are kept for those who come back with a cursor.
const KEPT: usize = 50_000;

/// The last events.
#[derive(Debug)]
pub(crate) struct Events {
    kept: Mutex<Kept>,
    bell: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The number of the newest record, shown to anybody or not.
    last: u64,
    /// Everything up to this number may be missing.
    forgotten: u64,
    events: VecDeque<(u64, Concern, Happening)>,
}

/// Whom an event concerns.
#[derive(Debug, Clone)]
enum Concern {
    Job(JobId),
    Task(TaskId),
}

impl Events {
    /// Begins after record `last`: what was before is not kept.
    pub(crate) fn new(last: u64) -> Self {
        let kept = Kept { last, forgotten: last, ..Kept::default() };
        Self { kept: Mutex::new(kept), bell: watch::Sender::new(last) }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds records that are durable, the first of which has the number `first`.
    pub(crate) fn publish(&self, first: u64, records: Vec<Record>) {
        if records.is_empty() {
            return;
        }
        let mut kept = self.lock();
        for (number, record) in (first..).zip(records) {
            kept.last = number;
            if let Some((concern, what)) = happening(record) {
                kept.events.push_back((number, concern, what));
            }
        }
        while kept.events.len() > KEPT {
            if let Some((number, ..)) = kept.events.pop_front() {
                kept.forgotten = number;
            }
        }
        let last = kept.last;
        drop(kept);
        self.bell.send_replace(last);
    }

    /// Rings with the number of the newest record.
    pub(crate) fn bell(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    /// What happened after `cursor` to a job with these tasks, and the cursor after it.
    pub(crate) fn since(&self, cursor: u64, job: JobId, has: impl Fn(&TaskId) -> bool) -> (Vec<JobEvent>, u64) {
        let kept = self.lock();
        let mut events = Vec::new();
        if cursor < kept.forgotten {
            events.push(JobEvent { number: kept.forgotten, what: Happening::Reset });
        }
        let concerned = |concern: &Concern| match concern {
            Concern::Job(of) => *of == job,
            Concern::Task(task) => has(task),
        };
        let start = kept.events.partition_point(|(number, ..)| *number <= cursor);
        let new = kept.events.range(start..).filter(|(_, concern, _)| concerned(concern));
        events.extend(new.map(|(number, _, what)| JobEvent { number: *number, what: what.clone() }));
        (events, kept.last.max(cursor))
    }
}

fn happening(record: Record) -> Option<(Concern, Happening)> {
    Some(match record {
        Record::JobOpened { job, .. } | Record::JobReopened { job } => (Concern::Job(job), Happening::Opened),
        Record::TaskJoined { job, task } => (Concern::Job(job), Happening::Added { task }),
        Record::JobSealed { job, root } => (Concern::Job(job), Happening::Sealed { root }),
        Record::JobEnded { job, state, .. } => (Concern::Job(job), Happening::Ended { state: standing(&state) }),
        Record::Leased { task, worker, .. } => (Concern::Task(task), Happening::Started { task, worker }),
        Record::Ended { task, failure, .. } => (
            Concern::Task(task),
            Happening::AttemptFailed { task, worker: failure.worker, cause: failure.cause, reason: failure.reason },
        ),
        Record::Accepted { task, worker, usage, .. } => {
            let wall_seconds = usage.wall_ms as f64 / 1000.0;
            (Concern::Task(task), Happening::Proved { task, worker, wall_seconds })
        }
        Record::Died { task } => (Concern::Task(task), Happening::Died { task }),
        Record::OutputLost { task } => (Concern::Task(task), Happening::Lost { task }),
        // Its id is in the view that a watcher starts from; computing it again for each would cost more than it tells.
        Record::TaskAdded { .. } | Record::Revived { .. } | Record::JobForgotten { .. } => return None,
    })
}

/// How a job stands, as it is told.
pub(crate) fn standing(state: &JobState) -> JobStanding {
    match state {
        JobState::Open => JobStanding::Open,
        JobState::Done => JobStanding::Done,
        JobState::Failed { .. } => JobStanding::Failed,
        JobState::Cancelled => JobStanding::Cancelled,
    }
}
