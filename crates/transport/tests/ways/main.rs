//! Every way between dispatch and workers, over real sockets, with a dispatcher in memory behind it.
//!
//! `conversation` is what all ways have in common; the others are what each does with what goes wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod amqp;
mod amqp_broker;
mod brokered;
mod conversation;
mod http;
mod http_auth;
mod http_garbage;
mod http_tls;
mod speed;
mod support;
