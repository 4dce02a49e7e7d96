//! What HTTP answers to bodies that no worker of ours sends: always a 4xx with a sentence.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proving::payload::BlobDigest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Served, WORK, hello, soon};

/// Sends a request and hangs up for writing; gives the status and the body.
async fn send(served: &Served, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, Value) {
    let mut socket = TcpStream::connect(served.address).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {WORK}\r\n{headers}\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    // The server may have answered and closed already.
    let _ = socket.write_all(body).await;
    let mut answer = Vec::new();
    let _ = soon(socket.read_to_end(&mut answer)).await;
    let text = String::from_utf8_lossy(&answer);
    let status = text.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default();
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    (status, serde_json::from_str(body).unwrap_or_default())
}

async fn post(served: &Served, route: &str, body: &[u8]) -> (u16, Value) {
    let headers = format!("content-length: {}\r\n", body.len());
    send(served, "POST", &format!("/v1/work/{route}"), &headers, body).await
}

fn has_sentence(body: &Value) -> bool {
    body["error"].as_str().is_some_and(|sentence| !sentence.is_empty())
}

#[test]
fn garbage_is_answered_with_a_4xx_and_a_sentence() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let served = runtime.block_on(Served::plain());
    let routes = prop::sample::select(vec!["session", "next", "beat", "done", "failed"]);
    let valid = serde_json::to_vec(&hello("anna", 1)).unwrap();
    let nearly = (0..valid.len(), any::<u8>()).prop_filter_map("it must be broken", move |(at, byte)| {
        let mut nearly = valid.clone();
        nearly[at] = byte;
        serde_json::from_slice::<transport::message::Hello>(&nearly).is_err().then_some(nearly)
    });
    let bodies = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "\\PC{0,60}".prop_map(String::into_bytes),
        nearly,
        "\\[{1,3000}".prop_map(String::into_bytes),
    ];
    let mut runner = TestRunner::new(Config { cases: 200, ..Config::default() });
    runner
        .run(&(routes, bodies), |(route, body)| {
            let (status, answer) = runtime.block_on(post(&served, route, &body));
            prop_assert!((400..500).contains(&status), "{route}: {status}");
            prop_assert!(has_sentence(&answer), "{route}: {answer}");
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn names_texts_and_lists_beyond_the_limits_are_refused() {
    let served = Served::plain().await;
    let mut long_name = serde_json::to_value(hello("anna", 1)).unwrap();
    long_name["worker"] = json!("a".repeat(129));
    let held = json!({"task": "00".repeat(32), "token": 1});
    let mut long_list = serde_json::to_value(hello("anna", 1)).unwrap();
    long_list["running"] = Value::Array(vec![held; 1025]);
    for hello in [long_name, long_list] {
        let (status, answer) = post(&served, "session", hello.to_string().as_bytes()).await;
        assert_eq!(status, 400);
        assert!(has_sentence(&answer), "{answer}");
    }
}

#[tokio::test]
async fn a_body_over_its_limit_is_too_large() {
    let served = Served::plain().await;
    for route in ["session", "next", "beat", "done", "failed"] {
        let (status, answer) = post(&served, route, &vec![b' '; 600_000]).await;
        // Where the server closes before all is sent, the kernel may take the answer with it.
        assert!(status == 413 && has_sentence(&answer) || status == 0, "{route}: {status} {answer}");
    }
    let (status, _) = post(&served, "next", &vec![b' '; 40_000]).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn a_body_that_ends_too_soon_changes_nothing() {
    let served = Served::plain().await;
    let mut socket = TcpStream::connect(served.address).await.unwrap();
    let path = format!("/v1/blobs/{}", BlobDigest::of(b"whole"));
    let head =
        format!("PUT {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {WORK}\r\ncontent-length: 9\r\n\r\nwhole");
    socket.write_all(head.as_bytes()).await.unwrap();
    drop(socket);
    let (status, _) = send(&served, "GET", &path, "", b"").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_blob_has_the_name_of_its_bytes_and_keeps_its_limit() {
    let served = Served::plain().await;
    let name = BlobDigest::of(b"bytes");
    let path = format!("/v1/blobs/{name}");
    let chunked = "transfer-encoding: chunked\r\n";
    let vast = [&b"200000\r\n"[..], &vec![0; 0x20_0000], b"\r\n0\r\n\r\n"].concat();
    for (path, headers, body, expected) in [
        (path.as_str(), "content-length: 5\r\n", &b"other"[..], 400),
        (path.as_str(), "content-length: 5\r\nmeze-secret: yes\r\n", b"bytes", 400),
        (path.as_str(), "content-length: 9999999\r\n", b"", 413),
        (path.as_str(), chunked, &vast, 413),
        ("/v1/blobs/xyz", "content-length: 5\r\n", b"bytes", 400),
        (path.as_str(), chunked, b"5\r\nbytes\r\n0\r\n\r\n", 200),
    ] {
        let (status, answer) = send(&served, "PUT", path, headers, body).await;
        assert!(status == expected || (status == 0 && body.len() > 1 << 20), "{headers}: {status} {answer}");
    }
    assert_eq!(served.plane.blob(name).unwrap().0, "bytes");
}
