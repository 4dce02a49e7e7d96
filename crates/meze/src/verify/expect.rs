//! `rollup-N.public.json`: what a rollup's proof says, and with `--expect` what it must say.

use std::path::Path;

use anyhow::{Context, Result};
use proving::statement::Mode;
use rollup::field::Digest;
use rollup::public::RollupPublic;
use rollup::witness::FEE_ASSETS;
use serde::{Deserialize, Serialize};
use terminal::files;

use super::Refused;
use crate::text::ChainAddress;

/// Largest such file.
const MAX_FILE: u64 = 1 << 16;

/// The public inputs of a rollup by name. Numbers that JSON's readers may round are text.
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
    pub fee_sums: [String; FEE_ASSETS],
    /// What binds the published bytes: their commitment, the point drawn for them, their evaluation there.
    pub published_commitment: Digest,
    /// The point, two limbs.
    pub published_point: [String; 2],
    /// The evaluation, two limbs.
    pub published_evaluation: [String; 2],
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
            fee_sums: public.fee_sums.map(|sum| sum.to_string()),
            published_commitment: public.commitment,
            published_point: public.challenge.map(|limb| limb.to_string()),
            published_evaluation: public.evaluation.map(|limb| limb.to_string()),
        }
    }

    /// Compares what is expected with what a verified proof says.
    pub(super) fn compare(&self, said: &Self) -> Result<(), Refused> {
        let shape = |file: &Self| (file.num_inner_rollup_txs, file.num_outer_rollup_proofs);
        let published =
            |file: &Self| (file.published_commitment, file.published_point.clone(), file.published_evaluation.clone());
        let fees = |file: &Self| (file.fee_assets, file.fee_sums.clone());
        same("mode", &self.mode, &said.mode)?;
        same("shape", &shape(self), &shape(said))?;
        same("rollup-id", &self.rollup_id, &said.rollup_id)?;
        same("old-state", &self.old_state, &said.old_state)?;
        same("new-state", &self.new_state, &said.new_state)?;
        same("beneficiary", &self.beneficiary, &said.beneficiary)?;
        same("fees", &fees(self), &fees(said))?;
        same("published", &published(self), &published(said))
    }
}

fn same<T: PartialEq + std::fmt::Debug>(check: &'static str, expected: &T, found: &T) -> Result<(), Refused> {
    if expected == found {
        Ok(())
    } else {
        Err(Refused::by(check, format!("expected {expected:?}, the proof says {found:?}")))
    }
}

/// Reads such a file.
pub(super) fn read(path: &Path) -> Result<PublicFile> {
    serde_json::from_slice(&files::read(path, MAX_FILE)?)
        .with_context(|| format!("{} does not say what a rollup is expected to be", path.display()))
}
