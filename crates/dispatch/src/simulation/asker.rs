//! Those who want proofs: they plan graphs of tasks, submit them piece by piece, ask again when no answer
//! comes, change their minds, and try again what failed.

use proving::id::{Owner, TaskId};
use proving::kind::Kind;
use proving::payload::{BlobDigest, Payload};
use proving::statement::{Mode, Statement};

use super::fired::Fired;
use super::process::Caller;
use super::world::{MS, What, World};
use crate::event::{Event, NotTaken, Reply, Submit};
use crate::model::{Class, JobId, JobState, TaskSpec};
use crate::time::Time;

/// What really happens when a task is run, whatever its asker thinks.
#[derive(Debug, Clone)]
pub(super) struct Truth {
    /// Milliseconds.
    pub(super) takes: u64,
    pub(super) memory: u64,
    pub(super) fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Fine,
    Invalid,
    Panics,
}

/// A job that somebody wants.
#[derive(Debug)]
pub(super) struct Plan {
    owner: Owner,
    name: String,
    priority: u8,
    deadline: Option<Time>,
    pieces: Vec<Vec<TaskSpec>>,
    root: TaskId,
    next: usize,
    /// The piece that was sent last.
    piece: usize,
    sent: Option<u64>,
    number: u64,
    job: Option<JobId>,
    /// It is to be cancelled, for want of a way to go on.
    given_up: Option<u64>,
    retries: u32,
    pub(super) over: bool,
}

/// What an asker asks.
#[derive(Debug, Clone)]
pub(super) enum Question {
    Submit(Submit, Vec<TaskId>),
    Cancel(JobId),
    Retry(JobId),
}

/// The classes of all worlds.
pub(super) fn class(number: usize) -> Class {
    let line = ["a-1", "b-1", "b-2"][number].parse().expect("a line");
    let kind = [Kind::ROLLUP_INNER, Kind::ROLLUP_OUTER, Kind::ROLLUP_OUTER][number].clone();
    Class { kind, statement: Statement::of_line(Mode::Mock, line) }
}

impl World {
    pub(super) fn add_plans(&mut self) {
        let mut left = self.random.between(2, self.size.tasks + 1);
        let mut of_owner: Vec<Vec<TaskSpec>> = vec![Vec::new(); 3];
        while left > 0 {
            let count = self.random.between(1, 13).min(left);
            left -= count;
            let owner = self.random.below(3);
            let plan = self.plan_job(owner, count, &mut of_owner[owner]);
            self.plans.push(plan);
            let (number, after) = (self.plans.len() - 1, self.random.between(0, 6_000) * MS);
            self.soon(after, What::Plan(number));
        }
    }

