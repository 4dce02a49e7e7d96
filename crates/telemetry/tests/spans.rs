//! Spans on their way to a collector, which here is a socket that keeps what it hears.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use telemetry::{Options, SPANS};

/// Answers the first request, and gives all of its bytes.
fn hear(socket: TcpListener) -> Vec<u8> {
    let (mut stream, _) = socket.accept().unwrap();
    let mut heard = Vec::new();
    let mut portion = [0; 4096];
    loop {
        let read = stream.read(&mut portion).unwrap();
        heard.extend_from_slice(&portion[..read]);
        let text = String::from_utf8_lossy(&heard).to_lowercase();
        let Some(end) = heard.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
        if heard.len() >= end + 4 + length.unwrap() {
            break;
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    heard
}

#[test]
fn what_is_left_is_sent_when_the_guard_goes_even_from_within_a_runtime() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let collector = Some(format!("http://{}", socket.local_addr().unwrap()));
    let heard = std::thread::spawn(move || hear(socket));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let started = runtime.block_on(async {
        let guard = telemetry::init(&Options { collector, ..Options::new("test") }).unwrap();
        tracing::debug_span!(target: SPANS, "ours", kind = "test.sleep").in_scope(|| {
            assert!(telemetry::current_traceparent().is_some());
            tracing::info!("said within");
        });
        tracing::info_span!("theirs").in_scope(|| assert!(telemetry::current_traceparent().is_none()));
        let started = Instant::now();
        drop(guard);
        started
    });
    assert!(started.elapsed() < Duration::from_millis(2500), "{:?}", started.elapsed());
    let heard = String::from_utf8_lossy(&heard.join().unwrap()).into_owned();
    assert!(heard.starts_with("POST /v1/traces "), "{heard}");
    for part in ["meze-test", "ours", "test.sleep", "said within"] {
        assert!(heard.contains(part), "{part} is missing");
    }
    assert!(!heard.contains("theirs"));
    assert!(matches!(telemetry::init(&Options::new("test")), Err(telemetry::TelemetryError::Twice(_))));
}
