//! Transaction, batch or block.

use std::fmt;
use std::str::FromStr;

use proving::kind::Kind;

use crate::proto::remote_prover::ProofType;

/// What sort of proof, in the service's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProofKind {
    /// Of a transaction.
    Transaction,
    /// Of a batch of transactions.
    Batch,
    /// Of a block of batches.
    Block,
}

/// A text that is no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a type of proof: transaction, batch or block")]
pub struct NotAKind(String);

impl ProofKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Transaction, Self::Batch, Self::Block];

    /// In small letters, as flags and environment have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transaction => "transaction",
            Self::Batch => "batch",
            Self::Block => "block",
        }
    }

    /// With a capital, as the service's JSON and messages have it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Transaction => "Transaction",
            Self::Batch => "Batch",
            Self::Block => "Block",
        }
    }

    /// The fabric's name of it.
    pub fn kind(self) -> Kind {
        match self {
            Self::Transaction => Kind::MIDEN_TRANSACTION,
            Self::Batch => Kind::MIDEN_BATCH,
            Self::Block => Kind::MIDEN_BLOCK,
        }
    }

    /// From the number on the wire.
    pub fn from_wire(number: i32) -> Option<Self> {
        match ProofType::try_from(number).ok()? {
            ProofType::Transaction => Some(Self::Transaction),
            ProofType::Batch => Some(Self::Batch),
            ProofType::Block => Some(Self::Block),
        }
    }

    /// The number on the wire.
    pub const fn to_wire(self) -> i32 {
        match self {
            Self::Transaction => ProofType::Transaction as i32,
            Self::Batch => ProofType::Batch as i32,
            Self::Block => ProofType::Block as i32,
        }
    }
}

impl fmt::Display for ProofKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ProofKind {
    type Err = NotAKind;

    fn from_str(text: &str) -> Result<Self, NotAKind> {
        let found = Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| NotAKind(text.chars().take(32).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_from_its_words_and_its_number() {
        for (number, kind) in (0..).zip(ProofKind::ALL) {
            assert_eq!((kind.name().parse(), kind.title().parse()), (Ok(kind), Ok(kind)));
            assert_eq!((kind.to_wire(), ProofKind::from_wire(number)), (number, Some(kind)));
        }
        assert_eq!(ProofKind::from_wire(3), None);
        assert_eq!(ProofKind::from_wire(-1), None);
        assert!("batches".parse::<ProofKind>().is_err());
    }
}
