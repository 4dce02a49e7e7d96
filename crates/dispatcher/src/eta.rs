//! How long a job will still take: its tasks that are left, played through on the workers that are there.
//!
//! Durations are those of past proofs of the same class; a class without any takes the average of its kind,
//! else of everything, else [`GUESS_MS`]. The longest chain is what no number of workers makes shorter; the
//! estimate is that of list scheduling, longest chain first, among the job's own tasks: other jobs count only
//! through the workers that they hold.
//!
//! The dispatcher's loop only copies what is needed ([`Rest::gather`]); playing it through is the asker's time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use dispatch::model::{Class, Job, Phase};
use dispatch::state::{Session, State};
use proving::id::TaskId;
use transport::ask::Eta;

/// What a proof is taken to last before the first one was seen.
const GUESS_MS: f64 = 5_000.0;

/// What of a job is left.
#[derive(Debug)]
pub(crate) struct Rest {
    /// Each after what it needs.
    tasks: Vec<Part>,
    workers: usize,
}

/// A task without a proof.
#[derive(Debug)]
struct Part {
    /// What of it is left, in milliseconds.
    ms: f64,
    learned: bool,
    running: bool,
    /// The ones of these tasks that it needs, by their place.
    needs: Vec<u32>,
}

impl Rest {
    /// What of an open, sealed job is left.
    pub(crate) fn gather(state: &State, job: &Job) -> Option<Self> {
        if !job.open() || job.root.is_none() {
            return None;
        }
        let tasks = &state.durable().tasks;
        let unproved = |id: &&TaskId| tasks.get(id).is_some_and(|task| task.accepted().is_none());
        // In the order in which they came, what is needed came first.
        let mut order: Vec<(u64, TaskId)> =
            job.tasks.iter().filter(unproved).filter_map(|id| Some((tasks.get(id)?.added, *id))).collect();
        order.sort_unstable();
        let places: BTreeMap<TaskId, u32> = (0..).zip(&order).map(|(place, (_, id))| (*id, place)).collect();
        let mut expected: BTreeMap<&Class, (f64, bool)> = BTreeMap::new();
        let mut parts = Vec::with_capacity(order.len());
        for task in order.iter().filter_map(|(_, id)| tasks.get(id)) {
            let class = &task.spec.class;
            let (whole, learned) = *expected.entry(class).or_insert_with(|| expect(state, class));
            let needs = task.spec.needs.iter().filter_map(|need| places.get(need).copied()).collect();
            let (ms, running) = match &task.phase {
                // A proof that takes longer than expected is expected to end soon, but not now.
                Phase::Leased { at, .. } => ((whole - state.now().ms_since(*at) as f64).max(whole * 0.1), true),
                _ => (whole, false),
            };
            parts.push(Part { ms, learned, running, needs });
        }
        let classes: BTreeSet<&Class> = expected.keys().copied().collect();
        let usable = |session: &Session| {
            !session.draining && !session.pool && classes.iter().any(|class| session.can(state, Some(class)))
        };
        let workers = state.sessions().filter(|(_, session)| usable(session)).count();
        (!parts.is_empty()).then_some(Self { tasks: parts, workers })
    }

    /// The estimate.
    pub(crate) fn estimate(&self) -> Eta {
        let tails = self.tails();
        let critical = tails.iter().copied().fold(0.0, f64::max);
        let learned = self.tasks.iter().filter(|task| task.learned).count() as f64 / self.tasks.len() as f64;
        Eta { seconds: self.played(&tails).max(critical) / 1000.0, critical_path_seconds: critical / 1000.0, learned }
    }

    /// For each task, the time along the longest chain from its start to the root.
    fn tails(&self) -> Vec<f64> {
        let mut tails: Vec<f64> = self.tasks.iter().map(|task| task.ms).collect();
        for (place, task) in self.tasks.iter().enumerate().rev() {
            for need in &task.needs {
                let need = *need as usize;
                tails[need] = tails[need].max(self.tasks[need].ms + tails[place]);
            }
        }
        tails
    }

