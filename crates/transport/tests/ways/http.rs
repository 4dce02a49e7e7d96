//! What HTTP does when connections break, offers get lost on the way, and dispatchers freeze.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use proving::lease::Token;
use proving::payload::Payload;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use transport::http::{HttpLink, HttpSettings};
use transport::link::{Link as _, LinkError, Session as _};
use transport::memory::Told;
use transport::message::Answer;

use crate::support::{Served, WORK, ask, done, hello, soon, within};

/// A client that is not ours: it says what a test makes it say.
struct Stranger {
    client: reqwest::Client,
    url: String,
}

impl Stranger {
    fn new(served: &Served) -> Self {
        // Ours sets up TLS in the way that needs no provider for the whole process; for this one it is not needed.
        let roots = rustls::RootCertStore::empty();
        let provider = rustls::crypto::ring::default_provider().into();
        let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_root_certificates(roots).with_no_client_auth();
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap();
        Self { client, url: served.url() }
    }

    fn post(&self, route: &str, body: &Value) -> reqwest::RequestBuilder {
        self.client.post(format!("{}/v1/work/{route}", self.url)).bearer_auth(WORK).json(body)
    }

    async fn ask(&self, route: &str, body: &Value) -> (StatusCode, Value) {
        let response = soon(self.post(route, body).send()).await.unwrap();
        let status = response.status();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }

    /// Opens a session; it lives as long as the response.
    async fn session(&self) -> (reqwest::Response, u64) {
        let hello = serde_json::to_value(hello("stranger", 4)).unwrap();
        let mut response = self.post("session", &hello).send().await.unwrap();
        let line: Value = serde_json::from_slice(&response.chunk().await.unwrap().unwrap()).unwrap();
        let session = line["session"].as_u64().unwrap();
        (response, session)
    }
}

#[tokio::test]
async fn a_dropped_socket_closes_its_session_at_once() {
    let served = Served::plain().await;
    let body = serde_json::to_string(&hello("anna", 4)).unwrap();
    let mut socket = TcpStream::connect(served.address).await.unwrap();
    let request = format!(
        "POST /v1/work/session HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {WORK}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("lease_ms") {
        assert_ne!(soon(socket.read_buf(&mut seen)).await.unwrap(), 0);
    }
    drop(socket);
    within(Duration::from_millis(100), closed(&served)).await;
}

#[tokio::test]
async fn a_dropped_session_requeues_what_it_held_at_once() {
    let served = Served::plain().await;
    let (session, _) = served.link().connect(hello("anna", 4)).await.unwrap();
    let task = ask(&served.plane, b"one");
    soon(session.next()).await.unwrap();
    let (other, _) = served.link().connect(hello("bert", 4)).await.unwrap();
    drop(session);
    let offer = within(Duration::from_millis(100), other.next()).await.unwrap();
    assert_eq!(offer.task, task);
}

#[tokio::test]
async fn a_call_in_a_session_that_ended_is_lost_and_in_another_it_goes_on() {
    let served = Served::plain().await;
    let (session, _) = served.link().connect(hello("anna", 4)).await.unwrap();
    let (other, _) = served.link().connect(hello("bert", 4)).await.unwrap();
    let session_of = |told: &Told| match told {
        Told::Opened(id, _, hello) if hello.worker == "anna" => Some(*id),
        _ => None,
    };
    let id = served.plane.until(session_of).await;
    transport::plane::WorkPlane::close(&served.plane, id);
    assert!(matches!(soon(session.next()).await, Err(LinkError::Lost(_))));
    ask(&served.plane, b"one");
    soon(other.next()).await.unwrap();
}

#[tokio::test]
async fn a_worker_that_comes_back_keeps_its_lease_and_hears_which_are_stale() {
    let served = Served::plain().await;
    let (session, _) = served.link().connect(hello("anna", 4)).await.unwrap();
    ask(&served.plane, b"one");
    let offer = soon(session.next()).await.unwrap();
    drop(session);
    soon(closed(&served)).await;
    let mut again = hello("anna", 4);
    again.running = vec![crate::support::held(&offer), proving_held(999)];
    let (session, welcome) = served.link().connect(again).await.unwrap();
    assert_eq!(welcome.stale, [Token(999)]);
    assert!(session.beat(&crate::support::beat(&offer)).await.unwrap());
}

fn proving_held(token: u64) -> transport::message::Held {
    transport::message::Held { task: proving::id::TaskId::from_bytes([9; 32]), token: Token(token) }
}

#[tokio::test]
async fn an_offer_whose_answer_was_lost_is_given_again_until_it_was_seen() {
    let served = Served::plain().await;
    let stranger = Stranger::new(&served);
    let (_stream, session) = stranger.session().await;
    ask(&served.plane, b"one");
    ask(&served.plane, b"two");
    let (status, first) = stranger.ask("next", &json!({"session": session})).await;
    assert_eq!(status, StatusCode::OK);
    let (_, again) = stranger.ask("next", &json!({"session": session})).await;
    assert_eq!(again, first);
    let seen = &first["offer"]["token"];
    let (_, second) = stranger.ask("next", &json!({"session": session, "seen": seen})).await;
    assert_ne!(second["offer"]["task"], first["offer"]["task"]);
}

