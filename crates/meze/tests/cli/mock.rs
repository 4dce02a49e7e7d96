//! `meze demo` without proofs, through the binary: the object of `--json`, the files, and that nobody
//! takes a mock for a proof.

use serde_json::json;

use crate::binary::meze;

#[test]
fn a_proverless_demo_has_every_type_right_balances_and_says_everywhere_that_it_is_a_mock() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let shape = ["--num-inner-rollup-txs=2", "--num-outer-rollup-proofs=4"];
    let run = meze(&[
        "demo",
        "--json",
        "--proverless",
        "--transactions",
        "26",
        "--rollups",
        "5",
        "--output",
        &out,
        shape[0],
        shape[1],
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
    let object = run.object();
    assert_eq!((&object["verified"], &object["proverless"]), (&json!(false), &json!(true)));
    assert_eq!((&object["transactions"], &object["rollups"]), (&json!(26), &json!(5)));
    for name in ["deposit", "withdraw", "send", "account"] {
        assert!(object["transactions_by_type"][name].as_u64().unwrap() >= 5, "{object}");
    }
    // 6, 5, 5, 5 and 5 transactions, two by two.
    assert_eq!(object["inner_proofs"], json!(15));
    assert_eq!(object["fill"], json!(26.0 / 40.0));
    assert_eq!(object["balances_checked"], json!(true));
    for number in ["cpu_seconds_per_transaction", "client_cpu_seconds", "peak_rss_bytes"] {
        assert!(object[number].as_f64().unwrap() > 0.0, "{number}: {object}");
    }
    assert!(run.stderr.contains("MOCK") && !run.stderr.contains("every proof real"), "{}", run.stderr);

    let proof = format!("{out}/rollup-4.proof");
    let (key, root) = (format!("{out}/keys/root-verifier.vk"), format!("{out}/keys"));
    let refused = meze(&["verify", &proof, "--verification-key", &key, "--json", shape[0], shape[1]]);
    assert_eq!((refused.code, &refused.object()["check"]), (1, &json!("mode")), "{}", refused.stderr);
    let refused = meze(&["verify", &proof, "--keys", &root, shape[0], shape[1]]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("compiled into"), "{}", refused.stderr);
    let shown = meze(&["inspect", &proof, "--json"]).object();
    assert!(shown["file"].as_str().unwrap().starts_with("mock"), "{shown}");
    let public = std::fs::read_to_string(format!("{out}/rollup-4.public.json")).unwrap();
    assert!(public.contains("\"mode\": \"mock\""), "{public}");
}

#[test]
fn the_same_seed_gives_the_same_blocks_and_another_seed_others() {
    let folder = tempfile::tempdir().unwrap();
    let block = |seed: &str, name: &str| {
        let out = folder.path().join(name).display().to_string();
        let run =
            meze(&["demo", "--proverless", "--transactions", "6", "--rollups", "2", "--seed", seed, "--output", &out]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        std::fs::read(format!("{out}/rollup-1.block")).unwrap()
    };
    let first = block("5", "first");
    assert_eq!(first, block("5", "again"));
    assert_ne!(first, block("6", "other"));
}

#[test]
fn witnesses_are_inspected_without_their_secrets_and_kept_from_others() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let run =
        meze(&["demo", "--proverless", "--transactions", "8", "--rollups", "2", "--output", &out, "--keep-tasks"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let mut circuits = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(format!("{out}/tasks")).unwrap() {
        let path = entry.unwrap().path();
        let shown = meze(&["inspect", "--json", path.to_str().unwrap()]);
        assert_eq!(shown.code, 0, "{}", shown.stderr);
        let object = shown.object();
        if path.extension().unwrap() == "witness" && object["secret"] == json!(true) {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
            for secret in ["account_secret", "authority"] {
                assert_eq!(object[secret], json!("redacted"), "{object}");
            }
        }
        circuits.insert(object["circuit"].as_str().unwrap().to_owned());
    }
    let all = ["account", "inner", "join-split", "outer", "root-verifier", "wrap"];
    assert_eq!(circuits.iter().map(String::as_str).collect::<Vec<_>>(), all);
    let block = meze(&["inspect", "--json", &format!("{out}/rollup-1.block")]).object();
    assert_eq!((&block["file"], &block["payloads_fit"]), (&json!("block"), &json!(true)));
}