    /// Plays the rest through: whenever a worker is free it takes the ready task with the longest chain before it.
    /// Times in it are whole microseconds, which have an order.
    fn played(&self, tails: &[f64]) -> f64 {
        let us = |ms: f64| (ms * 1000.0) as u64;
        let running_now = self.tasks.iter().filter(|task| task.running).count();
        let workers = self.workers.max(running_now).max(1);
        let mut dependents: Vec<Vec<u32>> = vec![Vec::new(); self.tasks.len()];
        let mut missing = vec![0usize; self.tasks.len()];
        let mut ready: BinaryHeap<(u64, usize)> = BinaryHeap::new();
        let mut running: BinaryHeap<(Reverse<u64>, usize)> = BinaryHeap::new();
        for (place, task) in self.tasks.iter().enumerate() {
            missing[place] = task.needs.len();
            task.needs.iter().for_each(|need| dependents[*need as usize].push(place as u32));
            if task.running {
                running.push((Reverse(us(task.ms)), place));
            } else if task.needs.is_empty() {
                ready.push((us(tails[place]), place));
            }
        }
        let mut now = 0u64;
        loop {
            while running.len() < workers
                && let Some((_, place)) = ready.pop()
            {
                running.push((Reverse(now + us(self.tasks[place].ms)), place));
            }
            let Some((Reverse(end), place)) = running.pop() else { break };
            now = end;
            for dependent in &dependents[place] {
                let dependent = *dependent as usize;
                missing[dependent] -= 1;
                if missing[dependent] == 0 && !self.tasks[dependent].running {
                    ready.push((us(tails[dependent]), dependent));
                }
            }
        }
        now as f64 / 1000.0
    }
}

/// How long a proof of a class takes, and whether that is known of this very class.
fn expect(state: &State, class: &Class) -> (f64, bool) {
    let learned = &state.durable().learned;
    if let Some(found) = learned.get(class) {
        return (found.wall_ms, true);
    }
    let average = |all: Vec<f64>| (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64);
    let same_kind = learned.iter().filter(|(other, _)| other.kind == class.kind).map(|(_, found)| found.wall_ms);
    let any = || average(learned.values().map(|found| found.wall_ms).collect());
    (average(same_kind.collect()).or_else(any).unwrap_or(GUESS_MS), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(ms: f64, needs: &[u32]) -> Part {
        Part { ms, learned: true, running: false, needs: needs.to_vec() }
    }

    /// Four leaves of a second, two over them, one root.
    fn tree() -> Vec<Part> {
        let mut tasks: Vec<Part> = (0..4).map(|_| part(1000.0, &[])).collect();
        tasks.extend([part(1000.0, &[0, 1]), part(1000.0, &[2, 3]), part(1000.0, &[4, 5])]);
        tasks
    }

    #[test]
    fn with_workers_for_every_leaf_the_longest_chain_is_the_estimate() {
        let eta = Rest { tasks: tree(), workers: 4 }.estimate();
        assert_eq!((eta.seconds, eta.critical_path_seconds, eta.learned), (3.0, 3.0, 1.0));
    }

    #[test]
    fn one_worker_does_one_after_the_other() {
        let eta = Rest { tasks: tree(), workers: 1 }.estimate();
        assert_eq!((eta.seconds, eta.critical_path_seconds), (7.0, 3.0));
    }

    #[test]
    fn the_longest_chain_goes_first() {
        // Two short ones beside a chain of three: begun late, the chain would end after four seconds.
        let mut tasks = vec![part(1000.0, &[]), part(1000.0, &[]), part(1000.0, &[])];
        tasks.extend([part(1000.0, &[2]), part(1000.0, &[3])]);
        assert_eq!(Rest { tasks, workers: 2 }.estimate().seconds, 3.0);
    }

    #[test]
    fn what_runs_counts_with_what_is_left_of_it() {
        let mut tasks = tree();
        tasks[0] = Part { ms: 200.0, learned: true, running: true, needs: Vec::new() };
        let eta = Rest { tasks, workers: 4 }.estimate();
        assert_eq!(eta.seconds, 3.0);
    }
}
