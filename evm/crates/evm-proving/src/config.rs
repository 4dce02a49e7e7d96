//! What circuits are built for. Its fingerprint names circuits, keys and statements, and costs no circuit.

use std::fmt;
use std::str::FromStr;

use block_witness::TableRanges;
use evm_arithmetization::fixed_recursive_verifier::{KEYS_BELOW, RecursionConfig};
use evm_arithmetization::testing_utils::TEST_STARK_CONFIG;
use proving::statement::{KeyDigest, Mode, Statement};
use serde::{Deserialize, Serialize};
use starky::config::StarkConfig;

use crate::kernel;

/// Goes into every fingerprint first; the number changes with what is hashed, and with the bytes of tasks and proofs.
const DOMAIN: &str = "meze evm circuits 2";

/// The crates that circuits come from, at the versions that `Cargo.lock` has: a test compares them.
pub const CRATES: [(&str, &str); 3] = [("evm_arithmetization", "0.5.1"), ("plonky2", "1.0.0"), ("starky", "1.0.0")];

/// How hard a false proof is to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Security {
    /// The published parameters: about 100 bits, conjectured.
    Standard,
    /// One bit: anybody can make a false proof. For tests only, and every proof says so.
    InsecureTest,
}

impl Security {
    /// Every level.
    pub const ALL: [Self; 2] = [Self::Standard, Self::InsecureTest];

    /// The name, as files and statements write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::InsecureTest => "insecure-test",
        }
    }

    /// What a proof of this level is worth.
    pub const fn mode(self) -> Mode {
        match self {
            Self::Standard => Mode::Real,
            Self::InsecureTest => Mode::Test,
        }
    }
}

impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no [`Security`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the security of circuits is standard or insecure-test")]
pub struct NotASecurity;

impl FromStr for Security {
    type Err = NotASecurity;

    fn from_str(text: &str) -> Result<Self, NotASecurity> {
        Self::ALL.into_iter().find(|security| security.name() == text).ok_or(NotASecurity)
    }
}

/// Ranges that are known to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preset {
    /// A block without transactions on a small chain: one length a table.
    Empty,
    /// Blocks with a few transfers on a small chain.
    Transfers,
    /// Ordinary blocks of a public network; about 30 GB of circuits at standard security.
    Mainnet,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 3] = [Self::Empty, Self::Transfers, Self::Mainnet];

    /// Its name, as options write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Transfers => "transfers",
            Self::Mainnet => "mainnet",
        }
    }

    /// Its ranges.
    pub fn ranges(self) -> TableRanges {
        let text = match self {
            Self::Empty => "16..17,8..9,12..13,8..9,8..9,6..7,17..18,16..17,7..8",
            Self::Transfers => "16..17,8..10,9..17,4..12,8..9,4..11,17..19,16..17,7..8",
            Self::Mainnet => "16..21,8..21,8..21,4..20,8..17,4..21,17..24,16..23,7..23",
        };
        text.parse().expect("the ranges of a preset are written here, and a test parses them all")
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no [`Preset`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a preset of ranges is empty, transfers or mainnet")]
pub struct NotAPreset;

impl FromStr for Preset {
    type Err = NotAPreset;

    fn from_str(text: &str) -> Result<Self, NotAPreset> {
        Self::ALL.into_iter().find(|preset| preset.name() == text).ok_or(NotAPreset)
    }
}

/// What circuits are built for: the lengths of tables that they take, and how secure they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CircuitConfig {
    /// The lengths of tables.
    pub ranges: TableRanges,
    /// The security.
    pub security: Security,
}

impl CircuitConfig {
    /// A configuration of these.
    pub fn new(ranges: TableRanges, security: Security) -> Self {
        Self { ranges, security }
    }

    /// The BLAKE3 digest of everything that the circuits depend on: the versions of the proof system's crates, what the
    /// preparation changes in them, the kernel's hash, the nine ranges and the security. Another fingerprint is another
    /// statement.
    pub fn fingerprint(&self) -> KeyDigest {
        let mut parts = vec![DOMAIN.to_owned()];
        parts.extend(CRATES.iter().map(|(name, version)| format!("{name} {version}")));
        parts.push(KEYS_BELOW.to_owned());
        parts.push(format!("kernel {}", kernel::code_hash()));
        parts.push(format!("ranges {}", self.ranges));
        parts.push(format!("security {}", self.security));
        KeyDigest::of(parts.join("\n").as_bytes())
    }

    /// The statement of the tasks of every kind under these circuits.
    pub fn statement(&self) -> Statement {
        Statement::of_key(self.security.mode(), self.fingerprint())
    }

    /// The parameters of the proofs of single tables.
    pub(crate) fn stark(&self) -> StarkConfig {
        match self.security {
            Security::Standard => StarkConfig::standard_fast_config(),
            Security::InsecureTest => TEST_STARK_CONFIG,
        }
    }

    /// The parameters of all circuits.
    pub(crate) fn recursion(&self) -> RecursionConfig {
        match self.security {
            Security::Standard => RecursionConfig::default(),
            Security::InsecureTest => RecursionConfig::test_config(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_those_of_the_lock_file() {
        let lock = include_str!("../../../Cargo.lock");
        for (name, version) in CRATES {
            assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")), "{name} {version}");
        }
    }

    #[test]
    fn every_difference_changes_the_fingerprint() {
        let config = |preset: Preset, security| CircuitConfig::new(preset.ranges(), security);
        let prints: std::collections::BTreeSet<_> = Preset::ALL
            .into_iter()
            .flat_map(|preset| Security::ALL.map(|security| config(preset, security).fingerprint()))
            .collect();
        assert_eq!(prints.len(), 6);
        let statement = config(Preset::Empty, Security::InsecureTest).statement().to_string();
        assert!(statement.starts_with("test/key/"), "{statement}");
        assert!(config(Preset::Empty, Security::Standard).statement().to_string().starts_with("real/key/"));
    }

    #[test]
    fn names_read_back() {
        for preset in Preset::ALL {
            assert_eq!(preset.to_string().parse(), Ok(preset));
        }
        for security in Security::ALL {
            assert_eq!(security.to_string().parse(), Ok(security));
        }
        assert_eq!("secure".parse::<Security>(), Err(NotASecurity));
        assert_eq!("all".parse::<Preset>(), Err(NotAPreset));
    }
}
