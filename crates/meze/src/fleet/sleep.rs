//! A prover that sleeps, for tests and benchmarks of the fabric. It is a mock: its statement is of the mode
//! `test`, dispatchers refuse its kind unless told otherwise, and its proof says what it is.
//!
//! Its input is text: words of `name=value` with blanks between.
//!
//! | word | |
//! |---|---|
//! | `ms=N` | sleep so long |
//! | `do=panic`, `abort`, `exit`, `oom`, `fail`, `invalid`, `print`, `stuck` | misbehave, after the sleep |
//! | `once=PATH` | misbehave only where the file is not there yet, and make it |
//! | `bytes=N` | the proof has so many bytes more |

use std::path::Path;
use std::time::{Duration, Instant};

use proving::context::ProveContext;
use proving::error::{ProveError, VerifyError};
use proving::kind::Kind;
use proving::prover::{Proof, Prover, Verifier};
use proving::statement::Statement;

/// What every one of its proofs begins with.
const MARK: &[u8] = b"mock: slept over ";

/// The statement that it sleeps under.
pub fn statement() -> Statement {
    "test/line/sleep".parse().expect("a plain line is a statement")
}

/// The mock proof of an input on top of others.
pub fn proof_of(input: &[u8], needs: &[&[u8]]) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(input);
    needs.iter().for_each(|need| {
        hasher.update(blake3::hash(need).as_bytes());
    });
    [MARK, hasher.finalize().to_hex().as_bytes()].concat()
}

/// Sleeps.
#[derive(Debug)]
pub struct SleepProver;

/// Knows what a sleeper's proof looks like.
#[derive(Debug)]
pub struct SleepVerifier;

struct Order<'a> {
    ms: u64,
    misbehave: Option<&'a str>,
    once: Option<&'a Path>,
    bytes: usize,
}

fn order(input: &[u8]) -> Result<Order<'_>, ProveError> {
    // The input may be a secret, so what is wrong is not repeated.
    let wrong = |place: usize| ProveError::invalid_input(format!("word {place} is no order to a sleeper"));
    let text = std::str::from_utf8(input).map_err(|_| ProveError::invalid_input("a sleeper takes text"))?;
    let mut order = Order { ms: 0, misbehave: None, once: None, bytes: 0 };
    for (place, word) in (1..).zip(text.split_whitespace()) {
        match word.split_once('=') {
            Some(("ms", value)) => order.ms = value.parse().map_err(|_| wrong(place))?,
            Some(("bytes", value)) => order.bytes = value.parse().map_err(|_| wrong(place))?,
            Some(("do", value)) => order.misbehave = Some(value),
            Some(("once", value)) => order.once = Some(Path::new(value)),
            // Anything else makes two inputs different.
            Some(("id", _)) => {}
            _ => return Err(wrong(place)),
        }
    }
    Ok(order)
}

impl Prover for SleepProver {
    fn kind(&self) -> Kind {
        Kind::TEST_SLEEP
    }

    fn statement(&self) -> Result<Statement, ProveError> {
        Ok(statement())
    }

    fn prove(&self, input: &[u8], needs: &[&[u8]], context: &ProveContext) -> Result<Proof, ProveError> {
        let order = order(input)?;
        let end = Instant::now() + Duration::from_millis(order.ms);
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            let done = order.ms.saturating_sub(left.as_millis() as u64);
            context.step("sleep", done, order.ms)?;
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
        let again = order.once.is_some_and(|path| {
            let made = std::fs::File::options().write(true).create_new(true).open(path);
            made.is_err()
        });
        if let Some(how) = order.misbehave.filter(|_| !again) {
            misbehave(how)?;
        }
        let mut proof = proof_of(input, needs);
        proof.resize(proof.len() + order.bytes, b'.');
        Ok(Proof::new(Kind::TEST_SLEEP, proof))
    }
}

fn misbehave(how: &str) -> Result<(), ProveError> {
    match how {
        "panic" => panic!("told to panic"),
        "abort" => std::process::abort(),
        "exit" => std::process::exit(7),
        "fail" => Err(ProveError::worker("told to fail")),
        "invalid" => Err(ProveError::invalid_input("told to find it invalid")),
        "print" => {
            println!("a library talks");
            Ok(())
        }
        "stuck" => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
        "oom" => {
            let mut all: Vec<Vec<u8>> = Vec::new();
            loop {
                // Written to, so that it is really taken.
                all.push(vec![all.len() as u8; 16 << 20]);
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        _ => Err(ProveError::invalid_input("this is no way to misbehave")),
    }
}

impl Verifier for SleepVerifier {
    fn kind(&self) -> Kind {
        Kind::TEST_SLEEP
    }

    fn statement(&self) -> Statement {
        statement()
    }

    fn verify(&self, input: &[u8], needs: &[&[u8]], proof: &Proof) -> Result<(), VerifyError> {
        match proof.bytes().starts_with(&proof_of(input, needs)) {
            true => Ok(()),
            false => Err(VerifyError::new("sleep", "nobody slept over this")),
        }
    }
}
