//! Why a transport does not start: mistakes of whoever configured it, each with one sentence that says what to do.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A mistake in the configuration of a transport.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file cannot be read.
    #[error("cannot read {what} {}: does it exist, and may this user read it?", path.display())]
    File {
        /// What the file is for.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Others can read the tokens.
    #[error("the token file {} can be read by others (mode {mode:o}): run chmod 600 on it", path.display())]
    TokensOpen {
        /// Where.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A line of the tokens is none.
    #[error("entry {entry} of the tokens is not written `scope token`: {why}")]
    Token {
        /// Which, from 1. The text is not shown, for it may be a secret.
        entry: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A worker's or asker's own token cannot be sent.
    #[error("the token has characters that no HTTP header carries: use visible ASCII characters only")]
    TokenText,
    /// A certificate or its key cannot be used.
    #[error("{what} {} cannot be used: it must be PEM", path.display())]
    Certificate {
        /// What the file is for.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up with these certificates")]
    Tls(#[source] rustls::Error),
    /// Others could read what passes.
    #[error(
        "{0} is not a loopback address, so tokens and proofs would cross the network in clear: give a certificate \
         and a key for TLS, or say --insecure-plaintext"
    )]
    Plaintext(SocketAddr),
    /// A URL that no request can be made of.
    #[error("{0:?} is not a URL of a dispatcher: write http://host:port or https://host:port")]
    Url(String),
    /// A URL of no broker. It is not shown, for there is a password in it.
    #[error("the broker's URL is none: write amqp://user:password@host:port/vhost or amqps://…")]
    Broker,
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}
