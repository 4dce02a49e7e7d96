//! Proofs: one encoding, canonical limbs only, and not a byte that could be another.

use std::panic::{AssertUnwindSafe, catch_unwind};

use plonky2::util::serialization::DefaultGateSerializer;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rollup::field::{LIMB_BYTES, ORDER, random_limb};
use rollup::transaction::limbs_to_bytes;
use rollup_circuits::ChildProof;
use rollup_circuits::codec::{self, CodecError};
use rollup_circuits::plonk::{PlonkProof, VerifierData};
use rollup_circuits::proof_file::{self, ProofFileError, ProofHeader};
use rollup_circuits::verify::verify_file;

use crate::faults::{body, clear, reseal, with_body};
use crate::samples::{Proved, padding};

/// Circuit, shape, and whether it is a mock's.
type KeyHeader = (String, (usize, usize), bool);

/// The library's part of a verification key, as whoever reads the format finds it.
pub(crate) fn library_key(made: &Proved) -> VerifierData {
    let file = made.key.to_bytes();
    let (_, rest): (KeyHeader, &[u8]) = postcard::take_from_bytes(body(&file)).unwrap();
    VerifierData::from_bytes(rest.to_vec(), &DefaultGateSerializer).unwrap()
}

fn real(made: &Proved) -> &PlonkProof {
    let ChildProof::Real(proof) = &made.proof else { panic!("a real proof was made") };
    proof
}

/// Where the limbs begin in the file of a proof.
fn limbs_at(made: &Proved, limbs: &[u8]) -> usize {
    let at = made.file.len() - proving::envelope::CHECKSUM_BYTES - limbs.len();
    assert_eq!(made.file[at..at + limbs.len()], *limbs);
    at
}

#[test]
fn a_decoded_proof_is_encoded_as_it_was_and_still_verifies() {
    let made = padding(true);
    let common = library_key(&made).common;
    let limbs = codec::encode(real(&made));
    assert_eq!(limbs.len(), codec::proof_bytes(&common));
    let decoded = codec::decode(&limbs, &common).unwrap();
    assert!(decoded == *real(&made) && codec::encode(&decoded) == limbs);
    assert!(verify_file(&made.file, &made.key).unwrap() == made.proof);
    for length in [0, 1, limbs.len() - LIMB_BYTES, limbs.len() - 1, limbs.len() + 1, limbs.len() + LIMB_BYTES] {
        let other: Vec<u8> = limbs.iter().copied().chain([0; LIMB_BYTES]).take(length).collect();
        let expected = limbs.len();
        assert_eq!(codec::decode(&other, &common), Err(CodecError::Length { expected, found: length }));
    }
}

#[test]
fn every_limb_that_is_moved_up_by_the_order_is_refused_before_the_library_sees_it() {
    let made = padding(true);
    let common = library_key(&made).common;
    let limbs = codec::encode(real(&made));
    let mut moved = 0;
    for at in (0..limbs.len()).step_by(LIMB_BYTES) {
        let limb = u64::from_be_bytes(limbs[at..at + LIMB_BYTES].try_into().unwrap());
        assert!(limb < ORDER);
        let up = limb.checked_add(ORDER);
        moved += usize::from(up.is_some());
        for other in [Some(ORDER), up, Some(u64::MAX)].into_iter().flatten() {
            let mut changed = limbs.clone();
            changed[at..at + LIMB_BYTES].copy_from_slice(&other.to_be_bytes());
            let error = codec::decode(&changed, &common).unwrap_err();
            assert!(matches!(error, CodecError::NotCanonical(limb) if limb.0 == other), "{error}");
        }
    }
    // The public inputs of padding are all 0, so there always are limbs with a second form.
    assert!(moved >= real(&made).public_inputs.len());

    let mut file = made.file.clone();
    let at = limbs_at(&made, &limbs);
    file[at..at + LIMB_BYTES].copy_from_slice(&ORDER.to_be_bytes());
    reseal(&mut file);
    assert_eq!(verify_file(&file, &made.key).unwrap_err().check(), "limbs");
    let error = proof_file::open(&file).unwrap().claimed_public_inputs().unwrap_err();
    assert!(matches!(error, ProofFileError::Limbs(_)), "{error}");
}

