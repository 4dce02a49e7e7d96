//! What AMQP does when it is the broker that misbehaves, or somebody else at the broker.

use std::collections::BTreeMap;
use std::time::Duration;

use lapin::options::{BasicGetOptions, BasicPublishOptions, QueuePurgeOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use proving::kind::Kind;
use proving::payload::Payload;
use test_services::RabbitMqOptions;
use transport::amqp::{AmqpLink, DEAD_QUEUE, OfferClass, WORK_QUEUE};
use transport::link::{Link as _, LinkError, Session as _};
use transport::memory::{MemoryPlane, Told};
use transport::message::{Answer, Offer};

use crate::brokered::Brokered;
use crate::support::{GIB, ask, beat, done, held, hello, soon, statement, within};

async fn stranger(brokered: &Brokered) -> (Connection, Channel) {
    let connection = Connection::connect(&brokered.rabbit.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

fn queue() -> String {
    OfferClass::fitting(Kind::ROLLUP_INNER, statement(), GIB).queue()
}

/// Lives through everything: comes back whenever it is lost, and takes half a second for each proof.
async fn diligent(name: String, link: AmqpLink) {
    let mut working: Option<Offer> = None;
    loop {
        let mut hello = hello(&name, 1);
        hello.running = working.iter().map(held).collect();
        let Ok((session, welcome)) = link.connect(hello).await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        if !welcome.stale.is_empty() {
            working = None;
        }
        let lost: LinkError = loop {
            let offer = match working.take() {
                Some(offer) => offer,
                None => match session.next().await {
                    Ok(offer) => offer,
                    Err(error) => break error,
                },
            };
            working = Some(offer.clone());
            tokio::time::sleep(Duration::from_millis(500)).await;
            if let Err(error) = session.beat(&beat(&offer)).await {
                break error;
            }
            match session.done(&done(&offer, Payload::empty())).await {
                Ok(_) => working = None,
                Err(error) => break error,
            }
        };
        assert!(matches!(lost, LinkError::Lost(_)), "{lost}");
    }
}

/// How often each task was accepted.
fn accepted(plane: &MemoryPlane) -> BTreeMap<proving::id::TaskId, usize> {
    let mut accepted = BTreeMap::new();
    for told in plane.told() {
        if let Told::Done(_, done, Answer::Accepted) = told {
            *accepted.entry(done.held.task).or_default() += 1;
        }
    }
    accepted
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_and_comes_back_loses_nothing() {
    let mut brokered = Brokered::start().await;
    let plane = brokered.plane().clone();
    let workers: Vec<_> = ["anna", "bert", "carl"]
        .map(|name| tokio::spawn(diligent(name.to_owned(), brokered.link())))
        .into_iter()
        .collect();
    let tasks: Vec<_> = (0u8..18).map(|input| ask(&plane, &[input])).collect();
    while accepted(&plane).len() < 4 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::task::block_in_place(|| {
        brokered.rabbit.kill();
        std::thread::sleep(Duration::from_secs(1));
        brokered.rabbit.restart().unwrap();
    });
    let all = async {
        while accepted(&plane).len() < tasks.len() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within(Duration::from_secs(40), all).await;
    assert!(tasks.iter().all(|task| accepted(&plane).contains_key(task)));
    assert_eq!(brokered.garbage(), 0);
    for worker in workers {
        worker.abort();
    }
}

#[tokio::test]
async fn garbage_is_dead_lettered_and_counted_and_everything_goes_on() {
    let brokered = Brokered::start().await;
    let (session, _) = soon(brokered.link().connect(hello("anna", 1))).await.unwrap();
    let (_connection, channel) = stranger(&brokered).await;
    let versioned = |version: i32| {
        let mut headers = FieldTable::default();
        headers.insert("meze-version".into(), AMQPValue::LongInt(version));
        BasicProperties::default().with_headers(headers)
    };
    let garbage = [
        BasicProperties::default(),
        versioned(1),
        versioned(1).with_type("claim".into()),
        versioned(2).with_type("hello".into()).with_reply_to("x".into()).with_correlation_id("1".into()),
    ];
    for queue in [WORK_QUEUE, &queue()] {
        for properties in &garbage {
            let publish = BasicPublishOptions::default();
            channel.basic_publish("".into(), queue.into(), publish, b"\xff{garbage", properties.clone()).await.unwrap();
        }
    }
    let task = ask(brokered.plane(), b"one");
    let offer = soon(session.next()).await.unwrap();
    assert_eq!(offer.task, task);
    assert_eq!(soon(session.done(&done(&offer, Payload::empty()))).await.unwrap(), Answer::Accepted);
    let mut dead = 0;
    let collecting = async {
        while dead < 2 * garbage.len() {
            let get = BasicGetOptions { no_ack: true };
            match channel.basic_get(DEAD_QUEUE.into(), get).await.unwrap() {
                Some(_) => dead += 1,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::select! {
        () = soon(collecting) => {}
        // Those that are behind the offer are found when the worker looks for the next one.
        offer = session.next() => panic!("{offer:?}"),
    }
    assert_eq!(brokered.garbage(), garbage.len());
}

#[tokio::test]
async fn work_may_take_longer_than_the_broker_waits_for_acknowledgements() {
    let options = RabbitMqOptions { consumer_timeout: Some(Duration::from_secs(1)) };
    let brokered = Brokered::start_with(options).await;
    let (session, _) = soon(brokered.link().connect(hello("anna", 1))).await.unwrap();
    for (input, waiting) in [(b"one", false), (b"two", true)] {
        // Once out of a queue that has it, once waiting for it: two ways to take an offer.
        let offer = if waiting {
            let later = async {
                tokio::time::sleep(Duration::from_millis(2500)).await;
                ask(brokered.plane(), input);
            };
            tokio::join!(soon(session.next()), later).0.unwrap()
        } else {
            ask(brokered.plane(), input);
            tokio::time::sleep(Duration::from_millis(300)).await;
            soon(session.next()).await.unwrap()
        };
        tokio::time::sleep(Duration::from_millis(3500)).await;
        assert!(soon(session.beat(&beat(&offer))).await.unwrap());
        assert_eq!(soon(session.done(&done(&offer, Payload::empty()))).await.unwrap(), Answer::Accepted);
    }
    assert!(!brokered.plane().told().iter().any(|told| matches!(told, Told::Closed(_))));
}

#[tokio::test]
async fn offers_that_vanish_from_their_queue_are_published_again() {
    let brokered = Brokered::start().await;
    let (session, _) = soon(brokered.link().connect(hello("anna", 1))).await.unwrap();
    let task = ask(brokered.plane(), b"one");
    let (_connection, channel) = stranger(&brokered).await;
    let purging = async {
        while channel.queue_purge(queue().into(), QueuePurgeOptions::default()).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(purging).await;
    let offer = within(Duration::from_secs(15), session.next()).await.unwrap();
    assert_eq!(offer.task, task);
    assert_eq!(soon(session.done(&done(&offer, Payload::empty()))).await.unwrap(), Answer::Accepted);
}

#[tokio::test]
async fn a_broker_without_a_dispatcher_is_told_from_one_that_has_one() {
    let rabbit = tokio::task::spawn_blocking(test_services::RabbitMq::start).await.unwrap().unwrap();
    let link = AmqpLink::new(&rabbit.url(), None, transport::amqp::AmqpSettings::default()).unwrap();
    let lost = soon(link.connect(hello("anna", 1))).await.map(|_| ());
    assert!(matches!(&lost, Err(LinkError::Lost(why)) if why.contains("no dispatcher")), "{lost:?}");
}
