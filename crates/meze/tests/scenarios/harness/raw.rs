//! HTTP as nobody's client would speak it: whatever body, whatever header, cut off wherever we like.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// 0 where nothing came.
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    /// The one sentence of an error.
    pub(crate) fn sentence(&self) -> String {
        let object: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        object["error"].as_str().unwrap_or_else(|| panic!("no sentence: {self:?}")).to_owned()
    }
}

/// A GET without a token.
pub(crate) fn get(address: &str, path: &str) -> Answer {
    ask(address, "GET", path, None, b"")
}

/// A request with a bearer token.
pub(crate) fn ask(address: &str, method: &str, path: &str, token: Option<&str>, body: &[u8]) -> Answer {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    exchange(address, method, path, &authorization, body.len(), body)
}

/// A request whose body says that it is longer than what comes.
pub(crate) fn cut_off(address: &str, method: &str, path: &str, token: &str, body: &[u8]) -> Answer {
    exchange(address, method, path, &format!("authorization: Bearer {token}\r\n"), body.len() + 100, body)
}

fn exchange(address: &str, method: &str, path: &str, headers: &str, length: usize, body: &[u8]) -> Answer {
    let nothing = |why: std::io::Error| Answer { status: 0, body: why.to_string() };
    let mut stream = match TcpStream::connect(address) {
        Ok(stream) => stream,
        Err(error) => return nothing(error),
    };
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         {headers}content-length: {length}\r\n\r\n"
    );
    // A server that refuses by the headers alone may close before the body has gone.
    let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    if sent.is_ok() && length > body.len() {
        stream.shutdown(std::net::Shutdown::Write).unwrap();
    }
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return nothing(read.err().unwrap_or_else(|| std::io::Error::other("no answer")));
    };
    let status = head.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    Answer { status, body: body.to_owned() }
}
