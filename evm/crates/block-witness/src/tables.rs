//! The nine tables of a segment, and the lengths of them that circuits are built for.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How many tables a segment has.
pub const TABLES: usize = 9;

/// No table is longer than 2 to the power of this: the field has no larger subgroup.
pub const MAX_LOG: usize = 32;

/// One of the nine tables of a segment, in the proof system's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// Additions, multiplications, comparisons and the like.
    Arithmetic,
    /// Bytes packed into words and back. May be absent from a segment.
    BytePacking,
    /// The cycles.
    Cpu,
    /// Permutations of Keccak. May be absent from a segment.
    Keccak,
    /// What the permutations absorb. May be absent from a segment.
    KeccakSponge,
    /// Bitwise operations. May be absent from a segment.
    Logic,
    /// Reads and writes.
    Memory,
    /// The memory that the segment begins with.
    MemBefore,
    /// The memory that it leaves. Absent from the last segment.
    MemAfter,
}

impl Table {
    /// Every table, in the proof system's order.
    pub const ALL: [Self; TABLES] = [
        Self::Arithmetic,
        Self::BytePacking,
        Self::Cpu,
        Self::Keccak,
        Self::KeccakSponge,
        Self::Logic,
        Self::Memory,
        Self::MemBefore,
        Self::MemAfter,
    ];

    /// Its place in that order.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its name, as options and messages write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arithmetic => "arithmetic",
            Self::BytePacking => "byte-packing",
            Self::Cpu => "cpu",
            Self::Keccak => "keccak",
            Self::KeccakSponge => "keccak-sponge",
            Self::Logic => "logic",
            Self::Memory => "memory",
            Self::MemBefore => "mem-before",
            Self::MemAfter => "mem-after",
        }
    }

    /// The environment variable that gives its range, by the name that the zero line gave it.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Arithmetic => "ARITHMETIC_CIRCUIT_SIZE",
            Self::BytePacking => "BYTE_PACKING_CIRCUIT_SIZE",
            Self::Cpu => "CPU_CIRCUIT_SIZE",
            Self::Keccak => "KECCAK_CIRCUIT_SIZE",
            Self::KeccakSponge => "KECCAK_SPONGE_CIRCUIT_SIZE",
            Self::Logic => "LOGIC_CIRCUIT_SIZE",
            Self::Memory => "MEMORY_CIRCUIT_SIZE",
            Self::MemBefore => "MEMORY_BEFORE_CIRCUIT_SIZE",
            Self::MemAfter => "MEMORY_AFTER_CIRCUIT_SIZE",
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why something is not a range of table lengths.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangesError {
    /// It is not of the form `lo..hi`.
    #[error("a table's range is written lo..hi, such as 16..18, and covers 2^lo to 2^(hi-1) rows; this is {0:?}")]
    Form(String),
    /// Its bounds are empty, reversed or too large.
    #[error("a table's range lo..hi has 1 <= lo < hi <= 33; this is {lo}..{hi}")]
    Bounds {
        /// The first length, as a power of two.
        lo: usize,
        /// The first length that is too large.
        hi: usize,
    },
    /// There are not nine.
    #[error(
        "nine ranges are needed, joined by commas (arithmetic, byte-packing, cpu, keccak, keccak-sponge, logic, memory, mem-before, mem-after); there are {0}"
    )]
    Count(usize),
}

/// Reads one range of the form `lo..hi`: powers of two, `hi` excluded.
///
/// # Errors
/// [`RangesError::Form`] and [`RangesError::Bounds`].
pub fn parse_range(text: &str) -> Result<Range<usize>, RangesError> {
    let form = || RangesError::Form(text.chars().take(40).collect());
    let (lo, hi) = text.trim().split_once("..").ok_or_else(form)?;
    let number = |digits: &str| digits.trim().parse::<usize>().map_err(|_| form());
    let (lo, hi) = (number(lo)?, number(hi)?);
    checked(lo..hi)
}

fn checked(range: Range<usize>) -> Result<Range<usize>, RangesError> {
    let Range { start: lo, end: hi } = range;
    if (1..hi).contains(&lo) && hi <= MAX_LOG + 1 { Ok(range) } else { Err(RangesError::Bounds { lo, hi }) }
}

/// For each table the lengths that circuits are built for, as powers of two. Written as nine `lo..hi`, joined by
/// commas, in the order of [`Table::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableRanges([Range<usize>; TABLES]);

impl TableRanges {
    /// Ranges in the order of [`Table::ALL`].
    ///
    /// # Errors
    /// [`RangesError::Bounds`].
    pub fn new(ranges: [Range<usize>; TABLES]) -> Result<Self, RangesError> {
        for range in &ranges {
            checked(range.clone())?;
        }
        Ok(Self(ranges))
    }

    /// The range of one table.
    pub fn of(&self, table: Table) -> Range<usize> {
        self.0[table.index()].clone()
    }

    /// The same ranges, but for one table.
    ///
    /// # Errors
    /// [`RangesError::Bounds`].
    pub fn with(mut self, table: Table, range: Range<usize>) -> Result<Self, RangesError> {
        self.0[table.index()] = checked(range)?;
        Ok(self)
    }

    /// All ranges, in the order of [`Table::ALL`].
    pub fn as_array(&self) -> &[Range<usize>; TABLES] {
        &self.0
    }
}

impl fmt::Display for TableRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, range) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}..{}", range.start, range.end)?;
        }
        Ok(())
    }
}

impl FromStr for TableRanges {
    type Err = RangesError;

    fn from_str(text: &str) -> Result<Self, RangesError> {
        let count = text.split(',').count();
        if count != TABLES {
            return Err(RangesError::Count(count));
        }
        let ranges = text.split(',').map(parse_range).collect::<Result<Vec<_>, _>>()?;
        let ranges: [Range<usize>; TABLES] =
            ranges.try_into().map_err(|ranges: Vec<_>| RangesError::Count(ranges.len()))?;
        Self::new(ranges)
    }
}

impl TryFrom<String> for TableRanges {
    type Error = RangesError;

    fn try_from(text: String) -> Result<Self, RangesError> {
        text.parse()
    }
}

impl From<TableRanges> for String {
    fn from(ranges: TableRanges) -> Self {
        ranges.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "16..17,8..9,12..13,8..9,8..9,6..7,17..18,16..17,7..8";

    #[test]
    fn ranges_read_back_as_they_are_written() {
        let ranges: TableRanges = EMPTY.parse().unwrap();
        assert_eq!(ranges.to_string(), EMPTY);
        assert_eq!(ranges.of(Table::Memory), 17..18);
        let json = serde_json::to_string(&ranges).unwrap();
        assert_eq!(serde_json::from_str::<TableRanges>(&json).unwrap(), ranges);
        assert_eq!(ranges.with(Table::Cpu, 9..17).unwrap().of(Table::Cpu), 9..17);
    }

    #[test]
    fn each_wrong_range_says_what_was_expected() {
        assert_eq!("16..17".parse::<TableRanges>(), Err(RangesError::Count(1)));
        assert_eq!(parse_range("16-17"), Err(RangesError::Form("16-17".to_owned())));
        assert_eq!(parse_range("16..=17"), Err(RangesError::Form("16..=17".to_owned())));
        for (text, lo, hi) in [("17..17", 17, 17), ("18..17", 18, 17), ("0..4", 0, 4), ("16..34", 16, 34)] {
            assert_eq!(parse_range(text), Err(RangesError::Bounds { lo, hi }));
        }
    }
}
