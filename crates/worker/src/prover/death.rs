//! What a child died of, told apart by how it ended.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::signal::Signal;
use proving::lease::Cause;

use super::Failure;
use crate::child::EXIT_PANIC;

/// Judges a child that ended by itself. `oom_killed`: the kernel killed something for memory meanwhile.
pub(super) fn of(status: ExitStatus, oom_killed: bool) -> Failure {
    if let Some(number) = status.signal() {
        if number == Signal::SIGKILL as i32 && oom_killed {
            let reason = "the kernel killed the prover child: the machine or its cgroup is out of memory";
            return Failure { cause: Cause::OutOfMemory, reason: reason.to_owned() };
        }
        let name = Signal::try_from(number).map_or("unknown", Signal::as_str);
        return Failure { cause: Cause::Signal, reason: format!("signal {number} ({name}) ended the prover child") };
    }
    match status.code() {
        Some(code) if code == i32::from(EXIT_PANIC) => {
            Failure { cause: Cause::Panic, reason: "the prover child panicked".to_owned() }
        }
        code => Failure {
            cause: Cause::Exit,
            reason: format!("the prover child exited with code {} and without an answer", code.unwrap_or(-1)),
        },
    }
}

/// The memory guard's judgement.
pub(super) fn over_limit(seen: u64, limit: u64) -> Failure {
    let (seen, limit) = (mib(seen), mib(limit));
    Failure {
        cause: Cause::OutOfMemory,
        reason: format!("the proof needed more than {seen} MiB, the limit of this worker is {limit} MiB"),
    }
}

fn mib(bytes: u64) -> u64 {
    bytes >> 20
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    #[test]
    fn every_end_has_its_cause() {
        for (status, oom_killed, cause, word) in [
            (code(101), false, Cause::Panic, "panicked"),
            (code(0), false, Cause::Exit, "code 0"),
            (code(7), true, Cause::Exit, "code 7"),
            (ExitStatus::from_raw(9), true, Cause::OutOfMemory, "out of memory"),
            (ExitStatus::from_raw(9), false, Cause::Signal, "SIGKILL"),
            (ExitStatus::from_raw(6), true, Cause::Signal, "signal 6 (SIGABRT)"),
        ] {
            let death = of(status, oom_killed);
            assert_eq!(death.cause, cause, "{status}");
            assert!(death.reason.contains(word), "{}", death.reason);
        }
    }

    #[test]
    fn the_guard_names_both_sizes() {
        let reason = over_limit(3 << 30, 2 << 30).reason;
        assert_eq!(reason, "the proof needed more than 3072 MiB, the limit of this worker is 2048 MiB");
    }
}
