//! What every way does the same.

use bytes::Bytes;
use proving::lease::{Cause, Usage};
use proving::payload::Payload;
use transport::link::{Link, LinkError, Session as _};
use transport::local::LocalLink;
use transport::memory::{MemoryPlane, REFUSED_OUTPUT};
use transport::message::{Answer, Failed, Notice};

use crate::support::{GIB, Served, ask, beat, done, held, hello, soon, statement};

/// A worker's whole life at a dispatcher that it has to itself.
pub(crate) async fn whole(plane: MemoryPlane, link: impl Link) {
    let (mut session, welcome) = soon(link.connect(hello("anna", 4))).await.unwrap();
    assert_eq!((welcome.lease_ms, welcome.stale.as_slice()), (10_000, &[][..]));
    let mut notices = session.notices();

    // A proof that is small enough for a message, and one that is not.
    for (input, output) in [(b"one".to_vec(), b"proof".to_vec()), (vec![7; 100_000], vec![8; 200_000])] {
        let task = ask(&plane, &input);
        let offer = soon(session.next()).await.unwrap();
        assert_eq!((offer.task, offer.memory_bytes), (task, GIB));
        assert_eq!(offer.statement, statement());
        assert_eq!(soon(session.fetch(&offer.input)).await.unwrap(), input);
        assert!(soon(session.beat(&beat(&offer))).await.unwrap());
        let stored = soon(session.store(Bytes::from(output.clone()), false)).await.unwrap();
        assert_eq!(stored.digest(), Payload::blob_of(&output).digest());
        let said = done(&offer, stored);
        assert_eq!(soon(session.done(&said)).await.unwrap(), Answer::Accepted);
        assert_eq!(soon(session.done(&said)).await.unwrap(), Answer::Accepted, "said twice counts once");
        assert!(!soon(session.beat(&beat(&offer))).await.unwrap());
    }

    // A secret is never inline, however small.
    let secret = soon(session.store(Bytes::from_static(b"secret"), true)).await.unwrap();
    assert_eq!(plane.blob(secret.blob().unwrap()).unwrap(), (Bytes::from_static(b"secret"), true));

    // No proof, and one that does not verify.
    ask(&plane, b"hopeless");
    let offer = soon(session.next()).await.unwrap();
    let reason = "ä".repeat(5_000);
    let failed = Failed { held: held(&offer), cause: Cause::InvalidInput, reason, usage: Usage::default() };
    assert_eq!(soon(session.failed(&failed)).await.unwrap(), Answer::Accepted);
    assert_eq!(soon(session.failed(&failed)).await.unwrap(), Answer::Stale);
    ask(&plane, b"refused");
    let offer = soon(session.next()).await.unwrap();
    let refused = done(&offer, Payload::Inline(REFUSED_OUTPUT.to_vec()));
    assert!(matches!(soon(session.done(&refused)).await.unwrap(), Answer::Refused { .. }));

    // What dispatch says unasked.
    let task = ask(&plane, b"cancelled");
    let offer = soon(session.next()).await.unwrap();
    plane.cancel(task);
    assert_eq!(soon(notices.recv()).await, Some(Notice::Stop(offer.token)));
    let late = done(&offer, Payload::Inline(b"proof".to_vec()));
    assert_eq!(soon(session.done(&late)).await.unwrap(), Answer::Stale);
    plane.drain();
    assert_eq!(soon(notices.recv()).await, Some(Notice::Drain));

    // What is not there.
    let missing = soon(session.fetch(&Payload::blob_of(&[9; 4_000]))).await;
    assert!(matches!(missing, Err(LinkError::Blob(_))), "{missing:?}");
    let vast = soon(session.store(Bytes::from(vec![0; 2 << 20]), false)).await;
    assert!(matches!(vast, Err(LinkError::TooLarge(_))), "{vast:?}");

    // The session lives on after all that, and ends when it is dropped.
    ask(&plane, b"last");
    soon(session.next()).await.unwrap();
    drop(session);
    assert_eq!(soon(notices.recv()).await, None);
}

#[tokio::test]
async fn a_worker_beside_its_dispatcher_has_the_whole_conversation() {
    let plane = MemoryPlane::default();
    whole(plane.clone(), LocalLink::new(plane)).await;
}

#[tokio::test]
async fn a_worker_over_http_has_the_whole_conversation() {
    let served = Served::plain().await;
    whole(served.plane.clone(), served.link()).await;
}
