//! What takes minutes: circuits built again and again, batches of several segments, a block from its witness.

use std::fs;
use std::path::Path;

use evm_proving::recursive::RecursiveProof;
use evm_proving::{BlockProof, CircuitStore, EvmError, Expectations, Part};
use evm_proving::{check, task};
use proving::kind::Kind;

use crate::support::{chain, config, family, fitting, store};

const EMPTY: &str = "16..17,8..9,12..13,8..9,8..9,6..7,17..18,16..17,7..8";

#[test]
#[ignore = "it builds circuits four times"]
fn circuits_are_built_once_and_again_where_a_file_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let (store, config) = (CircuitStore::new(folder.path()), config(EMPTY));
    assert!(matches!(store.stored_key(&config), Err(EvmError::NoKey(_))));
    // Two at once: one builds, the other waits and loads.
    let built = std::thread::scope(|scope| {
        let (store, config) = (&store, &config);
        let both = [Part::Heavy, Part::Light].map(|part| scope.spawn(move || store.circuits(config, part).unwrap()));
        both.map(|one| one.join().unwrap())
    });
    let key = store.stored_key(&config).unwrap();
    assert!(built.iter().all(|circuits| *circuits.key() == key));
    let place = folder.path().join(config.fingerprint().to_string());
    let upper = || fs::metadata(place.join("upper")).unwrap().modified().unwrap();
    let before = upper();
    store.circuits(&config, Part::All).unwrap();
    assert_eq!(upper(), before, "they are loaded, not built");
    for name in ["cpu-12", "upper", "key"] {
        let path = place.join(name);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let before = upper();
        let circuits = store.circuits(&config, Part::All).unwrap();
        assert_eq!(*circuits.key(), key, "the same circuits every time");
        assert_ne!(upper(), before, "{name} was damaged, so they are built again");
    }
    let removed = store.clean().unwrap();
    assert!(removed > 100 << 20, "{removed}");
    assert!(!place.exists());
}

#[test]
#[ignore = "it proves a batch in many segments"]
fn a_batch_of_several_segments_is_aggregated_pairwise() {
    const LOG: u8 = 10;
    let block = chain(1).remove(0);
    let family = family(&fitting(&block.batches, LOG));
    let [batch, second] = &block.batches;
    let segments = family.segments(batch, LOG);
    assert!(segments.len() > 2, "{}", segments.len());
    for (at, proof) in [(1, 0), (0, 1), (1, 2), (2, 1)] {
        let other = family.verify(&segments[at], &segments[proof].proof).unwrap_err();
        assert_eq!(other.check(), "segment's begin");
    }
    let whole = segments[1..].iter().fold(segments[0].clone(), |left, right| {
        family.done(Kind::EVM_SEGMENT_AGGREGATION, task::segment_aggregation_input(false), &[&left, right])
    });
    // Only a whole batch is joined to another.
    let second = family.batch(second, LOG);
    family.done(Kind::EVM_BATCH_AGGREGATION, task::batch_aggregation_input(), &[&whole, &second]);
}

#[test]
#[ignore = "it proves a block with a transaction, in the insecure test configuration"]
fn a_block_of_a_development_chain_is_proved_from_its_witness() {
    const LOG: u8 = 15;
    let Some(folder) = std::env::var_os("MEZE_TEST_WITNESSES") else {
        eprintln!("skipped: MEZE_TEST_WITNESSES names no folder of witnesses");
        return;
    };
    let json = fs::read(Path::new(&folder).join("block-28-witness.json")).unwrap();
    let witness = block_witness::read(&json).unwrap().remove(0);
    let block = block_witness::decode(witness, None, block_witness::BATCH_SIZE).unwrap();
    let config = fitting(&block.batches, LOG);
    let done = family(&config).block_of(&block.batches, LOG);
    let key = store().stored_key(&config).unwrap();
    let proof = BlockProof::of(&RecursiveProof::from_bytes(done.proof.bytes()).unwrap(), &key).unwrap();
    let expected = Expectations {
        chain_id: Some(block.chain_id),
        last_block: Some(28),
        state_root: Some(block.post_state_root),
        checkpoint_state_root: Some(block.checkpoint_state_root),
        allow_insecure: true,
        ..Default::default()
    };
    check(&proof, &key, &expected).unwrap();
}
