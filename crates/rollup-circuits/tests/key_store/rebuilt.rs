//! Files under the right name that are of no use: each is made anew, with one line that says why.

use std::fs;
use std::path::Path;

use proving::envelope::CHECKSUM_BYTES;
use rollup::shape::Shape;
use rollup_circuits::id::CircuitId;
use rollup_circuits::settings::Settings;

use crate::scene::{Heard, assert_nothing_incomplete, file, filled, stored};

/// Changes bytes of a file and makes its checksum right again.
fn resealed(good: &[u8], at: usize, change: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    bytes[at..at + change.len()].copy_from_slice(change);
    let end = bytes.len() - CHECKSUM_BYTES;
    let checksum = *blake3::hash(&bytes[..end]).as_bytes();
    bytes[end..].copy_from_slice(&checksum);
    bytes
}

/// Ways to spoil a file, each with what the line must say.
fn spoiled(good: &[u8]) -> Vec<(Vec<u8>, &'static str)> {
    let mut damaged = good.to_vec();
    damaged[good.len() / 2] ^= 1;
    let end = good.len() - CHECKSUM_BYTES;
    // A header of the right length around nothing that the proof system knows.
    let meaningless = resealed(good, 60, &vec![0xa5; end - 60]);
    vec![
        (damaged, "checksum"),
        (resealed(good, 8, &[0, 99]), "version 99"),
        (good[..good.len() / 2].to_vec(), "truncated"),
        (Vec::new(), "too short"),
        (b"neither a key nor anything else of Meze".to_vec(), "MEZE"),
        ([good, b"more"].concat(), "too many"),
        (meaningless, "built again"),
    ]
}