#[test]
fn no_byte_of_a_proof_can_be_another() {
    let made = padding(true);
    let limbs = codec::encode(real(&made));
    let at = limbs_at(&made, &limbs);
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let header = 0..at + 43 * LIMB_BYTES;
    let sampled: Vec<usize> = (0..300).map(|_| rng.random_range(at..at + limbs.len())).collect();
    for place in header.chain(sampled) {
        flip(&made, place, 1 << rng.random_range(0..8));
    }
}

/// A flipped byte under a right checksum is refused by a check that has a name.
pub(crate) fn flip(made: &Proved, place: usize, bits: u8) {
    let mut file = made.file.clone();
    file[place] ^= bits;
    reseal(&mut file);
    let verdict = catch_unwind(AssertUnwindSafe(|| verify_file(&file, &made.key)));
    let error = verdict.expect("a verifier does not panic").expect_err("a changed proof is refused");
    clear(&error.to_string());
    assert!(["file", "circuit", "mode", "key", "limbs", "proof"].contains(&error.check()), "{error}");
}

#[test]
fn limbs_that_were_never_a_proof_are_refused_by_verification() {
    let made = padding(true);
    let limbs = codec::encode(real(&made));
    let head = &body(&made.file)[..body(&made.file).len() - limbs.len()];
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let zeros = vec![0; limbs.len()];
    let noise: Vec<_> = (0..limbs.len() / LIMB_BYTES).map(|_| random_limb(&mut rng)).collect();
    let public = 43 * LIMB_BYTES;
    let noise = limbs_to_bytes(&noise);
    // The right public inputs under noise, and noise as public inputs over the right proof.
    let crossed = [[&limbs[..public], &noise[public..]].concat(), [&noise[..public], &limbs[public..]].concat()];
    for wrong in [zeros, noise].into_iter().chain(crossed) {
        let file = with_body(&made.file, &[head, &wrong].concat());
        let error = verify_file(&file, &made.key).unwrap_err();
        assert_eq!(error.check(), "proof", "{error}");
        clear(&error.to_string());
    }
}

#[test]
fn a_header_that_names_nothing_is_refused_and_is_not_echoed() {
    let made = padding(false);
    let ProofHeader { circuit, statement } = proof_file::open(&made.file).unwrap().header;
    let limbs = limbs_to_bytes(made.proof.public_inputs());
    let hostile = ["", "\u{1b}[2J", "rollup.padding", "a\nb", &"x".repeat(1 << 20)];
    for text in hostile {
        let headers = [
            ProofHeader { circuit: text.to_owned(), statement: statement.clone() },
            ProofHeader { circuit: circuit.clone(), statement: text.to_owned() },
            ProofHeader { circuit: circuit.clone(), statement: format!("{statement}{text}\n") },
        ];
        for header in headers {
            let body = [postcard::to_stdvec(&header).unwrap(), limbs.clone()].concat();
            let error = proof_file::open(&with_body(&made.file, &body)).unwrap_err();
            assert!(matches!(error, ProofFileError::Header), "{error}");
        }
    }
}

#[test]
fn mocks_and_proofs_do_not_stand_in_for_each_other() {
    let (real, mock) = (padding(true), padding(false));
    for (file, key) in [(&mock.file, &real.key), (&real.file, &mock.key), (&mock.file, &mock.key)] {
        let error = verify_file(file, key).unwrap_err();
        assert_eq!(error.check(), "mode", "{error}");
    }
    // Only the tag tells them apart from outside; under the other one the body does not fit.
    for (file, tag, key) in [(&mock.file, b"PROF", &real.key), (&real.file, b"MOCK", &mock.key)] {
        let mut relabelled = file.clone();
        relabelled[4..8].copy_from_slice(tag);
        reseal(&mut relabelled);
        assert_eq!(verify_file(&relabelled, key).unwrap_err().check(), "key");
    }
}
