//! A small graph as a tree: each task under what needs it, once; where it is needed again, its id stands alone.

use std::collections::{BTreeMap, BTreeSet};

use proving::id::TaskId;
use transport::ask::{JobView, TaskView};

use super::draw::task_line;
use super::ink::{Ink, Line};
use super::lines::short;

/// The lines of the tree, from the root down; tasks that no other one needs are roots beside it.
pub(super) fn tree(view: &JobView, now_ms: u64) -> Vec<Line> {
    let tasks: BTreeMap<TaskId, &TaskView> = view.tasks.iter().map(|task| (task.id, task)).collect();
    let needed: BTreeSet<TaskId> = view.tasks.iter().flat_map(|task| task.needs.iter().copied()).collect();
    // The view's own order: the nearest to the root first.
    let roots = view.tasks.iter().filter(|task| !needed.contains(&task.id));
    let mut plan = Plan { tasks, now_ms, drawn: BTreeSet::new(), lines: Vec::new() };
    for root in roots {
        plan.draw(root.id, "", "");
    }
    plan.lines
}

struct Plan<'a> {
    tasks: BTreeMap<TaskId, &'a TaskView>,
    now_ms: u64,
    drawn: BTreeSet<TaskId>,
    lines: Vec<Line>,
}

impl Plan<'_> {
    /// Draws a task after `branch`, and what it needs each after `under`.
    fn draw(&mut self, id: TaskId, branch: &str, under: &str) {
        let mut line = vec![(Ink::Dim, branch.to_owned())];
        // A need may be a task of another job; those are drawn by their job.
        let Some(task) = self.tasks.get(&id).copied().filter(|_| self.drawn.insert(id)) else {
            line.push((Ink::Dim, format!("↑ {}", short(&id))));
            return self.lines.push(line);
        };
        line.extend(task_line(task, self.now_ms));
        self.lines.push(line);
        let last = task.needs.len().saturating_sub(1);
        for (index, need) in task.needs.iter().enumerate() {
            let (branch, deeper) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            self.draw(*need, &format!("{under}{branch}"), &format!("{under}{deeper}"));
        }
    }
}
