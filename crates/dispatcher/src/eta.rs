//! How long a job will still take: its tasks that are left, played through on the workers that are there.
//!
//! Durations are those of past proofs of the same class; a class without any takes the average of its kind,
//! else of everything, else [`GUESS_MS`]. The longest chain is what no number of workers makes shorter; the
//! estimate is that of list scheduling, longest chain first, among the job's own tasks: other jobs count only
//! through the workers that they hold.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use dispatch::model::{Class, Job, Phase, Task};
use dispatch::state::{Session, State};
use proving::id::TaskId;
use transport::ask::Eta;

/// What a proof is taken to last before the first one was seen.
const GUESS_MS: f64 = 5_000.0;

/// Larger jobs get an estimate from sums alone.
const PLAYED: usize = 20_000;

/// The estimate for an open, sealed job.
pub(crate) fn eta(state: &State, job: &Job) -> Option<Eta> {
    if !job.open() || job.root.is_none() {
        return None;
    }
    let left: BTreeMap<TaskId, Left> = job.tasks.iter().filter_map(|id| Some((*id, left(state, id)?))).collect();
    if left.is_empty() {
        return None;
    }
    let learned = left.values().filter(|task| task.learned).count() as f64 / left.len() as f64;
    let tails = tails(state, &left);
    let critical = left.keys().map(|id| tails.get(id).copied().unwrap_or(0.0)).fold(0.0, f64::max);
    let seconds = match left.len() <= PLAYED {
        true => played(state, &left, &tails),
        false => left.values().map(|task| task.ms).sum::<f64>() / slots(state, &left).max(1) as f64,
    };
    Some(Eta { seconds: seconds.max(critical) / 1000.0, critical_path_seconds: critical / 1000.0, learned })
}

/// A task without a proof.
struct Left {
    /// What of it is left, in milliseconds.
    ms: f64,
    learned: bool,
    running: bool,
    class: Class,
}

fn left(state: &State, id: &TaskId) -> Option<Left> {
    let task = state.durable().tasks.get(id)?;
    if task.accepted().is_some() {
        return None;
    }
    let (whole, learned) = expected(state, &task.spec.class);
    let (ms, running) = match &task.phase {
        Phase::Leased { at, .. } => {
            let spent = state.now().ms_since(*at) as f64;
            // A proof that takes longer than expected is expected to end soon, but not now.
            ((whole - spent).max(whole * 0.1), true)
        }
        _ => (whole, false),
    };
    Some(Left { ms, learned, running, class: task.spec.class.clone() })
}

/// How long a proof of a class takes, and whether that is known of this very class.
fn expected(state: &State, class: &Class) -> (f64, bool) {
    let learned = &state.durable().learned;
    if let Some(found) = learned.get(class) {
        return (found.wall_ms, true);
    }
    let average = |all: Vec<f64>| (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64);
    let same_kind = learned.iter().filter(|(other, _)| other.kind == class.kind).map(|(_, found)| found.wall_ms);
    let any = || average(learned.values().map(|found| found.wall_ms).collect());
    (average(same_kind.collect()).or_else(any).unwrap_or(GUESS_MS), false)
}

/// For each task, the time along the longest chain from its start to the root.
fn tails(state: &State, left: &BTreeMap<TaskId, Left>) -> BTreeMap<TaskId, f64> {
    let mut order: Vec<(u32, TaskId)> = left.keys().filter_map(|id| Some((task(state, id)?.level, *id))).collect();
    order.sort_unstable_by_key(|entry| Reverse(*entry));
    let mut tails = BTreeMap::new();
    for (_, id) in order {
        let Some(found) = task(state, &id) else { continue };
        let above = found.dependents.iter().filter_map(|dependent| tails.get(dependent)).copied().fold(0.0, f64::max);
        tails.insert(id, above + left.get(&id).map_or(0.0, |task| task.ms));
    }
    tails
}

fn task<'a>(state: &'a State, id: &TaskId) -> Option<&'a Task> {
    state.durable().tasks.get(id)
}

/// How many workers take any of these tasks.
fn slots(state: &State, left: &BTreeMap<TaskId, Left>) -> usize {
    let classes: BTreeSet<&Class> = left.values().map(|task| &task.class).collect();
    let usable = |session: &Session| {
        !session.draining && !session.pool && classes.iter().any(|class| session.can(state, Some(class)))
    };
    state.sessions().filter(|(_, session)| usable(session)).count()
}

/// Plays the rest through: whenever a worker is free it takes the ready task with the longest chain before it.
fn played(state: &State, left: &BTreeMap<TaskId, Left>, tails: &BTreeMap<TaskId, f64>) -> f64 {
    let key = |ms: f64| Reverse((ms * 1000.0) as u64);
    let workers = slots(state, left).max(left.values().filter(|task| task.running).count()).max(1);
    let mut missing: BTreeMap<TaskId, usize> = BTreeMap::new();
    let mut ready: BinaryHeap<(u64, TaskId)> = BinaryHeap::new();
    let mut running: BinaryHeap<(Reverse<u64>, TaskId)> = BinaryHeap::new();
    for (id, part) in left {
        let needs = task(state, id).map_or(0, |task| task.spec.needs.iter().filter(|n| left.contains_key(n)).count());
        let tail = tails.get(id).map_or(0, |tail| (tail * 1000.0) as u64);
        match (part.running, needs) {
            (true, _) => running.push((key(part.ms), *id)),
            (false, 0) => ready.push((tail, *id)),
            (false, _) => {
                missing.insert(*id, needs);
            }
        }
    }
    let mut now = 0u64;
    loop {
        while running.len() < workers
            && let Some((_, id)) = ready.pop()
        {
            let end = now + left.get(&id).map_or(0, |task| (task.ms * 1000.0) as u64);
            running.push((Reverse(end), id));
        }
        let Some((Reverse(end), id)) = running.pop() else { break };
        now = end;
        for dependent in task(state, &id).map(|task| &task.dependents[..]).unwrap_or_default() {
            if let Some(open) = missing.get_mut(dependent) {
                *open -= 1;
                if *open == 0 {
                    missing.remove(dependent);
                    ready.push((tails.get(dependent).map_or(0, |tail| (tail * 1000.0) as u64), *dependent));
                }
            }
        }
    }
    now as f64 / 1000.0
}
