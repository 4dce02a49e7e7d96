//! What a proof took: the clock, the CPU of all threads of this process, its largest resident set.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use proving::lease::Usage;

/// What is over so soon is not asked for its memory.
const TRIFLE: Duration = Duration::from_micros(100);

/// Measures from its start to its stop.
pub(super) struct Meter {
    began: Instant,
    cpu: Duration,
}

impl Meter {
    pub(super) fn start() -> Self {
        // "5" resets the kernel's mark of the largest resident set. Where that is not permitted the mark is
        // of the whole process, which is too much rather than too little.
        let _ = fs::write("/proc/self/clear_refs", "5");
        Self { began: Instant::now(), cpu: cpu() }
    }

    pub(super) fn stop(&self) -> Usage {
        let wall = self.began.elapsed();
        Usage {
            wall_ms: millis(wall),
            cpu_ms: millis(cpu().saturating_sub(self.cpu)),
            // Reading the mark takes longer than that.
            peak_memory_bytes: if wall < TRIFLE { 0 } else { status_bytes("VmHWM:") },
        }
    }
}

/// The resident set of this process, 0 where it cannot be told.
pub(super) fn resident_bytes() -> u64 {
    status_bytes("VmRSS:")
}

fn cpu() -> Duration {
    let duration = |time: TimeVal| {
        let micros = u32::try_from(time.tv_usec()).unwrap_or(0);
        Duration::from_secs(u64::try_from(time.tv_sec()).unwrap_or(0)) + Duration::from_micros(micros.into())
    };
    getrusage(UsageWho::RUSAGE_SELF)
        .map_or(Duration::ZERO, |usage| duration(usage.user_time()) + duration(usage.system_time()))
}

fn status_bytes(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_sees_time_memory_and_cpu() {
        let meter = Meter::start();
        let began = Instant::now();
        let mut sum = 0u64;
        while began.elapsed() < Duration::from_millis(50) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let usage = meter.stop();
        assert!(usage.wall_ms >= 50);
        assert!(usage.cpu_ms >= 10, "{usage:?}");
        assert!(usage.peak_memory_bytes > 100 << 10, "{usage:?}");
        assert!(resident_bytes() > 100 << 10);
    }
}
