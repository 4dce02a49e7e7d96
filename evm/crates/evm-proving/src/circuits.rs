//! All circuits of a configuration in memory, or the part of them that a worker proves with.

use std::fmt;
use std::str::FromStr;

use evm_arithmetization::{AllRecursiveCircuits, AllStark, EXTENSION_DEGREE, Field, RecursionConfig};
use plonky2::fri::oracle::PolynomialBatch;
use plonky2::hash::merkle_tree::MerkleTree;
use plonky2::plonk::circuit_data::{CircuitData, VerifierCircuitData};
use plonky2::plonk::proof::ProofWithPublicInputs;
use proving::kind::Kind;

use crate::config::CircuitConfig;
use crate::error::EvmError;
use crate::guard::guard;
use crate::key::VerificationKey;

/// Degree of the extension that challenges are drawn from.
pub const D: usize = EXTENSION_DEGREE;
/// The field of every proof.
pub type F = Field;
/// Hashes and field of every recursive proof.
pub type C = RecursionConfig;
/// A recursive proof with its public inputs.
pub type PlonkProof = ProofWithPublicInputs<F, C, D>;
/// What checks proofs of one circuit.
pub type VerifierData = VerifierCircuitData<F, C, D>;

/// Which circuits a worker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Those of segments: tables of every length, and what joins them. Large, and so is the proving.
    Heavy,
    /// Those of aggregations and blocks.
    Light,
    /// Both.
    All,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 3] = [Self::Heavy, Self::Light, Self::All];

    /// Its name, as options write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Heavy => "heavy",
            Self::Light => "light",
            Self::All => "all",
        }
    }

    /// Whether it proves segments.
    pub const fn proves_segments(self) -> bool {
        matches!(self, Self::Heavy | Self::All)
    }

    /// Whether it proves aggregations and blocks.
    pub const fn aggregates(self) -> bool {
        matches!(self, Self::Light | Self::All)
    }

    /// The kinds that are proved with it.
    pub fn kinds(self) -> &'static [Kind] {
        const KINDS: [Kind; 4] =
            [Kind::EVM_SEGMENT, Kind::EVM_SEGMENT_AGGREGATION, Kind::EVM_BATCH_AGGREGATION, Kind::EVM_BLOCK];
        const ALL: &[Kind] = &KINDS;
        match self {
            Self::Heavy => &ALL[..1],
            Self::Light => &ALL[1..],
            Self::All => ALL,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no [`Part`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a worker's part is heavy, light or all")]
pub struct NotAPart;

impl FromStr for Part {
    type Err = NotAPart;

    fn from_str(text: &str) -> Result<Self, NotAPart> {
        Self::ALL.into_iter().find(|part| part.name() == text).ok_or(NotAPart)
    }
}

/// Circuits, ready to prove with.
pub struct Circuits {
    pub(crate) config: CircuitConfig,
    pub(crate) part: Part,
    /// Boxed, as the next: they are hundreds of kilobytes by themselves, too much for an ordinary stack.
    pub(crate) all: Box<AllRecursiveCircuits>,
    pub(crate) stark: Box<AllStark<F, D>>,
    key: VerificationKey,
}

impl Circuits {
    /// Builds all circuits of a configuration. It takes a second or two a circuit of a table in the test
    /// configuration, and about 9 at standard security: use a [`CircuitStore`](crate::store::CircuitStore) to do it
    /// once.
    ///
    /// # Errors
    /// [`EvmError::Build`].
    pub fn build(config: &CircuitConfig) -> Result<Self, EvmError> {
        let build = || {
            let all = AllRecursiveCircuits::new(&AllStark::default(), config.ranges.as_array(), config.recursion());
            Ok::<_, String>(Self::of(config, Box::new(all)))
        };
        guard(build).map_err(EvmError::Build)
    }

    pub(crate) fn of(config: &CircuitConfig, all: Box<AllRecursiveCircuits>) -> Self {
        let key = VerificationKey::of(config, &all);
        Self { config: config.clone(), part: Part::All, all, stark: Box::default(), key }
    }

    /// The same circuits without the proving keys that `part` does not need.
    #[must_use]
    pub fn only(mut self, part: Part) -> Self {
        let all = &mut self.all;
        // Nothing here proves with it.
        forget(&mut all.two_to_one_block.circuit);
        if !part.proves_segments() {
            forget(&mut all.root.circuit);
            for table in &mut all.by_table {
                table.by_stark_size.clear();
            }
        }
        if !part.aggregates() {
            forget(&mut all.segment_aggregation.circuit);
            forget(&mut all.batch_aggregation.circuit);
            forget(&mut all.block.circuit);
            forget(&mut all.block_wrapper.circuit);
        }
        self.part = part;
        self
    }

    /// What they were built for.
    pub fn config(&self) -> &CircuitConfig {
        &self.config
    }

    /// Which of them are here.
    pub fn part(&self) -> Part {
        self.part
    }

    /// What checks proofs that are made with them.
    pub fn key(&self) -> &VerificationKey {
        &self.key
    }
}

/// Drops all of a circuit that only proving needs.
fn forget(circuit: &mut CircuitData<F, C, D>) {
    let prover = &mut circuit.prover_only;
    let PolynomialBatch { polynomials, merkle_tree, .. } = &mut prover.constants_sigmas_commitment;
    *polynomials = Vec::new();
    *merkle_tree = MerkleTree::default();
    prover.generators = Vec::new();
    prover.generator_indices_by_watches.clear();
    prover.sigmas = Vec::new();
    prover.subgroup = Vec::new();
    prover.representative_map = Vec::new();
    prover.fft_root_table = None;
}

impl fmt::Debug for Circuits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circuits").field("config", &self.config).field("part", &self.part).finish_non_exhaustive()
    }
}
