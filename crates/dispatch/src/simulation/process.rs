//! A dispatcher: the real engine, driven as a dispatcher drives it, with a clock of its own that is as bad
//! as clocks are.

use std::collections::BTreeMap;

use super::asker::Question;
use super::broker::Pool;
use super::disk::Written;
use super::fired::Fired;
use super::worker::{Asked, Letter};
use super::world::{MS, What, World};
use crate::config::Config;
use crate::engine::{Batch, Engine, snapshot_bytes};
use crate::event::{Action, Event, RequestId, SessionId};
use crate::record::{Record, decode_batch};
use crate::time::Time;

/// Snapshots of small worlds are small.
const SNAPSHOT_AFTER: usize = 6_000;

/// Sessions from this number on are pools.
pub(super) const POOLS: u64 = 1 << 40;

/// One run of a dispatcher.
#[derive(Debug)]
pub(super) struct Process {
    /// None: it is dead.
    pub(super) engine: Option<Engine>,
    epoch: u64,
    pub(super) frozen: bool,
    mailbox: Vec<What>,
    append: Option<Batch>,
    snapshot: bool,
    pub(super) pool: Option<Pool>,
    /// What its clock said at `started`, how fast it runs, and how far it jumped.
    wall: u64,
    started: u64,
    pub(super) percent: u64,
    pub(super) jumped: i64,
}

/// Who waits for an answer.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    Worker(usize, u64, Asked),
    Pool(usize, SessionId),
    Plan(usize, u64, Question),
}

impl Process {
    fn clock(&self, now: u64) -> Time {
        let run = (now - self.started) * self.percent / 100;
        Time((self.wall + run).saturating_add_signed(self.jumped))
    }

    pub(super) fn settled(&self) -> bool {
        self.append.is_none() && self.engine.as_ref().is_some_and(|engine| engine.durable_to() == engine.settled_by())
    }
}

impl World {
    pub(super) fn config(&self) -> Config {
        Config {
            lease_ms: 2_000,
            beat_ms: 400,
            grace_ms: 3_000,
            avoid_ms: 1_500,
            max_losses: 8,
            oldest_every: 4,
            keep_finished_tasks: self.keep_finished,
            planted: self.planted,
            ..Config::default()
        }
    }

    /// The dispatcher that owns the store and is awake.
    pub(super) fn live(&self) -> Option<usize> {
        let last = self.processes.len().checked_sub(1)?;
        let process = &self.processes[last];
        (process.engine.is_some() && !process.frozen).then_some(last)
    }

    pub(super) fn start(&mut self) {
        let last = self.processes.last();
        if last.is_some_and(|last| last.engine.is_some()) {
            return;
        }
        let mut wall = 1_000_000 * MS + self.now;
        match self.random.below(12) {
            0 if self.calm.is_none() && last.is_some() => {
                self.fire(Fired::ClockBack);
                wall -= self.random.between(1, 100_000) * MS;
            }
            1 if self.calm.is_none() && last.is_some() => {
                self.fire(Fired::ClockForth);
                wall += self.random.between(1, 100_000) * MS;
            }
            _ => {}
        }
        let percent = if self.unlucky(10) { 50 } else { 100 };
        if percent < 100 {
            self.fire(Fired::ClockSlow);
        }
        let epoch = self.disk.open();
        let mut engine = Engine::start(self.config(), &self.disk.kept, Time(wall)).expect("what is kept reads back");
        engine.snapshot_after(SNAPSHOT_AFTER);
        engine.state().check_invariants();
        self.processes.push(Process {
            engine: Some(engine),
            epoch,
            frozen: false,
            mailbox: Vec::new(),
            append: None,
            snapshot: false,
            pool: None,
            wall,
            started: self.now,
            percent,
            jumped: 0,
        });
        let process = self.processes.len() - 1;
        self.tell(|| format!("process {process} starts"));
        self.soon(0, What::Tick(process));
        self.soon(0, What::Pool(process));
    }

