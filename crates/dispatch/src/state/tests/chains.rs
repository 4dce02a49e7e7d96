//! Jobs that go on where others ended, as block after block does: what of them is kept, and what a lost proof of an
//! earlier one does to those that follow.

use proving::lease::Cause;

use super::*;
use crate::config::Limits;
use crate::event::NotTaken;

/// The bytes of the proof that will be lost: no input has the same.
const LOST: u8 = 250;

/// Where a job of the chain ends, and what it is made of: a leaf, and a root on top of it and of the root before.
fn link(number: u8, before: Option<TaskId>) -> (TaskId, Vec<TaskSpec>) {
    let leaf = spec(100 + number, &[]);
    let needs: Vec<TaskId> = [Some(leaf.id(&owner("ann"))), before].into_iter().flatten().collect();
    let root = spec(number, &needs);
    (root.id(&owner("ann")), vec![leaf, root])
}

/// Two jobs, one on top of the other; both proofs of the first are there.
fn two(config: Config) -> (Story, TaskId, TaskId) {
    let mut story = Story::new(config);
    story.connect(1, false, 10);
    let (first, tasks) = link(1, None);
    story.submit(submit("job-1", tasks));
    story.prove(1, 201);
    story.prove(1, LOST);
    let (second, tasks) = link(2, Some(first));
    story.submit(submit("job-2", tasks));
    (story, first, second)
}

fn forgetting() -> Config {
    Config { keep_finished_tasks: 0, ..Config::default() }
}

/// Everything of the first job is forgotten but its root, which the second one needs.
fn two_of_which_one_is_forgotten() -> (Story, TaskId, TaskId) {
    let (mut story, first, second) = two(forgetting());
    // The job that ended last is kept.
    story.submit(Submit { priority: 9, ..submit("beside", vec![spec(9, &[])]) });
    story.prove(1, 50);
    story.wait(500);
    assert!(!story.state.durable().jobs.contains_key(&JobId(1)));
    (story, first, second)
}

#[test]
fn a_chain_of_jobs_keeps_no_more_than_its_last_links() {
    let mut story = Story::new(forgetting());
    story.connect(1, false, 10);
    let mut before = None;
    for number in 0..40 {
        let (root, tasks) = link(number, before);
        story.submit(submit(&format!("job-{number}"), tasks));
        story.prove(1, 100 + number);
        story.prove(1, number);
        story.wait(500);
        before = Some(root);
        assert!(story.state.durable().tasks.len() <= 5, "{} tasks at {number}", story.state.durable().tasks.len());
        story.restart();
        story.connect(1, false, 10);
    }
}

#[test]
fn a_job_on_top_of_another_holds_its_proof_and_not_what_is_under_it() {
    let (story, first, second) = two(Config::default());
    let job = &story.state.durable().jobs[&JobId(2)];
    assert!(job.tasks.contains(&first) && job.tasks.contains(&second));
    assert_eq!(job.tasks.len(), 3);
}

#[test]
fn a_lost_proof_of_an_earlier_job_is_made_again_from_what_is_under_it() {
    let (mut story, first, second) = two(Config::default());
    story.hear(|_| Event::BlobLost { digest: BlobDigest::from_bytes([LOST; 32]) });
    assert_eq!(story.state.durable().jobs[&JobId(2)].tasks.len(), 4, "what is under the lost proof is needed again");
    let again = [story.prove(1, 30).task, story.prove(1, 31).task];
    assert!(again.contains(&first) && !again.contains(&second));
    assert_eq!(story.prove(1, 32).task, second);
    assert_eq!((story.job(1), story.job(2)), (&JobState::Done, &JobState::Done));
}

#[test]
fn a_lost_proof_with_nothing_left_under_it_fails_with_its_reason_and_not_for_ever() {
    let (mut story, first, _) = two_of_which_one_is_forgotten();
    story.hear(|_| Event::BlobLost { digest: BlobDigest::from_bytes([LOST; 32]) });
    let JobState::Failed { task: Some(task), reason } = story.job(2) else { panic!("{:?}", story.job(2)) };
    assert!(*task == first && reason.contains("not kept any longer"), "{reason}");
    let retried = story.hear(|request| Event::Retry { request, job: JobId(2) });
    assert_eq!(retried, Some(Reply::NotTaken(NotTaken::Bereft(first))));
    // Who builds on it without what is under it fails at once; who brings all of it gets it.
    story.submit(submit("alone", vec![spec(3, &[first])]));
    assert!(matches!(story.job(4), JobState::Failed { .. }), "{:?}", story.job(4));
    let all = [link(1, None).1, link(2, Some(first)).1].concat();
    story.submit(submit("all", all));
    for number in 60..64 {
        story.prove(1, number);
    }
    assert_eq!(*story.job(5), JobState::Done);
}

