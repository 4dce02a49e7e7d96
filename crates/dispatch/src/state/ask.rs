//! Askers: submitting, growing, sealing, cancelling and retrying jobs.

use proving::error::FailureClass;
use proving::id::TaskId;
use proving::payload::{MAX_INLINE_BYTES, Payload};

use super::State;
use crate::event::{NotTaken, Reply, RequestId, Submit};
use crate::model::{JobId, JobState, Phase, TaskMap, TaskSpec};
use crate::planted::Fault;
use crate::record::Record;

/// The longest name of a job, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 128;

/// The longest trace context that is kept, in bytes: W3C's has 55.
const MAX_TRACE_BYTES: usize = 128;

/// What is kept with every task keeps its limits.
fn well_formed(spec: &TaskSpec) -> Result<(), NotTaken> {
    match &spec.input {
        Payload::Inline(bytes) if bytes.len() > MAX_INLINE_BYTES => {
            Err(NotTaken::Malformed("an input of more than 512 bytes is a blob: store it, and name it"))
        }
        Payload::Inline(bytes) if spec.secret && !bytes.is_empty() => {
            Err(NotTaken::Malformed("a secret input is a blob, so that it is encrypted: store it, and name it"))
        }
        _ if spec.traceparent.as_ref().is_some_and(|trace| trace.len() > MAX_TRACE_BYTES) => {
            Err(NotTaken::Malformed("a traceparent has at most 128 bytes"))
        }
        _ => Ok(()),
    }
}

impl State {
    pub(super) fn submit(&mut self, request: RequestId, submit: Submit) {
        let reply = match self.take(submit) {
            Ok(job) => self.standing(job),
            Err(reason) => Reply::NotTaken(reason),
        };
        self.reply(request, reply);
        self.match_idle();
    }

    fn standing(&self, job: JobId) -> Reply {
        match self.job(job) {
            Some(found) => Reply::Submitted(job, found.state.clone()),
            None => Reply::NotTaken(NotTaken::NoJob(job)),
        }
    }

    fn take(&mut self, submit: Submit) -> Result<JobId, NotTaken> {
        let known = self.job_named(&submit.owner, &submit.name);
        // A job that is over answers how it ended, whatever of it is repeated.
        if let Some(job) = known
            && self.job(job).is_some_and(|job| !job.open())
        {
            return self.repeated(job, &submit).map(|()| job);
        }
        let ids = self.checked(&submit, known)?;
        let job = match known {
            Some(job) => job,
            None => self.open_job(&submit),
        };
        let root = submit.root;
        self.add_tasks(job, ids, submit.tasks);
        if let Some(root) = root
            && self.job(job).is_some_and(|job| job.open() && job.root.is_none())
        {
            self.commit(Record::JobSealed { job, root });
        }
        self.settle(job);
        Ok(job)
    }

    /// A job that is over takes again what it has, and nothing else.
    fn repeated(&self, job: JobId, submit: &Submit) -> Result<(), NotTaken> {
        let Some(found) = self.job(job) else { return Err(NotTaken::NoJob(job)) };
        let has_all = submit.tasks.iter().all(|spec| found.tasks.contains(&spec.id(&submit.owner)));
        if has_all && submit.root.is_none_or(|root| found.root.is_none_or(|has| has == root)) {
            return Ok(());
        }
        Err(NotTaken::Over(job))
    }

    fn open_job(&mut self, submit: &Submit) -> JobId {
        let job = JobId(self.durable.last_job + 1);
        self.commit(Record::JobOpened {
            job,
            name: submit.name.clone(),
            owner: submit.owner.clone(),
            priority: submit.priority,
            deadline: submit.deadline,
            at: self.now,
        });
        self.names.insert((submit.owner.clone(), submit.name.clone()), job);
        self.deadlines.extend(submit.deadline.map(|deadline| (deadline, job)));
        job
    }

