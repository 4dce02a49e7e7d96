//! `meze verify`: checks proofs with a key that never comes from the proof.

mod expect;
mod key;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use proving::envelope::OVERHEAD;
use proving::error::VerifyError;
use rollup::block::{self, Block};
use rollup::field::Digest;
use rollup::public::RollupPublic;
use rollup_circuits::id::CircuitId;
use rollup_circuits::proof_file::MAX_PROOF;
use rollup_circuits::verification_key::VerificationKey;
use rollup_circuits::verify::{Expected, verify_file, verify_rollup};
use serde_json::json;
use terminal::{Console, files};

pub use expect::PublicFile;

use crate::settings::CircuitArgs;
use crate::text::{ChainAddress, digest};

/// Check a proof, its block, and that both say what is expected
///
/// The key never comes from the proof. It is, in this order: the file given with --verification-key; a file
/// of --keys DIR whose digest is compiled into this program; the key of these settings in the data folder; a
/// file of `keys/` beside the proof whose digest is compiled into this program.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:\n  \
    meze verify out/rollup-0.proof --block out/rollup-0.block --expect out/rollup-0.public.json\n  \
    meze verify rollup-7.proof --verification-key root-verifier.vk --rollup-id 7 --old-state 0x…\n\n\
    Exit codes: 0 good; 1 refused, and the reason begins with the name of the check that failed.")]
pub struct VerifyArgs {
    /// The proof file
    proof: PathBuf,

    /// The key to verify under; also that of another circuit, to verify such a proof
    #[arg(long, value_name = "FILE")]
    verification_key: Option<PathBuf>,

    /// A folder of keys, of which those count whose digests are compiled in
    #[arg(long, value_name = "DIR", conflicts_with = "verification_key")]
    keys: Option<PathBuf>,

    /// The published block, which must be the one that was proved
    #[arg(long, value_name = "FILE")]
    block: Option<PathBuf>,

    /// The id that the rollup must have
    #[arg(long, value_name = "NUMBER")]
    rollup_id: Option<u32>,

    /// The digest of the state that it must start from
    #[arg(long, value_name = "HEX", value_parser = digest)]
    old_state: Option<Digest>,

    /// The digest of the state that it must lead to
    #[arg(long, value_name = "HEX", value_parser = digest)]
    new_state: Option<Digest>,

    /// Who must get the fees
    #[arg(long, value_name = "0x…")]
    beneficiary: Option<ChainAddress>,

    /// All that the proof must say, in the form of rollup-N.public.json
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,

    /// How circuits are built: names the key in the data folder.
    #[command(flatten)]
    circuits: CircuitArgs,
}

/// A check that failed; the exit code is 1.
#[derive(Debug)]
pub struct Refused(pub VerifyError);

impl Refused {
    fn by(check: &'static str, reason: impl Into<String>) -> Self {
        Self(VerifyError::new(check, reason))
    }
}

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
) -> Result<RollupPublic, Refused> {
    let block = block.map(Block::decode).transpose().map_err(|error| Refused::by("block", error.to_string()))?;
    verify_rollup(proof, key, block.as_ref(), expected).map_err(Refused)
}

impl VerifyArgs {
    /// Whether anything is asked that only a rollup's proof can answer.
    fn asks_about_a_rollup(&self) -> bool {
        let flags = [self.rollup_id.is_some(), self.old_state.is_some(), self.new_state.is_some()];
        flags.contains(&true) || self.beneficiary.is_some() || self.expect.is_some() || self.block.is_some()
    }
}

/// Verifies a proof.
///
/// # Errors
/// [`Refused`] when the proof is not good; others when a file or key is not there.
pub fn run(args: &VerifyArgs, console: Console) -> Result<()> {
    let limit = |body: u64| body + OVERHEAD as u64;
    let proof = files::read(&args.proof, limit(MAX_PROOF))?;
    let (key, source) = key::find(args, console)?;
    if key.circuit() != CircuitId::RootVerifier && !args.asks_about_a_rollup() {
        verify_file(&proof, &key).map_err(Refused)?;
        console.say(format!("verified: a {} proof, under the key {} from {source}", key.circuit(), key.digest()));
        console.object(&json!({
            "ok": true, "verified": true, "kind": key.circuit().kind(), "statement": key.statement(), "key_from": source,
        }));
        return Ok(());
    }
    let block = args.block.as_ref().map(|path| files::read(path, block::MAX_BYTES as u64)).transpose()?;
    let wanted = args.expect.as_deref().map(expect::read).transpose()?;
    let expected = Expected {
        rollup_id: args.rollup_id,
        old_state: args.old_state,
        new_state: args.new_state,
        beneficiary: args.beneficiary.map(|address| address.0),
    };
    let public = rollup_files(&proof, &key, block.as_deref(), &expected)?;
    let said = PublicFile::new(&public, key.mode());
    if let Some(wanted) = &wanted {
        wanted.compare(&said)?;
    }
    let shape = key.shape();
    console.say(format!("verified: rollup {} of {} × {}", public.rollup_id, shape.inner(), shape.outer()));
    console.say(format!("  key          {} from {source}", key.digest()));
    console.say(format!("  old state    {}", public.old_state));
    console.say(format!("  new state    {}", public.new_state));
    console.say(format!("  beneficiary  {}", said.beneficiary));
    console.say(match block {
        Some(_) => "  block        is the one that was proved",
        None => "  block        not checked: give it with --block",
    });
    console.object(&json!({
        "ok": true, "verified": true, "kind": key.circuit().kind(), "statement": key.statement(), "key_from": source,
        "block_checked": block.is_some(), "public": said,
    }));
    Ok(())
}
