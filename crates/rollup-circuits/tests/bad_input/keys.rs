//! Verification keys: a changed one is refused or is another key, and nothing panics with it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rollup_circuits::codec;
use rollup_circuits::proof_file;
use rollup_circuits::verification_key::VerificationKey;
use rollup_circuits::verify::verify_file;

use crate::faults::{NASTY, body, clear, with_body};
use crate::samples::{Proved, padding};

/// What is done with changed keys.
pub(crate) struct Changed<'a> {
    made: &'a Proved,
    /// How many of those that are taken are still verified with, which takes its time.
    verifications: usize,
}

impl<'a> Changed<'a> {
    pub(crate) fn new(made: &'a Proved, verifications: usize) -> Self {
        Self { made, verifications }
    }

    /// Reads a changed key; if it is taken, it has another digest, and no proof makes it panic.
    pub(crate) fn check(&mut self, content: &[u8]) {
        let own = &self.made.key;
        let file = with_body(&own.to_bytes(), content);
        let key = match catch_unwind(|| VerificationKey::from_bytes(&file)).expect("reading a key does not panic") {
            Err(error) => return clear(&error.to_string()),
            Ok(key) => key,
        };
        assert!(key == *own || key.digest() != own.digest());
        if self.verifications > 0 {
            self.verifications -= 1;
            // Whoever hands over a key may hand over a proof that names it.
            let proof = proof_file::seal(&self.made.proof, &key);
            let verdict = catch_unwind(AssertUnwindSafe(|| verify_file(&proof, &key)));
            if let Err(error) = verdict.expect("verifying under a key does not panic") {
                clear(&error.to_string());
            }
        }
    }
}

#[test]
fn a_changed_key_is_refused_or_another_and_never_panics() {
    let made = padding(true);
    let file = made.key.to_bytes();
    let content = body(&file);
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    // The circuit's numbers stand at both ends, the long list of digests and factors between them.
    let mut ends = Changed::new(&made, 100);
    let mut middle = Changed::new(&made, 20);
    for at in 0..content.len() {
        let mut changed = content.to_vec();
        changed[at] ^= 1 << rng.random_range(0..8);
        if at < 300 || at + 300 > content.len() { ends.check(&changed) } else { middle.check(&changed) }
    }
}

#[test]
fn a_number_of_a_key_that_breaks_careless_arithmetic_is_refused_or_harmless() {
    let made = padding(true);
    let file = made.key.to_bytes();
    let content = body(&file);
    let mut keys = Changed::new(&made, 150);
    for at in (0..content.len() - 8).filter(|at| *at < 400 || at + 1200 > content.len()) {
        for nasty in NASTY {
            let mut changed = content.to_vec();
            changed[at..at + 8].copy_from_slice(&nasty.to_le_bytes());
            keys.check(&changed);
        }
    }
}

#[test]
fn a_key_is_small_and_a_proof_fits_its_limit() {
    let made = padding(true);
    assert!(made.key.to_bytes().len() < 64 << 10);
    let bytes = codec::proof_bytes(&crate::proofs::library_key(&made).common) as u64;
    assert!(bytes < proof_file::MAX_PROOF);
}
