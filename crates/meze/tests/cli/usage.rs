//! What is wrong with a command line is one sentence, and the exit code is 2.

use serde_json::json;

use crate::binary::meze;

#[test]
fn each_wrong_setting_is_one_sentence_that_says_what_to_do() {
    let cases: [(&[&str], &str); 8] = [
        (&["demo", "--max-circuit-size", "1000"], "power of two"),
        (&["demo", "--proverless=perhaps"], "true or false"),
        (&["demo", "--num-inner-rollup-txs", "0"], "is not a shape"),
        (&["demo", "--num-inner-rollup-txs", "1024", "--num-outer-rollup-proofs", "1024"], "NUM_OUTER_ROLLUP_PROOFS"),
        (&["demo", "--transactions", "100", "--rollups", "2"], "100 transactions do not go into 2 rollups"),
        (&["demo", "--rollups", "0"], "do not go into 0 rollups"),
        (&["prove", "rollup.claim", "--output", "x"], "is not a circuit"),
        (&["verify", "x", "--old-state", "0x12"], "64 hex digits"),
    ];
    for (arguments, reason) in cases {
        let run = meze(arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(reason), "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{arguments:?}");
        let with_json: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        assert_eq!(meze(&with_json).object()["ok"], json!(false), "{arguments:?}");
    }
}

#[test]
fn a_circuit_that_is_too_large_is_refused_before_any_work_with_both_numbers() {
    let run = meze(&["demo", "--max-circuit-size", "1024", "--json"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let error = run.object()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("MAX_CIRCUIT_SIZE is 1024") && error.contains("needs "), "{error}");
}

#[test]
fn files_that_are_missing_damaged_or_of_another_kind_are_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("empty"), []).unwrap();
    std::fs::write(path("text"), "hello, this is not a file of this program at all").unwrap();
    std::fs::write(path("block"), b"MZB\x01").unwrap();
    for name in ["missing", "empty", "text", "block"] {
        let file = path(name);
        let runs = [
            meze(&["inspect", &file, "--json"]),
            meze(&["verify", "Cargo.toml", "--verification-key", &file, "--json"]),
            meze(&["prove", "rollup.account", "--input", &file, "--output", &path("out"), "--proverless", "--json"]),
        ];
        for run in runs {
            assert_eq!(run.code, 1, "{name}: {}", run.stderr);
            assert_eq!(run.object()["ok"], json!(false), "{name}");
            assert!(!run.stderr.contains("panicked"), "{name}: {}", run.stderr);
        }
    }
    assert!(!std::path::Path::new(&path("out")).exists());
}

#[test]
fn help_of_every_command_shows_the_settings_and_examples() {
    for command in [&["demo"][..], &["keys", "build"], &["prove"], &["verify"]] {
        let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let run = meze(&arguments);
        assert_eq!(run.code, 0);
        for name in ["MAX_CIRCUIT_SIZE", "NUM_INNER_ROLLUP_TXS", "PROVERLESS", "LAZY_INIT", "PERSIST", "DATA_DIR"] {
            assert!(run.stdout.contains(name), "{command:?} {name}");
        }
    }
    assert!(meze(&["--help"]).stdout.contains("Exit codes"));
}
