//! Reading what came from outside: within a budget, and to the last byte.

use miden_protocol::utils::serde::{BudgetedReader, ByteReader, Deserializable, DeserializationError, SliceReader};
use proving::error::{ProveError, VerifyError};
use proving::prover::Proof;

/// How many bytes a decoder may ask for, for each byte that is there.
///
/// A length in the bytes makes Miden's readers ask whether so many elements can follow, counted at their size in
/// memory. That is more than what they take when written, by less than this factor for every type in a request, so
/// that a budget of it refuses no genuine request and yet lets no length reserve much more than came.
const BYTES_OF_BUDGET: usize = 16;

/// Why bytes are not what they should be. It quotes none of them: they may be a witness.
#[derive(Debug)]
pub(crate) enum NotDecoded {
    /// Miden's reader refused them.
    Malformed { what: &'static str, source: DeserializationError },
    /// They go on after the end.
    Trailing { what: &'static str },
}

impl NotDecoded {
    /// As the fault of a request, in the words of upstream's server.
    pub(crate) fn into_prove_error(self) -> ProveError {
        match self {
            Self::Malformed { what, source } => {
                ProveError::invalid_input(format!("failed to decode request: it is not {what}")).with_source(source)
            }
            Self::Trailing { what } => {
                ProveError::invalid_input(format!("failed to decode request: bytes follow {what}"))
            }
        }
    }

    /// As the fault of a proof or of the request that it should answer, under the check's name.
    pub(crate) fn into_verify_error(self, check: &'static str) -> VerifyError {
        match self {
            Self::Malformed { what, source } => {
                VerifyError::new(check, format!("it is not {what}")).with_source(source)
            }
            Self::Trailing { what } => VerifyError::new(check, format!("bytes follow {what}")),
        }
    }
}

/// Reads all of `bytes` as one `T`, which is called `what`.
pub(crate) fn whole<T: Deserializable>(bytes: &[u8], what: &'static str) -> Result<T, NotDecoded> {
    whole_with(bytes, what, |reader| T::read_from(reader))
}

/// Reads all of `bytes` with `read`, which reads what is called `what`.
pub(crate) fn whole_with<'a, T>(
    bytes: &'a [u8],
    what: &'static str,
    read: impl FnOnce(&mut BudgetedReader<SliceReader<'a>>) -> Result<T, DeserializationError>,
) -> Result<T, NotDecoded> {
    let mut reader = BudgetedReader::new(SliceReader::new(bytes), bytes.len().saturating_mul(BYTES_OF_BUDGET));
    let value = read(&mut reader).map_err(|source| NotDecoded::Malformed { what, source })?;
    if reader.has_more_bytes() {
        return Err(NotDecoded::Trailing { what });
    }
    Ok(value)
}

/// Runs a check of Miden's own code over untrusted bytes, and takes a panic in there for a refusal: whoever checks a
/// proof has no child process to lose.
pub(crate) fn without_panic(check: impl FnOnce() -> Result<(), VerifyError>) -> Result<(), VerifyError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(check))
        .unwrap_or_else(|_| Err(VerifyError::new("panic", "Miden's own code panicked over the request or its proof")))
}

/// Refuses a proof of another kind.
pub(crate) fn of_kind(proof: &Proof, kind: &proving::kind::Kind) -> Result<(), VerifyError> {
    if proof.kind() == kind {
        return Ok(());
    }
    Err(VerifyError::new("kind", format!("this is a proof of {}, not of {kind}", proof.kind())))
}

/// Refuses a proof in which something differs from what was asked, by the name of it.
pub(crate) fn same<T: PartialEq>(check: &'static str, asked: &T, found: &T) -> Result<(), VerifyError> {
    if asked == found {
        return Ok(());
    }
    Err(VerifyError::new(check, "the proof is of another one than the request asks for"))
}
