//! Forgeries of proof and block files: limbs changed, checksums right.

use proving::envelope;
use rollup::field::ORDER;
use rollup_circuits::proof_file::{self, PROOF};

/// Bytes before the slots of a block: see `rollup::block`'s format.
pub(crate) const BLOCK_HEADER: usize = 380;
const VERSION: u16 = 1;
const LIMB: usize = 8;

/// A proof file, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct ProofParts {
    header: Vec<u8>,
    pub(crate) limbs: Vec<u8>,
}

impl ProofParts {
    pub(crate) fn of(file: &[u8]) -> Self {
        let size = proof_file::open(file).unwrap().size();
        let body = envelope::open(file, PROOF, VERSION, u64::MAX).unwrap();
        let (header, limbs) = body.split_at(body.len() - size);
        Self { header: header.to_vec(), limbs: limbs.to_vec() }
    }

    /// The file again, with a right checksum.
    pub(crate) fn seal(&self) -> Vec<u8> {
        envelope::seal(PROOF, VERSION, &[self.header.as_slice(), &self.limbs].concat())
    }

    /// The same limbs under another file's header.
    pub(crate) fn labelled(&self, other: &Self) -> Self {
        Self { header: other.header.clone(), limbs: self.limbs.clone() }
    }

    /// The file with one limb changed to another canonical one.
    pub(crate) fn with_limb_changed(&self, limb: usize) -> Vec<u8> {
        let mut parts = self.clone();
        change(&mut parts.limbs, limb, |value| (value + 1) % ORDER);
        parts.seal()
    }

    /// The file with one limb `x` written as `x + p`; the limb must be small.
    pub(crate) fn with_limb_raised(&self, limb: usize) -> Vec<u8> {
        let mut parts = self.clone();
        change(&mut parts.limbs, limb, |value| value.checked_add(ORDER).unwrap());
        parts.seal()
    }

    /// The file with a limb 0 at its end.
    pub(crate) fn with_one_limb_more(&self) -> Vec<u8> {
        let mut parts = self.clone();
        parts.limbs.extend([0; LIMB]);
        parts.seal()
    }

    /// The file with one byte flipped.
    pub(crate) fn with_byte_flipped(&self, at: usize) -> Vec<u8> {
        let mut parts = self.clone();
        parts.limbs[at] ^= 1;
        parts.seal()
    }
}

/// A block with one published limb changed.
pub(crate) fn block_with_limb(block: &[u8], limb: usize, to: impl FnOnce(u64) -> u64) -> Vec<u8> {
    let mut out = block.to_vec();
    change(&mut out[BLOCK_HEADER..], limb, to);
    out
}

fn change(bytes: &mut [u8], limb: usize, to: impl FnOnce(u64) -> u64) {
    let at = limb * LIMB;
    let value = u64::from_be_bytes(bytes[at..at + LIMB].try_into().unwrap());
    bytes[at..at + LIMB].copy_from_slice(&to(value).to_be_bytes());
}
