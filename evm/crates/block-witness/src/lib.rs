//! Witnesses of Ethereum blocks: read, checked and decoded before anything is proved.
//!
//! - [`tables`]: the nine tables of a segment and the lengths that circuits are built for.

pub mod tables;

pub use tables::{RangesError, Table, TableRanges};
