//! The bodies of requests and replies that are no message by themselves.

use proving::lease::Token;
use serde::{Deserialize, Serialize};

use crate::message::{Answer, Beat, Done, Failed, Offer, Welcome};

/// The header that says that a blob is a secret.
pub(super) const SECRET_HEADER: &str = "meze-secret";

/// How often the dispatcher says something on a session's stream, in milliseconds.
pub(super) const KEEP_ALIVE_MS: u64 = 2_000;

/// How long `next` waits for a task, in milliseconds.
pub(super) const POLL_MS: u64 = 25_000;

/// A session as the wire names it: random, and below 2⁵³ so that any JSON reader keeps it whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Key(u64);

impl Key {
    /// A name that nobody has, nor guesses.
    pub(super) fn random() -> Self {
        Self(rand::random::<u64>() >> 11)
    }
}

/// The first line of a session's stream.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Opening {
    pub(super) session: Key,
    #[serde(flatten)]
    pub(super) welcome: Welcome,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NextRequest<D = Done> {
    pub(super) session: Key,
    /// The offer that came last in this session.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub(super) seen: Option<Token>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub(super) done: Option<D>,
}

/// `#[serde(default)]` alone would want `D: Default`.
fn none<T>() -> Option<T> {
    None
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NextReply<O = Offer> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) answer: Option<Answer>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub(super) offer: Option<O>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BeatRequest<B = Beat> {
    pub(super) session: Key,
    pub(super) beat: B,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BeatReply {
    pub(super) live: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DoneRequest<D = Done> {
    pub(super) session: Key,
    pub(super) done: D,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailedRequest<F = Failed> {
    pub(super) session: Key,
    pub(super) failed: F,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AnswerReply {
    pub(super) answer: Answer,
}
