//! The messages at the broker: what is in their properties, what in their bodies, and how strangers' are told.
//!
//! Every message has the header `meze-version` and a type. A request has a correlation id and the queue that the
//! reply goes to, and all but `hello` the header `meze-session`.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use proving::lease::Token;
use proving::payload::{BlobDigest, Payload};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::link::LinkError;
use crate::message::{Answer, Beat, Done, Failed, Held, Hello, Notice, Offer, Welcome};
use crate::plane::PlaneError;

/// The format of all messages; another number is another format.
const VERSION: i32 = 1;
const VERSION_HEADER: &str = "meze-version";
const SESSION_HEADER: &str = "meze-session";

/// A persistent message, in AMQP's numbers.
const PERSISTENT: u8 = 2;

/// A message that is none of ours, or of a version of ours that this one does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Garbage(pub(super) String);

/// The random name of a session, as a header carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key(pub(super) u64);

impl Key {
    pub(super) fn random() -> Self {
        Self(rand::random())
    }
}

/// What a worker asks, and how it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// [`Reply::Welcome`]
    Hello(Hello),
    /// [`Reply::Claimed`]
    Claim(Held),
    /// [`Reply::Beat`]
    Beat(Beat),
    /// [`Reply::Answer`]
    Done(Done),
    /// [`Reply::Answer`]
    Failed(Failed),
    /// [`Reply::Blob`]
    Read(BlobDigest),
    /// [`Reply::Kept`]
    Keep(Vec<u8>),
}

/// What the dispatcher says to a worker, asked or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Welcome(Opening),
    Claimed(Option<Token>),
    Beat(bool),
    Answer(Answer),
    Blob(Vec<u8>),
    Kept(Payload),
    Error(Refused),
    /// Unasked.
    Notice(Notice),
    /// Unasked: the dispatcher is there.
    Ping,
    /// Unasked: the dispatcher ended the session.
    Closed,
}

/// The answer to `hello`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Opening {
    /// The session's key.
    pub(super) session: u64,
    /// The largest blob that is carried in a message.
    pub(super) inline_limit: usize,
    #[serde(flatten)]
    pub(super) welcome: Welcome,
}

/// Why a request got nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refused {
    sort: Sort,
    error: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Sort {
    NoSession,
    Bad,
    Blob,
    Unavailable,
}

impl From<PlaneError> for Refused {
    fn from(error: PlaneError) -> Self {
        let sort = match &error {
            PlaneError::NoSession => Sort::NoSession,
            PlaneError::Bad(_) => Sort::Bad,
            PlaneError::Blob(_) => Sort::Blob,
            PlaneError::Unavailable(_) => Sort::Unavailable,
        };
        Self { sort, error: error.to_string() }
    }
}

impl From<Refused> for LinkError {
    fn from(refused: Refused) -> Self {
        match refused.sort {
            Sort::NoSession | Sort::Unavailable => Self::Lost(refused.error),
            Sort::Bad => Self::Refused(refused.error),
            Sort::Blob => Self::Blob(refused.error),
        }
    }
}

/// A message on its way out.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
}

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sender {
    pub(super) session: Option<Key>,
    pub(super) reply_to: ShortString,
    pub(super) correlation: ShortString,
}

impl Outgoing {
    fn new(kind: &str, body: Vec<u8>, session: Option<Key>) -> Self {
        let mut headers = FieldTable::default();
        headers.insert(VERSION_HEADER.into(), AMQPValue::LongInt(VERSION));
        if let Some(Key(key)) = session {
            headers.insert(SESSION_HEADER.into(), AMQPValue::LongString(format!("{key:016x}").into()));
        }
        Self { properties: BasicProperties::default().with_type(kind.into()).with_headers(headers), body }
    }

    fn json(kind: &str, value: &impl Serialize, session: Option<Key>) -> Result<Self, serde_json::Error> {
        Ok(Self::new(kind, serde_json::to_vec(value)?, session))
    }

    /// An offer, which outlives the broker.
    pub(super) fn offer(offer: &Offer) -> Result<Self, serde_json::Error> {
        let mut outgoing = Self::json("offer", offer, None)?;
        outgoing.properties = outgoing.properties.with_delivery_mode(PERSISTENT);
        Ok(outgoing)
    }

    pub(super) fn request(request: &Request, from: &Sender) -> Result<Self, serde_json::Error> {
        let mut outgoing = match request {
            Request::Hello(hello) => Self::json("hello", hello, from.session),
            Request::Claim(held) => Self::json("claim", held, from.session),
            Request::Beat(beat) => Self::json("beat", beat, from.session),
            Request::Done(done) => Self::json("done", done, from.session),
            Request::Failed(failed) => Self::json("failed", failed, from.session),
            Request::Read(digest) => Self::json("read", digest, from.session),
            Request::Keep(bytes) => Ok(Self::new("keep", bytes.clone(), from.session)),
        }?;
        outgoing.properties = outgoing
            .properties
            .with_delivery_mode(PERSISTENT)
            .with_reply_to(from.reply_to.clone())
            .with_correlation_id(from.correlation.clone());
        Ok(outgoing)
    }

