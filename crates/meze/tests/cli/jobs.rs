//! `meze jobs` and `meze workers` where there is nobody to ask: each mistake is one sentence, and never shows a token.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::binary::{meze, meze_with};

const TOKEN: &str = "a-token-of-this-test";
/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:9";

#[test]
fn without_a_token_nothing_is_asked_and_the_sentence_says_where_to_put_one() {
    for arguments in [&["jobs", "list"][..], &["jobs", "watch", "1"], &["jobs", "dead-letters"], &["workers", "list"]] {
        let run = meze(&[arguments, &["--json"]].concat());
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
        let error = run.object()["error"].as_str().unwrap().to_owned();
        assert!(error.contains("MEZE_TOKEN") && error.contains("--token-file"), "{error}");
    }
}

#[test]
fn each_wrong_command_line_is_exit_code_2_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    };
    let (no_json, no_job) = (path("no-json", "{"), path("no-job", r#"{"name": "a", "taks": []}"#));
    let work = path("work", "work 0123456789abcdef\nwork 0123456789abcdee");
    let cases: [(&[&str], &str); 8] = [
        (&["jobs", "submit", &no_json], "not JSON"),
        (&["jobs", "submit", &no_job], "taks"),
        (&["jobs", "list", "--url", "nowhere"], "not a URL"),
        (&["jobs", "list", "--token-file", &work], "no token of the ask or admin scope"),
        (&["jobs", "result", "--output", "x"], "JOB"),
        (&["jobs", "result", "--task", "12", "--output", "x"], "64 lowercase hex digits"),
        (&["jobs", "result", "1", "--output", "-", "--json"], "stdout"),
        (&["jobs", "watch", "1", "--patience", "long"], "invalid value"),
    ];
    for (arguments, reason) in cases {
        let run = meze_with(&[("MEZE_TOKEN", TOKEN)], arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(reason), "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn a_dispatcher_that_is_not_there_is_named_and_the_token_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("job.json").display().to_string();
    fs::write(&file, r#"{"name": "a", "tasks": []}"#).unwrap();
    let commands: [&[&str]; 6] = [
        &["jobs", "submit", &file],
        &["jobs", "list"],
        &["jobs", "show", "1"],
        &["jobs", "watch", "1", "--patience", "0"],
        &["jobs", "cancel", "a job/with ?signs"],
        &["workers", "drain", "prover-1"],
    ];
    for arguments in commands {
        let run = meze_with(&[("MEZE_TOKEN", TOKEN), ("MEZE_URL", NOBODY)], &[arguments, &["--json"]].concat());
        assert_eq!(run.code, 1, "{arguments:?}: {}", run.stderr);
        let object = run.object();
        assert_eq!(object["ok"], json!(false));
        assert!(object["error"].as_str().unwrap().contains(NOBODY), "{object}");
        assert!(!run.stderr.contains(TOKEN), "{}", run.stderr);
    }
}

#[test]
fn a_token_file_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, TOKEN).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let run = meze(&["jobs", "list", "--token-file", path.to_str().unwrap()]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("chmod 600") && !run.stderr.contains(TOKEN), "{}", run.stderr);
}

#[test]
fn help_shows_examples_and_where_the_settings_come_from() {
    for command in [&["jobs"][..], &["workers"], &["jobs", "submit"]] {
        let run = meze(&[command, &["--help"]].concat());
        assert_eq!(run.code, 0);
        assert!(run.stdout.contains("Example"), "{command:?}: {}", run.stdout);
    }
    let run = meze(&["jobs", "watch", "--help"]);
    assert!(run.stdout.contains("MEZE_URL") && run.stdout.contains("MEZE_TOKEN"), "{}", run.stdout);
}