    /// The ids of the tasks, if all is well with every one of them.
    fn checked(&self, submit: &Submit, job: Option<JobId>) -> Result<Vec<TaskId>, NotTaken> {
        let limits = &self.config.limits;
        let too_much = |what, limit: usize| NotTaken::TooMuch { what, limit: limit as u64 };
        if submit.name.is_empty() || submit.name.len() > MAX_NAME_BYTES || submit.name.chars().any(char::is_control) {
            return Err(NotTaken::Malformed("a job's name has 1 to 128 bytes and no control characters"));
        }
        if submit.priority > 9 {
            return Err(NotTaken::Malformed("a priority is 0 to 9"));
        }
        if job.is_none() && self.durable.jobs.len() - self.finished.len() >= limits.open_jobs {
            return Err(too_much("open jobs", limits.open_jobs));
        }
        let opened = job.and_then(|job| self.job(job)).map_or(u64::MAX, |job| job.opened);
        // The level of what stands right on top of each.
        let mut levels: TaskMap<u32> = TaskMap::default();
        let mut tasks = Vec::with_capacity(submit.tasks.len());
        for spec in &submit.tasks {
            let id = spec.id(&submit.owner);
            well_formed(spec)?;
            if !self.config.kinds.contains(&spec.class.kind) {
                return Err(NotTaken::UnknownKind(spec.class.kind.to_string()));
            }
            if spec.needs.len() > limits.task_needs {
                return Err(too_much("needs of one task", limits.task_needs));
            }
            if spec.input.size() > limits.input_bytes {
                return Err(NotTaken::TooMuch { what: "bytes of an input", limit: limits.input_bytes });
            }
            if let Some(known) = self.task(&id) {
                // What it needs may be forgotten, when its proof is there or it is dead.
                levels.insert(id, known.next_level(opened));
                tasks.push(id);
                continue;
            }
            let mut level = 0;
            for need in &spec.needs {
                // Somebody else's proof is not known to this owner.
                let kept = || self.task(need).filter(|task| task.owner == submit.owner);
                let known = levels.get(need).copied().or_else(|| kept().map(|task| task.next_level(opened)));
                let Some(next) = known else { return Err(NotTaken::UnknownNeed { task: id, need: *need }) };
                level = level.max(next);
            }
            if level > limits.depth {
                return Err(too_much("the longest chain of needs", limits.depth as usize));
            }
            levels.insert(id, level + 1);
            tasks.push(id);
        }
        // What is there already is not counted again, so that a large submission can be repeated, too.
        let found = job.and_then(|job| self.job(job));
        let new = levels.keys().filter(|task| !found.is_some_and(|job| job.tasks.contains(task))).count();
        if new > 0 && found.map_or(0, |job| job.tasks.len()) + new > limits.job_tasks {
            return Err(too_much("tasks in one job", limits.job_tasks));
        }
        let unknown = levels.keys().filter(|task| self.task(task).is_none()).count();
        if unknown > 0 && self.durable.tasks.len() + unknown > limits.tasks {
            return Err(too_much("tasks in this dispatcher", limits.tasks));
        }
        let sealed = found.and_then(|job| job.root);
        let holds = |task: &TaskId| job.is_some_and(|job| self.holds(job, task));
        if let (Some(job), Some(sealed)) = (job, sealed)
            && (submit.root.is_some_and(|root| root != sealed) || tasks.iter().any(|task| !holds(task)))
        {
            return Err(NotTaken::Sealed(job));
        }
        match submit.root {
            Some(root) if !levels.contains_key(&root) && !holds(&root) => Err(NotTaken::UnknownRoot(root)),
            _ => Ok(tasks),
        }
    }

