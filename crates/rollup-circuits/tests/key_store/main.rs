//! Keys on disk: there whole or not at all, and never used for anything but what they were made for.
//!
//! - `scene`: a family with its folder and what it said. `kept`: what is written and loaded again.
//! - `rebuilt`: files that are of no use. `disk`: disks that take nothing, and builds that are killed.
//! - `modes`: proverless and real keys, and circuits that are too large.
#![allow(clippy::unwrap_used, reason = "a test")]

mod disk;
mod kept;
mod modes;
mod rebuilt;
mod scene;