/// The family says one line, works, and has made the file anew.
fn check(folder: &Path, extension: &str, bytes: &[u8], word: &str, work: impl Fn(&Heard)) {
    let path = file(folder, extension);
    let good = fs::read(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    let heard = Heard::new(stored(folder));
    work(&heard);
    heard.said(&["is built again", path.file_name().unwrap().to_str().unwrap(), word]);
    assert!(fs::read(&path).unwrap() == good, "the key is not made anew after {word}");
    assert_nothing_incomplete(folder);
}

#[test]
fn a_proving_key_that_is_damaged_old_cut_or_something_else_is_built_again_with_one_line() {
    let folder = filled();
    let good = fs::read(file(folder.path(), "pk")).unwrap();
    for (bytes, word) in spoiled(&good) {
        check(folder.path(), "pk", &bytes, word, |heard| heard.family.prepare(CircuitId::Padding).unwrap());
    }
    Heard::new(stored(folder.path())).prove();
}

#[test]
fn a_proving_key_with_another_fingerprint_is_not_used() {
    let folder = filled();
    let good = fs::read(file(folder.path(), "pk")).unwrap();
    for bytes in [resealed(&good, 18, &[7; 32]), resealed(&good, 49, &[!good[49]])] {
        check(folder.path(), "pk", &bytes, "another version, shape or mode", Heard::build);
    }
}

#[test]
fn another_circuits_keys_under_the_right_name_are_not_used() {
    let (folder, other) = (filled(), tempfile::tempdir().unwrap());
    let settings = stored(other.path());
    Heard::new(settings).family.verification_key(CircuitId::Account).unwrap();
    let foreign = |extension| fs::read(file(other.path(), extension)).unwrap();
    check(folder.path(), "pk", &foreign("pk"), "another version, shape or mode", Heard::build);
    check(folder.path(), "vk", &foreign("vk"), "another circuit", |heard| {
        heard.family.verification_key(CircuitId::Padding).unwrap();
    });
}

#[test]
fn keys_of_other_parameters_under_the_right_name_are_not_used() {
    let (folder, other) = (filled(), tempfile::tempdir().unwrap());
    let mut settings = stored(other.path());
    settings.parameters.client.queries += 1;
    Heard::new(settings).family.verification_key(CircuitId::Padding).unwrap();
    let foreign = |extension| fs::read(file(other.path(), extension)).unwrap();
    check(folder.path(), "pk", &foreign("pk"), "another version, shape or mode", Heard::build);
    check(folder.path(), "vk", &foreign("vk"), "another circuit, shape or mode", |heard| {
        heard.family.verification_key(CircuitId::Padding).unwrap();
    });
}

#[test]
fn a_verification_key_that_is_damaged_old_cut_or_something_else_is_built_again_with_one_line() {
    let folder = filled();
    let good = fs::read(file(folder.path(), "vk")).unwrap();
    for (bytes, word) in spoiled(&good) {
        check(folder.path(), "vk", &bytes, word, |heard| {
            heard.family.verification_key(CircuitId::Padding).unwrap();
        });
    }
}

#[test]
fn another_shapes_or_modes_key_under_the_right_name_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let here = Settings { store: Some(folder.path().to_owned()), ..Settings::proverless(Shape::new(2, 2).unwrap()) };
    let heard = Heard::new(here.clone());
    let own = heard.family.verification_key(CircuitId::RootVerifier).unwrap();
    let path = folder.path().join("keys").join(format!("{}.vk", here.key_name(CircuitId::RootVerifier)));
    let good = fs::read(&path).unwrap();
    assert_eq!(heard.lines(), [""; 0]);

    let elsewhere = tempfile::tempdir().unwrap();
    let store = Some(elsewhere.path().to_owned());
    let others = [
        Settings { store: store.clone(), ..Settings::proverless(Shape::new(2, 3).unwrap()) },
        Settings { store: store.clone(), ..Settings::proverless(Shape::new(3, 2).unwrap()) },
    ];
    for other in others {
        Heard::new(other.clone()).family.verification_key(CircuitId::RootVerifier).unwrap();
        let foreign = elsewhere.path().join("keys").join(format!("{}.vk", other.key_name(CircuitId::RootVerifier)));
        fs::copy(foreign, &path).unwrap();
        let heard = Heard::new(here.clone());
        assert_eq!(heard.family.verification_key(CircuitId::RootVerifier).unwrap(), own);
        heard.said(&["is built again", "another circuit, shape or mode"]);
        assert!(fs::read(&path).unwrap() == good);
    }

    // A real key where a mock one belongs, and the reverse.
    let real = filled();
    let mock = Settings { shape: Shape::new(1, 1).unwrap(), ..here };
    Heard::new(mock.clone()).family.verification_key(CircuitId::Padding).unwrap();
    let mock_path = folder.path().join("keys").join(format!("{}.vk", mock.key_name(CircuitId::Padding)));
    let mock_bytes = fs::read(&mock_path).unwrap();
    fs::copy(file(real.path(), "vk"), &mock_path).unwrap();
    let heard = Heard::new(mock);
    heard.family.verification_key(CircuitId::Padding).unwrap();
    heard.said(&["is built again", "mode"]);
    assert!(fs::read(&mock_path).unwrap() == mock_bytes);
    check(real.path(), "vk", &mock_bytes, "mode", |heard| {
        heard.family.verification_key(CircuitId::Padding).unwrap();
    });
}

#[test]
fn a_key_of_other_parameters_beside_is_mentioned_once_and_left_alone() {
    let folder = filled();
    let mut settings = stored(folder.path());
    settings.parameters.client.queries += 1;
    let heard = Heard::new(settings);
    heard.build();
    heard.said(&["padding", "is built", "1 stored for other versions, shapes or modes"]);
    let heard = Heard::new(stored(folder.path()));
    heard.build();
    assert_eq!(heard.lines(), [""; 0]);
}

#[test]
fn a_wrapped_padding_proof_that_is_no_good_is_made_again_with_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        Settings { store: Some(folder.path().to_owned()), ..Settings::proverless(Shape::new(2, 1).unwrap()) };
    let first = Heard::new(settings.clone()).family.wrapped_padding().unwrap();
    let path = file(folder.path(), "proof");
    let good = fs::read(&path).unwrap();
    // A mock of something else: the last limb is another.
    let limb = good.len() - CHECKSUM_BYTES - 1;
    for bytes in
        [good[..40].to_vec(), b"MEZE".to_vec(), resealed(&good, limb, &[1]), resealed(&good, limb - 7, &[255; 8])]
    {
        fs::write(&path, bytes).unwrap();
        let heard = Heard::new(settings.clone());
        assert_eq!(heard.family.wrapped_padding().unwrap(), first);
        heard.said(&["is made again"]);
        assert!(fs::read(&path).unwrap() == good);
    }
}
