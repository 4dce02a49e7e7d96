//! A proof as bytes: a flat list of canonical limbs whose number and order follow from the circuit.
//!
//! The library's own reader takes limbs at or above p and lengths from the bytes. Here nothing is read
//! from the bytes but limbs: the circuit gives every length, each limb is checked, nothing trails.

use plonky2::field::extension::FieldExtension;
use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::polynomial::PolynomialCoeffs;
use plonky2::field::types::PrimeField64;
use plonky2::fri::proof::{FriInitialTreeProof, FriProof, FriQueryRound, FriQueryStep};
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::merkle_proofs::MerkleProof;
use plonky2::hash::merkle_tree::MerkleCap;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::plonk::proof::{OpeningSet, Proof};
use rollup::field::{DIGEST_LIMBS, LIMB_BYTES, NotCanonical, canonical};

use crate::plonk::{C, Common, D, F, PlonkProof};

type Extension = QuadraticExtension<F>;

/// Salt limbs at the end of a leaf of a zero-knowledge proof.
const SALT: usize = 4;

/// Why bytes are not a proof of a circuit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The circuit's proofs have another length.
    #[error("a proof of this circuit has {expected} bytes, this has {found}")]
    Length {
        /// What the circuit gives.
        expected: usize,
        /// What there is.
        found: usize,
    },
    /// A limb is at or above the field's order.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
}

/// Writes a proof.
pub fn encode(proof: &PlonkProof) -> Vec<u8> {
    let mut out = Writer(Vec::new());
    out.limbs(&proof.public_inputs);
    let inner = &proof.proof;
    for cap in [&inner.wires_cap, &inner.plonk_zs_partial_products_cap, &inner.quotient_polys_cap] {
        out.digests(&cap.0);
    }
    let openings = &inner.openings;
    for list in [
        &openings.constants,
        &openings.plonk_sigmas,
        &openings.wires,
        &openings.plonk_zs,
        &openings.plonk_zs_next,
        &openings.partial_products,
        &openings.quotient_polys,
    ] {
        out.extensions(list);
    }
    let fri = &inner.opening_proof;
    for cap in &fri.commit_phase_merkle_caps {
        out.digests(&cap.0);
    }
    for round in &fri.query_round_proofs {
        for (leaf, path) in &round.initial_trees_proof.evals_proofs {
            out.limbs(leaf);
            out.digests(&path.siblings);
        }
        for step in &round.steps {
            out.extensions(&step.evals);
            out.digests(&step.merkle_proof.siblings);
        }
    }
    out.extensions(&fri.final_poly.coeffs);
    out.limbs(&[fri.pow_witness]);
    out.0
}

/// Reads a proof of the circuit that `common` describes.
///
/// # Errors
/// Another length than the circuit's proofs have, or a limb that is not canonical.
pub fn decode(bytes: &[u8], common: &Common) -> Result<PlonkProof, CodecError> {
    let expected = limb_count(common) * LIMB_BYTES;
    if bytes.len() != expected {
        return Err(CodecError::Length { expected, found: bytes.len() });
    }
    read(&mut Reader(bytes.chunks_exact(LIMB_BYTES)), common)
}

/// How many bytes a proof of this circuit takes.
pub fn proof_bytes(common: &Common) -> usize {
    limb_count(common) * LIMB_BYTES
}

/// Leaf sizes of the four initial oracles.
fn leaf_sizes(common: &Common) -> [usize; 4] {
    let config = &common.config;
    let salt = if common.fri_params.leaf_hiding { SALT } else { 0 };
    [
        common.num_constants + config.num_routed_wires,
        config.num_wires + salt,
        config.num_challenges * (1 + common.num_partial_products) + salt,
        config.num_challenges * common.quotient_degree_factor + salt,
    ]
}

/// Sizes of the opening lists, in order.
fn opening_sizes(common: &Common) -> [usize; 7] {
    let config = &common.config;
    [
        common.num_constants,
        config.num_routed_wires,
        config.num_wires,
        config.num_challenges,
        config.num_challenges,
        config.num_challenges * common.num_partial_products,
        config.num_challenges * common.quotient_degree_factor,
    ]
}

fn limb_count(common: &Common) -> usize {
    let params = &common.fri_params;
    let cap = DIGEST_LIMBS << params.config.cap_height;
    let initial_path = params.lde_bits() - params.config.cap_height;
    let mut round: usize = leaf_sizes(common).iter().map(|leaf| leaf + DIGEST_LIMBS * initial_path).sum();
    let mut path = initial_path;
    for arity in &params.reduction_arity_bits {
        path -= arity;
        round += (D << arity) + DIGEST_LIMBS * path;
    }
    common.num_public_inputs
        + 3 * cap
        + D * opening_sizes(common).iter().sum::<usize>()
        + cap * params.reduction_arity_bits.len()
        + round * params.config.num_query_rounds
        + D * params.final_poly_len()
        + 1
}

