//! A job as it is drawn: how it stands, its graph, who works on it, and what failed.
//!
//! Up to [`TREE`] tasks are a tree, each under what needs it. Larger graphs are levels, the root on top: how many
//! tasks of each kind stand how, a mark for each where they fit in; and below, only what runs or failed.

use std::collections::BTreeMap;

use proving::kind::Kind;
use transport::ask::{JobStanding, JobView, TaskStanding, TaskView};

use super::ink::{Ink, Line, cut, plain};
use super::lines::{between, count, counts, estimate, short, span, standing};
use super::tree;

/// Up to so many tasks are drawn one by one.
pub(super) const TREE: usize = 24;

/// How much room there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Columns.
    pub(super) width: usize,
    /// Lines.
    pub(super) height: usize,
}

impl Default for Frame {
    fn default() -> Self {
        Self { width: 100, height: 1000 }
    }
}

/// The mark of a task, and its colour.
pub(super) const fn mark(state: TaskStanding) -> (Ink, char) {
    match state {
        TaskStanding::Done => (Ink::Done, '✔'),
        TaskStanding::Running => (Ink::Running, '▶'),
        TaskStanding::Verifying => (Ink::Running, '◆'),
        TaskStanding::Ready => (Ink::Ready, '●'),
        TaskStanding::Waiting => (Ink::Dim, '○'),
        TaskStanding::Idle => (Ink::Dim, '·'),
        TaskStanding::Dead => (Ink::Failed, '✗'),
    }
}

/// The word for how a task stands.
pub(super) const fn word(state: TaskStanding) -> &'static str {
    match state {
        TaskStanding::Done => "done",
        TaskStanding::Running => "running",
        TaskStanding::Verifying => "checked",
        TaskStanding::Ready => "ready",
        TaskStanding::Waiting => "waiting",
        TaskStanding::Idle => "idle",
        TaskStanding::Dead => "dead",
    }
}

/// The job, in lines that fit.
pub(super) fn job(view: &JobView, now_ms: u64, frame: &Frame) -> Vec<Line> {
    let mut lines = head(view, now_ms, frame.width);
    lines.push(Line::new());
    let failed = failures(view);
    // What failed is worth more room than what runs, but never all of it.
    let room = frame.height.saturating_sub(lines.len() + 1).max(4);
    let for_failed = failed.len().min((room / 2).max(1));
    let graph = match view.tasks.len() <= TREE {
        true => tree::tree(view, now_ms),
        false => [levels(view, frame.width), running(view, now_ms)].concat(),
    };
    lines.extend(shortened(graph, room - for_failed.min(room)));
    if !failed.is_empty() {
        lines.push(Line::new());
        lines.extend(shortened(failed, for_failed.max(2)));
    }
    lines.truncate(frame.height.max(1));
    lines.into_iter().map(|line| cut(line, frame.width)).collect()
}

fn shortened(mut lines: Vec<Line>, room: usize) -> Vec<Line> {
    if lines.len() > room {
        let more = lines.len() - room.saturating_sub(1);
        lines.truncate(room.saturating_sub(1));
        lines.push(vec![(Ink::Dim, format!("… and {more} more"))]);
    }
    lines
}

fn head(view: &JobView, now_ms: u64, width: usize) -> Vec<Line> {
    let ink = match view.state {
        JobStanding::Open => Ink::Running,
        JobStanding::Done => Ink::Done,
        JobStanding::Failed | JobStanding::Cancelled => Ink::Failed,
    };
    let took = between(view.submitted_ms, view.ended_ms.unwrap_or(now_ms));
    let whose = format!("  {}, priority {}, ", view.owner, view.priority);
    let title = vec![
        (Ink::Bold, format!("job {} {}", view.id, plain(&view.name))),
        (Ink::Dim, whose),
        (ink, standing(view.state).to_owned()),
        (Ink::Plain, if view.state == JobStanding::Open { format!(" for {took}") } else { format!(" after {took}") }),
    ];
    let mut lines = vec![title, bar(view, width)];
    if let Some(text) = estimate(view) {
        lines.push(vec![(Ink::Plain, text)]);
    } else if view.state == JobStanding::Open && view.root.is_none() {
        lines.push(vec![(Ink::Dim, "it may still grow, so nobody knows how long it takes".to_owned())]);
    }
    if let Some(reason) = &view.reason {
        lines.push(vec![(Ink::Failed, plain(reason))]);
    }
    if view.cpu_seconds > 0.0 {
        let cost = view.cost.map_or_else(String::new, |cost| format!(", costs {cost:.4}"));
        lines.push(vec![(Ink::Dim, format!("CPU {}{cost}", span(view.cpu_seconds)))]);
    }
    lines
}

/// How much is done, as a bar, and the counts.
fn bar(view: &JobView, width: usize) -> Line {
    let all = view.tasks_by_state.values().sum::<usize>().max(1);
    let cells = (width / 3).clamp(10, 40);
    let part = |number: usize| number * cells / all;
    let done = part(count(view, TaskStanding::Done));
    let busy = part(count(view, TaskStanding::Running) + count(view, TaskStanding::Verifying)).min(cells - done);
    vec![
        (Ink::Done, "█".repeat(done)),
        (Ink::Running, "▓".repeat(busy)),
        (Ink::Dim, "░".repeat(cells - done - busy)),
        (Ink::Plain, format!("  {}", counts(view))),
    ]
}

