//! Table ranges that have names, and ranges from the environment.

use crate::tables::{RangesError, Table, TableRanges, parse_range};

/// The zero line's own, of its version 0.7. Circuits for all of them take tens of gigabytes.
const ZERO_LINE: &str = "16..23,9..21,12..25,14..20,9..15,12..18,17..28,7..23,7..27";

/// What blocks without transactions take, whole in one segment each batch: nothing else fits.
const EMPTY_BLOCK: &str = "16..17,8..9,12..14,8..10,8..9,6..9,17..18,16..17,7..8";

/// What blocks of few transactions take, empty ones too.
const SMALL_BLOCK: &str = "16..17,8..13,9..18,4..12,8..9,4..11,17..20,16..17,7..8";

impl Default for TableRanges {
    /// [`TableRanges::zero_line`].
    fn default() -> Self {
        Self::zero_line()
    }
}

impl TableRanges {
    /// The defaults of the zero line 0.7. Its workers need tens of gigabytes for them.
    pub fn zero_line() -> Self {
        named(ZERO_LINE)
    }

    /// The least that proves a block without transactions, a batch in one segment.
    pub fn empty_block() -> Self {
        named(EMPTY_BLOCK)
    }

    /// Enough for a block of one transfer or a like transaction, a batch in one segment, and for one without any.
    pub fn small_block() -> Self {
        named(SMALL_BLOCK)
    }

    /// The same ranges, but for those that a variable names: `read` gives the value of an environment variable.
    ///
    /// # Errors
    /// [`RangesError::Variable`], which names the variable.
    pub fn with_variables(mut self, read: impl Fn(&str) -> Option<String>) -> Result<Self, RangesError> {
        for table in Table::ALL {
            let variable = table.variable();
            let Some(text) = read(variable) else { continue };
            let range = parse_range(&text).map_err(|why| RangesError::Variable { variable, why: why.into() })?;
            self = self.with(table, range)?;
        }
        Ok(self)
    }
}

fn named(text: &str) -> TableRanges {
    text.parse().expect("the ranges of this file are read in its tests")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_ranges() {
        assert_eq!(TableRanges::default().to_string(), ZERO_LINE);
        assert_eq!(TableRanges::empty_block().to_string(), EMPTY_BLOCK);
        assert_eq!(TableRanges::small_block().to_string(), SMALL_BLOCK);
    }

    #[test]
    fn variables_override_ranges_and_a_bad_one_is_named() {
        let read = |name: &str| (name == "CPU_CIRCUIT_SIZE").then(|| "9..12".to_owned());
        let ranges = TableRanges::small_block().with_variables(read).unwrap();
        assert_eq!(ranges.of(Table::Cpu), 9..12);
        assert_eq!(ranges.of(Table::Memory), 17..19);
        let bad = |name: &str| (name == "LOGIC_CIRCUIT_SIZE").then(|| "9-12".to_owned());
        let error = TableRanges::small_block().with_variables(bad).unwrap_err();
        assert_eq!(
            error.to_string(),
            "LOGIC_CIRCUIT_SIZE: a table's range is written lo..hi, such as 16..18, and covers 2^lo to 2^(hi-1) rows; \
             this is \"9-12\""
        );
    }
}
