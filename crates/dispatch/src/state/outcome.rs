//! What follows when a task or a job is over: dependents become ready, jobs end, leases of what nobody wants
//! are stopped, old jobs are forgotten.

use std::collections::BTreeSet;

use proving::id::TaskId;
use proving::lease::Cause;
use proving::payload::BlobDigest;

use super::State;
use crate::event::{Action, Notice};
use crate::model::{Job, JobId, JobState, Phase, Task};
use crate::planted::Fault;
use crate::ready::Place;
use crate::record::Record;
use crate::time::Time;

impl State {
    /// Puts a task into the line of ready ones, if it is one.
    pub(super) fn line_up(&mut self, id: &TaskId) {
        let Some(task) = self.task(id) else { return };
        if !task.ready() || self.ready.place(id).is_some() {
            return;
        }
        let Some(job) = self.first_open(task) else { return };
        let priority = self.job(job).map_or(0, |job| job.priority);
        let (class, owner) = (task.spec.class.clone(), task.owner.clone());
        let (memory, level) = (task.memory_bytes, task.level);
        let class = self.class_id(&class);
        self.ready.enter(&owner, job);
        self.ready.insert(*id, Place { class, memory, owner, job, priority, level, age: 0, since: self.now });
    }

    /// Takes a task out of the line, because it is not ready any more.
    pub(super) fn step_out(&mut self, id: &TaskId) {
        if let Some(place) = self.ready.remove(id) {
            self.ready.leave(&place.owner, place.job);
        }
    }

    /// Every task of a job that can be in line is.
    pub(super) fn line_up_job(&mut self, job: JobId) {
        let tasks: Vec<TaskId> = self.job(job).into_iter().flat_map(|job| job.tasks.iter().copied()).collect();
        tasks.iter().for_each(|task| self.line_up(task));
    }

    /// A task has its proof: who waited for it may go on, and jobs that were for it are done.
    pub(super) fn follow(&mut self, id: &TaskId) {
        let Some(task) = self.task(id) else { return };
        let (dependents, jobs) = (task.dependents.clone(), task.jobs.clone());
        dependents.iter().for_each(|dependent| self.line_up(dependent));
        jobs.into_iter().for_each(|job| self.settle(job));
    }

    /// Ends an open job whose root has its proof.
    pub(super) fn settle(&mut self, job: JobId) {
        let Some(found) = self.job(job).filter(|job| job.open()) else { return };
        let root = found.root.and_then(|root| self.task(&root));
        if root.is_some_and(|root| root.accepted().is_some()) {
            self.end_job(job, JobState::Done);
        }
    }

    /// Fails an open job for a task that is dead.
    pub(super) fn fail_job(&mut self, job: JobId, dead: TaskId) {
        let last = self.task(&dead).and_then(|task| task.failures.last());
        let reason = last.map_or_else(String::new, |last| format!("{}: {}", last.cause, last.reason));
        self.end_job(job, JobState::Failed { task: Some(dead), reason });
    }

    /// Ends a job: what nobody else wants leaves the line, and who works on it is stopped.
    pub(super) fn end_job(&mut self, job: JobId, state: JobState) {
        if !self.job(job).is_some_and(|job| job.open()) {
            return;
        }
        self.commit(Record::JobEnded { job, state, at: self.now });
        let Some(ended) = self.job(job) else { return };
        let (deadline, tasks) = (ended.deadline, ended.tasks.clone());
        if let Some(deadline) = deadline {
            self.deadlines.remove(&(deadline, job));
        }
        self.finish(job, self.now);
        for id in &tasks {
            if self.planted(Fault::Cancel) {
                break;
            }
            let Some(task) = self.task(id) else { continue };
            match task.phase {
                Phase::Queued => {
                    // Another job wants it: it goes on, on that one's account.
                    if self.ready.place(id).is_some_and(|place| place.job == job) {
                        self.step_out(id);
                        self.line_up(id);
                    }
                }
                Phase::Leased { .. } => {}
                _ => {
                    self.step_out(id);
                    self.stop(id);
                }
            }
        }
    }

    /// Notes that a job is over, with as many tasks as it has now.
    pub(super) fn finish(&mut self, job: JobId, at: Time) {
        let counted = self.job(job).map_or(0, |job| job.tasks.len());
        self.finished.insert((at, job), counted);
        self.finished_tasks += counted;
    }

    /// A job that was over is open again.
    pub(super) fn unfinish(&mut self, job: JobId) {
        let ended = self.job(job).and_then(|found| found.ended);
        let counted = ended.and_then(|ended| self.finished.remove(&(ended, job)));
        self.finished_tasks -= counted.unwrap_or_default();
        self.commit(Record::JobReopened { job });
        let deadline = self.job(job).and_then(|job| job.deadline);
        self.deadlines.extend(deadline.map(|deadline| (deadline, job)));
    }

    /// Tells whoever works on a task to stop, and forgets the lease.
    pub(super) fn stop(&mut self, id: &TaskId) {
        let Some(lease) = self.drop_lease(id) else { return };
        if let Some(session) = lease.session.filter(|session| self.sessions.contains_key(session)) {
            self.out.actions.push(Action::Notify(session, Notice::Stop(lease.token)));
        }
    }

