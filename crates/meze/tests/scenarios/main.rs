//! Real dispatchers and workers, broken in every way that we know of. The README of this folder says what each
//! scenario pins down.
#![allow(clippy::unwrap_used, reason = "a test")]

mod harness {
    pub(crate) mod fleet;
    pub(crate) mod front;
    pub(crate) mod guest;
    pub(crate) mod jobs;
    pub(crate) mod numbers;
    pub(crate) mod process;
    pub(crate) mod raw;
}

mod beside;
mod blobs;
mod brokers;
mod cancelled;
mod children;
mod dispatchers;
mod drained;
mod liars;
mod poison;
mod refused;
mod secrets;
mod services;
mod statements;
mod watched;
mod workers;
