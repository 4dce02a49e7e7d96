//! Large worlds: thousands of workers and tens of thousands of tasks around the real engine, without faults but
//! workers that come and go. They show what small ones cannot: that a choice stays cheap however long the line is,
//! that nothing starves, and that owners get their shares.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use proving::id::{Owner, TaskId};
use proving::lease::Usage;
use proving::payload::Payload;

use super::random::Random;
use crate::config::Config;
use crate::engine::Engine;
use crate::event::{Action, Event, Held, Hello, Offer, Reply, RequestId, SessionId, Submit, Verdict};
use crate::model::TaskSpec;
use crate::store::Kept;
use crate::time::Time;

/// A fleet with its line of work.
struct Fleet {
    engine: Engine,
    random: Random,
    now: u64,
    number: u64,
    workers: BTreeMap<SessionId, u64>,
    asks: BTreeMap<RequestId, SessionId>,
    running: Vec<(u64, SessionId, Offer)>,
    /// Milliseconds of proofs, by owner.
    spent: BTreeMap<Owner, u64>,
    done: BTreeSet<TaskId>,
    events: u64,
}

impl Fleet {
    fn new(seed: u64, config: Config) -> Self {
        let engine = Engine::start(config, &Kept::default(), Time(0)).expect("nothing is kept yet");
        Self {
            engine,
            random: Random::new(seed),
            now: 1,
            number: 0,
            workers: BTreeMap::new(),
            asks: BTreeMap::new(),
            running: Vec::new(),
            spent: BTreeMap::new(),
            done: BTreeSet::new(),
            events: 0,
        }
    }

    fn request(&mut self) -> RequestId {
        self.number += 1;
        RequestId(self.number)
    }

    fn hear(&mut self, event: Event) {
        self.events += 1;
        self.engine.handle(event, Time(self.now));
        while self.engine.batch().is_some() {
            self.engine.durable();
        }
        let actions: Vec<_> = self.engine.released().into_iter().flat_map(|released| released.actions).collect();
        for action in actions {
            match action {
                Action::Reply(request, Reply::Offer(offer)) => {
                    let session = self.asks.remove(&request).expect("somebody asked");
                    let takes = self.random.between(100, 2_000);
                    self.running.push((self.now + takes * 1_000, session, *offer));
                }
                Action::Verify(check) => self.hear(Event::Verdict { held: check.held, verdict: Verdict::Holds }),
                _ => {}
            }
        }
    }

    fn connect(&mut self, memory: u64, slots: u64) {
        let (request, session) = (self.request(), SessionId(self.number));
        let classes = (0..3).map(super::asker::class).collect();
        let worker = format!("worker-{}", session.0);
        let hello = Hello { worker, pool: false, classes, memory_bytes: memory, since_ms: 0, running: Vec::new() };
        self.workers.insert(session, memory);
        self.hear(Event::Hello { request, session, hello });
        (0..slots).for_each(|_| self.ask(session));
    }

    fn ask(&mut self, session: SessionId) {
        let request = self.request();
        self.asks.insert(request, session);
        self.hear(Event::Ask { request, session });
    }

    /// A job of `count` tasks below one root.
    fn submit(&mut self, owner: &str, count: u64, memories: u64) {
        let owner: Owner = owner.parse().expect("an owner");
        let spec = |this: &mut Self, needs: Vec<TaskId>| TaskSpec {
            class: super::asker::class(this.random.below(3)),
            input: Payload::Inline(this.request().0.to_le_bytes().to_vec()),
            secret: false,
            needs,
            memory_bytes: this.random.between(1, memories + 1),
            traceparent: None,
        };
        let mut tasks: Vec<TaskSpec> = (0..count).map(|_| spec(self, Vec::new())).collect();
        let needs = tasks.iter().take(4_000).map(|task| task.id(&owner)).collect();
        let last = spec(self, needs);
        let root = Some(last.id(&owner));
        tasks.push(last);
        let request = self.request();
        let name = format!("job-{}", request.0);
        self.hear(Event::Submit { request, submit: Submit { name, owner, priority: 0, deadline: None, tasks, root } });
    }

    /// The next proof is there.
    fn next(&mut self) -> bool {
        let Some(first) = (0..self.running.len()).min_by_key(|index| self.running[*index].0) else { return false };
        let (at, session, offer) = self.running.swap_remove(first);
        self.now = self.now.max(at);
        let Offer { held, spec, .. } = offer;
        let cpu_ms = 1_000;
        let owner = self.engine.state().durable().tasks[&held.task].owner.clone();
        *self.spent.entry(owner).or_default() += cpu_ms;
        self.done.insert(held.task);
        let usage = Usage { wall_ms: cpu_ms, cpu_ms, peak_memory_bytes: spec.memory_bytes };
        self.complete(session, held, usage);
        self.ask(session);
        true
    }