    pub(super) fn reply(reply: &Reply, correlation: Option<ShortString>) -> Result<Self, serde_json::Error> {
        let mut outgoing = match reply {
            Reply::Welcome(opening) => Self::json("welcome", opening, None),
            Reply::Claimed(token) => Self::json("claimed", token, None),
            Reply::Beat(live) => Self::json("beat", live, None),
            Reply::Answer(answer) => Self::json("answer", answer, None),
            Reply::Blob(bytes) => Ok(Self::new("blob", bytes.clone(), None)),
            Reply::Kept(payload) => Self::json("kept", payload, None),
            Reply::Error(refused) => Self::json("error", refused, None),
            Reply::Notice(notice) => Self::json("notice", notice, None),
            Reply::Ping => Ok(Self::new("ping", Vec::new(), None)),
            Reply::Closed => Ok(Self::new("closed", Vec::new(), None)),
        }?;
        if let Some(correlation) = correlation {
            outgoing.properties = outgoing.properties.with_correlation_id(correlation);
        }
        Ok(outgoing)
    }
}

/// Reads an offer.
pub(super) fn offer(properties: &BasicProperties, body: &[u8]) -> Result<Offer, Garbage> {
    match kind(properties)? {
        "offer" => json(body),
        other => Err(unknown(other)),
    }
}

/// Reads a request.
pub(super) fn request(properties: &BasicProperties, body: &[u8]) -> Result<(Sender, Request), Garbage> {
    let request = match kind(properties)? {
        "hello" => Request::Hello(json(body)?),
        "claim" => Request::Claim(json(body)?),
        "beat" => Request::Beat(json(body)?),
        "done" => Request::Done(json(body)?),
        "failed" => Request::Failed(json(body)?),
        "read" => Request::Read(json(body)?),
        "keep" => Request::Keep(body.to_vec()),
        other => return Err(unknown(other)),
    };
    let text = |text: &Option<ShortString>, what: &str| match text {
        Some(text) if !text.as_str().is_empty() => Ok(text.clone()),
        _ => Err(Garbage(format!("it has no {what}"))),
    };
    let sender = Sender {
        session: session(properties)?,
        reply_to: text(properties.reply_to(), "queue to reply to")?,
        correlation: text(properties.correlation_id(), "correlation id")?,
    };
    Ok((sender, request))
}

/// Reads what the dispatcher says.
pub(super) fn reply(properties: &BasicProperties, body: Vec<u8>) -> Result<Reply, Garbage> {
    Ok(match kind(properties)? {
        "welcome" => Reply::Welcome(json(&body)?),
        "claimed" => Reply::Claimed(json(&body)?),
        "beat" => Reply::Beat(json(&body)?),
        "answer" => Reply::Answer(json(&body)?),
        "blob" => Reply::Blob(body),
        "kept" => Reply::Kept(json(&body)?),
        "error" => Reply::Error(json(&body)?),
        "notice" => Reply::Notice(json(&body)?),
        "ping" => Reply::Ping,
        "closed" => Reply::Closed,
        other => return Err(unknown(other)),
    })
}

fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref()?.inner().get(name)
}

fn kind(properties: &BasicProperties) -> Result<&str, Garbage> {
    match header(properties, VERSION_HEADER) {
        Some(AMQPValue::LongInt(VERSION)) => {}
        Some(AMQPValue::LongInt(other)) => return Err(Garbage(format!("it is of version {other}, not {VERSION}"))),
        _ => return Err(Garbage("it has no version".to_owned())),
    }
    properties.kind().as_ref().map(ShortString::as_str).ok_or_else(|| Garbage("it has no type".to_owned()))
}

fn session(properties: &BasicProperties) -> Result<Option<Key>, Garbage> {
    let text = match header(properties, SESSION_HEADER) {
        None => return Ok(None),
        Some(AMQPValue::LongString(text)) => str::from_utf8(text.as_bytes()).ok(),
        Some(_) => None,
    };
    let key = text.and_then(|text| u64::from_str_radix(text, 16).ok());
    key.map(|key| Some(Key(key))).ok_or_else(|| Garbage("its session is no session".to_owned()))
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Garbage> {
    serde_json::from_slice(body).map_err(|error| Garbage(format!("its body is not what its type says: {error}")))
}

fn unknown(kind: &str) -> Garbage {
    Garbage(format!("its type {kind:?} is not known here"))
}
