//! What holds for every file: its header, its length, its checksum, and bytes of no meaning.

use proving::envelope::{HEADER_BYTES, OVERHEAD};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rollup_circuits::proof_file::MAX_PROOF;
use rollup_circuits::verification_key::MAX_VERIFICATION_KEY;
use rollup_circuits::witness_file::MAX_WITNESS;

use crate::faults::{NASTY, body, clear, mutate, reseal, with_body};
use crate::samples::{Parser, block_parser, file_parsers};

/// The parser refuses, and says so clearly.
fn refused(parser: &Parser, bytes: &[u8], what: &str) -> String {
    match (parser.read)(bytes) {
        Ok(_) => panic!("{}: {what} is taken", parser.name),
        Err(error) => {
            clear(&error);
            error
        }
    }
}

/// Some lengths, every short one among them.
fn lengths(all: usize) -> impl Iterator<Item = usize> {
    (0..all).filter(move |length| *length < 300 || length % 97 == 0 || *length + 300 > all)
}

#[test]
fn every_parser_takes_what_was_written_and_nothing_shorter_or_longer() {
    for parser in file_parsers().iter().chain([&block_parser()]) {
        let good = &parser.good;
        assert!((parser.read)(good).unwrap() == *good, "{}", parser.name);
        for length in lengths(good.len()) {
            refused(parser, &good[..length], "a truncated file");
        }
        for more in [1, 8, 1000] {
            refused(parser, &[good.as_slice(), &vec![0; more]].concat(), "a file with something behind it");
        }
    }
}

#[test]
fn a_body_cut_or_lengthened_in_a_file_that_is_whole_is_refused() {
    for parser in file_parsers() {
        let content = body(&parser.good);
        for length in lengths(content.len()) {
            refused(&parser, &with_body(&parser.good, &content[..length]), "a cut body");
        }
        for more in [1, 8, 1000] {
            let longer = [content, &vec![0; more]].concat();
            refused(&parser, &with_body(&parser.good, &longer), "a lengthened body");
        }
    }
}

#[test]
fn each_field_of_the_header_has_its_own_refusal() {
    for parser in file_parsers() {
        let changed = |at: usize, bytes: &[u8]| {
            let mut file = parser.good.clone();
            file[at..at + bytes.len()].copy_from_slice(bytes);
            reseal(&mut file);
            refused(&parser, &file, "another header")
        };
        assert!(changed(0, b"MEZF").contains("does not begin with MEZE"), "{}", parser.name);
        assert!(changed(4, b"OTHR").contains("format OTHR"), "{}", parser.name);
        for version in [0_u16, 2, u16::MAX] {
            assert!(changed(8, &version.to_be_bytes()).contains(&format!("version {version}")), "{}", parser.name);
        }
        let length = body(&parser.good).len() as u64;
        for wrong in NASTY.into_iter().chain([length - 1, length + 1]) {
            let error = changed(10, &wrong.to_be_bytes());
            let named = ["truncated", "too many", "are allowed"].iter().any(|reason| error.contains(reason));
            assert!(named, "{}: {error}", parser.name);
        }
        let mut damaged = parser.good.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert!(refused(&parser, &damaged, "a wrong checksum").contains("checksum"), "{}", parser.name);
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found_by_the_checksum() {
    for parser in file_parsers() {
        for at in lengths(parser.good.len()) {
            let mut bytes = parser.good.clone();
            bytes[at] ^= 1 << (at % 8);
            refused(&parser, &bytes, "a flipped bit");
        }
    }
}

#[test]
fn a_file_over_its_limit_is_refused_by_its_limit() {
    for parser in file_parsers() {
        let limit = match parser.name {
            "proof" | "mock proof" => MAX_PROOF,
            "key" | "mock key" => MAX_VERIFICATION_KEY,
            _ => MAX_WITNESS,
        };
        let file = with_body(&parser.good, &vec![0; limit as usize + 1]);
        let error = refused(&parser, &file, "a body over the limit");
        assert!(error.contains(&limit.to_string()), "{error}");
    }
}

#[test]
fn a_changed_body_under_a_right_checksum_is_refused_or_is_what_it_is_written_as() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    for parser in file_parsers().iter().chain([&block_parser()]) {
        let enveloped = parser.name != "block";
        for _ in 0..1500 {
            let bytes = if enveloped {
                with_body(&parser.good, &mutate(body(&parser.good), &mut rng))
            } else {
                mutate(&parser.good, &mut rng)
            };
            check(parser, &bytes);
        }
    }
}

/// Refused clearly, or read; and where one content has one encoding, written as it was read.
pub(crate) fn check(parser: &Parser, bytes: &[u8]) {
    match (parser.read)(bytes) {
        Ok(again) => assert!(!parser.canonical || again == bytes, "{} is taken in another encoding", parser.name),
        Err(error) => clear(&error),
    }
}

#[test]
fn random_bytes_are_refused_with_and_without_a_good_envelope() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for parser in file_parsers().iter().chain([&block_parser()]) {
        for _ in 0..400 {
            let mut noise = vec![0; rng.random_range(0..3000)];
            rng.fill_bytes(&mut noise);
            refused(parser, &noise, "noise");
            if parser.good.len() > OVERHEAD && parser.good.starts_with(b"MEZE") {
                check(parser, &with_body(&parser.good, &noise));
                let mut headed = parser.good[..HEADER_BYTES].to_vec();
                headed.extend(&noise);
                refused(parser, &headed, "noise behind a header");
            }
        }
    }
}
