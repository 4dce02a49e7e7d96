//! What processes and all under them take, as the kernel counts it.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, ExitStatus};
use std::time::Duration;

/// The kernel counts for programs in hundredths of a second, whatever its own clock does.
const TICKS_A_SECOND: f64 = 100.0;

/// How often a process is looked at that will end by itself. Its own count is read once more after its end; those of
/// the processes under it may lack what they did since the last look, when they have nothing to do any more.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// So many looks are one for new processes, which costs more than all others.
const NEW_EVERY: usize = 20;

/// A process with all under it, each at its highest count: what ended still counts.
#[derive(Debug)]
pub(super) struct Tree {
    root: u32,
    seen: BTreeMap<u32, Taken>,
}

/// CPU and memory.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Taken {
    /// User and system time of all threads.
    pub(super) cpu_seconds: f64,
    /// Resident memory at its highest.
    pub(super) peak_bytes: u64,
}

impl Taken {
    /// With what another process took.
    fn and(self, other: Self) -> Self {
        Self { cpu_seconds: self.cpu_seconds + other.cpu_seconds, peak_bytes: self.peak_bytes.max(other.peak_bytes) }
    }

    /// Without the CPU that it had taken `before`.
    pub(super) fn since(self, before: Self) -> Self {
        Self { cpu_seconds: self.cpu_seconds - before.cpu_seconds, ..self }
    }
}

impl Tree {
    /// The tree of a process as it is now.
    pub(super) fn of(root: u32) -> Self {
        let mut tree = Self { root, seen: BTreeMap::new() };
        tree.look();
        tree
    }

    /// Looks again, also for processes that are new.
    pub(super) fn look(&mut self) {
        let all = processes();
        let root = self.root;
        for (pid, stat) in all.iter().filter(|(pid, _)| under(&all, **pid, root)) {
            self.note(*pid, stat);
        }
    }

    /// Looks again at the processes that are known; says whether the first of them still runs.
    fn glance(&mut self) -> bool {
        let known: Vec<u32> = self.seen.keys().copied().collect();
        let mut runs = false;
        for (pid, stat) in known.into_iter().filter_map(|pid| Some((pid, process(pid)?))) {
            runs |= pid == self.root && stat.runs;
            self.note(pid, &stat);
        }
        runs
    }

    fn note(&mut self, pid: u32, stat: &Stat) {
        let seen = self.seen.entry(pid).or_default();
        seen.cpu_seconds = seen.cpu_seconds.max(stat.ticks as f64 / TICKS_A_SECOND);
        seen.peak_bytes = seen.peak_bytes.max(peak(pid));
    }

    /// Waits for the end of the process, looking meanwhile; `seen` is told after each look.
    pub(super) fn wait(&mut self, child: &mut Child, mut seen: impl FnMut(&Self)) -> std::io::Result<ExitStatus> {
        // Until it is waited for, its count can be read.
        for look in 0.. {
            if !self.glance() {
                break;
            }
            if look % NEW_EVERY == 0 {
                self.look();
            }
            seen(self);
            std::thread::sleep(LOOK_EVERY);
        }
        child.wait()
    }

    /// What the process itself took.
    pub(super) fn own(&self) -> Taken {
        self.seen.get(&self.root).copied().unwrap_or_default()
    }

    /// What all under it took.
    pub(super) fn under(&self) -> Taken {
        let others = self.seen.iter().filter(|(pid, _)| **pid != self.root);
        others.fold(Taken::default(), |sum, (_, taken)| sum.and(*taken))
    }

    /// What all took.
    pub(super) fn all(&self) -> Taken {
        self.own().and(self.under())
    }
}

/// What this process took so far.
pub(super) fn this() -> Taken {
    Tree::of(std::process::id()).own()
}

/// A process, as `/proc/PID/stat` says it.
#[derive(Debug, PartialEq)]
struct Stat {
    parent: u32,
    /// It has not ended.
    runs: bool,
    ticks: u64,
}

fn processes() -> BTreeMap<u32, Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, process(pid)?))).collect()
}

fn process(pid: u32) -> Option<Stat> {
    stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn stat(text: &str) -> Option<Stat> {
    // The name, in parentheses, may have anything in it.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        runs: !matches!(*fields.first()?, "Z" | "X"),
        ticks: number(11)? + number(12)?,
    })
}

fn under(all: &BTreeMap<u32, Stat>, pid: u32, root: u32) -> bool {
    let parents = std::iter::successors(Some(pid), |pid| all.get(pid).map(|stat| stat.parent));
    // Processes come and go while they are read, so that their parents may go round.
    parents.take(64).any(|pid| pid == root)
}

/// The kernel's mark of the highest resident memory, in bytes; 0 of a process that has ended.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).map_or(0, |kib| kib << 10)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read_whatever_the_programs_name() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194560 100 0 0 0 1234 66 5 6 20 0 1 0 99 0 0";
        assert_eq!(stat(line), Some(Stat { parent: 7, runs: true, ticks: 1300 }));
        assert!(!stat(&line.replace(") S", ") Z")).unwrap().runs);
        assert_eq!(stat("42 (cut"), None);
    }

    #[test]
    fn a_process_and_its_children_are_counted_to_their_end() {
        let busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let mut child =
            Command::new("sh").args(["-c", &format!("sh -c '{busy}; sleep 1.2; {busy}'; {busy}")]).spawn().unwrap();
        let (mut tree, mut looks) = (Tree::of(child.id()), 0);
        assert!(tree.wait(&mut child, |_| looks += 1).unwrap().success());
        assert!(tree.own().cpu_seconds > 0.02 && tree.under().cpu_seconds > 0.02, "{tree:?}");
        assert!(tree.all().peak_bytes > 0 && looks > 10);
        assert!((tree.all().since(tree.own()).cpu_seconds - tree.under().cpu_seconds).abs() < 1e-9);
    }
}
