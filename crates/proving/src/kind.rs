//! What sort of proof a task asks for, written `family.kind`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::text::serde_as_text;

/// The longest kind, in bytes.
pub const MAX_KIND_BYTES: usize = 64;

/// A sort of proof: two words of lowercase letters, digits and hyphens, joined by one dot.
///
/// The set is open, so that the rooms between asker and prover need not know it; the constants are the
/// kinds that Meze itself has names for.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(Cow<'static, str>);

/// Why a text is not a [`Kind`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KindError {
    /// It is longer than [`MAX_KIND_BYTES`].
    #[error("a kind has at most {MAX_KIND_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// It has not exactly one dot.
    #[error("a kind is written family.kind, with exactly one dot")]
    Dots,
    /// One of its words breaks the rule.
    #[error("{0:?} is not a word of a kind: lowercase letters, digits and inner hyphens, a letter first")]
    Word(String),
}

macro_rules! known_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl Kind {
            $($(#[$doc])* pub const $name: Self = Self(Cow::Borrowed($text));)*

            /// Every kind that has a constant, in the order of their declaration.
            pub const KNOWN: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

known_kinds! {
    /// A client's deposit, send or withdrawal.
    ROLLUP_JOIN_SPLIT = "rollup.join-split";
    /// A client's account transaction.
    ROLLUP_ACCOUNT = "rollup.account";
    /// Reserved: no key of it is in any allow-list.
    ROLLUP_CLAIM = "rollup.claim";
    /// An empty slot of an inner rollup.
    ROLLUP_PADDING = "rollup.padding";
    /// A client proof verified once more on the user's device.
    ROLLUP_WRAP = "rollup.wrap";
    /// A rollup of client transactions.
    ROLLUP_INNER = "rollup.inner";
    /// A rollup of inner rollups.
    ROLLUP_OUTER = "rollup.outer";
    /// The last proof of a rollup, the one that is checked by the world.
    ROLLUP_ROOT_VERIFIER = "rollup.root-verifier";
    /// The verification key of another rollup circuit, asked for like a proof.
    ROLLUP_VERIFICATION_KEY = "rollup.verification-key";
    /// A transaction of the Miden network.
    MIDEN_TRANSACTION = "miden.transaction";
    /// A batch of Miden transactions.
    MIDEN_BATCH = "miden.batch";
    /// A block of Miden batches.
    MIDEN_BLOCK = "miden.block";
    /// A stretch of the execution of a batch of Ethereum transactions.
    EVM_SEGMENT = "evm.segment";
    /// Two neighbouring segments, or aggregations of them.
    EVM_SEGMENT_AGGREGATION = "evm.segment-aggregation";
    /// Two neighbouring batches, or aggregations of them.
    EVM_BATCH_AGGREGATION = "evm.batch-aggregation";
    /// An Ethereum block, on top of the proof of the block before it.
    EVM_BLOCK = "evm.block";
}

impl Kind {
    /// Sleeps instead of proving: for benchmarks and tests of the fabric, and known to nobody who was not told.
    pub const TEST_SLEEP: Self = Self(Cow::Borrowed("test.sleep"));

    /// The part before the dot.
    pub fn family(&self) -> &str {
        self.0.split_once('.').map_or("", |(family, _)| family)
    }

    /// The part after the dot.
    pub fn name(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, name)| name)
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Kind {
    type Err = KindError;

    fn from_str(text: &str) -> Result<Self, KindError> {
        // Those that are asked for all the time cost no memory.
        if let Some(known) = Self::KNOWN.iter().find(|known| known.as_str() == text) {
            return Ok(known.clone());
        }
        if text.len() > MAX_KIND_BYTES {
            return Err(KindError::TooLong(text.len()));
        }
        let (family, name) = text.split_once('.').ok_or(KindError::Dots)?;
        if name.contains('.') {
            return Err(KindError::Dots);
        }
        match [family, name].into_iter().find(|word| !is_word(word)) {
            Some(word) => Err(KindError::Word(word.to_owned())),
            None => Ok(Self(Cow::Owned(text.to_owned()))),
        }
    }
}

fn is_word(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase())
        && !word.ends_with('-')
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serde_as_text!(Kind);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_known_kind_parses_as_itself() {
        for kind in Kind::KNOWN {
            assert_eq!(&kind.as_str().parse::<Kind>().unwrap(), kind);
            assert_eq!(format!("{}.{}", kind.family(), kind.name()), kind.to_string());
        }
    }

    #[test]
    fn known_kinds_are_distinct() {
        let distinct: std::collections::BTreeSet<_> = Kind::KNOWN.iter().collect();
        assert_eq!(distinct.len(), Kind::KNOWN.len());
    }

    #[test]
    fn a_kind_has_exactly_one_dot() {
        for text in ["", "rollup", "rollup.inner.2"] {
            assert_eq!(text.parse::<Kind>(), Err(KindError::Dots), "{text:?}");
        }
    }

    #[test]
    fn the_words_of_a_kind_are_strict() {
        for text in ["Rollup.inner", ".inner", "rollup.", "rollup.-x", "rollup.x-", "2.x", "rollup.in ner", "röllup.x"]
        {
            assert!(matches!(text.parse::<Kind>(), Err(KindError::Word(_))), "{text:?}");
        }
    }

    #[test]
    fn the_longest_kind_is_accepted_and_one_byte_more_is_not() {
        let longest = format!("a.{}", "b".repeat(MAX_KIND_BYTES - 2));
        assert!(longest.parse::<Kind>().is_ok());
        assert_eq!(format!("{longest}b").parse::<Kind>(), Err(KindError::TooLong(MAX_KIND_BYTES + 1)));
    }

    #[test]
    fn json_carries_a_kind_as_its_text_and_refuses_others() {
        assert_eq!(serde_json::to_string(&Kind::EVM_BLOCK).unwrap(), "\"evm.block\"");
        assert_eq!(serde_json::from_str::<Kind>("\"evm.block\"").unwrap(), Kind::EVM_BLOCK);
        assert!(serde_json::from_str::<Kind>("\"evm block\"").is_err());
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_what_it_accepts_it_writes_back(text in "\\PC{0,80}") {
            if let Ok(kind) = text.parse::<Kind>() {
                prop_assert_eq!(kind.to_string(), text);
            }
        }

        #[test]
        fn every_well_formed_text_is_a_kind(text in "[a-z][a-z0-9]{0,9}\\.[a-z]([a-z0-9-]{0,20}[a-z0-9])?") {
            prop_assert_eq!(text.parse::<Kind>().unwrap().to_string(), text);
        }
    }
}