    fn add_tasks(&mut self, job: JobId, ids: Vec<TaskId>, tasks: Vec<TaskSpec>) {
        let mut joined = false;
        for (task, spec) in ids.into_iter().zip(tasks) {
            match self.task(&task) {
                None => {
                    let needs_others = spec.needs.iter().any(|need| !self.holds(job, need));
                    joined |= needs_others;
                    self.commit(Record::TaskAdded { job, task, spec });
                    self.line_up(&task);
                }
                Some(known) if !known.jobs.contains(&job) => {
                    joined = true;
                    self.commit(Record::TaskJoined { job, task });
                }
                Some(_) if self.planted(Fault::Dedupe) => self.commit(Record::TaskAdded { job, task, spec }),
                Some(_) => {}
            }
        }
        if joined {
            self.take_over(job);
        }
    }

    /// What was joined brings its needs along, of which some may rest and some may be dead. A new asker is a
    /// new chance for these, unless the input is to blame. A task that is revived may bring dead ones along, too.
    pub(super) fn take_over(&mut self, job: JobId) {
        loop {
            let dead = self.dead_of(job);
            if dead.is_empty() {
                break;
            }
            if let Some(hopeless) = dead.iter().find(|task| self.invalid(task) || self.bereft(task)) {
                self.fail_job(job, *hopeless);
                return;
            }
            dead.into_iter().for_each(|task| self.commit(Record::Revived { task }));
        }
        self.line_up_job(job);
    }

    fn dead_of(&self, job: JobId) -> Vec<TaskId> {
        let dead = |task: &&TaskId| self.task(task).is_some_and(|task| task.phase == Phase::Dead);
        self.job(job).into_iter().flat_map(|job| &job.tasks).filter(dead).copied().collect()
    }

    fn holds(&self, job: JobId, task: &TaskId) -> bool {
        self.job(job).is_some_and(|job| job.tasks.contains(task))
    }

    /// Whether a dead task died of its input.
    pub(super) fn invalid(&self, task: &TaskId) -> bool {
        let last = self.task(task).and_then(|task| task.failures.last());
        last.is_some_and(|failure| failure.cause.class() == FailureClass::InvalidInput)
    }

    /// Whether a task cannot be proved, since something that it needs is not kept any longer.
    pub(super) fn bereft(&self, task: &TaskId) -> bool {
        self.task(task).is_some_and(|task| task.spec.needs.iter().any(|need| self.task(need).is_none()))
    }

    pub(super) fn cancel(&mut self, request: RequestId, job: JobId) {
        let reply = match self.job(job).map(|found| found.open()) {
            None => Reply::NotTaken(NotTaken::NoJob(job)),
            Some(open) => {
                if open {
                    self.end_job(job, JobState::Cancelled);
                }
                self.job_reply(job)
            }
        };
        self.reply(request, reply);
        self.match_idle();
    }

    pub(super) fn retry(&mut self, request: RequestId, job: JobId) {
        let reply = match self.reopen(job) {
            Ok(()) => self.job_reply(job),
            Err(reason) => Reply::NotTaken(reason),
        };
        self.reply(request, reply);
        self.match_idle();
    }

    fn job_reply(&self, job: JobId) -> Reply {
        let Some(found) = self.job(job) else { return Reply::NotTaken(NotTaken::NoJob(job)) };
        Reply::Job(job, found.state.clone())
    }

    fn reopen(&mut self, job: JobId) -> Result<(), NotTaken> {
        let Some(found) = self.job(job) else { return Err(NotTaken::NoJob(job)) };
        if !matches!(found.state, JobState::Failed { .. }) {
            return Err(NotTaken::NotFailed(job));
        }
        let dead = self.dead_of(job);
        if let Some(invalid) = dead.iter().find(|task| self.invalid(task)) {
            return Err(NotTaken::Invalid(*invalid));
        }
        if let Some(bereft) = dead.iter().find(|task| self.bereft(task)) {
            return Err(NotTaken::Bereft(*bereft));
        }
        self.unfinish(job);
        self.take_over(job);
        self.settle(job);
        Ok(())
    }
}
