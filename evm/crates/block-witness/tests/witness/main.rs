//! Witnesses as users give them: good ones, and each bad one with the sentence that it gets.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

mod bad_input;
mod block_28;
mod empty_blocks;
mod folder;
mod properties;
mod simulation;
