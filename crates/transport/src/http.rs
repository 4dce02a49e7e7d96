//! The way of HTTP: a long poll for tasks, and one connection held open for as long as the worker lives.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /v1/work/session` | [`Hello`](crate::message::Hello) | a stream of lines: `{"session": n, …Welcome}`, then a [`Notice`](crate::message::Notice) a line; an empty line each 2 s |
//! | `POST /v1/work/next` | `{"session", "seen"?, "done"?}` | `{"answer"?, "offer"?}`, or 204 after 25 s without any |
//! | `POST /v1/work/beat` | `{"session", "beat"}` | `{"live": bool}` |
//! | `POST /v1/work/done` | `{"session", "done"}` | `{"answer"}` |
//! | `POST /v1/work/failed` | `{"session", "failed"}` | `{"answer"}` |
//! | `GET /v1/blobs/{digest}` | | the bytes |
//! | `PUT /v1/blobs/{digest}` | the bytes; `meze-secret: true` for secrets | the [`Payload`](proving::payload::Payload) |
//!
//! Every request carries `authorization: Bearer …` with a token of the work scope. Errors are
//! `{"error": "a sentence"}`: 400 for what makes no sense, 401 and 403 for tokens, 404 for a missing blob, 409 for a
//! `next` that a later one overtook, 410 for a session that has ended, 413 for too much, 503 for a dispatcher that
//! cannot take anything now.
//!
//! **The session is its connection.** Whoever drops the stream of `/session` has left, and what he held is requeued at
//! once: the kernel says so when a process dies, and a pulled plug is noticed by the end of the lease. A session is
//! named by a random number, so that a worker that slept through a restart of the dispatcher cannot be taken for
//! another that was given the same number since.
//!
//! **No offer is lost on the way.** An answer to `next` may be lost with its connection while the session lives. So
//! `next` says in `seen` which offer came last, and a dispatcher that gave another one since gives that again. There
//! is at most one `next` a session at a time; a second one ends the first with 409, so that an answer to a request
//! whose asker has gone takes nothing. `done` in a `next` saves an exchange a task: the answer is never held back for
//! the offer, which comes along if there is one at once. A client that does not begin the next task at once uses
//! `/done`.

mod auth;
mod blob_client;
mod blobs;
mod client;
mod lines;
mod problem;
mod seats;
mod server;
mod session;
mod wire;

pub use auth::{Auth, MIN_TOKEN_BYTES, Refusal, Scope, Tokens, guarded};
pub use blob_client::BlobClient;
pub(crate) use client::Wire;
pub use client::{HttpLink, HttpSettings};
pub(crate) use problem::ErrorBody;
pub use problem::Problem;
pub use server::{router, serve};
pub use session::HttpSession;
