//! One world: everything that is simulated, the line of what happens next, and the end of all faults.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

use proving::id::TaskId;
use proving::payload::BlobDigest;

use super::asker::{Plan, Question, Truth};
use super::broker::Broker;
use super::disk::Disk;
use super::fired::{Coverage, Fired};
use super::judge::Judge;
use super::labour::Proof;
use super::process::{Caller, Process};
use super::random::Random;
use super::worker::{Call, Connection, Letter, Worker};
use crate::event::{Check, Held, Reply, RequestId};
use crate::planted::Fault;

/// A millisecond of the world's clock, which counts microseconds.
pub(super) const MS: u64 = 1_000;

/// After the last fault, everything must be over within this.
const CALM: u64 = 300_000 * MS;

/// What a world is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) workers: u64,
    pub(super) tasks: u64,
    /// Up to so many events happen before the faults end.
    pub(super) events: usize,
    /// And not more than so many, to make a failing world short.
    pub(super) at_most: usize,
}

/// What happens.
#[derive(Debug)]
pub(super) enum What {
    Start,
    Takeover,
    Wake(usize),
    Tick(usize),
    Append(usize),
    Appended(usize, bool),
    Snapshot(usize, u64, Vec<u8>),
    Verdict(usize, Box<Check>),
    Pool(usize),
    Deliver(usize, u64, Call),
    Gone(usize),
    Hand(usize, Letter),
    LostSight(usize),
    Step(usize),
    Finish(usize, Held),
    Plan(usize),
    Submit(usize, u64, Question),
    Answer(usize, u64, Reply),
    Chaos,
}

#[derive(Debug)]
struct Due {
    at: u64,
    order: u64,
    what: What,
}

/// A whole world.
#[derive(Debug)]
pub(super) struct World {
    pub(super) size: Size,
    pub(super) planted: Option<Fault>,
    pub(super) random: Random,
    pub(super) now: u64,
    queue: BinaryHeap<Due>,
    order: u64,
    pub(super) disk: Disk,
    pub(super) processes: Vec<Process>,
    pub(super) workers: Vec<Worker>,
    pub(super) connections: Vec<Connection>,
    pub(super) callers: HashMap<RequestId, Caller>,
    pub(super) broker: Broker,
    pub(super) plans: Vec<Plan>,
    pub(super) truth: BTreeMap<TaskId, Truth>,
    pub(super) lost: HashSet<BlobDigest>,
    pub(super) proofs: HashMap<u64, Proof>,
    pub(super) judge: Judge,
    pub(super) fired: Coverage,
    /// Since when there are no more faults.
    pub(super) calm: Option<u64>,
    pub(super) heard: usize,
    /// So many events happen before the faults end.
    budget: usize,
    pub(super) numbers: u64,
    /// Tasks of finished jobs that are kept: in some worlds everything is forgotten soon.
    pub(super) keep_finished: usize,
    /// Where what happens is told, if somebody wants to read it.
    pub(super) trace: bool,
}

impl World {
    pub(super) fn new(seed: u64, size: Size, planted: Option<Fault>) -> Self {
        let mut world = Self {
            size,
            planted,
            random: Random::new(seed),
            now: 0,
            queue: BinaryHeap::new(),
            order: 0,
            disk: Disk::default(),
            processes: Vec::new(),
            workers: Vec::new(),
            connections: Vec::new(),
            callers: HashMap::new(),
            broker: Broker::default(),
            plans: Vec::new(),
            truth: BTreeMap::new(),
            lost: HashSet::new(),
            proofs: HashMap::new(),
            judge: Judge::default(),
            fired: Coverage::new(),
            calm: None,
            heard: 0,
            budget: 0,
            numbers: 0,
            keep_finished: [0, 4, 25][(seed % 3) as usize],
            trace: false,
        };
        world.populate();
        world
    }

    fn populate(&mut self) {
        self.budget = self.random.between(self.size.events as u64 / 10, self.size.events as u64 + 1) as usize;
        let workers = self.random.between(1, self.size.workers + 1);
        for _ in 0..workers {
            self.add_worker();
        }
        self.add_plans();
        self.soon(0, What::Start);
        self.soon(100 * MS, What::Chaos);
    }

    /// Puts something in line.
    pub(super) fn soon(&mut self, after: u64, what: What) {
        self.order += 1;
        self.queue.push(Due { at: self.now + after, order: self.order, what });
    }

    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn fire(&mut self, fired: Fired) {
        self.fired.count(fired);
        self.tell(|| format!("-- {fired:?}"));
    }

    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        if self.trace {
            eprintln!("{:>10.3} {}", self.now as f64 / 1e6, what());
        }
    }

    /// Whether a fault that comes once in `times` comes now.
    pub(super) fn unlucky(&mut self, times: u64) -> bool {
        self.calm.is_none() && self.random.one_in(times)
    }

    /// Goes on until everything is over, and panics if it is not in time.
    pub(super) fn run(&mut self) {
        while let Some(due) = self.queue.pop() {
            self.now = due.at;
            self.happen(due.what);
            if self.calm.is_none() && self.heard >= self.budget.min(self.size.at_most) {
                self.calm_down();
            }
            if let Some(since) = self.calm {
                if self.over() {
                    break;
                }
                let late = self.now - since > CALM;
                assert!(!late, "{} of the open jobs did not end in time", self.judge.open());
            }
        }
        self.judge.check_end();
        self.check_recovery();
    }

    fn over(&mut self) -> bool {
        let settled = self.plans.iter().all(|plan| plan.over) && self.judge.open() == 0;
        settled && self.live().is_some_and(|process| self.processes[process].settled())
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Start => self.start(),
            What::Takeover => self.take_over(),
            What::Wake(process) => self.wake(process),
            What::Chaos => {
                if self.calm.is_none() {
                    self.chaos();
                    let after = self.random.between(50, 1_500) * MS;
                    self.soon(after, What::Chaos);
                }
            }
            What::Step(worker) => self.step(worker),
            What::Finish(worker, held) => self.finish(worker, held),
            What::Hand(connection, letter) => self.hand(connection, letter),
            What::LostSight(connection) => self.lost_sight(connection),
            What::Plan(plan) => self.plan(plan),
            What::Answer(plan, number, reply) => self.answer(plan, number, reply),
            What::Append(process) => self.append(process),
            other => self.reach(other),
        }
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    /// The heap gives the greatest, which is to be the next.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}
