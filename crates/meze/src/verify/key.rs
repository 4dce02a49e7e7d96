//! Where the key of a verification comes from: never from the proof.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use proving::envelope::OVERHEAD;
use rollup::shape::Shape;
use rollup_circuits::id::CircuitId;
use rollup_circuits::verification_key::{MAX_VERIFICATION_KEY, VerificationKey};
use terminal::{Console, files};

use super::VerifyArgs;
use crate::trusted;

/// The key, and where it was found.
pub(super) fn find(args: &VerifyArgs, console: Console) -> Result<(VerificationKey, String)> {
    if let Some(path) = &args.verification_key {
        let bytes = files::read(path, MAX_VERIFICATION_KEY + OVERHEAD as u64)?;
        let key = VerificationKey::from_bytes(&bytes).with_context(|| format!("no key in {}", path.display()))?;
        return Ok((key, path.display().to_string()));
    }
    let shape = args.circuits.shape()?;
    if let Some(folder) = &args.keys {
        return match trusted_in(folder, shape) {
            Some(found) => Ok(found),
            None => bail!(
                "no key file in {} has a digest that is compiled into this program; name one that you trust with \
                 --verification-key",
                folder.display()
            ),
        };
    }
    if let Some(key) = args.circuits.stored_key(CircuitId::RootVerifier, console)? {
        return Ok((key, format!("{} of the data folder", CircuitId::RootVerifier)));
    }
    let beside = args.proof.parent().unwrap_or(Path::new("")).join("keys");
    match trusted_in(&beside, shape) {
        Some(found) => Ok(found),
        None => bail!(
            "there is no key for rollups of {} × {}: name one that you trust with --verification-key, or make it with \
             `meze keys build` (NUM_INNER_ROLLUP_TXS and NUM_OUTER_ROLLUP_PROOFS say for which shape)",
            shape.inner(),
            shape.outer()
        ),
    }
}

/// A key file whose digest is compiled in: of the wanted shape, or else the only one that there is.
fn trusted_in(folder: &Path, shape: Shape) -> Option<(VerificationKey, String)> {
    let limit = MAX_VERIFICATION_KEY + OVERHEAD as u64;
    let mut found: Vec<(VerificationKey, String)> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "vk"))
        .filter_map(|path| {
            let key = VerificationKey::from_bytes(&files::read(&path, limit).ok()?).ok()?;
            trusted::is_trusted(&key).then(|| (key, path.display().to_string()))
        })
        .collect();
    let place = found.iter().position(|(key, _)| key.shape() == shape).or_else(|| (found.len() == 1).then_some(0))?;
    Some(found.swap_remove(place))
}
