//! Logs and traces, set up once in each process.
//!
//! - [`init`] with [`Options`]: log lines on stderr, and spans to a collector where one is named. Its [`Guard`] sends
//!   what is left when it is dropped.
//! - [`current_traceparent`], [`traceparent`], [`follow`]: a trace that goes on in another process. What passes between them
//!   is the text of W3C's `traceparent`.
//!
//! **Spans are made with [`SPANS`] as their target**, at the debug level:
//! `tracing::debug_span!(target: telemetry::SPANS, "prove", %task)`. Where no collector is named, and nobody logs at the
//! debug level, such a line costs one load of an atomic, and none of its fields is looked at.

mod collector;
mod follow;
mod options;
mod setup;

pub use follow::{current_traceparent, follow, traceparent};
pub use options::{LogFormat, Options};
pub use setup::{Guard, init};

/// The target of spans that go to the collector; others stay here.
pub const SPANS: &str = "traced";

/// Why logs or traces cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The format of logs is neither of the two.
    #[error("{0:?} is not a format of logs: text or json")]
    Format(String),
    /// The filter of logs cannot be read.
    #[error("{text:?} is not a filter of logs: write a level, as in info, or target=level pairs with commas between")]
    Filter {
        /// What was said.
        text: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The collector's address is none.
    #[error("{0:?} is not the address of a collector: write http://host:4318 or https://host")]
    Endpoint(String),
    /// TLS cannot be set up.
    #[error("TLS to the collector cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The way to the collector cannot be set up.
    #[error("the way to the collector cannot be set up")]
    Collector(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was set up before in this process.
    #[error("logs and traces are set up already")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}
