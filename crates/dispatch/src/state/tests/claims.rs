//! Offers at a broker: who may claim them, and that none is lost there.

use super::*;

fn pooled() -> (Story, Held) {
    let mut story = Story::new(Config::default());
    story.connect(1, true, 100);
    story.submit(submit("job", vec![spec(1, &[])]));
    let held = story.ask(1).unwrap().held;
    (story, held)
}

#[test]
fn a_draining_worker_that_claims_an_offer_gives_it_back_to_the_broker() {
    let (mut story, held) = pooled();
    story.connect(2, false, 10);
    story.hear(|request| Event::Drain { request, worker: "worker-2".to_owned() });
    assert_eq!(story.claim(2, held, false), Some(Reply::Claim(None)));
    assert_ne!(story.ask(1).unwrap().held, held);
}

#[test]
fn a_worker_with_another_circuit_cannot_claim_an_offer() {
    let (mut story, held) = pooled();
    let statement = Statement::of_line(Mode::Mock, "a-2".parse().unwrap());
    let classes = vec![Class { statement, ..class() }];
    let hello =
        Hello { worker: "other".to_owned(), pool: false, classes, memory_bytes: 10, since_ms: 0, running: Vec::new() };
    story.hear(|request| Event::Hello { request, session: SessionId(2), hello });
    assert_eq!(story.claim(2, held, false), Some(Reply::Claim(None)));
    assert_eq!(story.state.ready().count(), 1);
}

#[test]
fn a_claim_in_a_session_that_is_gone_is_to_be_made_again() {
    let (mut story, held) = pooled();
    assert_eq!(story.claim(9, held, false), Some(Reply::NoSession));
}

#[test]
fn an_offer_that_waited_at_the_broker_through_a_restart_is_claimed_under_its_token() {
    let (mut story, held) = pooled();
    story.restart();
    story.connect(2, false, 10);
    assert_eq!(story.claim(2, held, false), Some(Reply::Claim(Some(held.token))));
}

#[test]
fn an_offer_that_is_delivered_again_changes_hands_under_a_new_token() {
    let (mut story, held) = pooled();
    story.connect(2, false, 10);
    story.connect(3, false, 10);
    assert_eq!(story.claim(2, held, false), Some(Reply::Claim(Some(held.token))));
    assert_eq!(story.claim(3, held, false), Some(Reply::Claim(None)));
    let Some(Reply::Claim(Some(token))) = story.claim(3, held, true) else { panic!("it is not given") };
    assert!(token > held.token);
}

#[test]
fn a_worker_that_cannot_be_heard_keeps_its_lease_until_it_can() {
    let (mut story, held) = pooled();
    story.connect(2, false, 10);
    story.claim(2, held, false);
    for _ in 0..60 {
        story.hear(|_| Event::Excuse { session: SessionId(2) });
        story.wait(1_000);
    }
    assert!(story.state.lease(&held.task).is_some());
    story.wait(story.state.config().lease_ms + 500);
    assert!(story.state.lease(&held.task).is_none());
}

#[test]
fn what_a_worker_said_in_an_earlier_connection_takes_nothing_from_the_later_one() {
    let mut story = Story::new(Config::default());
    story.submit(submit("job", vec![spec(1, &[])]));
    let mut connect = |session, since_ms, running: Vec<Held>| {
        let hello =
            Hello { worker: "w".to_owned(), pool: false, classes: vec![class()], memory_bytes: 2, since_ms, running };
        story.hear(|request| Event::Hello { request, session: SessionId(session), hello });
        story.ask(session).map(|offer| offer.held)
    };
    let held = connect(1, 10, Vec::new()).unwrap();
    connect(3, 30, vec![held]);
    connect(2, 20, vec![held]);
    assert_eq!(story.state.lease(&held.task).unwrap().session, Some(SessionId(3)));
    story.hear(|_| Event::Gone { session: SessionId(2) });
    assert!(story.state.lease(&held.task).is_some());
}

#[test]
fn a_broker_that_comes_and_goes_uses_up_no_attempts() {
    let (mut story, _) = pooled();
    for session in 10..30 {
        story.hear(|_| Event::Gone { session: SessionId(if session == 10 { 1 } else { session - 1 }) });
        story.connect(session, true, 100);
        assert!(story.ask(session).is_some());
    }
    assert_eq!(*story.job(1), JobState::Open);
}
