//! From what an asker writes to what the state machine hears: local names become ids, tasks come after what
//! they need, and large jobs come in portions, so that nobody else waits for them.

use std::collections::HashMap;

use dispatch::event::Submit;
use dispatch::model::{Class, TaskSpec};
use dispatch::time::Time;
use proving::id::{Owner, TaskId};
use proving::payload::{MAX_INLINE_BYTES, Payload};
use transport::ask::{Input, JobRequest, TaskRequest};

/// Tasks in one portion.
const PORTION: usize = 200;

/// What is wrong with a request, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("two tasks are named {0:?}")]
    TwiceNamed(String),
    #[error("{0:?} is neither the name of a task in this request nor a task id")]
    Unknown(String),
    #[error("the tasks need each other in a circle: {0:?} is in it")]
    Cycle(String),
    #[error("the input of {0:?} is not hex")]
    NotHex(String),
    #[error("the input of {0:?} is a secret: store it as a secret blob and name that")]
    SecretInline(String),
    #[error("the input of {name:?} has {found} bytes: more than {MAX_INLINE_BYTES} are stored as a blob first")]
    LargeInline { name: String, found: usize },
    #[error("a traceparent has at most 128 bytes")]
    Trace,
}

/// The submissions that make up a request, one after the other; the last one seals.
pub(crate) fn submissions(request: JobRequest, now: Time) -> Result<Vec<Submit>, RequestError> {
    let owner = match request.owner {
        Some(owner) => owner,
        None => "local".parse().expect("a short plain word is an owner"),
    };
    let (tasks, names) = in_order(&owner, &request.tasks)?;
    let root = request.root.as_deref().map(|root| named(root, &names)).transpose()?;
    let deadline = request.deadline_seconds.map(|seconds| now.plus_ms(seconds.saturating_mul(1000)));
    let submit = |tasks: Vec<TaskSpec>, root| Submit {
        name: request.name.clone(),
        owner: owner.clone(),
        priority: request.priority,
        deadline,
        tasks,
        root,
    };
    let mut portions: Vec<Submit> = tasks.chunks(PORTION).map(|portion| submit(portion.to_vec(), None)).collect();
    match portions.last_mut() {
        Some(last) => last.root = root,
        None => portions.push(submit(Vec::new(), root)),
    }
    Ok(portions)
}

fn label(task: &TaskRequest, index: usize) -> String {
    task.name.clone().unwrap_or_else(|| format!("#{index}"))
}

fn named(text: &str, names: &HashMap<&str, TaskId>) -> Result<TaskId, RequestError> {
    match names.get(text) {
        Some(id) => Ok(*id),
        None => text.parse().map_err(|_| RequestError::Unknown(text.to_owned())),
    }
}

/// The tasks, each after what it needs, and the ids of those with names.
fn in_order<'a>(
    owner: &Owner,
    tasks: &'a [TaskRequest],
) -> Result<(Vec<TaskSpec>, HashMap<&'a str, TaskId>), RequestError> {
    let mut by_name = HashMap::new();
    for (index, task) in tasks.iter().enumerate() {
        if let Some(name) = task.name.as_deref()
            && by_name.insert(name, index).is_some()
        {
            return Err(RequestError::TwiceNamed(name.to_owned()));
        }
    }
    let mut open: Vec<usize> = vec![0; tasks.len()];
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); tasks.len()];
    for (index, task) in tasks.iter().enumerate() {
        for need in task.needs.iter().filter_map(|need| by_name.get(need.as_str())) {
            open[index] += 1;
            dependents[*need].push(index);
        }
    }
    let mut next: Vec<usize> = (0..tasks.len()).rev().filter(|index| open[*index] == 0).collect();
    let mut ids = HashMap::new();
    let mut specs = Vec::with_capacity(tasks.len());
    while let Some(index) = next.pop() {
        let task = &tasks[index];
        let spec = spec(task, index, &ids)?;
        if let Some(name) = task.name.as_deref() {
            ids.insert(name, spec.id(owner));
        }
        specs.push(spec);
        for dependent in dependents[index].iter().rev() {
            open[*dependent] -= 1;
            if open[*dependent] == 0 {
                next.push(*dependent);
            }
        }
    }
    match open.iter().position(|open| *open > 0) {
        Some(stuck) => Err(RequestError::Cycle(label(&tasks[stuck], stuck))),
        None => Ok((specs, ids)),
    }
}

