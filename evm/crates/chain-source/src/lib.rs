//! Blocks of a chain and their witnesses, from an ordinary node, in order and across reorgs.
//!
//! - [`Source`]: a chain as a node shows it over JSON-RPC; [`Source::witness`] makes a block's witness
//! - [`Follower`]: confirmed blocks in order, across reorgs and restarts
//! - `client`: JSON-RPC with limits on time, size and number
//! - `answers`: what nodes answer, in plain data
//! - `beacon`: whether a node applies EIP-4788's system call
//! - `witness`: how a witness comes together
//! - `place`: the file that keeps a follower's place

mod answers;
mod beacon;
mod client;
mod error;
mod follow;
mod place;
mod source;
mod witness;

pub use client::CallSettings;
pub use error::{Gone, SourceError};
pub use follow::{Confirmation, Event, FollowSettings, Follower, Seen, Waiting};
pub use place::PlaceError;
pub use source::{BlockId, NodeKind, Source};
pub use witness::Witness;
