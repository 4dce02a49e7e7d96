//! One circuit in a process of its own, so that memory at its highest is the circuit's and no other's.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;
use proving::context::ProveContext;
use proving::envelope::OVERHEAD;
use proving::prover::Prover;
use rollup_circuits::id::CircuitId;
use rollup_circuits::proof_file::{self, MAX_PROOF};
use rollup_circuits::provers::CircuitProver;
use rollup_circuits::verify::verify_file;
use rollup_circuits::witness_file::MAX_WITNESS;
use serde::{Deserialize, Serialize};
use terminal::{Console, files};

use crate::measure::{Cost, measured, peak_rss};
use crate::settings::CircuitArgs;

/// What to run.
#[derive(Debug, Clone, Args)]
pub struct ChildArgs {
    /// The circuit.
    pub(super) circuit: CircuitId,
    /// How often to prove; 0 only builds or loads.
    #[arg(long, default_value_t = 1)]
    pub(super) repeat: usize,
    /// The witness file.
    #[arg(long)]
    pub(super) input: Option<PathBuf>,
    /// The needed proofs.
    #[arg(long = "need")]
    pub(super) needs: Vec<PathBuf>,
    /// Where the last proof goes.
    #[arg(long)]
    pub(super) output: Option<PathBuf>,
    /// How circuits are built.
    #[command(flatten)]
    pub(super) circuits: CircuitArgs,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ChildReport {
    /// Rows of the statement.
    pub(super) rows: usize,
    /// Rows that are proved are 2 to this.
    pub(super) degree_bits: usize,
    /// Building or loading.
    pub(super) ready: Cost,
    /// Each proof.
    pub(super) proofs: Vec<Cost>,
    /// Each verification of the file.
    pub(super) verifications: Vec<Cost>,
    /// Bytes of a proof file.
    pub(super) proof_bytes: usize,
    /// Of the whole process.
    pub(super) peak_rss_bytes: u64,
}

/// Runs as the child: the report is the object at the end of stdout.
pub(super) fn run(args: &ChildArgs, console: Console) -> Result<()> {
    let family = args.circuits.family(console)?;
    let (prepared, ready) = measured(|| family.prepare(args.circuit));
    prepared?;
    let size = family.size(args.circuit)?;
    let mut report = ChildReport {
        rows: size.rows,
        degree_bits: size.degree_bits,
        ready,
        proofs: Vec::new(),
        verifications: Vec::new(),
        proof_bytes: 0,
        peak_rss_bytes: 0,
    };
    let limit = |body: u64| body + OVERHEAD as u64;
    let input = args.input.as_ref().map(|path| files::read(path, limit(MAX_WITNESS))).transpose()?.unwrap_or_default();
    let needs: Vec<Vec<u8>> =
        args.needs.iter().map(|path| files::read(path, limit(MAX_PROOF))).collect::<Result<_, _>>()?;
    let needs: Vec<&[u8]> = needs.iter().map(Vec::as_slice).collect();
    let key = family.verification_key(args.circuit)?;
    let prover = CircuitProver::new(family, args.circuit);
    for _ in 0..args.repeat {
        let (proof, cost) = measured(|| prover.prove(&input, &needs, &ProveContext::default()));
        let proof = proof?.into_bytes();
        report.proofs.push(cost);
        if !proof_file::open(&proof)?.mock {
            let (verified, cost) = measured(|| verify_file(&proof, &key));
            verified?;
            report.verifications.push(cost);
        }
        report.proof_bytes = proof.len();
        if let Some(output) = &args.output {
            files::write(output, &proof, false)?;
        }
    }
    report.peak_rss_bytes = peak_rss();
    console.object(&report);
    Ok(())
}

/// Starts a child and waits for its report.
pub(super) fn spawn(args: &ChildArgs) -> Result<ChildReport> {
    let own = std::env::current_exe().context("cannot find this program's own file")?;
    let circuits = &args.circuits;
    let mut command = Command::new(own);
    command
        .args(["--json", "bench", "child", args.circuit.name(), "--repeat", &args.repeat.to_string()])
        .args(["--num-inner-rollup-txs", &circuits.num_inner_rollup_txs.to_string()])
        .args(["--num-outer-rollup-proofs", &circuits.num_outer_rollup_proofs.to_string()])
        .args(["--max-circuit-size", &circuits.max_circuit_size.to_string()])
        .arg(format!("--proverless={}", circuits.proverless))
        .arg("--persist=true")
        .arg("--data-dir")
        .arg(&circuits.data_dir);
    let input = args.input.iter().map(|path| ("--input", path));
    let needs = args.needs.iter().map(|path| ("--need", path));
    let output = args.output.iter().map(|path| ("--output", path));
    for (flag, path) in input.chain(needs).chain(output) {
        command.arg(flag).arg(path);
    }
    let output = command.stderr(Stdio::inherit()).output().context("cannot start a process for a measurement")?;
    if !output.status.success() {
        bail!("measuring {} failed ({})", args.circuit, output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("the report on {} cannot be read", args.circuit))
}
