//! How each record changes the durable state. Nothing here decides, and nothing here fails: a record that
//! names what is not there changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use proving::id::TaskId;
use proving::lease::Cause;

use super::{State, secret_input};
use crate::model::{Accepted, Failure, Job, JobId, JobState, MAX_FAILURES_KEPT, Phase, Task, TaskSpec};
use crate::record::Record;
use crate::time::Time;

impl State {
    /// Lets a record take effect.
    pub(super) fn apply(&mut self, record: &Record) {
        self.durable.last_record += 1;
        match record {
            Record::JobOpened { job, name, owner, priority, deadline, at } => {
                self.durable.last_job = self.durable.last_job.max(job.0);
                let opened = Job {
                    name: name.clone(),
                    owner: owner.clone(),
                    priority: *priority,
                    deadline: *deadline,
                    opened: self.durable.last_record,
                    submitted: *at,
                    tasks: Default::default(),
                    root: None,
                    state: JobState::Open,
                    ended: None,
                    cpu_ms: 0,
                };
                self.durable.jobs.insert(*job, opened);
            }
            Record::TaskAdded { job, task, spec } => self.add(*job, *task, spec),
            Record::TaskJoined { job, task } => self.join(*job, *task),
            Record::JobSealed { job, root } => {
                if let Some(job) = self.durable.jobs.get_mut(job) {
                    job.root = Some(*root);
                }
            }
            Record::Leased { task, token, worker, at } => {
                self.durable.last_token = self.durable.last_token.max(token.0);
                if let Some(task) = self.durable.tasks.get_mut(task) {
                    task.phase = Phase::Leased { token: *token, worker: worker.clone(), at: *at };
                }
            }
            Record::Ended { task, failure, memory_bytes } => self.end_attempt(task, failure, *memory_bytes),
            Record::Accepted { task, token, output, usage, worker, at } => {
                let Some(found) = self.durable.tasks.get_mut(task) else { return };
                let leased = match &found.phase {
                    Phase::Leased { at, .. } => *at,
                    _ => *at,
                };
                found.phase = Phase::Done(Accepted {
                    token: *token,
                    output: output.clone(),
                    usage: *usage,
                    worker: worker.clone(),
                    leased,
                    at: *at,
                });
                let class = found.spec.class.clone();
                self.durable.learned.entry(class).or_default().learn(usage);
                self.account(task, usage.cpu_ms);
                self.tell_dependents(task, |missing| missing.saturating_sub(1));
            }
            Record::Died { task } => {
                if let Some(task) = self.durable.tasks.get_mut(task) {
                    task.phase = Phase::Dead;
                }
            }
            Record::Revived { task } => {
                let Some(found) = self.durable.tasks.get_mut(task) else { return };
                found.phase = Phase::Idle;
                found.failed = 0;
                found.lost = 0;
                self.need_again(task);
                self.want(*task);
            }
            Record::OutputLost { task } => {
                let Some(found) = self.durable.tasks.get_mut(task) else { return };
                found.phase = Phase::Idle;
                found.generation += 1;
                self.tell_dependents(task, |missing| missing + 1);
                self.need_again(task);
                self.want(*task);
            }
            Record::JobEnded { job, state, at } => self.end(*job, state, *at),
            Record::JobReopened { job } => {
                let Some(reopened) = self.durable.jobs.get_mut(job) else { return };
                reopened.state = JobState::Open;
                let ended = reopened.ended.take();
                reopened.deadline = reopened.deadline.filter(|deadline| ended.is_none_or(|ended| ended < *deadline));
                let tasks: Vec<TaskId> = reopened.tasks.iter().copied().collect();
                tasks.into_iter().for_each(|task| self.want(task));
            }
            Record::JobForgotten { job } => self.forget(*job),
        }
    }

    fn add(&mut self, job: JobId, id: TaskId, spec: &TaskSpec) {
        let Some(adding) = self.durable.jobs.get(&job) else { return };
        let (owner, opened) = (adding.owner.clone(), adding.opened);
        let needs = || spec.needs.iter().filter_map(|need| self.durable.tasks.get(need));
        let missing = needs().filter(|need| need.accepted().is_none()).count() as u32;
        let level = needs().map(|need| need.next_level(opened)).max().unwrap_or(0);
        for need in &spec.needs {
            if let Some(need) = self.durable.tasks.get_mut(need) {
                need.dependents.push(id);
            }
        }
        let task = Task {
            spec: spec.clone(),
            owner,
            jobs: Default::default(),
            dependents: Vec::new(),
            missing,
            level,
            added: self.durable.last_record,
            memory_bytes: spec.memory_bytes,
            phase: Phase::Idle,
            generation: 0,
            failed: 0,
            lost: 0,
            failures: Vec::new(),
        };
        if let Some(digest) = secret_input(spec) {
            self.secret_inputs.entry(digest).or_default().push(id);
        }
        self.durable.tasks.insert(id, task);
        self.join(job, id);
    }

    /// A job wants a task, and everything that has to be proved before it. What lies under a proof is none of its
    /// business: in a chain of blocks, that would be all blocks.
    fn join(&mut self, job: JobId, task: TaskId) {
        let mut stack = vec![task];
        while let Some(id) = stack.pop() {
            let Some(task) = self.durable.tasks.get_mut(&id) else { continue };
            if !task.jobs.insert(job) {
                continue;
            }
            if task.accepted().is_none() {
                stack.extend(task.spec.needs.iter().copied());
            }
            if let Some(job) = self.durable.jobs.get_mut(&job) {
                job.tasks.insert(id);
            }
            self.want(id);
        }
    }

