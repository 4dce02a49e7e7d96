//! `meze prove`: one task, from files to a file.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use proving::context::ProveContext;
use proving::envelope::OVERHEAD;
use proving::prover::Prover;
use rollup_circuits::id::CircuitId;
use rollup_circuits::proof_file::MAX_PROOF;
use rollup_circuits::provers::CircuitProver;
use rollup_circuits::witness_file::MAX_WITNESS;
use serde_json::json;
use terminal::{Console, files};

use crate::measure::measured;
use crate::settings::CircuitArgs;
use crate::text::bytes;

/// Make one proof from a witness file and the proofs that it needs
///
/// join-split and account take a witness; wrap takes one client proof; inner takes a witness and the wrapped
/// proofs of its transactions in order; outer takes a witness and its inner proofs in order; root-verifier
/// takes one outer proof; padding takes nothing.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples (with the files of `meze demo --output out --keep-tasks`):\n  \
    meze prove rollup.account --input out/tasks/0000-account.witness --output client.proof\n  \
    meze prove rollup.wrap --need client.proof --output wrapped.proof")]
pub struct ProveArgs {
    /// What to prove: rollup.join-split, rollup.account, rollup.padding, rollup.wrap, rollup.inner,
    /// rollup.outer or rollup.root-verifier
    kind: CircuitId,

    /// The witness file
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,

    /// A proof file that is needed; once for each, in order
    #[arg(long = "need", value_name = "FILE")]
    needs: Vec<PathBuf>,

    /// Where the proof goes
    #[arg(long, value_name = "FILE")]
    output: PathBuf,

    /// How circuits are built.
    #[command(flatten)]
    circuits: CircuitArgs,
}

/// Makes the proof.
///
/// # Errors
/// A file cannot be read or written, or there is no proof.
pub fn run(args: &ProveArgs, console: Console) -> Result<()> {
    let limit = |body: u64| body + OVERHEAD as u64;
    let input = args.input.as_ref().map(|path| files::read(path, limit(MAX_WITNESS))).transpose()?.unwrap_or_default();
    let needs: Vec<Vec<u8>> =
        args.needs.iter().map(|path| files::read(path, limit(MAX_PROOF))).collect::<Result<_, _>>()?;
    let needs: Vec<&[u8]> = needs.iter().map(Vec::as_slice).collect();
    let family = args.circuits.family(console)?;
    args.circuits.prepare(&family, &[args.kind], console)?;
    let prover = CircuitProver::new(family, args.kind);
    let (proof, cost) = measured(|| prover.prove(&input, &needs, &ProveContext::default()));
    let proof = proof?;
    let statement = prover.statement()?;
    files::write(&args.output, proof.bytes(), false)?;
    let what = if args.circuits.proverless { "MOCK (PROVERLESS; proves nothing) of" } else { "proof of" };
    console.say(format!(
        "{}: {what} {}, {}, in {:.1} s ({:.1} CPU-s), under {statement}",
        args.output.display(),
        args.kind.kind(),
        bytes(proof.bytes().len() as u64),
        cost.wall_seconds,
        cost.cpu_seconds
    ));
    console.object(&json!({
        "ok": true, "proverless": args.circuits.proverless, "kind": args.kind.kind(), "statement": statement,
        "output": args.output, "bytes": proof.bytes().len(), "cost": cost,
    }));
    Ok(())
}