/// A task and one on top of it, both proved and the lower one forgotten; and job 2 of tasks on top of the upper one.
fn on_top(tasks: impl FnOnce(TaskId) -> Vec<TaskSpec>) -> (Story, TaskSpec, TaskSpec) {
    let mut story = Story::new(Config { keep_finished_ms: 10_000, ..Config::default() });
    story.connect(1, false, 10);
    let lower = spec(1, &[]);
    let upper = spec(2, &[id(&lower)]);
    story.submit(submit("one", vec![lower.clone(), upper.clone()]));
    story.prove(1, 201);
    story.prove(1, LOST);
    story.submit(submit("two", tasks(id(&upper))));
    story.wait(10_500);
    assert!(!story.state.durable().tasks.contains_key(&id(&lower)));
    (story, lower, upper)
}

fn id(spec: &TaskSpec) -> TaskId {
    spec.id(&owner("ann"))
}

fn lose(story: &mut Story, output: u8) {
    story.hear(|_| Event::BlobLost { digest: BlobDigest::from_bytes([output; 32]) });
}

#[test]
fn what_a_revived_task_brings_along_is_lined_up() {
    let (mut story, lower, upper) = on_top(|upper| vec![spec(3, &[upper])]);
    story.prove(1, 203);
    story.submit(submit("three", vec![spec(5, &[id(&upper)])]));
    lose(&mut story, LOST);
    assert!(matches!(story.job(3), JobState::Failed { .. }));
    story.submit(submit("four", vec![lower]));
    // What is under it is there again, and rests.
    story.hear(|request| Event::Cancel { request, job: JobId(4) });
    lose(&mut story, 203);
    for number in 60..63 {
        story.prove(1, number);
    }
    assert_eq!(*story.job(2), JobState::Done);
}

#[test]
fn what_stands_on_something_invalid_is_not_tried_again() {
    let (mut story, lower, _) = on_top(|upper| vec![spec(3, &[upper])]);
    lose(&mut story, LOST);
    story.submit(submit("three", vec![lower]));
    let held = story.ask(1).unwrap().held;
    let (cause, reason, usage) = (Cause::InvalidInput, String::new(), Usage::default());
    story.hear(|request| Event::Failed { request, session: SessionId(1), held, cause, reason, usage });
    story.hear(|request| Event::Retry { request, job: JobId(2) });
    assert!(matches!(story.job(2), JobState::Failed { .. }));
}

#[test]
fn a_submission_can_be_repeated_when_what_is_under_its_proofs_is_forgotten() {
    let (mut story, _, upper) = on_top(|upper| vec![spec(2, &[id(&spec(1, &[]))]), spec(3, &[upper])]);
    let again = submit("two", vec![upper.clone(), spec(3, &[id(&upper)])]);
    assert_eq!(story.submit(again), Some(Reply::Submitted(JobId(2), JobState::Open)));
}

#[test]
fn a_chain_goes_on_beyond_the_depth_of_one_job() {
    for proved in [true, false] {
        let limits = Limits { depth: 8, ..Limits::default() };
        let mut story = Story::new(Config { keep_finished_tasks: 0, limits, ..Config::default() });
        story.connect(1, false, 10);
        let mut before: Vec<TaskId> = Vec::new();
        for number in 0..40 {
            let root = spec(number, &before);
            before = vec![id(&root)];
            let reply = story.submit(submit(&format!("job-{number}"), vec![root]));
            assert!(matches!(reply, Some(Reply::Submitted(..))), "block {number}: {reply:?}");
            if proved {
                story.prove(1, 100 + number);
                story.wait(500);
            }
        }
    }
}

#[test]
fn a_proof_that_nobody_needs_any_more_and_nobody_can_make_again_may_be_lost() {
    let two = |upper| {
        let middle = spec(3, &[upper]);
        let root = spec(4, &[id(&middle)]);
        vec![middle, root]
    };
    let (mut story, ..) = on_top(two);
    story.prove(1, 203);
    lose(&mut story, LOST);
    assert_eq!(*story.job(2), JobState::Open);
    story.prove(1, 204);
    assert_eq!(*story.job(2), JobState::Done);
    // Its root can be made again from what is right under it.
    lose(&mut story, 204);
    story.prove(1, 205);
    assert_eq!(*story.job(2), JobState::Done);
}
