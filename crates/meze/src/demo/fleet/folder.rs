//! Where the demo's fleet keeps its things: keys, tokens, the dispatcher's data, logs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use proving::id::TaskId;
use rollup_circuits::family::Family;
use serde::Deserialize;
use tempfile::TempDir;
use terminal::files;

use crate::pipeline::PROVIDER;
use crate::roles::secrets;

/// A folder, deleted at the end unless it was named.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _temporary: Option<TempDir>,
}

/// A worker began a proof.
#[derive(Debug, Deserialize)]
pub(crate) struct Start {
    pub(crate) task: TaskId,
    pub(crate) unix_ms: u64,
}

impl Folder {
    pub(crate) fn new(named: Option<&Path>) -> Result<Self> {
        let temporary = match named {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("meze-demo-").tempdir().context("no temporary folder")?),
        };
        let path = match (named, &temporary) {
            (Some(named), _) => named.to_owned(),
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => PathBuf::new(),
        };
        for part in ["logs", "keys"] {
            fs::create_dir_all(path.join(part)).with_context(|| format!("{} cannot be made", path.display()))?;
        }
        let path = path.canonicalize().with_context(|| format!("{} cannot be found", path.display()))?;
        Ok(Self { path, _temporary: temporary })
    }

    /// Writes what dispatcher and workers start from: verification keys and tokens.
    pub(crate) fn prepare(&self, family: &Family) -> Result<()> {
        for circuit in PROVIDER {
            let key = family.verification_key(circuit)?;
            files::write(&self.verification_keys().join(format!("{circuit}.vk")), &key.to_bytes(), false)?;
        }
        if !self.tokens().exists() {
            secrets::write_fresh(&self.tokens())?;
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How a dispatcher is told to check proofs: with the keys; mocks cannot be checked, so their workers are trusted.
    pub(crate) fn checking(&self, mock: bool) -> [String; 2] {
        if mock {
            let kinds: Vec<String> = PROVIDER.iter().map(|circuit| circuit.kind().to_string()).collect();
            return ["--trust".to_owned(), kinds.join(",")];
        }
        ["--keys".to_owned(), self.verification_keys().display().to_string()]
    }

    pub(crate) fn verification_keys(&self) -> PathBuf {
        self.path.join("keys")
    }

    /// For keys of circuits, where nothing else is said.
    pub(crate) fn circuits(&self) -> PathBuf {
        self.path.join("circuits")
    }

    pub(crate) fn tokens(&self) -> PathBuf {
        self.path.join("tokens")
    }

    pub(crate) fn dispatcher(&self) -> PathBuf {
        self.path.join("dispatcher")
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }

    pub(crate) fn starts_log(&self) -> PathBuf {
        self.path.join("starts.jsonl")
    }

    /// Every start of a proof that a worker noted.
    pub(crate) fn starts(&self) -> Result<Vec<Start>> {
        let text = fs::read_to_string(self.starts_log()).unwrap_or_default();
        let read = |line: &str| serde_json::from_str(line).context("the workers' log of starts is damaged");
        text.lines().map(read).collect()
    }
}