    fn complete(&mut self, session: SessionId, held: Held, usage: Usage) {
        let request = self.request();
        let output = Payload::Inline(held.token.0.to_le_bytes().to_vec());
        self.hear(Event::Done { request, session, held, output, usage });
    }
}

/// Leases end by themselves only where a test wants it.
fn patient() -> Config {
    Config { lease_ms: 1 << 40, ..Config::default() }
}

fn run_fleet(seed: u64, workers: u64, tasks: u64) {
    let start = Instant::now();
    let mut fleet = Fleet::new(seed, patient());
    for _ in 0..workers {
        let memory = fleet.random.between(8, 65);
        let slots = fleet.random.between(1, 4);
        fleet.connect(memory, slots);
    }
    // More than what the smallest worker has; the largest have room for everything.
    fleet.connect(64, 4);
    let mut left = tasks;
    while left > 0 {
        let count = fleet.random.between(1, 10_000).min(left);
        left -= count;
        let owner = ["ann", "bob", "cyd"][fleet.random.below(3)];
        fleet.submit(owner, count, 64);
    }
    while fleet.next() {
        if fleet.events.is_multiple_of(50_000) {
            fleet.engine.state().check_invariants();
        }
    }
    fleet.engine.state().check_invariants();
    let open = fleet.engine.state().durable().jobs.values().filter(|job| job.open()).count();
    assert_eq!(open, 0, "every job has ended");
    let took = start.elapsed();
    let each = took.as_secs_f64() * 1e6 / fleet.events as f64;
    println!("seed {seed}: {workers} workers, {tasks} tasks, {} events in {took:.1?}: {each:.1} µs each", fleet.events);
}

#[test]
fn simulation_large_worlds_end_a_smaller_one() {
    run_fleet(0, 200, 3_000);
}

#[test]
#[ignore = "minutes: make test-long PARTS=simulation"]
fn simulation_large_worlds_end_whatever_the_length_of_the_line() {
    (0..super::runner::wanted_seeds(3)).for_each(|seed| run_fleet(seed, 2_000, 40_000));
}

#[test]
fn two_owners_with_long_queues_get_the_same_and_one_of_twice_the_weight_twice_as_much() {
    for (weight, seed) in [(1, 1), (2, 2), (5, 3)] {
        let weights = BTreeMap::from([("ann".parse().expect("an owner"), weight)]);
        let mut fleet = Fleet::new(seed, Config { weights, ..patient() });
        fleet.submit("ann", 2_000, 1);
        fleet.submit("bob", 3_000, 1);
        (0..10).for_each(|_| fleet.connect(4, 1));
        (0..600).for_each(|_| assert!(fleet.next()));
        let spent = |owner: &str| fleet.spent[&owner.parse::<Owner>().expect("an owner")];
        let (ann, bob) = (spent("ann") / u64::from(weight), spent("bob"));
        // What the oldest-first turns take is no matter of shares, and each owner may be ahead by what runs.
        let bound = 600 * 1_000 / 16 + 10 * 1_000;
        assert!(ann.abs_diff(bob) <= bound, "weight {weight}: {ann} and {bob}");
    }
}

#[test]
fn every_ready_task_goes_within_its_stated_number_of_grants() {
    let mut fleet = Fleet::new(7, patient());
    let every = fleet.engine.state().config().oldest_every;
    // One task of a job that nobody would choose, behind an owner who always has something fresh.
    fleet.submit("ann", 1, 1);
    fleet.submit("ann", 50, 1);
    let waiting: BTreeSet<TaskId> = fleet.engine.state().ready().map(|(task, _)| *task).collect();
    fleet.connect(4, 1);
    let mut grants = 0;
    while !waiting.is_subset(&fleet.done) {
        fleet.submit("bob", 1, 1);
        assert!(fleet.next());
        grants += 1;
        assert!(grants <= (waiting.len() as u64 + 1) * every, "a task starves");
    }
}

#[test]
fn a_large_task_is_not_starved_by_small_ones_on_a_worker_with_many_slots() {
    let mut fleet = Fleet::new(8, patient());
    fleet.connect(4, 4);
    fleet.submit("bob", 8, 1);
    let before = fleet.engine.state().durable().tasks.len();
    // Of 4, so that it needs the whole worker.
    let owner: Owner = "ann".parse().expect("an owner");
    let spec = TaskSpec {
        class: super::asker::class(0),
        input: Payload::empty(),
        secret: false,
        needs: Vec::new(),
        memory_bytes: 4,
        traceparent: None,
    };
    let (large, request) = (spec.id(&owner), fleet.request());
    let submit =
        Submit { name: "large".to_owned(), owner, priority: 0, deadline: None, tasks: vec![spec], root: Some(large) };
    fleet.hear(Event::Submit { request, submit });
    assert_eq!(fleet.engine.state().durable().tasks.len(), before + 1);
    for round in 0.. {
        fleet.submit("bob", 4, 1);
        assert!(fleet.next());
        if fleet.done.contains(&large) {
            break;
        }
        assert!(round < 200, "the large task starves");
    }
}
