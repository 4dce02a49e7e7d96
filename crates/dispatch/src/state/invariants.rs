//! What holds after every event, whatever happened. The simulation checks it at every step.

use std::collections::BTreeMap;

use proving::id::TaskId;

use super::State;
use crate::model::{JobState, Phase};

impl State {
    /// Panics, naming the invariant, if one is broken.
    pub(crate) fn check_invariants(&self) {
        self.check_tasks();
        self.check_sessions();
        self.check_shares();
        for (id, job) in &self.durable.jobs {
            let root = job.root.and_then(|root| self.task(&root));
            let done = root.is_some_and(|root| root.accepted().is_some());
            assert_eq!(job.open(), job.ended.is_none(), "job {id} is open or has an end");
            assert!(!(job.open() && done), "job {id} has its root and is still open");
            assert!(job.state != JobState::Done || done, "job {id} is done without its root");
            for task in &job.tasks {
                assert!(self.durable.tasks[task].jobs.contains(id), "job {id} and its task {task} know each other");
            }
        }
    }

    fn check_tasks(&self) {
        for (id, task) in &self.durable.tasks {
            let proved = |need: &&TaskId| self.task(need).is_some_and(|need| need.accepted().is_some());
            let missing = task.spec.needs.len() - task.spec.needs.iter().filter(proved).count();
            if !matches!(task.phase, Phase::Done(_) | Phase::Dead) {
                assert_eq!(task.missing as usize, missing, "task {id} counts its missing needs");
                for (job, need) in task.jobs.iter().flat_map(|job| task.spec.needs.iter().map(move |need| (job, need)))
                {
                    assert!(self.durable.tasks[need].jobs.contains(job), "job {job} keeps what its task {id} needs");
                }
                for need in &task.spec.needs {
                    let times = |all: &[TaskId], wanted: &TaskId| all.iter().filter(|one| *one == wanted).count();
                    let known = times(&self.durable.tasks[need].dependents, id);
                    assert_eq!(known, times(&task.spec.needs, need), "what task {id} needs knows it");
                }
            }
            assert!(!task.jobs.is_empty(), "task {id} belongs to a job");
            let wanted = self.wanted(task);
            let lined_up = self.ready.place(id).is_some();
            let leased = self.leases.get(id);
            match &task.phase {
                Phase::Idle => assert!(!wanted && !lined_up && leased.is_none(), "task {id} rests"),
                Phase::Queued => {
                    assert!(wanted && leased.is_none(), "task {id} is queued because somebody wants it");
                    assert_eq!(lined_up, missing == 0, "task {id} is in line exactly when nothing is missing");
                }
                Phase::Leased { token, .. } => {
                    assert!(wanted && !lined_up, "task {id} is leased because somebody wants it");
                    let lease = leased.unwrap_or_else(|| panic!("task {id} is leased, but nobody has the lease"));
                    assert_eq!(lease.token, *token, "task {id} has one token");
                    // Never lost: it is heard of again, or the lease ends, or the connection does.
                    let watched = lease.expires.is_some() || lease.verifying.is_some() || lease.pooled;
                    assert!(watched, "task {id} is leased and nothing watches it");
                    let session = lease.session.map(|session| self.sessions.get(&session));
                    assert!(session.is_none_or(|session| session.is_some()), "the session of {id} is there");
                }
                Phase::Dead if wanted => panic!("task {id} is dead, and an open job waits for it"),
                Phase::Done(_) | Phase::Dead => assert!(!lined_up && leased.is_none(), "task {id} is over"),
            }
        }
        for id in self.leases.keys() {
            assert!(matches!(self.durable.tasks[id].phase, Phase::Leased { .. }), "the lease of {id} is of a task");
        }
        for (end, id) in &self.expiries {
            assert_eq!(self.leases[id].expires, Some(*end), "the end of the lease of {id} is noted once");
        }
    }

    fn check_sessions(&self) {
        for (id, session) in &self.sessions {
            let used: u64 = session.holding.iter().map(|task| self.leases[task].memory).sum();
            assert_eq!(session.used_bytes, used, "session {id:?} adds its memory up");
            assert!(session.pool || used <= session.memory_bytes, "session {id:?} has more than fits into it");
            for task in &session.holding {
                assert_eq!(self.leases[task].session, Some(*id), "session {id:?} and the lease know each other");
            }
            for class in session.classes.iter().filter(|_| session.pool || !self.suspended(&session.worker)) {
                let waits = self.idle.get(class).is_some_and(|all| all.contains(&(session.free_bytes(), *id)));
                assert_eq!(waits, !session.asks.is_empty(), "session {id:?} waits when it asks");
            }
            // Nobody waits while there is something for him.
            if !session.asks.is_empty() {
                // A task that was avoided until just now waits for the next tick.
                let given = self.choose(session).filter(|task| !self.avoided.contains_key(task));
                assert!(given.is_none(), "session {id:?} waits for nothing");
            }
        }
    }

    fn check_shares(&self) {
        let mut in_line: BTreeMap<_, u64> = BTreeMap::new();
        for (_, place) in self.ready.places() {
            *in_line.entry(&place.owner).or_default() += 1;
        }
        for lease in self.leases.values() {
            *in_line.entry(&lease.owner).or_default() += 1;
        }
        for (owner, tasks) in self.ready.standing() {
            assert_eq!(tasks, in_line.get(owner).copied().unwrap_or(0), "the share of {owner} counts his tasks");
        }
    }
}
