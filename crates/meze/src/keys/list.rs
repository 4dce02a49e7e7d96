//! `meze keys list`: what lies in the folder of keys.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use proving::envelope;
use proving::statement::Mode;
use rollup::shape::Shape;
use rollup_circuits::id::CircuitId;
use rollup_circuits::verification_key::{MAX_VERIFICATION_KEY, VerificationKey};
use serde::Serialize;
use serde_json::json;
use terminal::{Console, files};

use crate::settings::CircuitArgs;
use crate::text::{bytes, table};

/// One file of the folder.
#[derive(Debug, Serialize)]
struct Listed {
    file: String,
    circuit: &'static str,
    holds: &'static str,
    /// N and M, as the verification key beside it says; for circuits that do not depend on them too.
    shape: Option<Shape>,
    mode: Option<Mode>,
    bytes: u64,
    /// Whether these settings would load it.
    current: bool,
}

/// Lists the files.
pub(super) fn run(args: &CircuitArgs, console: Console) -> Result<()> {
    let folder = args.data_dir.join("keys");
    let settings = args.settings()?;
    let current: BTreeSet<String> = CircuitId::ALL.into_iter().map(|circuit| settings.key_name(circuit)).collect();
    let mut found = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            found.extend(look(&entry.path(), entry.metadata()?.len(), &current));
        }
    }
    found.sort_by(|one, other| one.file.cmp(&other.file));
    let mut rows = vec![["file", "holds", "shape", "mode", "size", "current"].map(str::to_owned).to_vec()];
    rows.extend(found.iter().map(|file| {
        vec![
            file.file.clone(),
            format!("{} {}", file.circuit, file.holds),
            file.shape.map_or("?".to_owned(), |shape| format!("{} × {}", shape.inner(), shape.outer())),
            file.mode.map_or("?".to_owned(), |mode| mode.to_string()),
            bytes(file.bytes),
            if file.current { "yes" } else { "no" }.to_owned(),
        ]
    }));
    match found.is_empty() {
        true => console.say(format!("there are no keys in {}", folder.display())),
        false => table(&rows).iter().for_each(|line| console.say(line)),
    }
    console.object(&json!({ "ok": true, "folder": folder, "files": found }));
    Ok(())
}

/// A file that is named like a key; others are none of our business.
fn look(path: &Path, bytes: u64, current: &BTreeSet<String>) -> Option<Listed> {
    let holds = match path.extension()?.to_str()? {
        "pk" => "proving key",
        "vk" => "verification key",
        "proof" => "proof of an empty slot",
        _ => return None,
    };
    let stem = path.file_stem()?.to_str()?;
    let circuit: CircuitId = stem.rsplit_once('-')?.0.parse().ok()?;
    let limit = MAX_VERIFICATION_KEY + envelope::OVERHEAD as u64;
    let key = files::read(&path.with_extension("vk"), limit).ok();
    let key = key.and_then(|bytes| VerificationKey::from_bytes(&bytes).ok());
    Some(Listed {
        file: path.file_name()?.to_string_lossy().into_owned(),
        circuit: circuit.name(),
        holds,
        shape: key.as_ref().map(VerificationKey::shape),
        mode: key.as_ref().map(VerificationKey::mode),
        bytes,
        current: current.contains(stem),
    })
}
