//! Part `fuzz` of `make test-long`: a million changed inputs for the parsers, tens of thousands for
//! verification.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::faults::{body, mutate, with_body};
use crate::samples::{block_parser, file_parsers, padding};
use crate::{files, keys, proofs};

/// Inputs of all parsers together.
const INPUTS: usize = 1_000_000;

#[test]
#[ignore = "minutes; run with make test-long"]
fn fuzz_every_parser_a_million_times() {
    let parsers: Vec<_> = file_parsers().into_iter().chain([block_parser()]).collect();
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    for parser in &parsers {
        // What was taken is changed further, so that the changes go deep.
        let mut seeds = vec![parser.good.clone()];
        for _ in 0..INPUTS / parsers.len() {
            let seed = &seeds[rng.random_range(0..seeds.len())];
            let bytes = if parser.name == "block" {
                mutate(seed, &mut rng)
            } else {
                with_body(seed, &mutate(body(seed), &mut rng))
            };
            files::check(parser, &bytes);
            if (parser.read)(&bytes).is_ok() && bytes.len() < 2 * parser.good.len() {
                if seeds.len() < 64 { seeds.push(bytes) } else { seeds[rng.random_range(1..64)] = bytes }
            }
        }
        println!("{}: {} inputs, {} kept", parser.name, INPUTS / parsers.len(), seeds.len());
    }
}

#[test]
#[ignore = "minutes; run with make test-long"]
fn fuzz_verification_with_changed_proofs_and_keys() {
    let made = padding(true);
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    for _ in 0..20_000 {
        proofs::flip(&made, rng.random_range(0..made.file.len() - 32), 1 << rng.random_range(0..8));
    }
    let file = made.key.to_bytes();
    let mut keys = keys::Changed::new(&made, 20_000);
    for _ in 0..100_000 {
        keys.check(&mutate(body(&file), &mut rng));
    }
}
