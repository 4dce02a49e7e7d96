//! Where proofs of blocks go: into a folder, or as the last line of stdout.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use ethereum_types::H256;
use evm_proving::BlockProof;
use evm_proving::block_proof::MAX_PROOFS;
use terminal::{Console, Usage, files};

/// Of so many files it is remembered which block's proof they have: no chain is reorganised deeper.
const REMEMBERED: usize = 4096;

/// Takes proofs of blocks, in their order.
#[derive(Debug)]
pub struct Proofs {
    folder: Option<PathBuf>,
    kept: Vec<BlockProof>,
    written: BTreeMap<u64, H256>,
    console: Console,
}

impl Proofs {
    /// Into this folder, or kept for the last line.
    pub fn new(folder: Option<PathBuf>, console: Console) -> Self {
        Self { folder, kept: Vec::new(), written: BTreeMap::new(), console }
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
        let (number, hash) = (proof.height(), proof.claimed_block_hash().unwrap_or_default());
        let path = path(folder, number);
        files::write(&path, &[BlockProof::list_to_json(&[proof]), b"\n".to_vec()].concat(), false)?;
        self.written.insert(number, hash);
        if self.written.len() > REMEMBERED {
            self.written.pop_first();
        }
        self.console.note(format!("leader: wrote {}", path.display()));
        Ok(())
    }

    /// The chain went another way: proofs of these blocks are of no use any more.
    pub fn drop_from(&mut self, number: u64) {
        self.kept.retain(|proof| proof.height() < number);
        let gone = self.written.split_off(&number);
        if let Some(folder) = &self.folder {
            for path in set_aside(folder, gone) {
                let now = beside(&path);
                self.console.note(format!(
                    "leader: {} is of a block that is not part of the chain any more; it is now {}",
                    path.display(),
                    now.display()
                ));
            }
        }
    }

    /// Whether proofs would be lost if there were no last line.
    pub fn has_some(&self) -> bool {
        !self.kept.is_empty()
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

/// Where a proof is set aside.
pub fn beside(path: &Path) -> PathBuf {
    path.with_extension("zkproof.dropped")
}

/// Sets those of these blocks' proofs aside that are in the folder, by number and hash; gives where they were.
pub fn set_aside(folder: &Path, blocks: impl IntoIterator<Item = (u64, H256)>) -> Vec<PathBuf> {
    let is_of = |path: &Path, hash| {
        let proofs = BlockProof::read_list(path).unwrap_or_default();
        proofs.first().and_then(BlockProof::claimed_block_hash) == Some(hash)
    };
    let files = blocks.into_iter().map(|(number, hash)| (path(folder, number), hash));
    let moved = files.filter(|(path, hash)| is_of(path, *hash) && std::fs::rename(path, beside(path)).is_ok());
    moved.map(|(path, _)| path).collect()
}

/// Writes the last line of stdout and ends the process, with an error's code where it is not all that was asked for. Nothing comes after it on stderr either: whoever would still
/// write there waits for a lock that is not given back.
pub fn last_line(line: &[u8], is_all: bool) -> ! {
    let mut stderr = std::io::stderr().lock();
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(line).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush());
    let code = match written {
        Ok(()) => i32::from(!is_all),
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
