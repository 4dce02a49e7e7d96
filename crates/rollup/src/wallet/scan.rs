//! Reading blocks: which notes are this wallet's, which of them are spent, what became of drafts.

use std::collections::BTreeMap;

use crate::field::Digest;
use crate::note::ValueNote;
use crate::payload::{self, Payload};
use crate::transaction::{ClientPublic, TxType};
use crate::wallet::error::WalletError;
use crate::wallet::{OwnNote, Wallet};

/// One slot of a rollup block, as it was published.
#[derive(Debug, Clone, Copy)]
pub struct ScanSlot<'a> {
    /// Place of the first of its two commitments in the data tree.
    pub leaf_index: u64,
    /// Its public fields; those that are not published are not looked at.
    pub public: &'a ClientPublic,
    /// Its payload.
    pub payload: &'a [u8],
}

/// What a block meant for the wallet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scanned {
    /// Commitments of own notes that it made.
    pub received: Vec<Digest>,
    /// Commitments of own notes that it spent.
    pub spent: Vec<Digest>,
    /// Ids of pending transactions that settled.
    pub settled: Vec<Digest>,
    /// Ids of pending transactions that can never settle: something else used a nullifier of theirs.
    pub conflicted: Vec<Digest>,
    /// Index of the own account that it registered or migrated to.
    pub registered: Option<u32>,
}

impl Wallet {
    /// Reads the block of rollup `rollup_id`, after which the data root is `data_root`. Blocks come
    /// in order, each once, and must be valid: nothing here replaces the verifier. Empty slots may
    /// be left out. On an error the wallet is unchanged.
    ///
    /// A ciphertext that opens but does not belong to its commitment is ignored: its sender lied.
    pub fn scan<'a>(
        &mut self,
        rollup_id: u32,
        data_root: Digest,
        slots: impl IntoIterator<Item = ScanSlot<'a>>,
    ) -> Result<Scanned, WalletError> {
        if rollup_id != self.next_rollup {
            return Err(WalletError::OutOfOrder { expected: self.next_rollup, found: rollup_id });
        }
        let slots: Vec<ScanSlot<'a>> = slots.into_iter().collect();
        for slot in &slots {
            payload::check(slot.public, slot.payload)
                .map_err(|source| WalletError::Payload { leaf_index: slot.leaf_index, source })?;
        }
        let mut scanned = Scanned::default();
        // Accounts come first: a migration widens the window of keys that notes are looked for with.
        for slot in slots.iter().filter(|slot| slot.public.tx_type == TxType::Account) {
            let registered = self.accounts.observe(slot.leaf_index, slot.public.commitments, slot.public.nullifiers);
            scanned.registered = scanned.registered.max(registered);
        }
        for slot in &slots {
            self.receive(rollup_id, slot, &mut scanned);
        }
        for slot in slots.iter().filter(|slot| slot.public.tx_type != TxType::Padding) {
            self.spend(rollup_id, slot.public, &mut scanned);
        }
        self.next_rollup = rollup_id + 1;
        self.data_root = data_root;
        Ok(scanned)
    }

    fn receive(&mut self, rollup_id: u32, slot: &ScanSlot<'_>, scanned: &mut Scanned) {
        let Ok(payload) = Payload::decode(slot.payload) else { return };
        for position in 0..2 {
            let Some((account, note)) = self.open(slot.public, &payload, position) else { continue };
            let commitment = slot.public.commitments[position];
            let leaf_index = slot.leaf_index + position as u64;
            let own = OwnNote { note, leaf_index, account, received_in: rollup_id, spent_in: None };
            self.nullifiers.insert(note.nullifier(&self.accounts.get(account).secret), commitment);
            self.notes.insert(commitment, own);
            scanned.received.push(commitment);
        }
    }

    /// The own note that a ciphertext tells of, with its account, if it is the published one.
    fn open(&self, public: &ClientPublic, payload: &Payload, position: usize) -> Option<(u32, ValueNote)> {
        self.accounts.all().iter().find_map(|account| {
            let opening = payload.open_as(position, &account.viewing, &account.viewing_key)?;
            let note = ValueNote {
                owner: account.key,
                registered: opening.registered,
                blinding: opening.blinding,
                amount: opening.amount,
                asset: opening.asset,
                rho: public.nullifiers[position],
            };
            (note.commitment() == public.commitments[position]).then_some((account.index, note))
        })
    }

    fn spend(&mut self, rollup_id: u32, public: &ClientPublic, scanned: &mut Scanned) {
        for nullifier in &public.nullifiers {
            let Some(commitment) = self.nullifiers.remove(nullifier) else { continue };
            if let Some(own) = self.notes.get_mut(&commitment) {
                own.spent_in = Some(rollup_id);
                scanned.spent.push(commitment);
            }
        }
        let touched =
            |other: &ClientPublic| other.nullifiers.iter().any(|nullifier| public.nullifiers.contains(nullifier));
        let done: BTreeMap<_, _> = self.pending.extract_if(.., |_, pending| touched(&pending.public)).collect();
        for (id, pending) in done {
            // Another copy of this wallet may have used the same notes for something else.
            let same =
                pending.public.nullifiers == public.nullifiers && pending.public.commitments == public.commitments;
            if same { scanned.settled.push(id) } else { scanned.conflicted.push(id) }
        }
    }
}
