//! What a page in a browser needs: gRPC-web, and CORS on every answer.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use meze::connection::plain_http;
use miden_wire::kind::ProofKind;
use miden_wire::proto::remote_prover::{Proof, ProofRequest};
use prost::Message as _;
use reqwest::header::HeaderMap;
use reqwest::{Method, Response};

use crate::harness::{House, LONG, bytes, until};

const ORIGIN: &str = "https://wallet.example";

/// A request as gRPC-web frames it.
fn framed(kind: ProofKind, payload: Bytes) -> Vec<u8> {
    let message = ProofRequest { proof_type: kind.to_wire(), payload }.encode_to_vec();
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(&message);
    frame.to_vec()
}

async fn post(url: &str, service: &str, body: Vec<u8>) -> Response {
    let request = plain_http().unwrap().post(format!("{url}/{service}/Prove")).header("origin", ORIGIN);
    let request = request.header("content-type", "application/grpc-web+proto").header("x-grpc-web", "1");
    request.body(body).send().await.unwrap()
}

fn assert_cors(headers: &HeaderMap) {
    assert_eq!(headers["access-control-allow-origin"], ORIGIN);
    assert_eq!(headers["access-control-allow-credentials"], "true");
}

/// The frames of an answer: the message, if there is one, and the trailers.
fn unframed(mut body: Bytes) -> (Option<Bytes>, String) {
    let (mut message, mut trailers) = (None, String::new());
    while body.has_remaining() {
        let (flag, length) = (body.get_u8(), body.get_u32() as usize);
        let part = body.split_to(length);
        match flag {
            0 => message = Some(part),
            0x80 => trailers.push_str(std::str::from_utf8(&part).unwrap()),
            flag => panic!("a frame with the flag {flag}"),
        }
    }
    (message, trailers)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_gets_a_proof_and_reads_that_the_queue_is_full() {
    let house = House::new();
    let worker = house.worker("worker", "batch", &[]);
    let proxy = house.proxy("proxy", "batch", &[&worker], &["--max-queue-items", "0"]);
    for (url, service) in [
        (worker.url(), "remote_prover.Api"),
        (proxy.url.clone(), "remote_prover.Api"),
        (proxy.url.clone(), "proving_service.Api"),
    ] {
        let answer = post(&url, service, framed(ProofKind::Batch, bytes("batch"))).await;
        assert_cors(answer.headers());
        let (message, trailers) = unframed(answer.bytes().await.unwrap());
        assert!(trailers.contains("grpc-status:0"), "{trailers}");
        assert!(!Proof::decode(message.unwrap()).unwrap().payload.is_empty());
    }
    worker.freeze_child();
    let held = tokio::spawn({
        let url = proxy.url.clone();
        async move { post(&url, "remote_prover.Api", framed(ProofKind::Batch, bytes("batch-0"))).await }
    });
    until("the only place is taken", LONG, || proxy.counts() == (0, 1));
    let full = post(&proxy.url, "remote_prover.Api", framed(ProofKind::Batch, bytes("batch-1"))).await;
    assert_cors(full.headers());
    let exposed = full.headers()["access-control-expose-headers"].to_str().unwrap().to_owned();
    assert!(["grpc-status", "grpc-message"].iter().all(|name| exposed.contains(name)), "{exposed}");
    assert_eq!(full.headers()["grpc-status"], "8");
    assert!(full.headers()["grpc-message"].to_str().unwrap().contains("Too"), "{full:?}");
    // A preflight is answered without any place.
    let preflight = plain_http()
        .unwrap()
        .request(Method::OPTIONS, format!("{}/remote_prover.Api/Prove", proxy.url))
        .header("origin", ORIGIN)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-grpc-web,grpc-timeout,traceparent")
        .send()
        .await
        .unwrap();
    assert!(preflight.status().is_success());
    assert_cors(preflight.headers());
    let allowed = preflight.headers()["access-control-allow-headers"].to_str().unwrap();
    assert!(["x-grpc-web", "grpc-timeout", "traceparent"].iter().all(|name| allowed.contains(name)), "{allowed}");
    worker.thaw_child();
    assert!(held.await.unwrap().status().is_success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reads_that_it_asks_too_often() {
    let house = House::new();
    let proxy = house.proxy_over("proxy", "batch", &[], &["--max-req-per-sec", "1", "--timeout-secs", "100ms"]);
    let mut limited = None;
    for _ in 0..3 {
        let answer = post(&proxy.url, "remote_prover.Api", framed(ProofKind::Batch, Bytes::from_static(b"x"))).await;
        assert_cors(answer.headers());
        if answer.headers().get("grpc-message").is_some_and(|text| text.to_str().unwrap().starts_with("Rate")) {
            limited = Some(answer);
        }
    }
    let limited = limited.expect("one of three in a second is too many");
    assert_eq!(limited.headers()["grpc-status"], "8");
    assert_eq!(limited.headers()["x-rate-limit-limit"], "1");
}
