//! Which circuit a proof is under, and whether it is real: a changed key, line or mode is another
//! statement, so it reuses no proof and meets no worker of the old one.

use std::fmt;
use std::str::FromStr;

use crate::digest::{NotHex, digest_type};
use crate::text::serde_as_text;

/// The longest name of a prover's line, in bytes.
pub const MAX_LINE_BYTES: usize = 64;

digest_type! {
    /// The digest of a whole verification key.
    KeyDigest
}

impl KeyDigest {
    /// The BLAKE3 digest of a key's serialised bytes.
    pub fn of(key: &[u8]) -> Self {
        Self(*blake3::hash(key).as_bytes())
    }
}

/// How much a proof is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// A proof at full security.
    Real,
    /// No proof: the constraints were checked on the witness by whoever made it. A real verifier refuses it.
    Mock,
    /// A proof under parameters too weak to be worth anything.
    Test,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Real, Self::Mock, Self::Test];

    /// The name, as statements and tables write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Mock => "mock",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mode {
    type Err = StatementError;

    fn from_str(text: &str) -> Result<Self, StatementError> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.name() == text)
            .ok_or_else(|| StatementError::Mode(text.chars().take(MAX_LINE_BYTES).collect()))
    }
}

serde_as_text!(Mode);

/// A release line of a prover whose proofs carry no key of their own, such as `miden-0.15`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Line(String);

impl Line {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Line {
    type Err = StatementError;

    fn from_str(text: &str) -> Result<Self, StatementError> {
        let well_formed = (1..=MAX_LINE_BYTES).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte));
        if well_formed { Ok(Self(text.to_owned())) } else { Err(StatementError::Line) }
    }
}

/// What names the circuit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Circuit {
    /// The digest of its verification key.
    Key(KeyDigest),
    /// The line of its prover, where there is no key.
    Line(Line),
}

/// What a proof is under: a circuit and a mode. Written `real/key/<64 hex digits>` or
/// `real/line/miden-0.15`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Statement {
    /// Real, mock or test.
    pub mode: Mode,
    /// The circuit.
    pub circuit: Circuit,
}

/// Why a text is not a [`Statement`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// It has not three parts with `key` or `line` in the middle.
    #[error("a statement is written mode/key/<digest> or mode/line/<name>")]
    Shape,
    /// No such mode.
    #[error("{0:?} is not a mode: real, mock or test")]
    Mode(String),
    /// The digest of the key cannot be read.
    #[error(transparent)]
    Key(#[from] NotHex),
    /// The line is empty, too long or has other characters.
    #[error("a line has 1 to {MAX_LINE_BYTES} lowercase letters, digits, hyphens, dots and underscores")]
    Line,
}

impl Statement {
    /// A statement named by its verification key.
    pub const fn of_key(mode: Mode, key: KeyDigest) -> Self {
        Self { mode, circuit: Circuit::Key(key) }
    }

    /// A statement named by its prover's line.
    pub const fn of_line(mode: Mode, line: Line) -> Self {
        Self { mode, circuit: Circuit::Line(line) }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.circuit {
            Circuit::Key(key) => write!(f, "{}/key/{key}", self.mode),
            Circuit::Line(line) => write!(f, "{}/line/{}", self.mode, line.0),
        }
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Statement {
    type Err = StatementError;

    fn from_str(text: &str) -> Result<Self, StatementError> {
        let (mode, rest) = text.split_once('/').ok_or(StatementError::Shape)?;
        let (sort, name) = rest.split_once('/').ok_or(StatementError::Shape)?;
        let mode = mode.parse()?;
        let circuit = match sort {
            "key" => Circuit::Key(name.parse()?),
            "line" => Circuit::Line(name.parse()?),
            _ => return Err(StatementError::Shape),
        };
        Ok(Self { mode, circuit })
    }
}

serde_as_text!(Statement);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn statements() -> impl Strategy<Value = Statement> {
        let circuit = prop_oneof![
            any::<[u8; 32]>().prop_map(|bytes| Circuit::Key(KeyDigest::from_bytes(bytes))),
            "[a-z0-9._-]{1,64}".prop_map(|name| Circuit::Line(name.parse().unwrap())),
        ];
        (prop::sample::select(Mode::ALL.to_vec()), circuit).prop_map(|(mode, circuit)| Statement { mode, circuit })
    }

    #[test]
    fn a_statement_reads_as_mode_sort_and_name() {
        let line = Statement::of_line(Mode::Real, "miden-0.15".parse().unwrap());
        assert_eq!(line.to_string(), "real/line/miden-0.15");
        let key = Statement::of_key(Mode::Mock, KeyDigest::from_bytes([0xab; 32]));
        assert_eq!(key.to_string(), format!("mock/key/{}", "ab".repeat(32)));
    }

    #[test]
    fn each_wrong_part_is_named() {
        let key = "ab".repeat(32);
        let cases = [
            ("real".to_owned(), StatementError::Shape),
            ("real/line".to_owned(), StatementError::Shape),
            (format!("real/digest/{key}"), StatementError::Shape),
            (format!("Real/key/{key}"), StatementError::Mode("Real".to_owned())),
            (format!("real/key/{key}00"), StatementError::Key(NotHex)),
            ("real/line/".to_owned(), StatementError::Line),
            ("real/line/a/b".to_owned(), StatementError::Line),
            (format!("real/line/{}", "a".repeat(MAX_LINE_BYTES + 1)), StatementError::Line),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Statement>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn the_digest_of_a_key_is_its_plain_blake3() {
        assert_eq!(KeyDigest::of(b"key").as_bytes(), blake3::hash(b"key").as_bytes());
    }

    proptest! {
        #[test]
        fn every_statement_reads_back(statement in statements()) {
            prop_assert_eq!(statement.to_string().parse::<Statement>().unwrap(), statement.clone());
            let json = serde_json::to_string(&statement).unwrap();
            prop_assert_eq!(serde_json::from_str::<Statement>(&json).unwrap(), statement);
        }

        #[test]
        fn parsing_never_panics(text in "(real|mock|test|\\PC{0,5})/?(key|line|\\PC{0,5})/?\\PC{0,70}") {
            if let Ok(statement) = text.parse::<Statement>() {
                prop_assert_eq!(statement.to_string(), text);
            }
        }
    }
}
