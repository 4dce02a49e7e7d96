//! The worker's HTTP, spoken to over a socket.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use proving::kind::Kind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use worker::counters::Counters;
use worker::http::{Direct, HttpConfig, Keys, router};
use worker::prover::{ChildConfig, ProverChild, Request};

use crate::toy::{config, program, prove, request, start};

struct ToyKeys;

impl Keys for ToyKeys {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::ROLLUP_JOIN_SPLIT]
    }

    fn key(&self, kind: &Kind) -> Option<Bytes> {
        (*kind == Kind::ROLLUP_JOIN_SPLIT).then(|| Bytes::from_static(b"the key"))
    }
}

struct ToyBodies;

impl Direct for ToyBodies {
    fn decode(&self, body: Bytes) -> Result<Request, String> {
        let text = std::str::from_utf8(&body).map_err(|_| "the body is no text".to_owned())?;
        Ok(request(text))
    }
}

struct Server(std::net::SocketAddr);

async fn serve(prover: ProverChild, change: impl FnOnce(&mut HttpConfig)) -> Server {
    let mut http = HttpConfig::default();
    change(&mut http);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = router(&http, prover, Arc::new(ToyKeys), Arc::new(ToyBodies));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Server(address)
}

impl Server {
    /// Status and body.
    async fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.0).await.unwrap();
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.0\r\nhost: toy\r\ncontent-length: {length}\r\n{headers}\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, "", b"").await
    }

    async fn create_proof(&self, headers: &str, body: &[u8]) -> (u16, String) {
        self.ask("POST", "/create-proof", headers, body).await
    }
}

#[tokio::test]
async fn a_ready_worker_says_so_and_shows_its_keys() {
    let server = serve(start(config()).await, |_| {}).await;
    assert_eq!(server.get("/").await, (200, r#"{"isReady":true,"serviceName":"halloumi"}"#.to_owned()));
    assert_eq!(server.get("/health").await.0, 200);
    assert_eq!(server.get("/ready").await.0, 200);
    assert_eq!(server.get("/verification-keys").await, (200, r#"["rollup.join-split"]"#.to_owned()));
    for path in ["/verification-keys/rollup.join-split", "/get-join-split-vk"] {
        assert_eq!(server.get(path).await, (200, "the key".to_owned()));
    }
    let (status, body) = server.get("/get-account-vk").await;
    assert_eq!((status, body.contains("error")), (404, true));
    assert_eq!(server.get("/verification-keys/nonsense").await.0, 400);
    assert_eq!(server.get("/nowhere").await.0, 404);
}

#[tokio::test]
async fn a_worker_that_builds_its_keys_is_alive_and_not_ready() {
    let slow = ChildConfig::new(program(), ["child", "slow"]);
    let server = serve(ProverChild::spawn(slow, Counters::new(None).unwrap()), |_| {}).await;
    assert_eq!(server.get("/health").await.0, 200);
    assert_eq!(server.get("/ready").await, (503, r#"{"error":"the prover is starting"}"#.to_owned()));
    assert!(server.get("/").await.1.contains(r#""isReady":false"#));
    assert_eq!(server.create_proof("", b"echo x").await.0, 503);
}

#[tokio::test]
async fn proofs_are_made_on_the_spot_and_failures_are_told() {
    let server = serve(start(config()).await, |http| http.max_body_bytes = 100).await;
    assert_eq!(server.create_proof("", b"echo proof").await, (200, "proof".to_owned()));
    assert_eq!(server.create_proof("", b"invalid").await, (400, r#"{"error":"nothing follows from it"}"#.to_owned()));
    assert_eq!(server.create_proof("", b"\xff").await, (400, r#"{"error":"the body is no text"}"#.to_owned()));
    let (status, body) = server.create_proof("", &[b'x'; 101]).await;
    assert_eq!((status, body.starts_with(r#"{"error""#)), (413, true));
    assert_eq!(server.create_proof("", b"exit 7").await.0, 500);
}

#[tokio::test]
async fn a_token_is_asked_for_proofs_only_and_the_prefix_is_before_everything() {
    let server = serve(start(config()).await, |http| {
        (http.token, http.prefix) = (Some("let me in".to_owned()), "/prod/halloumi".to_owned());
    })
    .await;
    for path in ["/prod/halloumi", "/prod/halloumi/", "/prod/halloumi/ready"] {
        assert_eq!(server.get(path).await.0, 200, "{path}");
    }
    assert_eq!(server.get("/ready").await.0, 404);
    for (header, status) in
        [("", 401), ("authorization: Bearer let me out\r\n", 401), ("authorization: Bearer let me in\r\n", 200)]
    {
        assert_eq!(server.ask("POST", "/prod/halloumi/create-proof", header, b"echo").await.0, status, "{header}");
    }
    let shown = format!("{:?}", HttpConfig { token: Some("let me in".to_owned()), ..HttpConfig::default() });
    assert!(!shown.contains("let me in"));
}

#[tokio::test]
async fn the_metrics_are_as_prometheus_wants_them() {
    let child = start(config()).await;
    prove(&child, "spin 20").await.outcome.unwrap();
    prove(&child, "panic once").await.outcome.unwrap_err();
    let server = serve(child, |_| {}).await;
    let (status, text) = server.get("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "meze_worker_proofs_total{kind=\"toy.run\"} 1",
        "meze_worker_child_deaths_total{cause=\"panic\"} 1",
        "meze_worker_failures_total{cause=\"panic\"} 1",
        "meze_worker_proof_starts_total 2",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let Ok(mut promtool) =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
    else {
        return;
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let checked = promtool.wait_with_output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}