#[tokio::test]
async fn a_later_request_for_a_task_overtakes_the_one_that_waits() {
    let served = Served::plain().await;
    let stranger = Stranger::new(&served);
    let (_stream, session) = stranger.session().await;
    let body = json!({"session": session});
    let first = tokio::spawn(stranger.post("next", &body).send());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let second = tokio::spawn(stranger.post("next", &body).send());
    assert_eq!(soon(first).await.unwrap().unwrap().status(), StatusCode::CONFLICT);
    ask(&served.plane, b"one");
    assert_eq!(soon(second).await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_worker_that_stops_waiting_and_waits_again_loses_no_offer() {
    let served = Served::plain().await;
    let (session, _) = served.link().connect(hello("anna", 1)).await.unwrap();
    for round in 0u8..20 {
        // Given up at every possible moment around the offer.
        let first = tokio::time::timeout(Duration::from_micros(u64::from(round) * 200), session.next());
        let (first, task) = tokio::join!(first, async { ask(&served.plane, &[round]) });
        let offer = match first {
            Ok(offer) => offer.unwrap(),
            Err(_) => soon(session.next()).await.unwrap(),
        };
        assert_eq!(offer.task, task);
        soon(session.done(&done(&offer, Payload::empty()))).await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_is_not_held_back_for_an_offer_and_brings_one_that_is_ready() {
    let served = Served::plain().await;
    let (session, _) = served.link().connect(hello("anna", 4)).await.unwrap();
    ask(&served.plane, b"one");
    let offer = soon(session.next()).await.unwrap();
    let task = ask(&served.plane, b"two");
    let (answer, along) = soon(session.done_and_next(&done(&offer, Payload::empty()))).await.unwrap();
    assert_eq!(answer, Answer::Accepted);
    let offer = along.unwrap();
    assert_eq!(offer.task, task);
    let last = done(&offer, Payload::empty());
    assert_eq!(within(Duration::from_secs(1), session.done_and_next(&last)).await.unwrap(), (Answer::Accepted, None));

    // A worker that waits for a task already is not given a second one.
    let (first, second) = (ask(&served.plane, b"three"), ask(&served.plane, b"four"));
    let offer = soon(session.next()).await.unwrap();
    let said = done(&offer, Payload::empty());
    let both = async { tokio::join!(session.next(), session.done_and_next(&said)) };
    let (next, answered) = soon(both).await;
    assert_eq!((offer.task, next.unwrap().task), (first, second));
    assert_eq!(answered.unwrap(), (Answer::Accepted, None));
}

#[tokio::test]
async fn a_session_that_nobody_has_is_gone() {
    let served = Served::plain().await;
    let stranger = Stranger::new(&served);
    for route in ["next", "beat", "done", "failed"] {
        let held = json!({"task": "00".repeat(32), "token": 1});
        let usage = json!({"wall_ms": 0, "cpu_ms": 0, "peak_memory_bytes": 0});
        let body = match route {
            "next" => json!({"session": 1}),
            "beat" => json!({"session": 1, "beat": {"held": held, "stage": "", "done": 0, "total": 0, "rss_bytes": 0}}),
            "done" => json!({"session": 1, "done": {"held": held, "output": {"inline": ""}, "usage": usage}}),
            _ => json!({"session": 1, "failed": {"held": held, "cause": "panic", "reason": "", "usage": usage}}),
        };
        let (status, body) = stranger.ask(route, &body).await;
        assert_eq!(status, StatusCode::GONE, "{route}");
        assert!(body["error"].as_str().unwrap().contains("connect again"), "{body}");
    }
}

#[tokio::test]
async fn a_damaged_blob_is_never_handed_over() {
    let served = Served::plain().await;
    let (session, _) = served.link().connect(hello("anna", 4)).await.unwrap();
    let payload = Payload::blob_of(&[7; 1000]);
    for damaged in [vec![7; 999], vec![8; 1000], vec![7; 1001]] {
        served.plane.damage_blob(payload.digest(), Bytes::from(damaged));
        assert!(matches!(soon(session.fetch(&payload)).await, Err(LinkError::Blob(_))));
    }
    served.plane.damage_blob(payload.digest(), Bytes::from(vec![7; 1000]));
    assert_eq!(soon(session.fetch(&payload)).await.unwrap(), [7; 1000][..]);
}

/// Passes bytes between a client and the dispatcher, until it is told to pass no more without closing anything.
async fn freezer(to: std::net::SocketAddr, frozen: tokio::sync::watch::Receiver<bool>) -> std::net::SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut near, _) = socket.accept().await.unwrap();
            let mut frozen = frozen.clone();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(to).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => return,
                    _ = frozen.wait_for(|frozen| *frozen) => {}
                }
                std::future::pending::<()>().await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_frozen_dispatcher_is_noticed_by_the_waiting_and_by_the_beating() {
    let served = Served::plain().await;
    let (freeze, frozen) = tokio::sync::watch::channel(false);
    let address = freezer(served.address, frozen).await;
    let settings = HttpSettings {
        beat: Duration::from_millis(300),
        silence: Duration::from_millis(2500),
        ..HttpSettings::default()
    };
    let link = HttpLink::new(&format!("http://{address}"), WORK, settings).unwrap();
    let (waiting, _) = link.connect(hello("anna", 4)).await.unwrap();
    let (beating, _) = link.connect(hello("bert", 4)).await.unwrap();
    ask(&served.plane, b"one");
    let offer = soon(beating.next()).await.unwrap();
    // The keep-alives count for longer than the silence that ends a session.
    let early = tokio::time::timeout(Duration::from_secs(3), waiting.next()).await;
    assert!(early.is_err(), "{early:?}");
    freeze.send(true).unwrap();
    let beat = crate::support::beat(&offer);
    assert!(matches!(within(Duration::from_secs(1), beating.beat(&beat)).await, Err(LinkError::Lost(_))));
    assert!(matches!(within(Duration::from_secs(4), waiting.next()).await, Err(LinkError::Lost(_))));
    // Once lost, all calls say so at once.
    assert!(matches!(waiting.beat(&beat).now_or_never(), Some(Err(LinkError::Lost(_)))));
}

async fn closed(served: &Served) {
    served.plane.until(|told| matches!(told, Told::Closed(_)).then_some(())).await;
}
