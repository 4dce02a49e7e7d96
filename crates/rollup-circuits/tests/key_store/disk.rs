//! Disks that take nothing, and builds that are killed: proving goes on, and nothing half-written is used.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rollup_circuits::id::CircuitId;

use crate::scene::{Heard, assert_nothing_incomplete, file, files, filled, stored};

/// Set in a process of its own: the data folder to work in.
const DATA: &str = "MEZE_TEST_DATA";

/// This test once more, in a shell that has set its limits.
fn again(limits: &str, data_dir: &Path) -> Command {
    let mut command = Command::new("sh");
    let name = std::thread::current().name().unwrap().to_owned();
    command
        .args(["-c", &format!("{limits} exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture"])
        .env(DATA, data_dir);
    command
}

#[test]
fn a_disk_that_is_full_leaves_nothing_half_written_and_proving_goes_on() {
    if let Some(folder) = std::env::var_os(DATA) {
        let folder = Path::new(&folder);
        let heard = Heard::new(stored(folder));
        heard.family.prepare(CircuitId::Padding).unwrap();
        heard.said(&["the padding key is not stored"]);
        heard.prove();
        // The verification key is small enough for what is left.
        assert_eq!(heard.lines(), [""; 0]);
        return println!("proved on a full disk");
    }
    let folder = tempfile::tempdir().unwrap();
    // No file may grow beyond some 64 KiB; without the signal, writing more fails as on a full disk.
    let output = again("trap '' XFSZ; ulimit -f 64;", folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("proved on a full disk"), "{said}");
    assert_nothing_incomplete(folder.path());
    assert_eq!(files(folder.path()), [file(folder.path(), "vk")]);

    // With room again the key is built and kept.
    let heard = Heard::new(stored(folder.path()));
    heard.build();
    assert_eq!(heard.lines(), [""; 0]);
    assert_eq!(files(folder.path()).len(), 2);
}

#[test]
fn a_folder_that_cannot_be_made_is_said_and_proving_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("keys"), "a file where the folder should be").unwrap();
    let heard = Heard::new(stored(folder.path()));
    heard.prove();
    let lines = heard.lines();
    assert!(lines.iter().any(|line| line.contains("the padding key is not stored")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("the padding verification key is not stored")), "{lines:?}");
    assert_eq!(fs::read(folder.path().join("keys")).unwrap(), b"a file where the folder should be");
}

#[test]
fn a_build_that_was_killed_leaves_nothing_that_is_used() {
    if let Some(folder) = std::env::var_os(DATA) {
        return Heard::new(stored(Path::new(&folder))).build();
    }
    let folder = tempfile::tempdir().unwrap();
    // Killed at several moments, among them while the key is being written.
    for moment in 0..3 {
        let mut child = again("", folder.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        while files(folder.path()).is_empty() && start.elapsed() < Duration::from_secs(60) {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(20 * moment));
        child.kill().unwrap();
        child.wait().unwrap();

        // What is there under a key's name is whole: it is loaded without a word, or there is none.
        let heard = Heard::new(stored(folder.path()));
        heard.build();
        assert_eq!(heard.lines(), [""; 0], "killed at moment {moment}");
        fs::remove_dir_all(folder.path().join("keys")).unwrap();
    }
}

#[test]
fn what_a_killed_build_left_behind_is_not_looked_at() {
    let folder = filled();
    let key = fs::read(file(folder.path(), "pk")).unwrap();
    fs::remove_file(file(folder.path(), "pk")).unwrap();
    let left = folder.path().join("keys").join(".incomplete-abcdef");
    fs::write(&left, &key[..key.len() / 3]).unwrap();
    let heard = Heard::new(stored(folder.path()));
    heard.build();
    assert_eq!(heard.lines(), [""; 0]);
    assert!(fs::read(file(folder.path(), "pk")).unwrap() == key);
}
