//! What the disk itself takes: 4 KiB appended and synced, again and again.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::stats::{Lag, lag};

/// The times of fdatasync in a folder, in milliseconds.
pub(super) fn fdatasync(folder: &Path, within: Duration) -> Result<Vec<f64>> {
    let path = folder.join("fdatasync");
    let mut file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    let end = Instant::now() + within;
    let mut times = Vec::new();
    while Instant::now() < end {
        file.write_all(&[7; 4096])?;
        let start = Instant::now();
        file.sync_data()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        // The pace of the benchmark beside it: a disk that is asked without pause answers otherwise.
        std::thread::sleep(Duration::from_millis(2));
    }
    std::fs::remove_file(&path)?;
    Ok(times)
}

/// Both together.
pub(super) fn join(mut before: Vec<f64>, after: Vec<f64>) -> Lag {
    before.extend(after);
    lag(before)
}
