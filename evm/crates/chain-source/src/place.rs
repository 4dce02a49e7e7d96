//! The file that keeps a follower's place.

/// What is wrong with the file that keeps a follower's place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {}