    /// A dispatcher is gone: what it knew, it knows no more.
    pub(super) fn crash(&mut self, process: usize) {
        let found = &mut self.processes[process];
        if found.engine.take().is_none() {
            return;
        }
        found.frozen = false;
        found.mailbox.clear();
        found.pool = None;
        let (batch, epoch) = (found.append.take(), found.epoch);
        self.tell(|| format!("process {process} is dead"));
        if let Some(batch) = batch {
            if self.random.one_in(2) {
                if self.write(epoch, &batch) == Written::Kept {
                    self.fire(Fired::BatchKept);
                }
            } else {
                self.fire(Fired::BatchLost);
            }
        }
        for connection in 0..self.connections.len() {
            if self.connections[connection].process == process {
                self.cut(connection);
            }
        }
        let after = self.random.between(10, 3_000) * MS;
        self.soon(after, What::Start);
    }

    pub(super) fn freeze(&mut self, process: usize) {
        self.processes[process].frozen = true;
        self.tell(|| format!("process {process} freezes"));
        let (take, wake) = (self.random.between(100, 4_000) * MS, self.random.between(100, 6_000) * MS);
        self.soon(take, What::Takeover);
        self.soon(wake, What::Wake(process));
    }

    /// A second dispatcher opens the store of one that seems to be dead.
    pub(super) fn take_over(&mut self) {
        let Some(last) = self.processes.last_mut() else { return };
        if last.frozen {
            let frozen = last.engine.take();
            self.start();
            let new = self.processes.len() - 1;
            assert!(new > 0, "a new process has started");
            self.processes[new - 1].engine = frozen;
            self.fire(Fired::Taken);
        }
    }

    pub(super) fn wake(&mut self, process: usize) {
        let found = &mut self.processes[process];
        if !found.frozen {
            return;
        }
        found.frozen = false;
        let mailbox = std::mem::take(&mut found.mailbox);
        self.tell(|| format!("process {process} wakes"));
        mailbox.into_iter().for_each(|what| self.soon(0, what));
    }

    fn write(&mut self, epoch: u64, batch: &Batch) -> Written {
        let written = self.disk.append(epoch, batch.number, &batch.bytes, self.now);
        if written == Written::Kept {
            let records: Vec<Record> = decode_batch(&batch.bytes).expect("what is kept reads back");
            for record in &records {
                self.tell(|| format!("   durable: {record:?}"));
                match record {
                    Record::JobForgotten { .. } => self.fire(Fired::Forgotten),
                    Record::Died { .. } => self.fire(Fired::DeadLetter),
                    Record::Ended { failure, .. } if failure.reason.contains("not kept any longer") => {
                        self.fire(Fired::Bereft);
                    }
                    Record::TaskJoined { .. } => self.fire(Fired::Shared),
                    _ => {}
                }
            }
            self.judge.durable(&records);
        }
        written
    }

    /// The disk is done with a batch; the process hears of it when it is awake.
    pub(super) fn append(&mut self, process: usize) {
        let found = &mut self.processes[process];
        let Some(batch) = found.append.take() else { return };
        let epoch = found.epoch;
        let written = self.write(epoch, &batch);
        let unknown = written == Written::Kept && self.unlucky(150);
        match written {
            Written::Fenced => self.fire(Fired::Fenced),
            Written::Full => self.fire(Fired::DiskFull),
            Written::Kept if unknown => self.fire(Fired::DiskUnknown),
            Written::Kept => {}
        }
        self.reach(What::Appended(process, written == Written::Kept && !unknown));
    }