    fn plan_job(&mut self, owner: usize, count: u64, earlier: &mut Vec<TaskSpec>) -> Plan {
        let owner: Owner = ["ann", "bob", "cyd"][owner].parse().expect("an owner");
        let mut specs: Vec<TaskSpec> = Vec::new();
        for _ in 0..count {
            if self.random.one_in(15) && !earlier.is_empty() {
                // Asked for before; what it needs must be known, so it comes along.
                let known = earlier[self.random.below(earlier.len())].clone();
                if known.needs.is_empty() && !specs.contains(&known) {
                    specs.push(known);
                    continue;
                }
            }
            let spec = self.plan_task(&owner, &specs, earlier);
            specs.push(spec);
        }
        let mut pieces = Vec::new();
        let mut rest = specs.as_slice();
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.len().min(1 + self.random.below(6)));
            pieces.push(piece.to_vec());
            rest = more;
        }
        let root = specs[specs.len() - 1].id(&owner);
        earlier.extend(specs);
        let deadline = self.random.one_in(8).then(|| Time((1_000_000 + self.random.between(1_000, 30_000)) * MS));
        let name = format!("job-{}", self.number());
        let priority = self.random.below(10) as u8;
        Plan {
            owner,
            name,
            priority,
            deadline,
            pieces,
            root,
            next: 0,
            piece: 0,
            sent: None,
            number: 0,
            job: None,
            given_up: None,
            retries: 0,
            over: false,
        }
    }

    fn plan_task(&mut self, owner: &Owner, own: &[TaskSpec], earlier: &[TaskSpec]) -> TaskSpec {
        let mut needs = Vec::new();
        for _ in 0..self.random.below(4) {
            let other = self.random.one_in(6) && !earlier.is_empty();
            let from = if other { earlier } else { own };
            if !from.is_empty() {
                // Of other jobs mostly what they are for, as in a chain of jobs.
                let last = other && self.random.one_in(2);
                let which = if last { from.len() - 1 } else { self.random.below(from.len()) };
                needs.push(from[which].id(owner));
                if other {
                    self.fire(Fired::NeedOfOther);
                }
            }
        }
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&self.number().to_le_bytes());
        let input = match self.random.one_in(3) {
            true => Payload::Blob { digest: BlobDigest::from_bytes(bytes), bytes: 900 },
            false => Payload::Inline(bytes[..8].to_vec()),
        };
        let memory = self.random.between(1, 9);
        let spec = TaskSpec {
            class: class(self.random.below(3)),
            input,
            secret: false,
            needs,
            memory_bytes: memory,
            traceparent: None,
        };
        let fate = match self.random.below(40) {
            0 => Fate::Invalid,
            1 => Fate::Panics,
            _ => Fate::Fine,
        };
        let memory = if self.random.one_in(12) { memory + self.random.between(1, 20) } else { memory };
        self.truth.insert(spec.id(owner), Truth { takes: self.random.between(20, 3_000), memory, fate });
        spec
    }

    /// What an asker does several times a second.
    pub(super) fn plan(&mut self, p: usize) {
        let after = self.random.between(300, 700) * MS;
        self.soon(after, What::Plan(p));
        if self.plans[p].over {
            // A late question may have begun it once more.
            let plan = &self.plans[p];
            let Some(job) = self.judge.open_job(&plan.owner, &plan.name) else { return };
            if self.judge.sealed(job) {
                return;
            }
            self.plans[p].over = false;
            self.plans[p].given_up = Some(self.now);
        }
        let waits = self.plans[p].sent.is_some_and(|at| self.now - at < 2_000 * MS);
        if waits {
            return;
        }
        let mood = self.random.below(30);
        let calm = self.calm.is_some();
        let plan = &self.plans[p];
        let (job, sealed) = (plan.job, plan.next == plan.pieces.len());
        if plan.sent.is_some() {
            self.fire(Fired::Resubmitted);
        }
        if let Some(since) = self.plans[p].given_up {
            // A late copy may have begun it all the same.
            let plan = &self.plans[p];
            let job = self.judge.open_job(&plan.owner, &plan.name);
            self.plans[p].job = job;
            if job.is_none() {
                self.plans[p].over = self.now - since > 5_000 * MS;
                return;
            }
        }
        let job = self.plans[p].job.or(job);
        match job {
            Some(job) if self.plans[p].given_up.is_some() || (mood == 0 && !calm) => {
                self.fire(Fired::Cancel);
                self.judge.cancelled.insert(job);
                self.send(p, Question::Cancel(job));
            }
            _ if sealed && mood > 9 && !calm => {}
            _ => {
                let piece = match sealed || (mood == 1 && !calm) {
                    true => self.random.below(self.plans[p].next.max(1)),
                    false => self.plans[p].next,
                };
                if piece < self.plans[p].next {
                    self.fire(Fired::Resubmitted);
                }
                self.plans[p].piece = piece;
                let question = self.piece(p, piece);
                self.send(p, question);
            }
        }
    }

    fn piece(&mut self, p: usize, piece: usize) -> Question {
        let plan = &self.plans[p];
        let last = piece + 1 == plan.pieces.len();
        let submit = Submit {
            name: plan.name.clone(),
            owner: plan.owner.clone(),
            priority: plan.priority,
            deadline: plan.deadline,
            tasks: plan.pieces[piece].clone(),
            root: last.then_some(plan.root),
        };
        let ids = submit.tasks.iter().map(|spec| spec.id(&plan.owner)).collect();
        // Who asks again brings the inputs along.
        let inputs: Vec<_> = submit.tasks.iter().filter_map(|spec| spec.input.blob()).collect();
        inputs.iter().for_each(|digest| {
            self.lost.remove(digest);
        });
        Question::Submit(submit, ids)
    }

    fn send(&mut self, p: usize, question: Question) {
        let number = self.number();
        let plan = &mut self.plans[p];
        plan.sent = Some(self.now);
        plan.number = number;
        let copies = if self.unlucky(20) { 2 } else { 1 };
        for _ in 0..copies {
            let after = self.random.between(1, 60) * MS;
            self.soon(after, What::Submit(p, number, question.clone()));
        }
    }

    /// A dispatcher hears an asker.
    pub(super) fn take_question(&mut self, process: usize, p: usize, number: u64, question: Question) {
        let request = self.request(Caller::Plan(p, number, question.clone()));
        let event = match question {
            Question::Submit(submit, _) => Event::Submit { request, submit },
            Question::Cancel(job) => Event::Cancel { request, job },
            Question::Retry(job) => Event::Retry { request, job },
        };
        self.hear(process, event);
    }

    /// Nothing is answered that is not durable.
    pub(super) fn check_answer(&self, question: &Question, reply: &Reply) {
        match (question, reply) {
            (Question::Submit(submit, ids), Reply::Submitted(job, _)) => self.judge.submitted(*job, ids, submit.root),
            (_, Reply::Job(job, state)) => self.judge.standing(*job, state),
            (_, Reply::NotTaken(NotTaken::Over(_) | NotTaken::NoJob(_) | NotTaken::UnknownNeed { .. })) => {}
            (
                Question::Retry(_),
                Reply::NotTaken(NotTaken::NotFailed(_) | NotTaken::Invalid(_) | NotTaken::Bereft(_)),
            ) => {}
            (Question::Submit(submit, _), Reply::NotTaken(NotTaken::Sealed(_) | NotTaken::UnknownRoot(_)))
                if self.judge.begun_again(&submit.owner, &submit.name) => {}
            (question, reply) => panic!("{question:?} was answered with {reply:?}"),
        }
    }

    /// An asker is answered.
    pub(super) fn answer(&mut self, p: usize, number: u64, reply: Reply) {
        let calm = self.calm.is_some();
        let again = self.random.one_in(2) && !calm;
        let taken = matches!(reply, Reply::Submitted(..));
        let plan = &mut self.plans[p];
        if plan.number != number || plan.sent.take().is_none() {
            return;
        }
        match reply {
            Reply::Submitted(job, state) | Reply::Job(job, state) => {
                let was_new = plan.job != Some(job);
                plan.job = Some(job);
                match state {
                    JobState::Open if was_new && plan.next > 0 => {
                        // Forgotten meanwhile, and begun once more.
                        plan.next = 0;
                    }
                    JobState::Open if !taken => {}
                    JobState::Open => plan.next = plan.next.max((plan.piece + 1).min(plan.pieces.len())),
                    JobState::Failed { task, .. } if again && plan.retries < 2 => {
                        plan.retries += 1;
                        if task.is_none() {
                            self.fire(Fired::Deadline);
                        }
                        self.fire(Fired::Retry);
                        self.send(p, Question::Retry(job));
                    }
                    JobState::Failed { task: None, .. } => {
                        plan.given_up = Some(self.now);
                        self.fire(Fired::Deadline);
                    }
                    _ => plan.given_up = Some(self.now),
                }
            }
            _ => plan.given_up = Some(self.now),
        }
    }
}
