//! What Meze's programs do with their terminal and with the files that they are called with.
//!
//! - [`Console`]: which words go to stdout and which to stderr.
//! - [`Stage`], [`Gauge`]: how far something is, for people.
//! - [`sentence`], [`Usage`]: how a command failed, and whether its words were wrong.
//! - [`bytes`](fn@bytes), [`Machine`]: what figures are in, and were taken on.
//! - [`files`]: reading within a limit, writing whole or not at all.

mod bytes;
mod console;
mod failure;
pub mod files;
mod gauge;
mod machine;
mod stage;

pub use bytes::bytes;
pub use console::Console;
pub use failure::{Usage, sentence};
pub use gauge::Gauge;
pub use machine::Machine;
pub use stage::Stage;
