//! The commands through the binary: what they say, what they refuse and with which exit code.
#![allow(clippy::unwrap_used, reason = "a test")]

mod binary;
mod forged;
mod jobs;
mod keys;
mod mock;
mod real;
mod usage;
