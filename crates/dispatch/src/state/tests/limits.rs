//! What is taken in, and for how long it is kept.

use super::*;
use crate::config::Limits;
use crate::event::NotTaken;

#[test]
fn a_submission_that_fills_the_limit_can_be_repeated() {
    let limits = Limits { job_tasks: 3, tasks: 3, ..Limits::default() };
    let mut story = Story::new(Config { limits, ..Config::default() });
    let job = submit("job", vec![spec(1, &[]), spec(2, &[]), spec(3, &[])]);
    assert_eq!(story.submit(job.clone()), Some(Reply::Submitted(JobId(1), JobState::Open)));
    assert_eq!(story.submit(job), Some(Reply::Submitted(JobId(1), JobState::Open)));
    let more = submit("more", vec![spec(4, &[])]);
    assert!(matches!(story.submit(more), Some(Reply::NotTaken(NotTaken::TooMuch { .. }))));
}

#[test]
fn nobody_builds_on_the_proof_of_another_owner() {
    let mut story = Story::new(Config::default());
    let theirs = spec(1, &[]);
    story.submit(submit("job", vec![theirs.clone()]));
    let owner_id = theirs.id(&owner("ann"));
    let mine = Submit { owner: owner("bob"), root: None, ..submit("job", vec![spec(2, &[owner_id])]) };
    assert!(matches!(story.submit(mine), Some(Reply::NotTaken(NotTaken::UnknownNeed { .. }))));
}

#[test]
fn a_secret_input_is_not_kept_inline() {
    let mut story = Story::new(Config::default());
    let secret = TaskSpec { input: Payload::Inline(vec![1]), secret: true, ..spec(1, &[]) };
    assert!(matches!(story.submit(submit("job", vec![secret])), Some(Reply::NotTaken(NotTaken::Malformed(_)))));
}

#[test]
fn a_finished_job_of_more_tasks_than_are_kept_stays_until_the_next_one_ends() {
    let mut story = Story::new(Config { keep_finished_tasks: 0, ..Config::default() });
    story.connect(1, false, 10);
    story.submit(submit("job-1", vec![spec(1, &[])]));
    story.prove(1, 7);
    story.wait(5_000);
    assert_eq!(*story.job(1), JobState::Done);
    story.submit(submit("job-2", vec![spec(2, &[])]));
    story.prove(1, 8);
    story.wait(500);
    assert!(!story.state.durable().jobs.contains_key(&JobId(1)));
}

#[test]
fn a_job_that_is_tried_again_after_its_deadline_does_not_fail_of_it_at_the_next_restart() {
    let mut story = Story::new(Config::default());
    story.submit(Submit { deadline: Some(Time(2_000_000)), ..submit("job", vec![spec(1, &[])]) });
    story.wait(3_000);
    assert!(matches!(story.job(1), JobState::Failed { task: None, .. }));
    story.hear(|request| Event::Retry { request, job: JobId(1) });
    story.restart();
    story.wait(3_000);
    assert_eq!(*story.job(1), JobState::Open);
}
