//! What Linux tells about a process from outside: its resident set, its CPU, and whether the kernel killed
//! for want of memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use nix::unistd::{SysconfVar, sysconf};

static PAGE_BYTES: LazyLock<u64> = LazyLock::new(|| ask(SysconfVar::PAGE_SIZE, 4096));
static TICKS_A_SECOND: LazyLock<u64> = LazyLock::new(|| ask(SysconfVar::CLK_TCK, 100));

fn ask(what: SysconfVar, otherwise: u64) -> u64 {
    sysconf(what).ok().flatten().and_then(|value| u64::try_from(value).ok()).unwrap_or(otherwise)
}

/// The resident set of `pid` in bytes; `None` once it is gone.
pub(super) fn resident_bytes(pid: u32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * *PAGE_BYTES)
}

/// The CPU that `pid` used so far, all threads, in milliseconds; `None` once it is gone.
pub(super) fn cpu_ms(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(cpu_ticks(&stat)? * 1000 / *TICKS_A_SECOND)
}

/// User and system ticks of a line of `/proc/<pid>/stat`: its 14th and 15th field. The second is a name
/// that may hold blanks and brackets, so they are counted from the last bracket.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// The files in which the kernel counts its kills for memory: the worker's cgroup's where there is one,
/// the whole machine's otherwise.
pub fn oom_counters() -> Vec<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = cgroup_files(&groups).into_iter().find(|file| count_in(file).is_some());
    vec![own.unwrap_or_else(|| PathBuf::from("/proc/vmstat"))]
}

/// Where a process with this `/proc/self/cgroup` may find its count, best first. Inside a container the
/// mount's root is its own group.
fn cgroup_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else { continue };
        let group = group.trim_start_matches('/');
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.events"),
            _ if controllers.split(',').any(|one| one == "memory") => ("/sys/fs/cgroup/memory", "memory.oom_control"),
            _ => continue,
        };
        files.push(Path::new(root).join(group).join(file));
        files.push(Path::new(root).join(file));
    }
    files
}

/// How often the kernel has killed for memory, by all of `counters` together.
pub(super) fn oom_kills(counters: &[PathBuf]) -> u64 {
    counters.iter().filter_map(|file| count_in(file)).sum()
}

fn count_in(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_soon_cpu() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).unwrap() > 100 << 10);
        assert!(cpu_ms(pid).is_some());
        assert_eq!(resident_bytes(u32::MAX), None);
    }

    #[test]
    fn a_name_with_brackets_does_not_shift_the_ticks() {
        let stat = "7 (a ) b (c) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0";
        assert_eq!(cpu_ticks(stat), Some(42));
        assert_eq!(cpu_ticks("7 (short) S 1"), None);
    }

    #[test]
    fn the_count_of_kills_is_read_from_every_form_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 9\n"),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
            ("vmstat", "nr_free_pages 7\noom_kill 2\n"),
        ] {
            let file = folder.path().join(name);
            fs::write(&file, text).unwrap();
            assert_eq!(count_in(&file), Some(2), "{name}");
        }
        assert_eq!(oom_kills(&[folder.path().join("vmstat"), folder.path().join("absent")]), 2);
    }

    #[test]
    fn both_generations_of_cgroups_are_looked_for() {
        let files = cgroup_files("12:cpu,memory:/docker/1\n3:freezer:/x\n0::/user.slice\n");
        let files: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
        assert_eq!(
            files,
            [
                "/sys/fs/cgroup/memory/docker/1/memory.oom_control",
                "/sys/fs/cgroup/memory/memory.oom_control",
                "/sys/fs/cgroup/user.slice/memory.events",
                "/sys/fs/cgroup/memory.events",
            ]
        );
    }
}