fn spec(task: &TaskRequest, index: usize, ids: &HashMap<&str, TaskId>) -> Result<TaskSpec, RequestError> {
    let name = || label(task, index);
    let input = match &task.input {
        Input::Empty => Payload::empty(),
        Input::Hex(_) if task.secret => return Err(RequestError::SecretInline(name())),
        Input::Hex(text) => {
            let bytes = hex::decode(text).map_err(|_| RequestError::NotHex(name()))?;
            if bytes.len() > MAX_INLINE_BYTES {
                return Err(RequestError::LargeInline { name: name(), found: bytes.len() });
            }
            Payload::Inline(bytes)
        }
        Input::Blob { digest, bytes } => Payload::Blob { digest: *digest, bytes: *bytes },
    };
    if task.traceparent.as_ref().is_some_and(|trace| trace.len() > 128) {
        return Err(RequestError::Trace);
    }
    Ok(TaskSpec {
        class: Class { kind: task.kind.clone(), statement: task.statement.clone() },
        input,
        secret: task.secret,
        needs: task.needs.iter().map(|need| named(need, ids)).collect::<Result<_, _>>()?,
        memory_bytes: task.memory_bytes,
        traceparent: task.traceparent.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str, needs: &[&str]) -> TaskRequest {
        TaskRequest {
            name: Some(name.to_owned()),
            kind: "test.sleep".parse().unwrap(),
            statement: "test/line/sleep".parse().unwrap(),
            input: Input::Hex(hex::encode(name)),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            memory_bytes: 0,
            secret: false,
            traceparent: None,
        }
    }

    fn job(tasks: Vec<TaskRequest>, root: &str) -> JobRequest {
        let root = Some(root.to_owned());
        JobRequest { name: "job".to_owned(), owner: None, priority: 5, deadline_seconds: None, tasks, root }
    }

    #[test]
    fn tasks_come_after_what_they_need_in_whatever_order_they_were_written() {
        let request = job(vec![task("root", &["b", "a"]), task("b", &["a"]), task("a", &[])], "root");
        let submits = submissions(request, Time(0)).unwrap();
        let tasks = &submits[0].tasks;
        let owner = "local".parse().unwrap();
        let ids: Vec<TaskId> = tasks.iter().map(|task| task.id(&owner)).collect();
        assert_eq!(tasks.iter().map(|task| task.needs.len()).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(tasks[2].needs, [ids[1], ids[0]]);
        assert_eq!(submits[0].root, Some(ids[2]));
    }

    #[test]
    fn circles_twins_and_unknown_names_are_each_one_sentence() {
        let wrong = |tasks, root| submissions(job(tasks, root), Time(0)).unwrap_err();
        let circle = vec![task("a", &["b"]), task("b", &["a"])];
        assert_eq!(wrong(circle, "a"), RequestError::Cycle("a".to_owned()));
        assert_eq!(wrong(vec![task("a", &["a"])], "a"), RequestError::Cycle("a".to_owned()));
        assert_eq!(wrong(vec![task("a", &[]), task("a", &[])], "a"), RequestError::TwiceNamed("a".to_owned()));
        assert_eq!(wrong(vec![task("a", &["c"])], "a"), RequestError::Unknown("c".to_owned()));
        assert_eq!(wrong(vec![task("a", &[])], "z"), RequestError::Unknown("z".to_owned()));
    }

    #[test]
    fn a_long_job_comes_in_portions_and_is_sealed_by_the_last() {
        let tasks: Vec<_> = (0..450).map(|number| task(&format!("t{number}"), &[])).collect();
        let submits = submissions(job(tasks, "t0"), Time(0)).unwrap();
        assert_eq!(submits.iter().map(|submit| submit.tasks.len()).collect::<Vec<_>>(), [200, 200, 50]);
        let sealed: Vec<bool> = submits.iter().map(|submit| submit.root.is_some()).collect();
        assert_eq!(sealed, [false, false, true]);
    }

    #[test]
    fn a_secret_never_travels_inline() {
        let mut secret = task("a", &[]);
        secret.secret = true;
        let error = submissions(job(vec![secret], "a"), Time(0)).unwrap_err();
        assert_eq!(error, RequestError::SecretInline("a".to_owned()));
    }
}
