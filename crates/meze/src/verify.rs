//! `meze verify`: checks proofs with a key that never comes from the proof.

use proving::error::VerifyError;
use proving::statement::Mode;
use rollup::block::Block;
use rollup::field::Digest;
use rollup::public::RollupPublic;
use rollup::witness::FEE_ASSETS;
use rollup_circuits::verification_key::VerificationKey;
use rollup_circuits::verify::{Expected, verify_rollup};
use serde::{Deserialize, Serialize};

use crate::text::ChainAddress;

/// A check that failed; the exit code is 1.
#[derive(Debug)]
pub struct Refused(pub VerifyError);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "refused: {}", self.0)
    }
}

impl std::error::Error for Refused {}

/// Verifies the files of a rollup: what `meze verify` and the demo both do.
///
/// # Errors
/// The check that fails, by name.
pub fn rollup_files(
    proof: &[u8],
    key: &VerificationKey,
    block: Option<&[u8]>,
    expected: &Expected,
) -> Result<(RollupPublic, Option<Block>), Refused> {
    let block = block
        .map(|bytes| Block::decode(bytes).map_err(|error| Refused(VerifyError::new("block", error.to_string()))))
        .transpose()?;
    let public = verify_rollup(proof, key, block.as_ref(), expected).map_err(Refused)?;
    Ok((public, block))
}

/// What a rollup's proof says, as `rollup-N.public.json` tells it and `--expect` reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicFile {
    /// `real`, or `mock` of something that proves nothing.
    pub mode: Mode,
    /// Id of the rollup.
    pub rollup_id: u32,
    /// Digest of the state before it.
    pub old_state: Digest,
    /// Digest of the state after it.
    pub new_state: Digest,
    /// Who gets the fees.
    pub beneficiary: ChainAddress,
    /// N.
    pub num_inner_rollup_txs: usize,
    /// M.
    pub num_outer_rollup_proofs: usize,
    /// Assets that fees may be paid in.
    pub fee_assets: [u32; FEE_ASSETS],
    /// Fees by asset.
    pub fee_sums: [u64; FEE_ASSETS],
    /// What binds the published bytes: their commitment, the point, and their evaluation there.
    pub published_commitment: Digest,
    /// The point.
    pub published_point: [u64; 2],
    /// The evaluation.
    pub published_evaluation: [u64; 2],
}

impl PublicFile {
    /// What `public` says, of a proof or a mock.
    pub fn new(public: &RollupPublic, mode: Mode) -> Self {
        Self {
            mode,
            rollup_id: public.rollup_id,
            old_state: public.old_state,
            new_state: public.new_state,
            beneficiary: ChainAddress(public.beneficiary),
            num_inner_rollup_txs: public.shape.inner(),
            num_outer_rollup_proofs: public.shape.outer(),
            fee_assets: public.fee_assets,
            fee_sums: public.fee_sums,
            published_commitment: public.commitment,
            published_point: public.challenge,
            published_evaluation: public.evaluation,
        }
    }
}
