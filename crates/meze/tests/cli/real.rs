//! Real proofs, made once, and everything that `meze verify` must refuse about them.

use std::fs;
use std::path::PathBuf;

use rollup::field::ORDER;
use rollup::public::ROLLUP_LIMBS;
use rollup::transaction::layout;
use serde_json::{Value, json};

use crate::binary::{Run, meze};
use crate::forged::{ProofParts, block_with_limb};

/// A folder of files to verify.
struct Folder(PathBuf);

impl Folder {
    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.0.join(name), bytes).unwrap();
        self.path(name)
    }

    /// Plays a demo of one rollup into `name`.
    fn demo(&self, name: &str, transactions: &str, outer: &str, proverless: bool) -> Value {
        let (out, data) = (self.path(name), self.path("data"));
        let mut arguments = vec!["demo", "--json", "--rollups=1", "--transactions", transactions, "--output", &out];
        arguments.extend(["--keep-tasks", "--persist", "--data-dir", &data]);
        arguments.extend(["--num-inner-rollup-txs=2", "--num-outer-rollup-proofs", outer]);
        if proverless {
            arguments.push("--proverless");
        }
        let run = meze(&arguments);
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.object()
    }

    /// The proof file of a circuit's first task.
    fn task(&self, name: &str, circuit: &str) -> Vec<u8> {
        let ending = format!("-{circuit}.proof");
        let names = fs::read_dir(self.0.join(name).join("tasks")).unwrap().map(|entry| entry.unwrap().path());
        let mut found: Vec<PathBuf> = names.filter(|path| path.to_string_lossy().ends_with(&ending)).collect();
        found.sort();
        fs::read(&found[0]).unwrap()
    }

    /// Verifies under the exported root-verifier key.
    fn verify(&self, proof: &str, more: &[&str]) -> Run {
        let key = self.path("real/keys/root-verifier.vk");
        let mut arguments = vec!["verify", proof, "--json", "--verification-key", &key];
        arguments.extend(more);
        meze(&arguments)
    }

    /// Asserts that something is refused by one of these checks, in the object and in words.
    fn refused(&self, what: &str, proof: &str, more: &[&str], checks: &[&str]) {
        let run = self.verify(proof, more);
        assert_eq!(run.code, 1, "{what}: {}", run.stdout);
        let object = run.object();
        let check = object["check"].as_str().unwrap_or_else(|| panic!("{what}: {object}"));
        assert!(checks.contains(&check), "{what}: by {check}, not {checks:?}: {}", object["error"]);
        assert!(run.stderr.contains(&format!("refused: {check}: ")), "{what}: {}", run.stderr);
        assert_eq!(object["verified"], json!(false), "{what}");
    }
}

#[test]
fn a_real_rollup_verifies_and_every_change_to_it_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Folder(folder.path().to_owned());
    let played = folder.demo("real", "2", "1", false);
    assert_eq!((&played["verified"], &played["proverless"]), (&json!(true), &json!(false)));

    good_ones(&folder);
    changed_proofs(&folder);
    changed_blocks(&folder);
    other_expectations(&folder);
    other_circuits(&folder);
}

