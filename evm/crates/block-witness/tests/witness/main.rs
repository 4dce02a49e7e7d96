//! Witnesses as users give them: good ones, and each bad one with the sentence that it gets.

mod bad_input;
mod block_28;
mod empty_blocks;
mod properties;
mod simulation;
