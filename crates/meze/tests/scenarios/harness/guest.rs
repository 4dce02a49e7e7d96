//! A worker that is the test itself: it speaks the protocol, and does with its tasks what it likes.

use std::time::Duration;

use proving::kind::Kind;
use proving::lease::{Token, Usage};
use proving::payload::Payload;
use proving::statement::Statement;
use transport::http::{HttpLink, HttpSession, HttpSettings};
use transport::link::{Link, Session};
use transport::message::{Answer, Done, Held, Hello, Offer, Offering};

use super::fleet::Dispatcher;

/// Joins as a worker for sleepers under a statement.
pub(crate) async fn join(dispatcher: &Dispatcher, name: &str, statement: Statement) -> HttpSession {
    let link = HttpLink::new(&dispatcher.url, &dispatcher.token("work"), HttpSettings::default()).unwrap();
    let hello = Hello {
        worker: name.to_owned(),
        version: "test".to_owned(),
        offers: vec![Offering { kind: Kind::TEST_SLEEP, statement }],
        memory_bytes: 1 << 30,
        since_ms: 0,
        running: Vec::new(),
    };
    link.connect(hello).await.unwrap().0
}

/// Takes a task, if there is one within a second.
pub(crate) async fn take(session: &HttpSession) -> Option<Offer> {
    tokio::time::timeout(Duration::from_secs(1), session.next()).await.ok().map(Result::unwrap)
}

/// Says under this token that the proof is there, and gives the dispatcher's answer.
pub(crate) async fn say_done(session: &HttpSession, offer: &Offer, token: Token, proof: &[u8]) -> Answer {
    let held = Held { task: offer.task, token };
    let done = Done { held, output: Payload::Inline(proof.to_vec()), usage: Usage::default() };
    session.done(&done).await.unwrap()
}

/// The same, of a proof that has to be accepted.
pub(crate) async fn prove(session: &HttpSession, offer: &Offer, proof: &[u8]) {
    assert_eq!(say_done(session, offer, offer.token, proof).await, Answer::Accepted);
}