fn good_ones(folder: &Folder) {
    let (proof, block) = (folder.path("real/rollup-0.proof"), folder.path("real/rollup-0.block"));
    let expect = folder.path("real/rollup-0.public.json");
    let run = folder.verify(&proof, &["--block", &block, "--expect", &expect, "--rollup-id", "0"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!((&run.object()["verified"], &run.object()["block_checked"]), (&json!(true), &json!(true)));

    let shape = ["--num-inner-rollup-txs=2", "--num-outer-rollup-proofs=1"];
    let from_data = meze(&["verify", &proof, "--data-dir", &folder.path("data"), shape[0], shape[1]]);
    assert_eq!(from_data.code, 0, "{}", from_data.stderr);
    // Keys beside the proof, or in any folder, count by their digests alone.
    let beside = meze(&["verify", &proof, "--data-dir", &folder.path("nowhere"), shape[0], shape[1]]);
    assert_eq!(beside.code, 1);
    assert!(beside.stderr.contains("there is no key"), "{}", beside.stderr);
    let keys = meze(&["verify", &proof, "--keys", &folder.path("real/keys"), shape[0], shape[1]]);
    assert_eq!(keys.code, 1);
    assert!(keys.stderr.contains("compiled into"), "{}", keys.stderr);
}

fn changed_proofs(folder: &Folder) {
    let file = folder.read("real/rollup-0.proof");
    let parts = ProofParts::of(&file);
    let bad = |bytes: &[u8]| folder.write("bad.proof", bytes);

    let mut damaged = file.clone();
    damaged[100] ^= 1;
    folder.refused("a flipped byte", &bad(&damaged), &[], &["file"]);
    folder.refused("a cut file", &bad(&file[..file.len() - 1]), &[], &["file"]);
    let limbs = parts.limbs.len() / 8;
    for at in (0..16).map(|part| part * parts.limbs.len() / 16 + 7) {
        let proof = bad(&parts.with_byte_flipped(at));
        folder.refused(&format!("byte {at} flipped, checksum right"), &proof, &[], &["proof", "limbs"]);
    }
    folder.refused("the last limb changed", &bad(&parts.with_limb_changed(limbs - 1)), &[], &["proof"]);
    for limb in 0..ROLLUP_LIMBS {
        let proof = bad(&parts.with_limb_changed(limb));
        folder.refused(&format!("public input {limb} changed"), &proof, &[], &["proof"]);
    }
    // The rollup id, and N.
    for limb in [8, 14] {
        folder.refused(&format!("x + p for limb {limb}"), &bad(&parts.with_limb_raised(limb)), &[], &["limbs"]);
    }
    folder.refused("one limb more", &bad(&parts.with_one_limb_more()), &[], &["limbs"]);
}

fn changed_blocks(folder: &Folder) {
    let proof = folder.path("real/rollup-0.proof");
    let block = folder.read("real/rollup-0.block");
    let refused = |what: &str, bytes: &[u8], checks: &[&str]| {
        let path = folder.write("bad.block", bytes);
        folder.refused(what, &proof, &["--block", &path], checks);
    };
    let next = |value: u64| (value + 1) % ORDER;
    let limbs = [layout::COMMITMENTS, layout::COMMITMENTS + 7, layout::NULLIFIERS, layout::PUBLIC_AMOUNT];
    for limb in limbs {
        refused(&format!("published limb {limb} changed"), &block_with_limb(&block, limb, next), &["published"]);
    }
    let digest = block_with_limb(&block, layout::PAYLOAD_DIGEST, next);
    refused("the digest of the ciphertexts changed", &digest, &["published"]);
    // The first transaction's public asset: 0, or small.
    let raised = block_with_limb(&block, layout::PUBLIC_ASSET, |value| value + ORDER);
    refused("x + p for a published limb", &raised, &["block"]);
    for (what, at) in [("old state", 100), ("new state", 250), ("beneficiary", 320), ("fee sum", 375)] {
        let mut other = block.clone();
        other[at] ^= 1;
        refused(&format!("the block's {what} changed"), &other, &["block"]);
    }
    let mut other = block.clone();
    *other.last_mut().unwrap() ^= 1;
    refused("a ciphertext changed", &other, &["block"]);
    refused("a block cut short", &block[..block.len() - 1], &["block"]);
    refused("no block at all", b"MZB", &["block"]);
}

fn other_expectations(folder: &Folder) {
    let proof = folder.path("real/rollup-0.proof");
    let public: Value = serde_json::from_slice(&folder.read("real/rollup-0.public.json")).unwrap();
    let state = |name: &str| public[name].as_str().unwrap().to_owned();
    let (old, new) = (state("old_state"), state("new_state"));
    let good = folder.verify(&proof, &["--old-state", &old, "--new-state", &new]);
    assert_eq!(good.code, 0, "{}", good.stderr);
    let nobody = format!("0x{}", "0".repeat(40));
    let flags = [("old-state", new.as_str()), ("new-state", &old), ("rollup-id", "1"), ("beneficiary", &nobody)];
    for (check, value) in flags {
        folder.refused(check, &proof, &[&format!("--{check}"), value], &[check]);
    }
    let changes = [
        ("mode", json!("mock"), "mode"),
        ("num_inner_rollup_txs", json!(3), "shape"),
        ("rollup_id", json!(1), "rollup-id"),
        ("old_state", json!(new), "old-state"),
        ("new_state", json!(old), "new-state"),
        ("beneficiary", json!(nobody), "beneficiary"),
        ("fee_sums", json!(["1", "2", "3", "4"]), "fees"),
        ("published_evaluation", json!(["1", "2"]), "published"),
    ];
    for (field, value, check) in changes {
        let mut other = public.clone();
        other[field] = value;
        let path = folder.write("other.json", other.to_string().as_bytes());
        folder.refused(field, &proof, &["--expect", &path], &[check]);
    }
}

fn other_circuits(folder: &Folder) {
    folder.demo("mock", "2", "1", true);
    folder.refused("a mock", &folder.path("mock/rollup-0.proof"), &[], &["mode"]);

    // An outer proof is good under its own key, and under no circumstances a rollup's.
    let own = ProofParts::of(&folder.read("real/rollup-0.proof"));
    let outer = folder.write("outer.proof", &folder.task("real", "outer"));
    let outer_key = folder.path("real/keys/outer.vk");
    let good = meze(&["verify", &outer, "--verification-key", &outer_key]);
    assert_eq!(good.code, 0, "{}", good.stderr);
    folder.refused("an outer proof", &outer, &[], &["circuit"]);
    let relabelled = ProofParts::of(&folder.read("outer.proof")).labelled(&own).seal();
    let relabelled = folder.write("relabelled.proof", &relabelled);
    folder.refused("an outer proof under a root verifier's name", &relabelled, &[], &["limbs", "proof"]);
    let asked = meze(&["verify", &outer, "--verification-key", &outer_key, "--rollup-id", "0", "--json"]);
    assert_eq!((asked.code, &asked.object()["check"]), (1, &json!("key")), "{}", asked.stderr);

    // So is the root verifier proof of another shape: valid under the key of its own circuit.
    folder.demo("other", "1", "2", false);
    let other = folder.path("other/rollup-0.proof");
    let good = meze(&["verify", &other, "--verification-key", &folder.path("other/keys/root-verifier.vk")]);
    assert_eq!(good.code, 0, "{}", good.stderr);
    folder.refused("another shape's proof", &other, &[], &["key"]);
    let relabelled = ProofParts::of(&folder.read("other/rollup-0.proof")).labelled(&own).seal();
    let relabelled = folder.write("relabelled.proof", &relabelled);
    folder.refused("another shape's proof under this shape's name", &relabelled, &[], &["limbs", "proof"]);
}
