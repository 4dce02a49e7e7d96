//! Witnesses for people to look at. What is secret is named and not shown: keys, notes, amounts, aliases.

use rollup::witness::{AccountMode, AccountWitness, InnerWitness, Input, JoinSplitWitness, OuterWitness};
use rollup_circuits::witness_file::Witness;
use serde_json::{Value, json};

use super::client;
use crate::text::ChainAddress;

const REDACTED: &str = "redacted";

/// What a witness holds.
pub(super) fn show(witness: &Witness) -> Value {
    let mut value = match witness {
        Witness::JoinSplit(witness) => join_split(witness),
        Witness::Account(witness) => account(witness),
        Witness::Inner(witness) => inner(witness),
        Witness::Outer(witness) => outer(witness),
    };
    value["file"] = json!("witness");
    value["circuit"] = json!(witness.circuit().name());
    value["secret"] = json!(witness.is_secret());
    value
}

fn join_split(witness: &JoinSplitWitness) -> Value {
    let inputs = witness.inputs.iter().filter(|input| matches!(input, Input::Used { .. })).count();
    json!({
        "public": client(&witness.public), "inputs_used": inputs, "spends_registered_notes": witness.authority.is_some(),
        "account_secret": REDACTED, "asset": REDACTED, "inputs": REDACTED, "outputs": REDACTED, "authority": REDACTED,
    })
}

fn account(witness: &AccountWitness) -> Value {
    let mode = match witness.mode {
        AccountMode::Create { .. } => "create",
        AccountMode::Add { .. } => "add keys",
        AccountMode::Migrate { .. } => "migrate",
    };
    json!({
        "public": client(&witness.public), "does": mode,
        "spending_keys_added": witness.spending_keys.iter().flatten().count(),
        "alias": REDACTED, "spending_keys": REDACTED, "account_secret": REDACTED, "authority": REDACTED,
    })
}

/// Nothing in it is secret: slots hold what the provider gets to see.
fn inner(witness: &InnerWitness) -> Value {
    let slots: Vec<Value> =
        witness.slots.iter().map(|slot| slot.as_ref().map_or(Value::Null, |slot| client(&slot.public))).collect();
    json!({
        "index": witness.index, "old": witness.old, "fee_assets": witness.fee_assets,
        "challenge": witness.challenge.map(|limb| limb.to_string()),
        "transactions": witness.slots.iter().flatten().count(), "slots": slots,
    })
}

fn outer(witness: &OuterWitness) -> Value {
    json!({
        "old": witness.old, "old_state": witness.old.digest(), "real_inner_rollups": witness.real,
        "beneficiary": ChainAddress(witness.beneficiary), "fee_assets": witness.fee_assets,
        "challenge": witness.challenge.map(|limb| limb.to_string()),
    })
}
