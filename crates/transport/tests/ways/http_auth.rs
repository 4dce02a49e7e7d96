//! Who is let in over HTTP, and who hears of those who are not.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use transport::http::{HttpLink, HttpSettings, Refusal, Scope};
use transport::link::{Link as _, LinkError};

use crate::support::{ASK, Served, WORK, auth, hello, soon};

#[tokio::test]
async fn wrong_tokens_are_refused_for_good_and_counted() {
    let counted = Arc::new(Mutex::new(Vec::new()));
    let counter = Arc::clone(&counted);
    let served = Served::with(None, auth(move |scope, refusal| counter.lock().unwrap().push((scope, refusal)))).await;
    for (token, why) in [("somebody-elses-token", "not known"), (ASK, "not of the work scope")] {
        let link = HttpLink::new(&served.url(), token, HttpSettings::default()).unwrap();
        let refused = soon(link.connect(hello("anna", 4))).await.map(|_| ()).unwrap_err();
        assert!(matches!(&refused, LinkError::Refused(sentence) if sentence.contains(why)), "{refused}");
    }
    assert_eq!(*counted.lock().unwrap(), [(Scope::Work, Refusal::Unknown), (Scope::Work, Refusal::WrongScope)]);
    assert_eq!(served.plane.told(), []);
}

#[tokio::test]
async fn every_route_wants_a_token_before_it_reads_a_body() {
    let served = Served::plain().await;
    let blob = format!("/v1/blobs/{}", "00".repeat(32));
    let posts = ["session", "next", "beat", "done", "failed"].map(|route| ("POST", format!("/v1/work/{route}")));
    for (method, path) in posts.into_iter().chain([("GET", blob.clone()), ("PUT", blob)]) {
        let mut socket = TcpStream::connect(served.address).await.unwrap();
        // The body that is announced never comes.
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 12];
        soon(socket.read_exact(&mut answer)).await.unwrap();
        assert_eq!(answer, b"HTTP/1.1 401", "{method} {path}");
    }
}

#[tokio::test]
async fn a_dispatcher_without_tokens_lets_nobody_in() {
    let nobody = transport::http::Auth::new(transport::http::Tokens::default(), |_, _| {});
    let served = Served::with(None, nobody).await;
    let link = HttpLink::new(&served.url(), WORK, HttpSettings::default()).unwrap();
    assert!(matches!(soon(link.connect(hello("anna", 4))).await.map(|_| ()), Err(LinkError::Refused(_))));
}
