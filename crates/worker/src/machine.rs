//! What a worker knows of the machine that it runs on.

use std::{fs, io};

/// Its memory, in bytes.
///
/// # Errors
/// The system does not say.
pub fn memory() -> io::Result<u64> {
    let info = fs::read_to_string("/proc/meminfo")?;
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB"));
    let kib = total.and_then(|text| text.trim().parse::<u64>().ok());
    kib.map(|kib| kib << 10).ok_or_else(|| io::Error::other("/proc/meminfo has no MemTotal"))
}

/// A name for a worker that was given none: the host's, and the process's id.
pub fn usual_name() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().take(64).collect();
    format!("{}-{}", if host.is_empty() { "worker" } else { &host }, std::process::id())
}
