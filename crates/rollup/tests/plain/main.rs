//! The plain data side as one thing: stores, trees, worlds, plans and blocks.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop, also in its helpers")]

mod blocks;
mod fixtures;
mod nullifiers;
mod plans;
mod publics;
mod screening;
mod stores;
mod worlds;