    /// Something reaches a process, if it lives.
    pub(super) fn reach(&mut self, what: What) {
        let process = match &what {
            What::Deliver(connection, ..) | What::Gone(connection) => self.connections[*connection].process,
            What::Submit(..) => match self.processes.len() {
                0 => return,
                count => count - 1,
            },
            What::Tick(p) | What::Appended(p, _) | What::Snapshot(p, ..) | What::Verdict(p, _) | What::Pool(p) => *p,
            other => unreachable!("{other:?} is for no process"),
        };
        let found = &mut self.processes[process];
        if found.engine.is_none() {
            return;
        }
        if found.frozen {
            found.mailbox.push(what);
            return;
        }
        match what {
            What::Tick(_) => {
                self.hear(process, Event::Tick);
                // The store tells who owns it, and who does not any more.
                let fenced = self.processes[process].epoch != self.disk.epoch;
                if fenced && self.random.one_in(3) {
                    self.crash(process);
                    return;
                }
                let after = self.random.between(100, 400) * MS;
                self.soon(after, What::Tick(process));
            }
            What::Appended(_, true) => {
                if let Some(engine) = &mut self.processes[process].engine {
                    engine.durable();
                }
                self.pump(process);
            }
            What::Appended(_, false) => self.crash(process),
            What::Snapshot(_, covered, bytes) => {
                let epoch = self.processes[process].epoch;
                self.processes[process].snapshot = false;
                if self.unlucky(5) {
                    self.fire(Fired::SnapshotLost);
                } else if self.disk.snapshot(epoch, covered, bytes) == Written::Kept {
                    self.fire(Fired::Snapshot);
                    self.check_recovery();
                }
            }
            What::Verdict(_, check) => {
                let verdict = self.judge_proof(&check);
                self.hear(process, Event::Verdict { held: check.held, verdict });
            }
            What::Pool(_) => self.pool(process),
            What::Gone(connection) => {
                self.hear(process, Event::Gone { session: SessionId(connection as u64) });
            }
            What::Deliver(connection, call, said) => self.deliver(process, connection, call, said),
            What::Submit(plan, number, question) => self.take_question(process, plan, number, question),
            _ => {}
        }
    }

    pub(super) fn request(&mut self, caller: Caller) -> RequestId {
        let request = RequestId(self.number());
        self.callers.insert(request, caller);
        request
    }

    /// The engine hears an event, and everything that follows at once is done.
    pub(super) fn hear(&mut self, process: usize, event: Event) {
        let found = &mut self.processes[process];
        let now = found.clock(self.now);
        let Some(engine) = &mut found.engine else { return };
        if event != Event::Tick {
            self.heard += 1;
            if self.trace {
                eprintln!("{:>10.3} {process} hears {event:?}", self.now as f64 / 1e6);
            }
        }
        engine.handle(event, now);
        if self.heard.is_multiple_of(4) {
            engine.state().check_invariants();
        }
        self.pump(process);
    }

    fn pump(&mut self, process: usize) {
        let Some(engine) = &mut self.processes[process].engine else { return };
        let released = engine.released();
        let snapshot = engine.snapshot();
        if let Some(batch) = engine.batch() {
            self.processes[process].append = Some(batch);
            let slow = self.unlucky(40);
            if slow {
                self.fire(Fired::DiskSlow);
            }
            let after = if slow { 1_000 * MS } else { self.random.between(1, 30) * MS };
            self.soon(after, What::Append(process));
        }
        if let Some((covered, durable)) = snapshot
            && !self.processes[process].snapshot
        {
            self.processes[process].snapshot = true;
            let after = self.random.between(1, 100) * MS;
            self.soon(after, What::Snapshot(process, covered, snapshot_bytes(&durable)));
        }
        for action in released.into_iter().flat_map(|released| released.actions) {
            self.act(process, action);
        }
    }

    fn act(&mut self, process: usize, action: Action) {
        self.tell(|| format!("   does {action:?}"));
        match action {
            Action::Reply(request, reply) => match self.callers.remove(&request) {
                Some(Caller::Worker(connection, call, asked)) => self.answer_worker(connection, call, asked, reply),
                Some(Caller::Pool(of, session)) => self.pooled(of, session, reply),
                Some(Caller::Plan(plan, number, question)) => {
                    self.check_answer(&question, &reply);
                    let after = self.random.between(1, 50) * MS;
                    self.soon(after, What::Answer(plan, number, reply));
                }
                None => {}
            },
            Action::Notify(session, notice) => {
                if session.0 < POOLS {
                    self.fire(Fired::Stopped);
                    self.post(session.0 as usize, Letter::Notice(notice));
                }
            }
            Action::Verify(check) => {
                let after = self.random.between(1, 200) * MS;
                self.soon(after, What::Verdict(process, check));
            }
        }
    }
}

/// The questions of a connection that wait for a task.
pub(super) type Asks = BTreeMap<u64, RequestId>;