    /// A task that was over has to be proved after all. What it needs is wanted by all of its jobs again, and may have
    /// been forgotten and come back meanwhile, without knowing of it.
    fn need_again(&mut self, id: &TaskId) {
        let Some(task) = self.durable.tasks.get(id) else { return };
        let (needs, jobs) = (task.spec.needs.clone(), task.jobs.clone());
        let mut times: BTreeMap<TaskId, usize> = BTreeMap::new();
        needs.into_iter().for_each(|need| *times.entry(need).or_default() += 1);
        let mut missing = 0;
        for (need, times) in times {
            jobs.iter().for_each(|job| self.join(*job, need));
            let found = self.durable.tasks.get_mut(&need);
            if found.as_ref().is_none_or(|need| need.accepted().is_none()) {
                missing += times as u32;
            }
            if let Some(found) = found {
                let known = found.dependents.iter().filter(|dependent| *dependent == id).count();
                found.dependents.extend(std::iter::repeat_n(*id, times - known));
            }
        }
        if let Some(task) = self.durable.tasks.get_mut(id) {
            task.missing = missing;
        }
    }

    /// An idle task is queued again, if an open job wants it.
    fn want(&mut self, id: TaskId) {
        let Some(task) = self.durable.tasks.get(&id) else { return };
        if task.phase == Phase::Idle
            && self.wanted(task)
            && let Some(task) = self.durable.tasks.get_mut(&id)
        {
            task.phase = Phase::Queued;
        }
    }

    fn tell_dependents(&mut self, task: &TaskId, change: impl Fn(u32) -> u32) {
        let Some(dependents) = self.durable.tasks.get(task).map(|task| task.dependents.clone()) else { return };
        for dependent in dependents {
            if let Some(dependent) = self.durable.tasks.get_mut(&dependent) {
                dependent.missing = change(dependent.missing);
            }
        }
    }

    fn end_attempt(&mut self, id: &TaskId, failure: &Failure, memory_bytes: u64) {
        let Some(task) = self.durable.tasks.get_mut(id) else { return };
        if matches!(task.phase, Phase::Leased { .. }) {
            task.phase = Phase::Queued;
        }
        task.memory_bytes = memory_bytes;
        match failure.cause {
            cause if cause.counts() => task.failed += 1,
            // Handed back, as by a worker that drains, or never taken from a broker: that may go on for ever.
            Cause::Returned => {}
            _ => task.lost += 1,
        }
        if task.failures.len() == MAX_FAILURES_KEPT {
            task.failures.remove(MAX_FAILURES_KEPT / 2);
        }
        task.failures.push(failure.clone());
        self.account(id, failure.usage.cpu_ms);
    }

    /// Charges CPU to the owner and to the job that was there first.
    fn account(&mut self, task: &TaskId, cpu_ms: u64) {
        let Some(task) = self.durable.tasks.get(task) else { return };
        let job = self.first_open(task).or_else(|| task.jobs.first().copied());
        let used = self.durable.owners.entry(task.owner.clone()).or_default();
        *used = used.saturating_add(cpu_ms);
        if let Some(job) = job.and_then(|job| self.durable.jobs.get_mut(&job)) {
            job.cpu_ms = job.cpu_ms.saturating_add(cpu_ms);
        }
    }

    /// A job is over: what nobody else wants rests.
    fn end(&mut self, job: JobId, state: &JobState, at: Time) {
        let Some(ended) = self.durable.jobs.get_mut(&job) else { return };
        ended.state = state.clone();
        ended.ended = Some(at);
        let tasks: Vec<TaskId> = ended.tasks.iter().copied().collect();
        for id in tasks {
            let Some(task) = self.durable.tasks.get(&id) else { continue };
            let resting = matches!(task.phase, Phase::Queued | Phase::Leased { .. }) && !self.wanted(task);
            if resting && let Some(task) = self.durable.tasks.get_mut(&id) {
                task.phase = Phase::Idle;
            }
        }
    }

    fn forget_secret(&mut self, id: &TaskId, spec: &TaskSpec) {
        let Some(digest) = secret_input(spec) else { return };
        let Some(of) = self.secret_inputs.get_mut(&digest) else { return };
        of.retain(|other| other != id);
        if of.is_empty() {
            self.secret_inputs.remove(&digest);
        }
    }

    /// A job is not kept any longer, nor are tasks that no other job holds.
    fn forget(&mut self, job: JobId) {
        let Some(forgotten) = self.durable.jobs.remove(&job) else { return };
        let mut bereft = BTreeSet::new();
        for id in forgotten.tasks {
            let Some(task) = self.durable.tasks.get_mut(&id) else { continue };
            task.jobs.remove(&job);
            if task.jobs.is_empty()
                && let Some(task) = self.durable.tasks.remove(&id)
            {
                self.forget_secret(&id, &task.spec);
                bereft.extend(task.spec.needs);
            }
        }
        // Once for each: a task that thousands need would be searched through thousands of times.
        for need in bereft {
            let Some(mut dependents) =
                self.durable.tasks.get_mut(&need).map(|need| std::mem::take(&mut need.dependents))
            else {
                continue;
            };
            dependents.retain(|dependent| self.durable.tasks.contains_key(dependent));
            if let Some(need) = self.durable.tasks.get_mut(&need) {
                need.dependents = dependents;
            }
        }
    }
}
