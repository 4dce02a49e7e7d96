//! Where proofs of blocks go: into a folder, or as the last line of stdout.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use evm_proving::BlockProof;
use evm_proving::block_proof::MAX_PROOFS;
use terminal::{Console, files};

use crate::command::Usage;

/// Takes proofs of blocks, in their order.
#[derive(Debug)]
pub struct Proofs {
    folder: Option<PathBuf>,
    kept: Vec<BlockProof>,
    console: Console,
}

impl Proofs {
    /// Into this folder, or kept for the last line.
    pub fn new(folder: Option<PathBuf>, console: Console) -> Self {
        Self { folder, kept: Vec::new(), console }
    }

    /// A block is proved.
    ///
    /// # Errors
    /// Its file cannot be written.
    pub fn add(&mut self, proof: BlockProof) -> Result<()> {
        let Some(folder) = &self.folder else {
            self.kept.push(proof);
            return Ok(());
        };
        let path = path(folder, proof.height());
        files::write(&path, &[BlockProof::list_to_json(&[proof]), b"\n".to_vec()].concat(), false)?;
        self.console.note(format!("leader: wrote {}", path.display()));
        Ok(())
    }

    /// The chain went another way: proofs of these blocks are of no use any more.
    pub fn drop_from(&mut self, number: u64) {
        self.kept.retain(|proof| proof.height() < number);
    }

    /// The last line of stdout, where there is no folder.
    pub fn line(&self) -> Option<Vec<u8>> {
        self.folder.is_none().then(|| BlockProof::list_to_json(&self.kept))
    }
}

/// Whether so many proofs can be handed over: a verifier takes only so many in one line.
///
/// # Errors
/// [`Usage`], with what to do.
pub fn check_count(folder: Option<&Path>, blocks: u64) -> Result<(), Usage> {
    if folder.is_some() || blocks <= MAX_PROOFS as u64 {
        return Ok(());
    }
    let text = format!(
        "the proofs of {blocks} blocks are more than the {MAX_PROOFS} that a verifier takes in one line: have them \
         written into files, with --proof-output-dir, or give fewer blocks at a time"
    );
    Err(Usage(text))
}

/// The file of a block's proof.
pub fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("b{number}.zkproof"))
}

/// Writes the last line of stdout and ends the process. Nothing comes after it on stderr either: whoever would still
/// write there waits for a lock that is not given back.
pub fn last_line(line: &[u8]) -> ! {
    let mut stderr = std::io::stderr().lock();
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(line).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush());
    let code = match written {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(stderr, "meze-evm: the proof cannot be written to stdout: {error}");
            1
        }
    };
    std::process::exit(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_proofs_than_a_verifier_takes_go_into_files_only() {
        let most = MAX_PROOFS as u64;
        assert!(check_count(None, most).is_ok());
        assert!(check_count(Some(Path::new("proofs")), most + 1).is_ok());
        assert!(check_count(None, most + 1).unwrap_err().0.contains("--proof-output-dir"));
    }
}
