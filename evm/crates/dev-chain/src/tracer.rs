//! What a transaction looked at and changed, as geth's prestate tracer says it.
//!
//! The rules are the tracer's: sender, receiver and fee recipient, what opcodes name on the stack, slots of reads and
//! writes. Without `diffMode` it is all of that as it was before; with it, only what changed, before and after: zero
//! slots are left out, unchanged fields are absent, created contracts have no before, destroyed ones no after.

use crate::state::State;
use alloy_primitives::{Address, B256, U256};
use revm::interpreter::{Interpreter, opcode};
use revm::{Database, EvmContext, Inspector};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Collects the accounts and slots that a transaction looks at.
#[derive(Debug, Default)]
pub(crate) struct Tracer {
    looked_at: BTreeMap<Address, BTreeSet<U256>>,
    created: BTreeSet<Address>,
}

impl Tracer {
    pub(crate) fn new(from: Address, to: Option<Address>, nonce: u64, beneficiary: Address) -> Self {
        let mut tracer = Self::default();
        let receiver = to.unwrap_or_else(|| {
            let created = from.create(nonce);
            tracer.created.insert(created);
            created
        });
        for address in [from, receiver, beneficiary] {
            tracer.look_at(address);
        }
        tracer
    }

    fn look_at(&mut self, address: Address) -> &mut BTreeSet<U256> {
        self.looked_at.entry(address).or_default()
    }

    /// Contracts that it created or tried to, those of which nothing is left too.
    pub(crate) fn created(&self) -> Vec<Address> {
        self.created.iter().copied().collect()
    }

    /// The trace without `diffMode`.
    pub(crate) fn before(&self, before: &State) -> Value {
        let mut accounts = Map::new();
        for (address, slots) in &self.looked_at {
            let account = before.account(*address);
            if account.is_none() && self.created.contains(address) {
                continue;
            }
            let account = account.cloned().unwrap_or_default();
            let mut fields = Map::from_iter([("balance".into(), json!(format!("{:#x}", account.balance)))]);
            if account.nonce > 0 {
                fields.insert("nonce".into(), json!(account.nonce));
            }
            if !account.code.is_empty() {
                fields.insert("code".into(), json!(account.code.to_string()));
            }
            if !slots.is_empty() {
                let value = |slot| word(account.storage.get(slot).copied().unwrap_or_default());
                let storage = slots.iter().map(|slot| (word(*slot), json!(value(slot))));
                fields.insert("storage".into(), Value::Object(storage.collect()));
            }
            accounts.insert(format!("{address:#x}"), Value::Object(fields));
        }
        Value::Object(accounts)
    }

    /// The trace with `diffMode`.
    pub(crate) fn changes(&self, before: &State, after: &State) -> Value {
        let (mut pre, mut post) = (Map::new(), Map::new());
        for (address, slots) in &self.looked_at {
            let (old, new) = (before.account(*address), after.account(*address));
            let is_new = old.is_none() && self.created.contains(address);
            let destroyed = old.is_some() && new.is_none();
            let (old, new) = (old.cloned().unwrap_or_default(), new.cloned().unwrap_or_default());
            if old == new {
                continue;
            }
            let mut was = Map::from_iter([("balance".into(), json!(format!("{:#x}", old.balance)))]);
            if old.nonce > 0 {
                was.insert("nonce".into(), json!(old.nonce));
            }
            if !old.code.is_empty() {
                was.insert("code".into(), json!(old.code.to_string()));
            }
            let mut is = Map::new();
            if old.balance != new.balance {
                is.insert("balance".into(), json!(format!("{:#x}", new.balance)));
            }
            if old.nonce != new.nonce {
                is.insert("nonce".into(), json!(new.nonce));
            }
            if old.code != new.code {
                is.insert("code".into(), json!(new.code.to_string()));
            }
            let value = |storage: &BTreeMap<U256, U256>, slot| storage.get(slot).copied().unwrap_or_default();
            let changed = slots.iter().filter(|slot| value(&old.storage, slot) != value(&new.storage, slot));
            let (mut slots_before, mut slots_after) = (Map::new(), Map::new());
            for slot in changed {
                for (storage, into) in [(&old.storage, &mut slots_before), (&new.storage, &mut slots_after)] {
                    if let Some(value) = storage.get(slot) {
                        into.insert(word(*slot), json!(word(*value)));
                    }
                }
            }
            for (fields, storage) in [(&mut was, slots_before), (&mut is, slots_after)] {
                if !storage.is_empty() {
                    fields.insert("storage".into(), Value::Object(storage));
                }
            }
            if !is_new {
                pre.insert(format!("{address:#x}"), Value::Object(was));
            }
            if !destroyed {
                post.insert(format!("{address:#x}"), Value::Object(is));
            }
        }
        json!({"pre": pre, "post": post})
    }
}

fn word(value: U256) -> String {
    format!("{:#x}", B256::from(value))
}

impl<DB: Database> Inspector<DB> for Tracer {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut EvmContext<DB>) {
        let contract = interpreter.contract.target_address;
        let stack = |index| interpreter.stack().peek(index).ok();
        let address = |index| stack(index).map(|word| Address::from_word(B256::from(word)));
        match interpreter.current_opcode() {
            opcode::SLOAD | opcode::SSTORE => {
                if let Some(slot) = stack(0) {
                    self.look_at(contract).insert(slot);
                }
            }
            opcode::EXTCODECOPY
            | opcode::EXTCODEHASH
            | opcode::EXTCODESIZE
            | opcode::BALANCE
            | opcode::SELFDESTRUCT => {
                if let Some(address) = address(0) {
                    self.look_at(address);
                }
            }
            opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL => {
                if let Some(address) = address(1) {
                    self.look_at(address);
                }
            }
            opcode::CREATE => {
                let nonce = context.journaled_state.state.get(&contract).map_or(0, |account| account.info.nonce);
                let created = contract.create(nonce);
                self.look_at(created);
                self.created.insert(created);
            }
            opcode::CREATE2 => {
                if let (Some(offset), Some(size), Some(salt)) = (stack(1), stack(2), stack(3)) {
                    let memory = interpreter.shared_memory.context_memory();
                    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
                    let size = usize::try_from(size).unwrap_or(0).min(1 << 20);
                    let mut init: Vec<u8> = memory.iter().skip(offset).take(size).copied().collect();
                    init.resize(size, 0);
                    let created = contract.create2_from_code(B256::from(salt), init);
                    self.look_at(created);
                    self.created.insert(created);
                }
            }
            _ => {}
        }
    }
}
