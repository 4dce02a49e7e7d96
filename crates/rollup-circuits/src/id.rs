//! The seven circuits of the family, by name.

use std::fmt;
use std::str::FromStr;

use proving::kind::Kind;
use rollup::public::{INNER_LIMBS, ROLLUP_LIMBS};
use rollup::transaction::layout;

/// A circuit of the rollup family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CircuitId {
    /// Deposit, send, withdraw.
    JoinSplit,
    /// Create, add keys, migrate.
    Account,
    /// An empty slot.
    Padding,
    /// A client proof, verified once more on the user's device.
    Wrap,
    /// N transactions.
    Inner,
    /// M inner rollups.
    Outer,
    /// One more proof over the outer one.
    RootVerifier,
}

/// No circuit has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a circuit: join-split, account, padding, wrap, inner, outer or root-verifier")]
pub struct UnknownCircuit(pub String);

impl CircuitId {
    /// Every circuit, each after the ones whose proofs it verifies.
    pub const ALL: [Self; 7] =
        [Self::JoinSplit, Self::Account, Self::Padding, Self::Wrap, Self::Inner, Self::Outer, Self::RootVerifier];

    /// The circuits whose proofs a wrap verifies, in the order of its allow-list.
    pub const CLIENTS: [Self; 3] = [Self::JoinSplit, Self::Account, Self::Padding];

    /// The kind of its proofs.
    pub fn kind(self) -> Kind {
        match self {
            Self::JoinSplit => Kind::ROLLUP_JOIN_SPLIT,
            Self::Account => Kind::ROLLUP_ACCOUNT,
            Self::Padding => Kind::ROLLUP_PADDING,
            Self::Wrap => Kind::ROLLUP_WRAP,
            Self::Inner => Kind::ROLLUP_INNER,
            Self::Outer => Kind::ROLLUP_OUTER,
            Self::RootVerifier => Kind::ROLLUP_ROOT_VERIFIER,
        }
    }

    /// The name, without the family.
    pub fn name(self) -> &'static str {
        match self {
            Self::JoinSplit => "join-split",
            Self::Account => "account",
            Self::Padding => "padding",
            Self::Wrap => "wrap",
            Self::Inner => "inner",
            Self::Outer => "outer",
            Self::RootVerifier => "root-verifier",
        }
    }

    /// Limbs of its public inputs.
    pub fn public_inputs(self) -> usize {
        match self {
            Self::JoinSplit | Self::Account | Self::Padding | Self::Wrap => layout::TOTAL,
            Self::Inner => INNER_LIMBS,
            Self::Outer | Self::RootVerifier => ROLLUP_LIMBS,
        }
    }

    /// Whether the number of transactions of an inner rollup is part of the circuit.
    pub(crate) fn depends_on_inner(self) -> bool {
        matches!(self, Self::Inner | Self::Outer | Self::RootVerifier)
    }

    /// Whether the number of inner rollups is part of the circuit.
    pub(crate) fn depends_on_outer(self) -> bool {
        matches!(self, Self::Outer | Self::RootVerifier)
    }
}

impl fmt::Display for CircuitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for CircuitId {
    type Err = UnknownCircuit;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_prefix("rollup.").unwrap_or(text);
        Self::ALL.into_iter().find(|circuit| circuit.name() == name).ok_or_else(|| UnknownCircuit(text.to_owned()))
    }
}
