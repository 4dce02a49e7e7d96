//! Whatever the bytes are, each parser has one clear error for them: no panic, and nothing allocated
//! beyond what the format's limit allows.
//!
//! - `samples`: good bytes of every format; `faults`: what is done to them.
//! - `files`: what all files have in common. `witnesses`, `proofs`, `keys`, `texts`: each format's own.
//! - `limits`: the same with little memory. `fuzz`: the same for long; run with make test-long.
#![allow(clippy::unwrap_used, reason = "a test")]

mod faults;
mod files;
mod fuzz;
mod keys;
mod limits;
mod proofs;
mod samples;
mod texts;
mod witnesses;