/// One line for each kind on each level, the root's on top.
fn levels(view: &JobView, width: usize) -> Vec<Line> {
    let mut rows: BTreeMap<(std::cmp::Reverse<u32>, &Kind), Vec<TaskStanding>> = BTreeMap::new();
    for task in &view.tasks {
        rows.entry((std::cmp::Reverse(task.level), &task.kind)).or_default().push(task.state);
    }
    let name = rows.keys().map(|(_, kind)| kind.as_str().len()).max().unwrap_or(0);
    let row = |((level, kind), mut states): ((std::cmp::Reverse<u32>, &Kind), Vec<TaskStanding>)| {
        states.sort_by_key(|state| order(*state));
        let mut line = vec![(Ink::Dim, format!("{:>3} ", level.0)), (Ink::Plain, format!("{kind:<name$}  "))];
        let marks = states.len() <= width.saturating_sub(name + 8).min(64);
        let mut groups: Vec<(TaskStanding, usize)> = Vec::new();
        for state in states {
            match groups.last_mut() {
                Some((last, number)) if *last == state => *number += 1,
                _ => groups.push((state, 1)),
            }
        }
        for (state, number) in groups {
            let (ink, mark) = mark(state);
            line.push(match marks {
                true => (ink, mark.to_string().repeat(number)),
                false => (ink, format!("{mark} {number} {}  ", word(state))),
            });
        }
        line
    };
    rows.into_iter().map(row).collect()
}

const fn order(state: TaskStanding) -> u8 {
    match state {
        TaskStanding::Done => 0,
        TaskStanding::Verifying => 1,
        TaskStanding::Running => 2,
        TaskStanding::Ready => 3,
        TaskStanding::Waiting => 4,
        TaskStanding::Idle => 5,
        TaskStanding::Dead => 6,
    }
}

/// What runs, the longest first.
fn running(view: &JobView, now_ms: u64) -> Vec<Line> {
    let runs = |task: &&TaskView| matches!(task.state, TaskStanding::Running | TaskStanding::Verifying);
    let mut tasks: Vec<&TaskView> = view.tasks.iter().filter(runs).collect();
    tasks.sort_by_key(|task| (task.since_ms, task.id));
    let mut lines: Vec<Line> = tasks.into_iter().map(|task| task_line(task, now_ms)).collect();
    if !lines.is_empty() {
        lines.insert(0, Line::new());
    }
    lines
}

/// One task: its mark, kind and id, and what there is to say about how it stands.
pub(super) fn task_line(task: &TaskView, now_ms: u64) -> Line {
    let (ink, mark) = mark(task.state);
    let mut line = vec![(ink, format!("{mark} ")), (Ink::Plain, task.kind.to_string())];
    line.push((Ink::Dim, format!(" {}", short(&task.id))));
    if let Some(worker) = &task.worker {
        line.push((Ink::Plain, format!("  {}", plain(worker))));
    }
    match (task.state, task.since_ms, task.wall_seconds) {
        (TaskStanding::Done, _, Some(seconds)) => line.push((Ink::Done, format!("  in {}", span(seconds)))),
        (TaskStanding::Running | TaskStanding::Verifying | TaskStanding::Ready, Some(since), _) => {
            line.push((ink, format!("  {} for {}", word(task.state), between(since, now_ms))));
        }
        _ => line.push((Ink::Dim, format!("  {}", word(task.state)))),
    }
    if let Some(progress) = task.progress.as_ref().filter(|_| task.state == TaskStanding::Running) {
        line.push((Ink::Plain, format!("  {}", plain(&progress.stage))));
        // What a worker says may be any number.
        let tenths = progress.done.min(progress.total).saturating_mul(10).checked_div(progress.total);
        if let Some(done) = tenths.map(|done| done as usize) {
            line.push((Ink::Running, format!(" {}", "█".repeat(done))));
            line.push((Ink::Dim, "░".repeat(10 - done)));
            line.push((Ink::Plain, format!(" {}/{}", progress.done, progress.total)));
        }
    }
    if task.generation > 0 {
        line.push((Ink::Ready, format!("  made again, {} lost", task.generation)));
    }
    line
}

/// Attempts that failed, the newest first.
fn failures(view: &JobView) -> Vec<Line> {
    let of = |task: &TaskView| {
        let (ink, mark) = if task.state == TaskStanding::Dead { (Ink::Failed, '✗') } else { (Ink::Ready, '↻') };
        let what = format!("{} {}", task.kind, short(&task.id));
        let line = move |failure: &transport::ask::FailureView| {
            let who = if failure.worker.is_empty() { String::new() } else { format!(" {}", plain(&failure.worker)) };
            let why = format!("  {}: {}", failure.cause, plain(&failure.reason));
            (failure.at_ms, vec![(ink, format!("{mark} ")), (Ink::Plain, what.clone()), (Ink::Dim, who), (ink, why)])
        };
        task.failures.iter().map(line).collect::<Vec<_>>()
    };
    let mut all: Vec<(u64, Line)> = view.tasks.iter().flat_map(of).collect();
    all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    all.into_iter().map(|(_, line)| line).collect()
}

#[cfg(test)]
#[path = "samples.rs"]
pub(super) mod samples;

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
