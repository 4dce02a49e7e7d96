//! Tests of the messages at the broker: what is written reads back, and nothing else is ever more than garbage.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use proptest::prelude::*;
use proving::id::TaskId;
use proving::lease::{Cause, Token, Usage};
use proving::payload::{BlobDigest, Payload};

use super::wire::{Key, Outgoing, Reply, Request, Sender, offer, reply, request};
use crate::message::{Answer, Beat, Done, Failed, Held, Hello, Notice};

fn requests() -> [Request; 7] {
    let held = Held { task: TaskId::from_bytes([1; 32]), token: Token(7) };
    let usage = Usage::default();
    [
        Request::Hello(Hello {
            worker: "anna".to_owned(),
            version: "1".to_owned(),
            offers: Vec::new(),
            memory_bytes: 1,
            since_ms: 5,
            running: vec![held],
        }),
        Request::Claim(held),
        Request::Beat(Beat { held, stage: "fri".to_owned(), done: 1, total: 2, rss_bytes: 3 }),
        Request::Done(Done { held, output: Payload::Inline(vec![1]), usage }),
        Request::Failed(Failed { held, cause: Cause::Panic, reason: "why".to_owned(), usage }),
        Request::Read(BlobDigest::of(b"blob")),
        Request::Keep(vec![0, 255]),
    ]
}

fn sender() -> Sender {
    Sender { session: Some(Key(u64::MAX - 1)), reply_to: "queue".into(), correlation: "5".into() }
}

#[test]
fn requests_read_back() {
    for said in requests() {
        let outgoing = Outgoing::request(&said, &sender()).unwrap();
        assert_eq!(request(&outgoing.properties, &outgoing.body), Ok((sender(), said)));
    }
}

#[test]
fn replies_read_back() {
    let replies = [
        Reply::Claimed(None),
        Reply::Claimed(Some(Token(3))),
        Reply::Beat(true),
        Reply::Answer(Answer::Refused { reason: "no".to_owned() }),
        Reply::Blob(vec![1, 2]),
        Reply::Kept(Payload::blob_of(b"x")),
        Reply::Error(crate::plane::PlaneError::NoSession.into()),
        Reply::Notice(Notice::Stop(Token(1))),
        Reply::Ping,
        Reply::Closed,
    ];
    for said in replies {
        let outgoing = Outgoing::reply(&said, None).unwrap();
        assert_eq!(reply(&outgoing.properties, outgoing.body), Ok(said));
    }
}

#[test]
fn another_version_is_garbage_whatever_it_says() {
    let mut headers = FieldTable::default();
    headers.insert("meze-version".into(), AMQPValue::LongInt(2));
    for said in requests() {
        let outgoing = Outgoing::request(&said, &sender()).unwrap();
        let properties = outgoing.properties.with_headers(headers.clone());
        assert!(request(&properties, &outgoing.body).unwrap_err().0.contains("version 2"));
    }
}

fn properties() -> impl Strategy<Value = BasicProperties> {
    let version = prop::option::of(prop_oneof![
        3 => Just(AMQPValue::LongInt(1)),
        1 => any::<i32>().prop_map(AMQPValue::LongInt),
        1 => any::<bool>().prop_map(AMQPValue::Boolean),
    ]);
    let session = prop::option::of(prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| AMQPValue::LongString(bytes.into())),
        "[0-9a-f]{0,17}".prop_map(|text| AMQPValue::LongString(text.into())),
        Just(AMQPValue::Void),
    ]);
    let kinds = ["hello", "claim", "beat", "done", "failed", "read", "keep", "offer", "notice", "ping", "welcome", "x"];
    let text = || prop::option::of("\\PC{0,8}");
    (version, session, prop::option::of(prop::sample::select(kinds.to_vec())), text(), text()).prop_map(
        |(version, session, kind, reply_to, correlation)| {
            let mut headers = FieldTable::default();
            for (name, value) in [("meze-version", version), ("meze-session", session)] {
                if let Some(value) = value {
                    headers.insert(name.into(), value);
                }
            }
            let mut properties = BasicProperties::default().with_headers(headers);
            if let Some(kind) = kind {
                properties = properties.with_type(kind.into());
            }
            if let Some(text) = reply_to {
                properties = properties.with_reply_to(ShortString::from(text));
            }
            if let Some(text) = correlation {
                properties = properties.with_correlation_id(ShortString::from(text));
            }
            properties
        },
    )
}

proptest! {
    #[test]
    fn no_message_makes_a_decoder_panic(properties in properties(), body in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100),
        prop::sample::select(requests().map(|said| Outgoing::request(&said, &sender()).unwrap().body).to_vec()),
    ]) {
        if let Ok((sender, said)) = request(&properties, &body) {
            let outgoing = Outgoing::request(&said, &sender).unwrap();
            prop_assert_eq!(request(&outgoing.properties, &outgoing.body), Ok((sender, said)));
        }
        let _ = offer(&properties, &body);
        let _ = reply(&properties, body);
    }
}
