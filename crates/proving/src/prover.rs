//! The two traits that every family implements: one makes a proof, the other checks it.

use std::fmt;

use crate::context::ProveContext;
use crate::error::{ProveError, VerifyError};
use crate::kind::Kind;
use crate::statement::Statement;

/// A proof: opaque bytes and what kind of proof they are. Two proofs of one task may differ in their
/// bytes, so there is no comparing them: judge a proof by its task's id, or verify it.
#[derive(Clone)]
pub struct Proof {
    kind: Kind,
    bytes: Vec<u8>,
}

impl Proof {
    /// A proof of `kind`, unchecked.
    pub fn new(kind: Kind, bytes: Vec<u8>) -> Self {
        Self { kind, bytes }
    }

    /// What it claims to be.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The bytes, as its prover wrote them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, taken out.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proof({}, {} bytes)", self.kind, self.bytes.len())
    }
}

/// Makes the proofs of one kind under one statement.
pub trait Prover: Send + Sync {
    /// The kind of proof that it makes.
    fn kind(&self) -> Kind;

    /// The circuit and mode that it proves under. The first call may build or load a key.
    ///
    /// # Errors
    /// [`ProveError::Resources`] where the circuit is larger than is allowed here, and
    /// [`ProveError::Worker`] where its key can be neither built nor loaded.
    fn statement(&self) -> Result<Statement, ProveError>;

    /// Proves `input` on top of `needs`, the bytes of the proofs that the task needs, in the task's order.
    ///
    /// It blocks until the proof is there. It looks at the context between its steps, and both `input` and
    /// `needs` are untrusted: whatever their bytes are, it returns an error and does not panic.
    ///
    /// # Errors
    /// One of the four classes of [`ProveError`]; [`ProveError::InvalidInput`] only where no other prover of
    /// this statement could make the proof.
    fn prove(&self, input: &[u8], needs: &[&[u8]], context: &ProveContext) -> Result<Proof, ProveError>;
}

/// Checks the proofs of one kind under one statement, with a key of its own: never one that comes with
/// the proof.
pub trait Verifier: Send + Sync {
    /// The kind of proof that it checks.
    fn kind(&self) -> Kind;

    /// The circuit and mode that it accepts.
    fn statement(&self) -> Statement;

    /// Checks that `proof` answers the task of `input` and `needs`: that it holds under this verifier's key,
    /// and that it says what was asked, so that a good proof of something else is refused.
    ///
    /// # Errors
    /// The first check that fails, by name. Whatever the bytes are, it does not panic.
    fn verify(&self, input: &[u8], needs: &[&[u8]], proof: &Proof) -> Result<(), VerifyError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::CancelToken;
    use crate::error::FailureClass;
    use crate::statement::{KeyDigest, Mode};

    /// Proves that bytes add up to their sum, by showing the sum.
    struct Sum;

    fn sum(input: &[u8], needs: &[&[u8]]) -> u8 {
        needs.iter().copied().chain([input]).flatten().fold(0, |sum, byte| sum.wrapping_add(*byte))
    }

    impl Prover for Sum {
        fn kind(&self) -> Kind {
            "example.sum".parse().unwrap()
        }

        fn statement(&self) -> Result<Statement, ProveError> {
            Ok(Statement::of_key(Mode::Test, KeyDigest::of(b"sum")))
        }

        fn prove(&self, input: &[u8], needs: &[&[u8]], context: &ProveContext) -> Result<Proof, ProveError> {
            context.step("sum", 0, 1)?;
            if input.is_empty() {
                return Err(ProveError::invalid_input("there is nothing to add up"));
            }
            Ok(Proof::new(Prover::kind(self), vec![sum(input, needs)]))
        }
    }

    impl Verifier for Sum {
        fn kind(&self) -> Kind {
            Prover::kind(self)
        }

        fn statement(&self) -> Statement {
            Statement::of_key(Mode::Test, KeyDigest::of(b"sum"))
        }

        fn verify(&self, input: &[u8], needs: &[&[u8]], proof: &Proof) -> Result<(), VerifyError> {
            if *proof.kind() != Verifier::kind(self) {
                return Err(VerifyError::new("kind", format!("this is a proof of {}", proof.kind())));
            }
            if proof.bytes() != [sum(input, needs)] {
                return Err(VerifyError::new("sum", "the bytes do not add up"));
            }
            Ok(())
        }
    }

    #[test]
    fn both_traits_work_as_objects() {
        let (prover, verifier): (Box<dyn Prover>, Box<dyn Verifier>) = (Box::new(Sum), Box::new(Sum));
        let proof = prover.prove(&[1, 2], &[&[3], &[4]], &ProveContext::default()).unwrap();
        assert_eq!(proof.bytes(), [10]);
        verifier.verify(&[1, 2], &[&[3], &[4]], &proof).unwrap();
        assert_eq!(verifier.verify(&[1, 2], &[], &proof).unwrap_err().check(), "sum");
        let foreign = Proof::new(Kind::EVM_BLOCK, proof.clone().into_bytes());
        assert_eq!(verifier.verify(&[1, 2], &[&[3], &[4]], &foreign).unwrap_err().check(), "kind");
        assert_eq!(prover.statement().unwrap(), verifier.statement());
    }

    #[test]
    fn a_cancelled_proof_and_a_bad_input_fail_in_their_own_class() {
        let cancel = CancelToken::new();
        cancel.cancel();
        let cancelled = ProveContext::new(cancel, std::sync::Arc::new(crate::context::Silent));
        assert_eq!(Sum.prove(&[1], &[], &cancelled).unwrap_err().class(), FailureClass::Cancelled);
        let refused = Sum.prove(&[], &[], &ProveContext::default()).unwrap_err();
        assert_eq!(refused.class(), FailureClass::InvalidInput);
    }

    #[test]
    fn debug_output_shows_no_bytes_of_a_proof() {
        assert_eq!(format!("{:?}", Proof::new(Kind::ROLLUP_WRAP, vec![7; 12])), "Proof(rollup.wrap, 12 bytes)");
    }
}
