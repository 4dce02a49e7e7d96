//! Workers that lie, or whose word is worth nothing: none of it changes more than it may.

use proving::lease::Cause;

use super::*;

fn working() -> (Story, Held) {
    let mut story = Story::new(Config::default());
    story.connect(1, false, 10);
    story.submit(submit("job", vec![spec(1, &[])]));
    let held = story.ask(1).unwrap().held;
    (story, held)
}

#[test]
fn the_proof_that_was_checked_is_the_one_that_is_accepted_whatever_is_posted_meanwhile() {
    let (mut story, held) = working();
    story.done(1, held, output(7), Usage::default());
    story.done(1, held, output(8), Usage::default());
    story.verdict(held, Verdict::Holds);
    assert!(story.answered(&Answer::Accepted));
    let accepted = story.state.durable().tasks[&held.task].accepted().unwrap();
    assert_eq!(accepted.output, output(7));
}

#[test]
fn a_usage_of_all_the_numbers_there_are_breaks_no_sum() {
    let mut story = Story::new(Config::default());
    story.connect(1, false, 10);
    let usage = Usage { wall_ms: u64::MAX, cpu_ms: 1 << 63, peak_memory_bytes: u64::MAX };
    for number in 1..4 {
        story.submit(submit(&format!("job-{number}"), vec![spec(number, &[])]));
        let held = story.ask(1).unwrap().held;
        story.done(1, held, output(number), usage);
        story.verdict(held, Verdict::Holds);
        assert_eq!(*story.job(number.into()), JobState::Done);
    }
}

#[test]
fn a_worker_without_the_blobs_does_not_try_for_ever() {
    let (mut story, mut held) = working();
    for _ in 0..story.state.config().max_losses {
        let (cause, reason, usage) = (Cause::Blob, "it cannot be read here".to_owned(), Usage::default());
        let session = SessionId(1);
        story.hear(|request| Event::Failed { request, session, held, cause, reason, usage });
        let next = story.ask(1);
        assert!(next.is_none(), "not the same worker at once");
        story.hear(|_| Event::Gone { session });
        story.wait(11_000);
        story.connect(1, false, 10);
        if let Some(offer) = story.ask(1) {
            held = offer.held;
        }
    }
    assert!(matches!(story.job(1), JobState::Failed { .. }));
}

#[test]
fn what_rests_on_a_proof_that_is_lost_is_taken_back() {
    let mut story = Story::new(Config::default());
    story.connect(1, false, 10);
    let first = spec(1, &[]);
    let second = spec(2, &[first.id(&owner("ann"))]);
    story.submit(submit("job", vec![first, second]));
    story.prove(1, 7);
    let held = story.ask(1).unwrap().held;
    story.hear(|_| Event::BlobLost { digest: BlobDigest::from_bytes([7; 32]) });
    assert!(story.stopped(held));
    assert_eq!(story.done(1, held, output(8), Usage::default()), Some(Reply::Answer(Answer::Stale)));
}
