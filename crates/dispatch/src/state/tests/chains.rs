//! Jobs that go on where others ended, as block after block does: what of them is kept, and what a lost proof of an
//! earlier one does to those that follow.

use super::*;
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
