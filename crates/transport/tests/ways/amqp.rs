//! What AMQP does when workers and dispatchers come, die and are slow.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use proving::kind::Kind;
use proving::payload::Payload;
use transport::link::{Link as _, LinkError, Session as _};
use transport::memory::{MemoryPlane, Told};
use transport::message::{Answer, Notice};

use crate::brokered::{Brokered, Cable};
use crate::support::{GIB, ask, beat, done, held, hello, soon, statement, within};

#[tokio::test]
async fn a_worker_over_amqp_has_the_whole_conversation() {
    let brokered = Brokered::start().await;
    crate::conversation::whole(brokered.plane().clone(), brokered.link()).await;
}

#[tokio::test]
async fn what_a_killed_worker_held_is_requeued_within_a_second() {
    let brokered = Brokered::start().await;
    let cable = Cable::to(&brokered.rabbit).await;
    let (killed, _) = soon(brokered.link_to(&cable.url).connect(hello("anna", 1))).await.unwrap();
    let task = ask(brokered.plane(), b"one");
    let offer = soon(killed.next()).await.unwrap();
    let (other, _) = soon(brokered.link().connect(hello("bert", 1))).await.unwrap();
    cable.cut();
    within(Duration::from_secs(1), closed(brokered.plane())).await;
    let again = soon(other.next()).await.unwrap();
    assert_eq!(again.task, task);
    assert!(again.token > offer.token);
    assert!(matches!(soon(killed.beat(&beat(&offer))).await, Err(LinkError::Lost(_))));
    assert_eq!(soon(other.done(&done(&again, Payload::empty()))).await.unwrap(), Answer::Accepted);
}

#[tokio::test]
async fn a_worker_that_comes_back_keeps_its_lease() {
    let brokered = Brokered::start().await;
    let cable = Cable::to(&brokered.rabbit).await;
    let (session, _) = soon(brokered.link_to(&cable.url).connect(hello("anna", 1))).await.unwrap();
    ask(brokered.plane(), b"one");
    let offer = soon(session.next()).await.unwrap();
    cable.cut();
    let mut again = hello("anna", 1);
    again.running.push(held(&offer));
    let (session, welcome) = soon(brokered.link().connect(again)).await.unwrap();
    assert_eq!(welcome.stale, []);
    soon(closed(brokered.plane())).await;
    assert!(soon(session.beat(&beat(&offer))).await.unwrap());
    assert_eq!(soon(session.done(&done(&offer, Payload::empty()))).await.unwrap(), Answer::Accepted);
}

#[tokio::test]
async fn stop_reaches_the_worker_that_has_the_task_and_no_other() {
    let brokered = Brokered::start().await;
    let (mut anna, _) = soon(brokered.link().connect(hello("anna", 1))).await.unwrap();
    let (mut bert, _) = soon(brokered.link().connect(hello("bert", 1))).await.unwrap();
    let (mut to_anna, mut to_bert) = (anna.notices(), bert.notices());
    ask(brokered.plane(), b"one");
    soon(anna.next()).await.unwrap();
    let task = ask(brokered.plane(), b"two");
    let offer = soon(bert.next()).await.unwrap();
    brokered.plane().cancel(task);
    assert_eq!(soon(to_bert.recv()).await, Some(Notice::Stop(offer.token)));
    assert!(!soon(bert.beat(&beat(&offer))).await.unwrap());
    assert!(to_anna.recv().now_or_never().is_none());
}

#[tokio::test]
async fn a_cancelled_offer_that_still_waits_at_the_broker_is_given_to_nobody() {
    let brokered = Brokered::start().await;
    let (session, _) = soon(brokered.link().connect(hello("anna", 1))).await.unwrap();
    let cancelled = ask(brokered.plane(), b"one");
    let offered = |told: &Told| matches!(told, Told::Offered(_, held) if held.task == cancelled).then_some(());
    soon(brokered.plane().until(offered)).await;
    brokered.plane().cancel(cancelled);
    let wanted = ask(brokered.plane(), b"two");
    assert_eq!(soon(session.next()).await.unwrap().task, wanted);
}

