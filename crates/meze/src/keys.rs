//! `meze keys`: builds keys, lists what is on disk, exports the verification keys.

mod list;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use rollup_circuits::id::CircuitId;
use serde::Serialize;
use serde_json::json;
use terminal::{Console, Usage, files};

use crate::measure::{Cost, measured};
use crate::settings::CircuitArgs;
use crate::text::table;
use crate::trusted;

/// Build, list and export keys
#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Build the keys of all or some circuits and keep them in the data folder
    Build(BuildArgs),
    /// Show the files in the data folder's `keys`, and which of them these settings use
    List(CircuitArgs),
    /// Write verification keys alone; they are small, and all that a verifier needs
    Export(ExportArgs),
    /// Print the digest of the root-verifier key as crates/meze/src/trusted.rs has it
    Digests(CircuitArgs),
}

/// What to build.
#[derive(Debug, Clone, Args)]
pub struct BuildArgs {
    /// Circuits to build, such as `inner`; all without any
    circuits: Vec<CircuitId>,

    /// How circuits are built; `keys build` always keeps them.
    #[command(flatten)]
    settings: CircuitArgs,
}

/// What to export.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Circuits whose keys are exported
    #[arg(default_value = "root-verifier")]
    circuits: Vec<CircuitId>,

    /// A folder that gets CIRCUIT.vk, or with one circuit a file that ends in .vk
    #[arg(long, value_name = "PATH", default_value = "keys")]
    output: PathBuf,

    /// How circuits are built.
    #[command(flatten)]
    settings: CircuitArgs,
}

/// Runs one of the commands.
///
/// # Errors
/// A circuit is too large, or a file cannot be written.
pub fn run(command: &KeysCommand, console: Console) -> Result<()> {
    match command {
        KeysCommand::Build(args) => build(args, console),
        KeysCommand::List(args) => list::run(args, console),
        KeysCommand::Export(args) => export(args, console),
        KeysCommand::Digests(args) => digests(args, console),
    }
}

#[derive(Serialize)]
struct Built {
    circuit: &'static str,
    rows: usize,
    degree_bits: usize,
    proof_bytes: usize,
    statement: String,
    #[serde(flatten)]
    cost: Cost,
}

fn build(args: &BuildArgs, console: Console) -> Result<()> {
    let settings = CircuitArgs { persist: true, ..args.settings.clone() };
    let family = settings.family(console)?;
    let wanted = |circuit: &CircuitId| args.circuits.is_empty() || args.circuits.contains(circuit);
    let circuits: Vec<CircuitId> = CircuitId::ALL.into_iter().filter(wanted).collect();
    for circuit in &circuits {
        family.settings().check_size(*circuit)?;
    }
    let mut built = Vec::new();
    for circuit in circuits {
        console.note(format!("building or loading {circuit}"));
        let (ready, cost) = measured(|| family.prepare(circuit));
        ready?;
        let key = family.verification_key(circuit)?;
        let size = family.size(circuit)?;
        built.push(Built {
            circuit: circuit.name(),
            rows: size.rows,
            degree_bits: size.degree_bits,
            proof_bytes: size.proof_bytes,
            statement: key.statement().to_string(),
            cost,
        });
        // The inner circuit's padding proof takes these two; nothing else needs what is built already.
        if !matches!(circuit, CircuitId::Padding | CircuitId::Wrap) {
            family.release(circuit);
        }
    }
    let mut rows = vec![["circuit", "rows", "degree", "proof", "seconds", "statement"].map(str::to_owned).to_vec()];
    rows.extend(built.iter().map(|built| {
        vec![
            built.circuit.to_owned(),
            built.rows.to_string(),
            format!("2^{}", built.degree_bits),
            format!("{} B", built.proof_bytes),
            format!("{:.1}", built.cost.wall_seconds),
            built.statement.clone(),
        ]
    }));
    table(&rows).iter().for_each(|line| console.say(line));
    let folder = settings.data_dir.join("keys");
    console.say(format!("keys are in {}", folder.display()));
    console.object(&json!({
        "ok": true, "proverless": settings.proverless, "folder": folder, "shape": settings.shape()?, "circuits": built,
    }));
    Ok(())
}

fn export(args: &ExportArgs, console: Console) -> Result<()> {
    let as_file = args.output.extension().is_some_and(|extension| extension == "vk");
    if as_file && args.circuits.len() != 1 {
        return Err(Usage("a .vk file holds one key: name one circuit, or a folder".to_owned()).into());
    }
    let family = args.settings.family(console)?;
    let mut exported = Vec::new();
    for circuit in &args.circuits {
        let key = match args.settings.stored_key(*circuit, console)? {
            Some(key) => key,
            None => family.verification_key(*circuit)?.as_ref().clone(),
        };
        let path = if as_file { args.output.clone() } else { args.output.join(format!("{circuit}.vk")) };
        files::write(&path, &key.to_bytes(), false)?;
        console.say(format!("{} holds the {circuit} key {}", path.display(), key.statement()));
        exported.push(json!({ "circuit": circuit.name(), "file": path, "statement": key.statement() }));
    }
    console.object(&json!({ "ok": true, "proverless": args.settings.proverless, "keys": exported }));
    Ok(())
}

fn digests(args: &CircuitArgs, console: Console) -> Result<()> {
    let family = args.family(console)?;
    let key = match args.stored_key(CircuitId::RootVerifier, console)? {
        Some(key) => key,
        None => family.verification_key(CircuitId::RootVerifier)?.as_ref().clone(),
    };
    console.say(trusted::line(&key));
    console.object(&json!({
        "ok": true, "shape": key.shape(), "digest": key.digest(), "trusted": trusted::is_trusted(&key),
    }));
    Ok(())
}
