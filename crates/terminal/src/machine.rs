//! The machine that figures were taken on, as far as the kernel tells.

use std::fs;

use serde::Serialize;

/// Processor, cores and memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    cpu: String,
    cores: usize,
    memory_bytes: u64,
}

impl Machine {
    /// The one that this runs on.
    pub fn this() -> Self {
        let field = |path: &str, name: &str| {
            let text = fs::read_to_string(path).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim_start_matches([' ', '\t', ':']).to_owned()
        };
        let memory = field("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse::<u64>().unwrap_or(0);
        Self {
            cpu: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: memory << 10,
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {} cores, {}", self.cpu, self.cores, crate::bytes(self.memory_bytes))
    }
}
