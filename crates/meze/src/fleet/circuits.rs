//! What a worker is for.

use std::str::FromStr;

use miden_wire::kind::ProofKind;
use proving::kind::Kind;
use rollup_circuits::id::CircuitId;

/// Something that a worker makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skill {
    /// Proofs of a circuit.
    Circuit(CircuitId),
    /// The verification keys of all circuits.
    Keys,
    /// Proofs of the Miden network.
    Miden(ProofKind),
    /// Nothing: it sleeps.
    Sleep,
}

impl Skill {
    /// What a worker makes if nothing else is said: the provider's part of a rollup.
    pub const USUAL: &'static str = "inner,outer,root-verifier,verification-key";

    /// The kind of its tasks.
    pub fn kind(self) -> Kind {
        match self {
            Self::Circuit(circuit) => circuit.kind(),
            Self::Keys => Kind::ROLLUP_VERIFICATION_KEY,
            Self::Miden(kind) => kind.kind(),
            Self::Sleep => Kind::TEST_SLEEP,
        }
    }
}

impl FromStr for Skill {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim();
        let short = name.strip_prefix("rollup.").unwrap_or(name);
        let all = || CircuitId::ALL.into_iter().map(Self::Circuit).chain([Self::Keys]);
        if name == Kind::TEST_SLEEP.as_str() {
            return Ok(Self::Sleep);
        }
        if let Some(kind) = ProofKind::ALL.into_iter().find(|kind| kind.kind().as_str() == name) {
            return Ok(Self::Miden(kind));
        }
        all().find(|skill| skill.kind().name() == short).ok_or_else(|| {
            let names: Vec<String> = all().map(|skill| skill.kind().name().to_owned()).collect();
            format!("{name:?} is not a kind: {}, or miden.transaction, miden.batch, miden.block", names.join(", "))
        })
    }
}

impl std::fmt::Display for Skill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.kind(), f)
    }
}
