//! The commands of `meze`: configuration and wiring around the rollup and its circuits.
//!
//! - [`command`] reads the command line and gives the exit code; [`settings`] are the seed's settings.
//! - One module a command: [`demo`], [`keys`], [`prove`], [`verify`], [`inspect`], [`mod@bench`].
//! - [`roles`]: the dispatcher, the worker and its child; [`fleet`]: the rollup's proofs as tasks.
//! - Of a running dispatcher: [`jobs`], [`workers`]; [`connection`] is the way to it.
//! - [`trusted`] holds the digests of the keys that this version knows.
//! - [`pipeline`] turns transactions into the proof of a rollup; [`measure`] says what that took.

pub mod bench;
pub mod command;
pub mod connection;
pub mod cpu;
pub mod demo;
pub mod fleet;
pub mod inspect;
pub mod jobs;
pub mod keys;
pub mod measure;
pub mod pipeline;
pub mod prove;
pub mod roles;
pub mod settings;
pub mod text;
pub mod trusted;
pub mod verify;
pub mod workers;
