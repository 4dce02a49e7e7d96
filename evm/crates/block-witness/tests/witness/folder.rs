//! Witnesses that are not in this repository: in the folder that `MEZE_TEST_WITNESSES` names. Without it, tests that need
//! one say so and pass.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use block_witness::{BATCH_SIZE, WitnessError, decode, read};

const FOLDER: &str = "MEZE_TEST_WITNESSES";

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os(FOLDER);
    if folder.is_none() {
        eprintln!("skipped: {FOLDER} names no folder of witnesses");
    }
    folder.map(PathBuf::from)
}

/// A file of the folder.
pub(crate) fn file(name: &str) -> Option<Vec<u8>> {
    let path = folder()?.join(name);
    fs::read(&path).map_err(|error| eprintln!("skipped: {}: {error}", path.display())).ok()
}

/// The time and the processor time of this process since it was made, as text.
pub(crate) struct Clock(Instant, f64);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Instant::now(), processor())
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s, {:.2} s of processor", self.0.elapsed().as_secs_f64(), processor() - self.1)
    }
}

/// Linux says it in hundredths of a second.
fn processor() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

#[test]
fn every_witness_of_the_folder_is_read_and_decodes() {
    let Some(folder) = folder() else { return };
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".json") || name.contains("header") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let start = Clock::new();
        let blocks = read(&bytes).unwrap();
        eprintln!("{name}: {} bytes, {} blocks, read in {start}", bytes.len(), blocks.len());
        for block in blocks {
            let (start, number, transactions) = (Clock::new(), block.number(), block.transactions());
            // A block from the middle of a chain starts elsewhere than at its checkpoint, which is known once it is decoded.
            match decode(block, None, BATCH_SIZE) {
                Ok(block) => {
                    eprintln!("block {number}: {transactions} transactions, {} batches, {start}", block.batches.len())
                }
                Err(error @ WitnessError::PreState { .. }) => eprintln!("block {number}, {start}: {error}"),
                Err(error) => panic!("{name}: {error}"),
            }
        }
    }
}