fn read(from: &mut Reader<'_>, common: &Common) -> Result<PlonkProof, CodecError> {
    let params = &common.fri_params;
    let cap = 1 << params.config.cap_height;
    let public_inputs = from.limbs(common.num_public_inputs)?;
    let wires_cap = MerkleCap(from.digests(cap)?);
    let plonk_zs_partial_products_cap = MerkleCap(from.digests(cap)?);
    let quotient_polys_cap = MerkleCap(from.digests(cap)?);
    let [constants, sigmas, wires, zs, zs_next, products, quotients] = opening_sizes(common);
    let openings = OpeningSet {
        constants: from.extensions(constants)?,
        plonk_sigmas: from.extensions(sigmas)?,
        wires: from.extensions(wires)?,
        plonk_zs: from.extensions(zs)?,
        plonk_zs_next: from.extensions(zs_next)?,
        partial_products: from.extensions(products)?,
        quotient_polys: from.extensions(quotients)?,
        lookup_zs: vec![],
        lookup_zs_next: vec![],
    };
    let commit_phase_merkle_caps = params
        .reduction_arity_bits
        .iter()
        .map(|_| Ok(MerkleCap(from.digests(cap)?)))
        .collect::<Result<_, CodecError>>()?;
    let query_round_proofs =
        (0..params.config.num_query_rounds).map(|_| read_round(from, common)).collect::<Result<_, CodecError>>()?;
    let final_poly = PolynomialCoeffs::new(from.extensions(params.final_poly_len())?);
    let pow_witness = from.limbs(1)?[0];
    let opening_proof = FriProof { commit_phase_merkle_caps, query_round_proofs, final_poly, pow_witness };
    let proof =
        Proof::<F, C, D> { wires_cap, plonk_zs_partial_products_cap, quotient_polys_cap, openings, opening_proof };
    Ok(PlonkProof { proof, public_inputs })
}

fn read_round(from: &mut Reader<'_>, common: &Common) -> Result<FriQueryRound<F, PoseidonHash, D>, CodecError> {
    let params = &common.fri_params;
    let mut path = params.lde_bits() - params.config.cap_height;
    let evals_proofs = leaf_sizes(common)
        .iter()
        .map(|&leaf| Ok((from.limbs(leaf)?, MerkleProof { siblings: from.digests(path)? })))
        .collect::<Result<_, CodecError>>()?;
    let steps = params
        .reduction_arity_bits
        .iter()
        .map(|arity| {
            path -= arity;
            let evals = from.extensions(1 << arity)?;
            Ok(FriQueryStep { evals, merkle_proof: MerkleProof { siblings: from.digests(path)? } })
        })
        .collect::<Result<_, CodecError>>()?;
    Ok(FriQueryRound { initial_trees_proof: FriInitialTreeProof { evals_proofs }, steps })
}

struct Writer(Vec<u8>);

impl Writer {
    fn limbs(&mut self, limbs: &[F]) {
        for limb in limbs {
            self.0.extend_from_slice(&limb.to_canonical_u64().to_be_bytes());
        }
    }

    fn digests(&mut self, digests: &[HashOut<F>]) {
        for digest in digests {
            self.limbs(&digest.elements);
        }
    }

    fn extensions(&mut self, elements: &[Extension]) {
        for element in elements {
            self.limbs(&element.0);
        }
    }
}

/// Hands out limbs; the length was checked before.
struct Reader<'a>(std::slice::ChunksExact<'a, u8>);

impl Reader<'_> {
    fn limb(&mut self) -> Result<F, CodecError> {
        let chunk = self.0.next().expect("the number of limbs was checked");
        let bytes: [u8; LIMB_BYTES] = chunk.try_into().expect("chunks have 8 bytes");
        Ok(canonical(u64::from_be_bytes(bytes))?)
    }

    fn limbs(&mut self, count: usize) -> Result<Vec<F>, CodecError> {
        (0..count).map(|_| self.limb()).collect()
    }

    fn digests(&mut self, count: usize) -> Result<Vec<HashOut<F>>, CodecError> {
        (0..count).map(|_| Ok(HashOut { elements: [self.limb()?, self.limb()?, self.limb()?, self.limb()?] })).collect()
    }

    fn extensions(&mut self, count: usize) -> Result<Vec<Extension>, CodecError> {
        (0..count).map(|_| Ok(Extension::from_basefield_array([self.limb()?, self.limb()?]))).collect()
    }
}