    /// A blob is gone. Its producer runs again; a task whose input it was cannot run at all.
    pub(super) fn blob_lost(&mut self, digest: BlobDigest) {
        let made = |id: &&TaskId| {
            let output = self.task(id).and_then(|task| task.accepted()).map(|accepted| &accepted.output);
            output.is_some_and(|output| output.blob() == Some(digest))
        };
        let mut producers: Vec<TaskId> = self.durable.tasks.keys().filter(made).copied().collect();
        producers.sort_unstable();
        let mut wanting: BTreeSet<JobId> = BTreeSet::new();
        for task in producers {
            let bereft = self.bereft(&task);
            // Nobody can make it again, and nobody has to: who asks for it next, to build on it, tells again.
            if bereft && !self.left_to_need(&task) {
                continue;
            }
            let of_jobs = self.task(&task).map(|task| task.jobs.clone()).unwrap_or_default();
            let ended_for_it =
                |job: &JobId| self.job(*job).is_some_and(|job| job.state == JobState::Done && job.root == Some(task));
            let reopened: Vec<JobId> = of_jobs.into_iter().filter(ended_for_it).collect();
            self.commit(Record::OutputLost { task });
            reopened.into_iter().for_each(|job| self.unfinish(job));
            if bereft {
                let reason = format!(
                    "its proof, blob {digest}, is missing or damaged, and what it needs is not kept any longer: \
                     submit all of it again"
                );
                self.note_failure(&task, String::new(), (Cause::Blob, reason, Default::default()), 0);
                self.die(&task);
            }
            wanting.extend(self.task(&task).into_iter().flat_map(|task| &task.jobs));
            let dependents = self.task(&task).map(|task| task.dependents.clone()).unwrap_or_default();
            for dependent in dependents {
                if self.task(&dependent).is_some_and(|task| !task.ready()) {
                    self.step_out(&dependent);
                }
                self.take_back(&dependent, &format!("a proof that it needs, blob {digest}, is missing or damaged"));
            }
            self.line_up(&task);
        }
        // What is under them is wanted again, and may have died since. Once for each job: proofs can be alike.
        for job in wanting {
            if self.job(job).is_some_and(Job::open) {
                self.take_over(job);
            }
        }
        let takes = |id: &&TaskId| {
            let task = self.task(id).filter(|task| matches!(task.phase, Phase::Queued | Phase::Leased { .. }));
            task.is_some_and(|task| task.spec.input.blob() == Some(digest))
        };
        let mut orphans: Vec<TaskId> = self.durable.tasks.keys().filter(takes).copied().collect();
        orphans.sort_unstable();
        for task in orphans {
            self.stop(&task);
            let reason = format!("its input, blob {digest}, is missing or damaged: submit it again");
            self.note_failure(&task, String::new(), (Cause::Blob, reason, Default::default()), 0);
            self.die(&task);
        }
        self.match_idle();
    }

    /// Whether a job rests on this proof: it is its root, or something on top of it is left to prove, or may still come.
    fn left_to_need(&self, id: &TaskId) -> bool {
        let Some(task) = self.task(id) else { return false };
        let above = || task.dependents.iter().filter_map(|dependent| self.task(dependent));
        let open = |dependent: &Task| dependent.accepted().is_none() && self.wanted(dependent);
        above().any(open)
            || task.jobs.iter().filter_map(|job| self.job(*job)).any(|job| match job.state {
                JobState::Open => job.root.is_none_or(|root| root == *id),
                _ => job.state == JobState::Done && job.root == Some(*id),
            })
    }

    /// Ends the lease of a task that waits again. Its proof would be of a proof that is gone: the next one has
    /// other bytes, and against these a good worker's proof would seem wrong.
    fn take_back(&mut self, id: &TaskId, reason: &str) {
        let Some(lease) = self.leases.get(id) else { return };
        let (worker, token, session) = (lease.worker.clone(), lease.token, lease.session);
        self.end_lease(id, worker, (Cause::Blob, reason.to_owned(), Default::default()));
        if let Some(session) = session.filter(|session| self.sessions.contains_key(session)) {
            self.out.actions.push(Action::Notify(session, Notice::Stop(token)));
        }
    }

    /// A task is tried no more: every job that wants it fails.
    pub(super) fn die(&mut self, id: &TaskId) {
        self.commit(Record::Died { task: *id });
        self.step_out(id);
        self.avoided.remove(id);
        let jobs = self.task(id).map(|task| task.jobs.clone()).unwrap_or_default();
        jobs.into_iter().for_each(|job| self.fail_job(job, *id));
    }

    /// Forgets finished jobs that are too old or too many.
    pub(super) fn forget_old(&mut self) {
        while let Some(((ended, job), counted)) = self.finished.first_key_value().map(|(key, counted)| (*key, *counted))
        {
            let old = self.now.ms_since(ended) > self.config.keep_finished_ms;
            // The newest job is kept however large it is: its asker has to see how it ended.
            let fits = self.finished_tasks <= self.config.keep_finished_tasks || self.finished.len() == 1;
            if !old && fits {
                return;
            }
            self.finished.pop_first();
            self.finished_tasks -= counted;
            let Some(found) = self.job(job) else { continue };
            let name = (found.owner.clone(), found.name.clone());
            let tasks = found.tasks.clone();
            self.commit(Record::JobForgotten { job });
            self.names.remove(&name);
            for task in tasks {
                if self.task(&task).is_none() {
                    self.avoided.remove(&task);
                }
            }
        }
    }
}
