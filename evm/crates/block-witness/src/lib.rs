//! Witnesses of Ethereum blocks: read, checked and decoded before anything is proved.
//!
//! A file goes through these steps, and each says in one sentence what is wrong:
//!
//! - [`read()`]: bytes to [`BlockWitness`], in the forms of the zero line 0.6 and 0.7;
//! - [`check_links`]: each block follows the one before it, or the [`Previous`] proof;
//! - [`decode()`]: a [`DecodedBlock`], its state roots checked, in batches of transactions;
//! - [`simulate()`]: a batch's segments and their table lengths;
//! - [`SegmentShape::check`]: whether circuits of some [`TableRanges`] can prove them.

mod caught;
mod code;
mod compact;
mod decode;
mod error;
mod links;
mod read;
mod simulate;
pub mod tables;
mod wire;
mod witness;

pub use decode::{BATCH_SIZE, DecodedBlock, decode};
pub use error::{BlockName, WitnessError};
pub use links::{Previous, check_links};
pub use read::{SIZE_LIMIT, read, read_within};
pub use simulate::{MAX_CPU_LEN_LOG, SegmentEnds, SegmentShape, count_segments, simulate};
pub use tables::{RangesError, Table, TableRanges};
pub use witness::{BlockWitness, OtherData};
