//! A family with a store: its folder, and the lines that it had for the operator.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use proving::context::ProveContext;
use rollup::shape::Shape;
use rollup_circuits::family::Family;
use rollup_circuits::id::CircuitId;
use rollup_circuits::settings::Settings;

/// Real keys of the smallest rollup, kept in a folder.
pub(crate) fn stored(data_dir: &Path) -> Settings {
    Settings { store: Some(data_dir.to_owned()), ..bare() }
}

/// The same without a folder. Folding by halves blinds with half as many rows, so that keys are small.
pub(crate) fn bare() -> Settings {
    let mut settings = Settings::new(Shape::new(1, 1).unwrap());
    settings.parameters.client.arity_bits = 1;
    settings
}

/// A family and what it said.
pub(crate) struct Heard {
    pub(crate) family: Family,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Heard {
    pub(crate) fn new(settings: Settings) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let said = lines.clone();
        let notice = move |line: &str| said.lock().unwrap().push(line.to_owned());
        Self { family: Family::new(settings, Arc::new(notice)), lines }
    }

    /// What it said since the last question.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = std::mem::take(&mut *self.lines.lock().unwrap());
        for line in &lines {
            assert!((10..=400).contains(&line.len()) && !line.contains('\n'), "{line:?}");
        }
        lines
    }

    /// It said exactly one thing, with these words.
    pub(crate) fn said(&self, words: &[&str]) {
        let lines = self.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(words.iter().all(|word| lines[0].contains(word)), "{lines:?} does not say {words:?}");
    }

    /// Builds or loads both keys of the padding circuit.
    pub(crate) fn build(&self) {
        self.family.prepare(CircuitId::Padding).unwrap();
        self.family.verification_key(CircuitId::Padding).unwrap();
    }

    /// Proves an empty slot, and the proof holds.
    pub(crate) fn prove(&self) {
        let proof = self.family.prove_padding(&ProveContext::default()).unwrap();
        self.family.verify(CircuitId::Padding, &proof).unwrap();
    }
}

/// The files of the folder of keys, by name.
pub(crate) fn files(data_dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(data_dir.join("keys")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The one file with this ending.
pub(crate) fn file(data_dir: &Path, extension: &str) -> PathBuf {
    let mut found = files(data_dir);
    found.retain(|path| path.extension().is_some_and(|ending| ending == extension));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Nothing half-written lies about.
pub(crate) fn assert_nothing_incomplete(data_dir: &Path) {
    let names: Vec<String> =
        files(data_dir).iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!(names.iter().all(|name| !name.starts_with(".incomplete-")), "{names:?}");
}

/// A folder with the key of the padding circuit, proving and verification.
pub(crate) fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let heard = Heard::new(stored(folder.path()));
    heard.build();
    assert_eq!(heard.lines(), [""; 0]);
    assert_nothing_incomplete(folder.path());
    folder
}
