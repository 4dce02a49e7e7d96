//! Numbers in a file that claim more than there is: refused at once, and within little memory.
//!
//! The test starts itself again under a limit on its address space, in which a parser that believed
//! such a number could only abort.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rollup::block::Block;
use rollup_circuits::proof_file;
use rollup_circuits::verification_key::VerificationKey;
use rollup_circuits::witness_file::Witness;

use crate::faults::{body, clear, with_body};
use crate::samples::{drafted, padding};

/// Set for the process under the limit: where its samples are.
const SAMPLES: &str = "MEZE_TEST_LIMITED";
/// Address space of that process, with its code and its stacks, in KiB.
const SPACE: usize = 512 << 10;
/// What is claimed, as a varint, a big-endian and a little-endian number.
const CLAIMS: [u64; 6] = [1 << 20, 1 << 30, 1 << 36, 1 << 44, 1 << 60, u64::MAX];

#[test]
fn a_file_that_claims_more_than_it_holds_is_refused_within_half_a_gigabyte() {
    if let Some(folder) = std::env::var_os(SAMPLES) {
        return read_all(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: String| folder.path().join(name);
    for (number, witness) in drafted().witnesses.iter().enumerate() {
        fs::write(at(format!("witness-{number}")), witness.to_bytes()).unwrap();
    }
    for real in [true, false] {
        let made = padding(real);
        fs::write(at(format!("key-{real}")), made.key.to_bytes()).unwrap();
        fs::write(at(format!("proof-{real}")), made.file).unwrap();
    }
    fs::write(at("block".to_owned()), drafted().plan.block.encode()).unwrap();

    let name = std::thread::current().name().unwrap().to_owned();
    let limited = Command::new("sh")
        .args(["-c", &format!("ulimit -v {SPACE} && exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture"])
        .env(SAMPLES, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&limited.stdout);
    assert!(limited.status.success() && said.contains("all refused"), "{said}{}", {
        String::from_utf8_lossy(&limited.stderr)
    });
}

fn read_all(folder: &Path) {
    let start = Instant::now();
    let mut claims = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let good = fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // The lengths of a proof's limbs stand in no file; of a key they stand in its ends.
        let places = (0..body(&good).len()).filter(|at| *at < 600 || at + 1200 > good.len());
        for place in places {
            for claim in CLAIMS {
                for bytes in [varint(claim), claim.to_be_bytes().to_vec(), claim.to_le_bytes().to_vec()] {
                    claims += 1;
                    read(&name, &good, place, &bytes);
                }
            }
        }
    }
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    println!("all refused, or no claim: {claims}");
}

fn read(name: &str, good: &[u8], place: usize, claim: &[u8]) {
    let mut changed = if name == "block" { good.to_vec() } else { body(good).to_vec() };
    changed.splice(place..(place + claim.len()).min(changed.len()), claim.iter().copied());
    let file = if name == "block" { changed } else { with_body(good, &changed) };
    let error = match name.split('-').next().unwrap() {
        "block" => Block::decode(&file).err().map(|error| error.to_string()),
        "witness" => Witness::from_bytes(&file).err().map(|error| error.to_string()),
        "key" => VerificationKey::from_bytes(&file).err().map(|error| error.to_string()),
        _ => proof_file::open(&file).and_then(|file| file.claimed_public_inputs()).err().map(|error| error.to_string()),
    };
    if let Some(error) = error {
        clear(&error);
    }
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}
