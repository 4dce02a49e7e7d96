//! A job in plain lines: one an event, one for how it stands, one in a list.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use proving::id::TaskId;
use proving::kind::Kind;
use transport::ask::{Happening, JobEvent, JobStanding, JobView, TaskStanding, TaskView};

use super::ink::plain;
use crate::text::table;

/// Milliseconds since the Unix epoch.
pub(super) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// A duration for people.
pub(super) fn span(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..10 => format!("{:.1} s", seconds.max(0.0)),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{}m {:02}s", whole / 60, whole % 60),
        3600..86_400 => format!("{}h {:02}m", whole / 3600, whole / 60 % 60),
        _ => format!("{}d {:02}h", whole / 86_400, whole / 3600 % 24),
    }
}

/// From one time to a later one.
pub(super) fn between(from_ms: u64, to_ms: u64) -> String {
    span(to_ms.saturating_sub(from_ms) as f64 / 1000.0)
}

/// The beginning of a task's id: enough to tell tasks of a job apart.
pub(super) fn short(task: &TaskId) -> String {
    task.to_string().chars().take(8).collect()
}

/// How many tasks stand so.
pub(super) fn count(view: &JobView, standing: TaskStanding) -> usize {
    view.tasks_by_state.get(&standing).copied().unwrap_or(0)
}

/// The word for how a job stands.
pub(super) const fn standing(state: JobStanding) -> &'static str {
    match state {
        JobStanding::Open => "open",
        JobStanding::Done => "done",
        JobStanding::Failed => "failed",
        JobStanding::Cancelled => "cancelled",
    }
}

/// The counts of a job, such as `13 of 32 proofs, 5 running, 2 ready, 12 waiting`.
pub(super) fn counts(view: &JobView) -> String {
    let all: usize = view.tasks_by_state.values().sum();
    let mut text = format!("{} of {all} proofs", count(view, TaskStanding::Done));
    let rest = [
        (count(view, TaskStanding::Running) + count(view, TaskStanding::Verifying), "running"),
        (count(view, TaskStanding::Ready), "ready"),
        (count(view, TaskStanding::Waiting), "waiting"),
        (count(view, TaskStanding::Dead), "dead"),
    ];
    for (number, word) in rest.into_iter().filter(|(number, _)| *number > 0) {
        text = format!("{text}, {number} {word}");
    }
    text
}

/// When a job will be done, where that can be said.
pub(super) fn estimate(view: &JobView) -> Option<String> {
    let eta = view.eta?;
    Some(format!(
        "about {} left, at least {} whatever the workers; {:.0} % of it from experience",
        span(eta.seconds),
        span(eta.critical_path_seconds),
        eta.learned * 100.0
    ))
}

/// How a job stands, in a line.
pub(super) fn status(view: &JobView, now_ms: u64) -> String {
    let head = format!("job {} {:?}: ", view.id, view.name);
    match view.state {
        JobStanding::Open => {
            let since = between(view.submitted_ms, now_ms);
            let estimate = estimate(view).map_or_else(String::new, |text| format!("; {text}"));
            format!("{head}{}, for {since}{estimate}", counts(view))
        }
        state => {
            let took = between(view.submitted_ms, view.ended_ms.unwrap_or(now_ms));
            let reason = view.reason.as_deref().map_or_else(String::new, |reason| format!(": {}", plain(reason)));
            format!("{head}{} after {took}, {}{reason}", standing(state), counts(view))
        }
    }
}

/// Jobs in rows.
pub(super) fn listing(jobs: &[JobView], now_ms: u64) -> Vec<String> {
    if jobs.is_empty() {
        return vec!["no job is kept here".to_owned()];
    }
    let heading = ["name", "job", "owner", "state", "proofs", "since", "left"].map(str::to_owned).to_vec();
    let row = |job: &JobView| {
        let all: usize = job.tasks_by_state.values().sum();
        vec![
            plain(&job.name),
            job.id.to_string(),
            job.owner.to_string(),
            standing(job.state).to_owned(),
            format!("{} of {all}", count(job, TaskStanding::Done)),
            between(job.submitted_ms, now_ms),
            job.eta.map_or_else(|| "-".to_owned(), |eta| span(eta.seconds)),
        ]
    };
    table(&std::iter::once(heading).chain(jobs.iter().map(row)).collect::<Vec<_>>())
}

/// An event, in a line.
pub(super) fn event(event: &JobEvent, kinds: &BTreeMap<TaskId, Kind>) -> String {
    let task = |id: &TaskId| match kinds.get(id) {
        Some(kind) => format!("{kind} {}", short(id)),
        None => format!("task {}", short(id)),
    };
    match &event.what {
        Happening::Opened => "the job is open".to_owned(),
        Happening::Added { task: id } => format!("added    {}", task(id)),
        Happening::Sealed { root } => format!("sealed   for {}", task(root)),
        Happening::Started { task: id, worker } => format!("started  {} by {}", task(id), plain(worker)),
        Happening::AttemptFailed { task: id, worker, cause, reason } => {
            format!("failed   {} by {}: {cause}: {}", task(id), plain(worker), plain(reason))
        }
        Happening::Proved { task: id, worker, wall_seconds } => {
            format!("proved   {} by {} in {}", task(id), plain(worker), span(*wall_seconds))
        }
        Happening::Died { task: id } => format!("gave up  {}", task(id)),
        Happening::Lost { task: id } => format!("lost     {}: its proof is made again", task(id)),
        Happening::Ended { state } => format!("the job is {}", standing(*state)),
        Happening::Reset => "events before this are not kept any more".to_owned(),
    }
}

/// A dead letter with its reasons.
pub(super) fn dead_letter(task: &TaskView) -> Vec<String> {
    let mut lines = vec![format!("{} {}", task.kind, task.id)];
    let reason = |failure: &transport::ask::FailureView| {
        let who = if failure.worker.is_empty() { String::new() } else { format!("{}: ", plain(&failure.worker)) };
        format!("  {who}{}: {}", failure.cause, plain(&failure.reason))
    };
    lines.extend(task.failures.iter().map(reason));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::draw::samples;

    #[test]
    fn durations_are_written_in_the_two_units_that_matter() {
        let written = [0.04, 9.6, 59.0, 61.0, 3_700.0, 90_000.0].map(span);
        assert_eq!(written, ["0.0 s", "10 s", "59 s", "1m 01s", "1h 01m", "1d 01h"]);
    }

    #[test]
    fn a_status_line_has_counts_estimate_and_what_no_worker_makes_shorter() {
        let view = samples::small();
        assert_eq!(
            status(&view, view.submitted_ms + 83_000),
            "job 12 \"block-7\": 1 of 4 proofs, 1 running, 1 ready, 1 waiting, for 1m 23s; about 4m 10s left, at least \
             1m 02s whatever the workers; 80 % of it from experience"
        );
    }

    #[test]
    fn a_job_that_ended_says_how_and_why() {
        let view = JobView {
            state: JobStanding::Failed,
            reason: Some("panic:\nindex".to_owned()),
            ended_ms: Some(samples::START + 61_000),
            ..samples::small()
        };
        let line = status(&view, u64::MAX);
        assert!(line.contains("failed after 1m 01s") && line.ends_with("panic: index"), "{line}");
    }
}
