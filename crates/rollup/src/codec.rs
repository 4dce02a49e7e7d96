//! Fixed-width big-endian reading and writing, shared by blocks and stores.
//!
//! A [`Reader`] answers `None` on the first byte that is missing or out of range; whoever reads
//! says what was being read.

use crate::field::{Digest, F, LIMB_BYTES, canonical};
use crate::state::{DATA_DEPTH, Deployment, NULLIFIER_DEPTH, ROOTS_DEPTH, State};
use crate::transaction::Address;

/// Chain ids stay below 2^53 so that JSON can carry them.
pub(crate) const CHAIN_ID_BITS: usize = 53;

#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn digest(&mut self, digest: &Digest) {
        self.bytes(&digest.to_bytes());
    }

    pub(crate) fn address(&mut self, address: &Address) {
        address.0.iter().for_each(|word| self.u32(*word));
    }

    pub(crate) fn deployment(&mut self, deployment: &Deployment) {
        self.u64(deployment.chain_id);
        self.address(&deployment.contract);
    }

    pub(crate) fn state(&mut self, state: &State) {
        self.u32(state.rollup_id);
        self.digest(&state.data_root);
        self.u64(state.data_next);
        self.digest(&state.nullifier_root);
        self.u64(state.nullifier_next);
        self.digest(&state.roots_root);
        self.digest(&state.defi_root);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn left(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn digest(&mut self) -> Option<Digest> {
        Digest::from_bytes(&self.array()?).ok()
    }

    pub(crate) fn limbs(&mut self, count: usize) -> Option<Vec<F>> {
        let words = self.bytes(count * LIMB_BYTES)?.chunks_exact(LIMB_BYTES);
        words.map(|word| canonical(u64::from_be_bytes(word.try_into().ok()?)).ok()).collect()
    }

    pub(crate) fn address(&mut self) -> Option<Address> {
        let mut out = Address::default();
        for word in &mut out.0 {
            *word = self.u32()?;
        }
        Some(out)
    }

    pub(crate) fn deployment(&mut self) -> Option<Deployment> {
        let chain_id = self.u64().filter(|id| id >> CHAIN_ID_BITS == 0)?;
        Some(Deployment { chain_id, contract: self.address()? })
    }

    pub(crate) fn state(&mut self) -> Option<State> {
        Some(State {
            rollup_id: self.u32().filter(|id| id >> ROOTS_DEPTH == 0)?,
            data_root: self.digest()?,
            data_next: self.u64().filter(|next| *next <= 1 << DATA_DEPTH)?,
            nullifier_root: self.digest()?,
            nullifier_next: self.u64().filter(|next| *next <= 1 << NULLIFIER_DEPTH)?,
            roots_root: self.digest()?,
            defi_root: self.digest()?,
        })
    }
}
