//! What is drawn, as text.

use transport::ask::{JobView, TaskStanding};

use super::samples::{START, job as sample, small, task};
use super::*;
use crate::jobs::ink::text;

fn drawn(view: &JobView, frame: &Frame) -> Vec<String> {
    job(view, START + 83_000, frame).iter().map(|line| text(line, false)).collect()
}

#[test]
fn a_small_job_is_a_tree_from_the_root_and_what_is_shared_is_drawn_once() {
    let lines = drawn(&small(), &Frame::default());
    assert_eq!(
        lines,
        [
            "job 12 block-7  local, priority 5, open for 1m 23s",
            "████████▓▓▓▓▓▓▓▓░░░░░░░░░░░░░░░░░  1 of 4 proofs, 1 running, 1 ready, 1 waiting",
            "about 4m 10s left, at least 1m 02s whatever the workers; 80 % of it from experience",
            "CPU 13 s, costs 0.0125",
            "",
            "○ rollup.outer 01010101  waiting",
            "├─ ▶ rollup.inner 02020202  prover-1  running for 1m 13s  witness █████░░░░░ 3/6",
            "│  └─ ✔ rollup.wrap 03030303  prover-1  in 8.2 s",
            "└─ ● rollup.inner 04040404  ready",
            "   └─ ↑ 03030303",
            "",
            "↻ rollup.inner 02020202 prover-2  panic: index out [31m of bounds",
        ]
    );
}

/// So many leaves under a root; every tenth runs, every third is done, and one is dead.
fn large(leaves: usize) -> JobView {
    let leaf = |index: usize| {
        let state = match index {
            1 => TaskStanding::Dead,
            index if index % 10 == 0 => TaskStanding::Running,
            index if index % 3 == 0 => TaskStanding::Done,
            _ => TaskStanding::Ready,
        };
        let mut leaf = task(3, "evm.segment", 0, state, &[]);
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&(index as u64).to_be_bytes());
        leaf.id = proving::id::TaskId::from_bytes(bytes);
        if state == TaskStanding::Dead {
            leaf.failures = small().tasks[1].failures.clone();
        }
        leaf
    };
    let root = task(1, "evm.block", 1, TaskStanding::Waiting, &[]);
    sample(std::iter::once(root).chain((0..leaves).map(leaf)).collect())
}

#[test]
fn a_job_of_ten_thousand_tasks_is_levels_with_counts_and_fits() {
    let frame = Frame { width: 80, height: 24 };
    let lines = drawn(&large(10_000), &frame);
    assert!(lines.len() <= 24, "{} lines", lines.len());
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
    assert!(lines.contains(&"  1 evm.block    ○".to_owned()), "{lines:#?}");
    let level = lines.iter().find(|line| line.starts_with("  0 evm.segment")).unwrap();
    assert!(level.contains("✔ 3000 done  ▶ 1000 running  ● 5999 ready  ✗ 1 dead"), "{level}");
    assert!(lines.iter().any(|line| line.starts_with("… and ")), "{lines:#?}");
    assert!(lines.last().unwrap().starts_with("✗ evm.segment"), "{lines:#?}");
}

#[test]
fn a_level_that_fits_has_a_mark_for_each_task() {
    let lines = drawn(&large(30), &Frame::default());
    let level = lines.iter().find(|line| line.starts_with("  0 evm.segment")).unwrap();
    assert_eq!(level.matches('▶').count(), 3);
    assert_eq!(level.matches(['✔', '▶', '●', '✗']).count(), 30, "{level}");
}

#[test]
fn an_open_job_without_a_root_says_that_it_may_grow() {
    let view = JobView { eta: None, root: None, ..small() };
    assert!(drawn(&view, &Frame::default()).iter().any(|line| line.contains("may still grow")));
}

#[test]
fn a_job_without_any_task_is_drawn_too() {
    assert_eq!(drawn(&sample(Vec::new()), &Frame::default())[1], format!("{}  0 of 0 proofs", "░".repeat(33)));
}
