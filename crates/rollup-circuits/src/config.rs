//! Parameters of every proof, and why they are safe.
//!
//! Each configuration counts `rate bits × queries + proof-of-work bits ≥ 100`, the conjectured
//! security that the library's standard configuration has. `docs/performance.md` holds the table that
//! led to the choice, `docs/security.md` what it rests on.

use plonky2::fri::{FriConfig, FriReductionStrategy};
use plonky2::plonk::circuit_data::CircuitConfig;

/// Wires of a row: as many as the Poseidon gate has.
const WIRES: usize = 135;

/// The free choices of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FriChoice {
    /// The code's rate is 2^−rate_bits.
    pub rate_bits: usize,
    /// Query rounds.
    pub queries: usize,
    /// Bits of proof of work.
    pub pow_bits: u32,
    /// Each folding step divides the degree by 2^arity_bits.
    pub arity_bits: usize,
    /// Folding stops at this degree.
    pub final_bits: usize,
    /// Height of the Merkle caps.
    pub cap_height: usize,
    /// Base-field challenges of the permutation argument and the constraint combination.
    pub challenges: usize,
}

impl FriChoice {
    /// Conjectured bits of security.
    pub const fn conjectured_bits(&self) -> usize {
        self.rate_bits * self.queries + self.pow_bits as usize
    }

    /// The library's configuration for this choice.
    pub fn config(&self, zero_knowledge: bool) -> CircuitConfig {
        CircuitConfig {
            num_wires: WIRES,
            zero_knowledge,
            num_challenges: self.challenges,
            fri_config: FriConfig {
                rate_bits: self.rate_bits,
                cap_height: self.cap_height,
                proof_of_work_bits: self.pow_bits,
                reduction_strategy: FriReductionStrategy::ConstantArityBits(self.arity_bits, self.final_bits),
                num_query_rounds: self.queries,
            },
            ..CircuitConfig::standard_recursion_config()
        }
    }
}

/// The choices for a whole tree of proofs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// Join-split, account, padding; zero-knowledge.
    pub client: FriChoice,
    /// Wrap.
    pub wrap: FriChoice,
    /// Inner.
    pub inner: FriChoice,
    /// Outer.
    pub outer: FriChoice,
    /// Root verifier.
    pub root: FriChoice,
}

/// The standard recursion parameters.
pub const STANDARD: FriChoice =
    FriChoice { rate_bits: 3, queries: 28, pow_bits: 16, arity_bits: 4, final_bits: 5, cap_height: 4, challenges: 2 };

impl Parameters {
    /// Rows of a client circuit with its blinding, under the default parameters.
    pub(crate) const CLIENT_ROWS: usize = 4096;
    /// Rows of the wrap circuit, under the default parameters.
    pub(crate) const WRAP_ROWS: usize = 3179;
    /// Rows of an inner circuit beside its slots, under the default parameters.
    pub(crate) const INNER_ROWS_BASE: usize = 94;
    /// Rows of an inner circuit for each slot, under the default parameters.
    pub(crate) const INNER_ROWS_EACH: usize = 2769;
    /// Rows of an outer circuit beside its inners.
    pub(crate) const OUTER_ROWS_BASE: usize = 75;

    /// Rows that verifying a proof of 2^degree_bits rows takes, under the standard parameters.
    pub(crate) fn verifier_rows(degree_bits: usize) -> usize {
        match degree_bits {
            0..=12 => 3866,
            13 => 4040,
            14 => 4417,
            15 => 4627,
            16 => 4818,
            17 => 5020,
            // Each doubling adds a level to every path; every fourth one a folding step.
            _ => 5424 + 400 * (degree_bits - 18),
        }
    }

    /// What Meze proves with.
    pub const DEFAULT: Self = Self {
        client: FriChoice { rate_bits: 4, queries: 21, arity_bits: 3, ..STANDARD },
        wrap: FriChoice { rate_bits: 6, queries: 14, ..STANDARD },
        inner: STANDARD,
        outer: STANDARD,
        root: STANDARD,
    };
}
