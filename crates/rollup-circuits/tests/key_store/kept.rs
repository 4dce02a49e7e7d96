//! What is written, when, and what is loaded again.

use std::fs;
use std::sync::Arc;

use proving::context::ProveContext;
use rollup::shape::Shape;
use rollup_circuits::family::Family;
use rollup_circuits::id::CircuitId;
use rollup_circuits::settings::Settings;
use rollup_circuits::verification_key::VerificationKey;

use crate::scene::{Heard, assert_nothing_incomplete, bare, file, files, filled, stored};

#[test]
fn nothing_is_built_or_written_before_the_first_use() {
    let folder = tempfile::tempdir().unwrap();
    let heard = Heard::new(stored(folder.path()));
    assert!(files(folder.path()).is_empty());
    heard.family.prepare(CircuitId::Padding).unwrap();
    assert_eq!(files(folder.path()), [file(folder.path(), "pk")]);
    assert!(file(folder.path(), "pk").file_name().unwrap().to_string_lossy().starts_with("padding-"));
}

#[test]
fn a_stored_key_is_loaded_proves_and_is_not_written_again() {
    let folder = filled();
    let before: Vec<_> =
        files(folder.path()).iter().map(|path| fs::metadata(path).unwrap().modified().unwrap()).collect();
    let contents: Vec<_> = files(folder.path()).iter().map(|path| fs::read(path).unwrap()).collect();
    let heard = Heard::new(stored(folder.path()));
    heard.prove();
    assert_eq!(heard.lines(), [""; 0]);
    let after: Vec<_> =
        files(folder.path()).iter().map(|path| fs::metadata(path).unwrap().modified().unwrap()).collect();
    assert_eq!(before, after);
    assert!(files(folder.path()).iter().map(|path| fs::read(path).unwrap()).eq(contents));
}

#[test]
fn the_same_settings_give_the_same_keys_with_and_without_a_store() {
    let folder = filled();
    let unstored = Family::new(bare(), Arc::new(|_| ()));
    let key = unstored.verification_key(CircuitId::Padding).unwrap();
    assert_eq!(fs::read(file(folder.path(), "vk")).unwrap(), key.to_bytes());
    assert_eq!(VerificationKey::from_bytes(&key.to_bytes()).unwrap(), *key);

    // A proof under the built key holds under the stored one, and the other way round.
    let loaded = Heard::new(stored(folder.path()));
    let proof = unstored.prove_padding(&ProveContext::default()).unwrap();
    loaded.family.verify(CircuitId::Padding, &proof).unwrap();
    let proof = loaded.family.prove_padding(&ProveContext::default()).unwrap();
    unstored.verify(CircuitId::Padding, &proof).unwrap();
}

#[test]
fn a_verification_key_alone_is_loaded_without_its_circuit() {
    let folder = filled();
    fs::remove_file(file(folder.path(), "pk")).unwrap();
    let heard = Heard::new(stored(folder.path()));
    heard.family.verification_key(CircuitId::Padding).unwrap();
    assert_eq!(files(folder.path()), [file(folder.path(), "vk")]);
    assert_eq!(heard.lines(), [""; 0]);
}

#[test]
fn a_clients_key_does_not_depend_on_the_rollup_that_its_proofs_go_into() {
    let folder = filled();
    let heard = Heard::new(Settings { shape: Shape::new(5, 3).unwrap(), ..stored(folder.path()) });
    heard.build();
    assert_eq!(heard.lines(), [""; 0]);
    assert_eq!(files(folder.path()).len(), 2);
    let unstored = Family::new(Settings { shape: Shape::new(2, 7).unwrap(), ..bare() }, Arc::new(|_| ()));
    let keys = [&heard.family, &unstored].map(|family| family.verification_key(CircuitId::Padding).unwrap());
    assert_eq!(keys[0].statement(), keys[1].statement());
}

#[test]
fn a_released_circuit_comes_back_from_the_disk() {
    let folder = filled();
    let heard = Heard::new(stored(folder.path()));
    heard.build();
    heard.family.release(CircuitId::Padding);
    heard.prove();
    assert_eq!(heard.lines(), [""; 0]);
    assert_nothing_incomplete(folder.path());
}

#[test]
fn two_families_that_build_the_same_key_at_once_both_end_with_a_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| Heard::new(stored(folder.path())).build());
        }
    });
    assert_nothing_incomplete(folder.path());
    assert_eq!(files(folder.path()).len(), 2);
    let heard = Heard::new(stored(folder.path()));
    heard.prove();
    assert_eq!(heard.lines(), [""; 0]);
}
