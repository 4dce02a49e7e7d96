//! The verification key of the circuits at hand: from a file, from the folder of circuits, or built once.

use std::path::Path;

use anyhow::{Context, Result, bail};
use evm_proving::{CircuitConfig, CircuitStore, VerificationKey};
use terminal::Console;

use crate::settings::{CircuitArgs, difference};

/// The key for proofs under these circuits.
///
/// # Errors
/// The file is no key, or is of other circuits; or none could be built.
pub(crate) fn of_circuits(
    args: &CircuitArgs,
    file: Option<&Path>,
    role: &str,
    console: Console,
) -> Result<VerificationKey> {
    let config = args.config()?;
    if let Some(path) = file {
        let key = read(path)?;
        return same(&config, key, path);
    }
    let store = CircuitStore::new(&args.circuits_dir);
    if let Ok(key) = store.stored_key(&config) {
        return Ok(key);
    }
    console.note(format!(
        "{role}: there is no verification key of these circuits in {}: building the circuits once, which takes minutes; \
         a key from another machine can be given with --verification-key",
        args.circuits_dir.display()
    ));
    Ok(store.key(&config)?)
}

/// Reads a key file.
///
/// # Errors
/// It is none.
pub(crate) fn read(path: &Path) -> Result<VerificationKey> {
    VerificationKey::read(path).with_context(|| format!("{} cannot be used", path.display()))
}

fn same(config: &CircuitConfig, key: VerificationKey, path: &Path) -> Result<VerificationKey> {
    if key.config() == config {
        return Ok(key);
    }
    let ranges = difference(&config.ranges, &key.config().ranges);
    let security = (key.config().security != config.security)
        .then(|| format!("security {} and {}", config.security, key.config().security));
    let all: Vec<String> = security.into_iter().chain((!ranges.is_empty()).then_some(ranges)).collect();
    bail!(
        "the key {} is of other circuits than these flags say, by {}: give the same table ranges and --use-test-config \
         to both",
        path.display(),
        all.join(", ")
    )
}
