//! The control port: workers added and removed, in the words of the service's 0.9 line.
//!
//! It answers this machine alone: it listens on loopback, looks at the other end of each connection and at nothing that
//! a header says, and refuses what a browser sends on behalf of some page.

use std::net::IpAddr;

use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use miden_wire::serve::Peer;

use crate::start::Members;

/// The most bytes of a query.
const MAX_QUERY: usize = 64 << 10;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Order {
    Add(Vec<String>),
    Remove(Vec<String>),
}

/// The control port's routes: any path and any method; what counts is the query.
pub fn control_page(members: Members) -> Router {
    Router::new().fallback(any(control)).with_state(members)
}

async fn control(State(members): State<Members>, RawQuery(query): RawQuery, request: Request) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip().to_canonical());
    if !peer.is_some_and(|ip| ip.is_loopback()) {
        return refuse(StatusCode::FORBIDDEN, "workers are added and removed from the proxy's own machine only");
    }
    if is_from_a_page(request.headers()) || !is_for_this_machine(&request) {
        return refuse(StatusCode::FORBIDDEN, "this port is not for browsers");
    }
    let Some(query) = query.filter(|query| !query.is_empty()) else {
        return refuse(StatusCode::BAD_REQUEST, "No query parameters provided");
    };
    let done = parse(&query).and_then(|order| match order {
        Order::Add(workers) => members.add(&workers).map_err(|error| error.to_string()),
        Order::Remove(workers) => {
            members.remove(&workers);
            Ok(())
        }
    });
    match done {
        Ok(()) => ([("x-worker-count", members.count().to_string())]).into_response(),
        Err(reason) => refuse(StatusCode::BAD_REQUEST, &reason),
    }
}

/// Browsers say for whom they ask.
fn is_from_a_page(headers: &HeaderMap) -> bool {
    ["origin", "referer", "sec-fetch-site"].iter().any(|name| headers.contains_key(*name))
}

/// A page whose own name was made to point at this machine asks under that name.
fn is_for_this_machine(request: &Request) -> bool {
    let header = || request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let Some(authority) = request.uri().authority().map(|authority| authority.as_str()).or_else(header) else {
        return false;
    };
    let host = authority.rsplit_once(':').map_or(authority, |(host, port)| match port.parse::<u16>() {
        Ok(_) => host,
        Err(_) => authority,
    });
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let ip = host.parse::<IpAddr>().map(|ip| ip.to_canonical());
    host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

fn refuse(status: StatusCode, why: &str) -> Response {
    let printable: String = why.chars().map(|char| if char.is_ascii_graphic() { char } else { ' ' }).collect();
    let value = HeaderValue::from_str(&printable).unwrap_or(HeaderValue::from_static("unreadable request"));
    (status, [("x-error-message", value)]).into_response()
}

/// Reads `action=Add&workers[0]=host:port&…&control_port=8083`; brackets may be encoded, and other keys are ignored.
fn parse(query: &str) -> Result<Order, String> {
    if query.len() > MAX_QUERY {
        return Err(format!("the query has more than {MAX_QUERY} bytes"));
    }
    let (mut action, mut workers) = (None, Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decode(key)?, decode(value)?);
        match key.as_str() {
            "action" => action = Some(value),
            "workers" => workers.extend(value.split(',').map(|worker| worker.trim().to_owned())),
            key if key.starts_with("workers[") && key.ends_with(']') => workers.push(value),
            _ => {}
        }
    }
    workers.retain(|worker| !worker.is_empty());
    if workers.is_empty() {
        return Err("no workers: write workers[0]=host:port".to_owned());
    }
    match action.as_deref() {
        Some("Add") => Ok(Order::Add(workers)),
        Some("Remove") => Ok(Order::Remove(workers)),
        _ => Err("the action is Add or Remove".to_owned()),
    }
}

/// Takes the percent signs out.
fn decode(text: &str) -> Result<String, String> {
    let wrong = || "the query is not written as a URL writes it".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
                let (high, low) = (digit().ok_or_else(wrong)?, digit().ok_or_else(wrong)?);
                u8::try_from(high * 16 + low).map_err(|_| wrong())?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn workers(list: &[&str]) -> Vec<String> {
        list.iter().map(|worker| (*worker).to_owned()).collect()
    }

    #[test]
    fn a_query_of_the_old_client_is_read() {
        let query = "action=Add&workers[0]=1.2.3.4%3A50051&workers[1]=host%3A1&control_port=8083";
        assert_eq!(parse(query), Ok(Order::Add(workers(&["1.2.3.4:50051", "host:1"]))));
        let encoded = "action=Remove&workers%5B0%5D=%5B%3A%3A1%5D%3A2&x=y";
        assert_eq!(parse(encoded), Ok(Order::Remove(workers(&["[::1]:2"]))));
        assert_eq!(parse("workers=a:1,b:2&action=Add"), Ok(Order::Add(workers(&["a:1", "b:2"]))));
    }

    #[test]
    fn what_is_no_order_is_one_sentence() {
        for query in ["action=Add", "workers[0]=a:1", "action=add&workers[]=a:1", "action=Add&workers[0]=%zz", "a", "%"]
        {
            assert!(parse(query).is_err(), "{query}");
        }
        assert!(parse(&"a=b&".repeat(MAX_QUERY)).is_err());
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let request = |host: &str| Request::builder().uri("/").header(HOST, host).body(Default::default()).unwrap();
        for good in
            ["127.0.0.1:8083", "localhost:8083", "LOCALHOST", "0.0.0.0:8083", "[::1]:8083", "[::1]", "127.1.2.3"]
        {
            assert!(is_for_this_machine(&request(good)), "{good}");
        }
        for bad in ["evil.example:8083", "10.0.0.1:8083", "127.0.0.1.evil.example", "localhost.evil.example", ""] {
            assert!(!is_for_this_machine(&request(bad)), "{bad}");
        }
        let absolute = Request::builder().uri("http://0.0.0.0:8083/?x").body(Default::default()).unwrap();
        assert!(is_for_this_machine(&absolute));
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in "\\PC{0,100}") {
            let _ = parse(&query);
        }

        #[test]
        fn what_is_encoded_is_decoded(text in "\\PC{0,40}") {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(decode(&encoded), Ok(text));
        }
    }
}
