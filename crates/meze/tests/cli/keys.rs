//! `meze keys`, on mock keys where the real ones would take long.

use serde_json::json;

use crate::binary::meze;

#[test]
fn the_digest_that_is_compiled_in_is_that_of_the_default_shape() {
    let run = meze(&["keys", "digests", "--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let object = run.object();
    assert_eq!(object["trusted"], json!(true), "put this line into crates/meze/src/trusted.rs:\n{}", run.stderr);
}

#[test]
fn keys_are_listed_with_shape_and_size_and_stale_ones_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let mode = ["--proverless", "--data-dir", data.as_str()];
    let all = |command: &[&str]| meze(&command.iter().chain(&mode).copied().chain(["--json"]).collect::<Vec<_>>());
    assert_eq!(all(&["keys", "list"]).object()["files"], json!([]));
    let built = all(&["keys", "build", "wrap", "inner", "--num-inner-rollup-txs", "2"]);
    assert_eq!(built.code, 0, "{}", built.stderr);
    let current = |inner: &str| {
        let object = all(&["keys", "list", "--num-inner-rollup-txs", inner]).object();
        let files = object["files"].as_array().unwrap().clone();
        let of = |circuit: &str| {
            files.iter().find(|file| file["circuit"] == circuit && file["holds"] == "verification key").cloned()
        };
        (of("wrap").unwrap(), of("inner").unwrap())
    };
    let (wrap, inner) = current("2");
    assert_eq!((&wrap["current"], &inner["current"]), (&json!(true), &json!(true)));
    assert_eq!((&inner["shape"], &inner["mode"]), (&json!([2, 1]), &json!("mock")));
    let (wrap, inner) = current("3");
    assert_eq!((&wrap["current"], &inner["current"]), (&json!(true), &json!(false)));
}

#[test]
fn verification_keys_are_exported_to_a_folder_or_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let run = meze(&["keys", "export", "wrap", "account", "--proverless", "--output", &path("keys")]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let shown = meze(&["inspect", "--json", &path("keys/wrap.vk")]).object();
    assert_eq!((&shown["circuit"], &shown["digest_compiled_in"]), (&json!("wrap"), &json!(false)));
    let run = meze(&["keys", "export", "account", "--proverless", "--output", &path("one.vk")]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(std::fs::read(path("one.vk")).unwrap(), std::fs::read(path("keys/account.vk")).unwrap());
    assert_eq!(meze(&["keys", "export", "wrap", "account", "--proverless", "--output", &path("two.vk")]).code, 2);
}
