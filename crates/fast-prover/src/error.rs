//! Why there is no proof.

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The circuit has lookup tables, which this prover does not know.
    #[error("the circuit has lookup tables; prove it with the library's prover")]
    Lookups,
    /// The circuit's parameters do not fit together, or are none that this prover knows.
    #[error("the circuit cannot be proven here: {0}")]
    Circuit(&'static str),
    /// No assignment to all wires follows from the inputs.
    #[error("the inputs do not extend to a witness")]
    Witness(#[source] anyhow::Error),
    /// A generator of the circuit panicked on the inputs.
    #[error("a generator of the circuit failed on the inputs")]
    Generator,
    /// The witness breaks a constraint.
    #[error("the witness breaks a constraint")]
    Unsatisfied,
    /// A challenge fell on one of the few values that a proof cannot use; another attempt is another
    /// challenge only if the circuit is zero-knowledge.
    #[error("a challenge fell on a forbidden value")]
    Challenge,
}
