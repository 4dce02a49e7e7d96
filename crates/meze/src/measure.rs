//! What a stage takes: seconds on the wall, seconds of CPU, and the memory at its highest.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// The highest peak of the stages that are over.
static PEAK: AtomicU64 = AtomicU64::new(0);

/// What one or more runs of a stage took.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// How many runs.
    pub count: usize,
    /// Seconds on the wall, all runs together.
    pub wall_seconds: f64,
    /// Seconds of CPU of every thread, user and system, all runs together.
    pub cpu_seconds: f64,
    /// Resident memory of the process at its highest during a run.
    pub peak_rss_bytes: u64,
}

impl Cost {
    /// Adds other runs.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.wall_seconds += other.wall_seconds;
        self.cpu_seconds += other.cpu_seconds;
        self.peak_rss_bytes = self.peak_rss_bytes.max(other.peak_rss_bytes);
    }
}

/// Runs `stage` and says what it took. Stages do not overlap: CPU and memory are those of the process.
pub fn measured<T>(stage: impl FnOnce() -> T) -> (T, Cost) {
    forget_peak();
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let out = stage();
    let cost = Cost {
        count: 1,
        wall_seconds: wall.elapsed().as_secs_f64(),
        cpu_seconds: cpu_seconds() - cpu,
        peak_rss_bytes: high_water(),
    };
    (out, cost)
}

/// Seconds of CPU that the process has used.
pub fn cpu_seconds() -> f64 {
    // The call fails for unknown arguments only.
    getrusage(UsageWho::RUSAGE_SELF).map_or(0.0, |usage| {
        let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        seconds(usage.user_time()) + seconds(usage.system_time())
    })
}

/// Resident memory of the process at its highest since it started.
pub fn peak_rss() -> u64 {
    PEAK.load(Ordering::Relaxed).max(high_water())
}

/// Sets the kernel's mark of the highest memory back to what is resident now, where it lets us.
fn forget_peak() {
    PEAK.fetch_max(high_water(), Ordering::Relaxed);
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The kernel's mark, in bytes; 0 where there is none.
fn high_water() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).map_or(0, |kib| kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_computes_and_allocates_is_seen_doing_so() {
        let (sum, cost) = measured(|| {
            let numbers: Vec<u64> = (0..32 << 20).collect();
            numbers.iter().fold(0_u64, |sum, number| sum.wrapping_mul(31) ^ number)
        });
        assert_ne!(sum, 0);
        assert!(cost.cpu_seconds > 0.0 && cost.wall_seconds > 0.0, "{cost:?}");
        assert!(cost.peak_rss_bytes > 256 << 20, "{cost:?}");
        assert!(peak_rss() >= cost.peak_rss_bytes);
    }
}