#[tokio::test]
async fn only_a_few_offers_more_than_there_are_workers_leave_dispatch() {
    let brokered = Brokered::start().await;
    for input in 0u8..20 {
        ask(brokered.plane(), &[input]);
    }
    let (anna, _) = soon(brokered.link().connect(hello("anna", 1))).await.unwrap();
    let (_bert, _) = soon(brokered.link().connect(hello("bert", 1))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let offered = || brokered.plane().told().iter().filter(|told| matches!(told, Told::Offered(..))).count();
    assert_eq!(offered(), 4);
    soon(anna.next()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(offered(), 5);
}

#[tokio::test]
async fn large_tasks_go_to_large_workers_and_small_ones_to_all() {
    let brokered = Brokered::start().await;
    let plane = brokered.plane();
    let (small, _) = soon(brokered.link().connect(hello("small", 1))).await.unwrap();
    let (large, _) = soon(brokered.link().connect(hello("large", 4))).await.unwrap();
    let vast = plane.ask(Kind::ROLLUP_INNER, statement(), b"vast", 8 * GIB, false);
    let big = plane.ask(Kind::ROLLUP_INNER, statement(), b"big", 3 * GIB, false);
    let little = ask(plane, b"little");
    assert_eq!(soon(small.next()).await.unwrap().task, little);
    let offer = soon(large.next()).await.unwrap();
    assert_eq!(offer.task, big);
    soon(large.done(&done(&offer, Payload::empty()))).await.unwrap();
    // The large one takes small tasks, too, though it is the class above that gets them from dispatch first.
    let little = ask(plane, b"another");
    assert_eq!(soon(large.next()).await.unwrap().task, little);
    assert!(!plane.told().iter().any(|told| matches!(told, Told::Offered(_, held) if held.task == vast)));
}

#[tokio::test]
async fn a_worker_with_less_than_a_gibibyte_is_refused_with_a_sentence() {
    let brokered = Brokered::start().await;
    let refused = soon(brokered.link().connect(hello("tiny", 0))).await.map(|_| ());
    assert!(matches!(&refused, Err(LinkError::Refused(why)) if why.contains("GiB")), "{refused:?}");
}

#[tokio::test]
async fn secrets_and_large_blobs_never_pass_through_the_broker() {
    let brokered = Brokered::start().await;
    let plane = brokered.plane();
    let (bare, _) = soon(brokered.link_without_blobs().connect(hello("bare", 1))).await.unwrap();
    plane.ask(Kind::ROLLUP_INNER, statement(), b"secret", GIB, true);
    let secret = soon(bare.next()).await.unwrap();
    let too_large = |result: Result<(), LinkError>| match result {
        Err(LinkError::TooLarge(why)) => assert!(why.contains("URL of the dispatcher's blobs"), "{why}"),
        other => panic!("{other:?}"),
    };
    too_large(soon(bare.fetch(&secret.input)).await.map(drop));
    too_large(soon(bare.store(Bytes::from_static(b"secret"), true)).await.map(drop));
    too_large(soon(bare.store(Bytes::from(vec![0; 150_001]), false)).await.map(drop));
    soon(bare.store(Bytes::from(vec![0; 150_000]), false)).await.unwrap();
    drop(bare);

    let (equipped, _) = soon(brokered.link().connect(hello("equipped", 1))).await.unwrap();
    let secret = soon(equipped.next()).await.unwrap();
    assert_eq!(soon(equipped.fetch(&secret.input)).await.unwrap(), "secret");
}

#[tokio::test]
async fn a_worker_notices_that_the_dispatcher_is_gone_and_another_goes_on() {
    let mut brokered = Brokered::start().await;
    let (session, _) = soon(brokered.link().connect(hello("anna", 1))).await.unwrap();
    ask(brokered.plane(), b"old");
    tokio::time::sleep(Duration::from_millis(300)).await;
    brokered.stop();
    let waiting = async {
        // It may get an offer that it then cannot claim.
        assert!(matches!(session.next().await, Err(LinkError::Lost(_))));
    };
    within(Duration::from_secs(5), waiting).await;
    drop(session);

    // The new dispatcher knows nothing of what the old one published.
    let plane = MemoryPlane::default();
    brokered.replace(plane.clone()).await;
    let task = ask(&plane, b"new");
    let (session, _) = soon(brokered.link().connect(hello("anna", 1))).await.unwrap();
    let offer = soon(session.next()).await.unwrap();
    assert_eq!(offer.task, task);
    assert_eq!(soon(session.done(&done(&offer, Payload::empty()))).await.unwrap(), Answer::Accepted);
}

#[tokio::test]
async fn a_worker_that_stops_waiting_and_waits_again_loses_no_offer_over_amqp() {
    let brokered = Brokered::start().await;
    let (session, _) = soon(brokered.link().connect(hello("anna", 1))).await.unwrap();
    for round in 0u8..10 {
        // Given up at every possible moment around the offer.
        let first = tokio::time::timeout(Duration::from_millis(u64::from(round) * 2), session.next());
        let (first, task) = tokio::join!(first, async { ask(brokered.plane(), &[round]) });
        let offer = match first {
            Ok(offer) => offer.unwrap(),
            Err(_) => soon(session.next()).await.unwrap(),
        };
        assert_eq!(offer.task, task);
        soon(session.done(&done(&offer, Payload::empty()))).await.unwrap();
    }
}

async fn closed(plane: &MemoryPlane) {
    let of_worker = |told: &Told| match told {
        Told::Opened(session, transport::plane::Role::Worker, _) => Some(*session),
        _ => None,
    };
    let first = plane.until(of_worker).await;
    plane.until(|told| (*told == Told::Closed(first)).then_some(())).await;
}
