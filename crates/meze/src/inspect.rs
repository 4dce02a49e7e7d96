//! `meze inspect`: what a file holds, secrets redacted.

mod witness;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use proving::envelope::{self, OVERHEAD};
use proving::statement::Mode;
use rollup::block::{self, Block};
use rollup::public::{InnerPublic, RollupPublic};
use rollup::transaction::{ClientPublic, TxType};
use rollup_circuits::id::CircuitId;
use rollup_circuits::plonk::F;
use rollup_circuits::proof_file::{self, MOCK, PROOF};
use rollup_circuits::verification_key::{VERIFICATION_KEY, VerificationKey};
use rollup_circuits::witness_file::{MAX_WITNESS, WITNESS, Witness};
use serde_json::{Value, json};
use terminal::{Console, files};

use crate::text::ChainAddress;
use crate::trusted;
use crate::verify::PublicFile;

/// The largest file that is looked at: a witness or a block.
const MAX_FILE: u64 = if MAX_WITNESS > block::MAX_BYTES as u64 { MAX_WITNESS } else { block::MAX_BYTES as u64 };

/// Show what a witness, proof, verification key or block file holds; secrets are redacted
///
/// Nothing is verified: what a proof file says about itself is only what it says.
#[derive(Debug, Clone, Args)]
pub struct InspectArgs {
    /// The file
    file: PathBuf,
}

/// Shows a file.
///
/// # Errors
/// It is none of the files that Meze knows, or is damaged.
pub fn run(args: &InspectArgs, console: Console) -> Result<()> {
    let bytes = files::read(&args.file, MAX_FILE + OVERHEAD as u64)?;
    let shown = look(&bytes)?;
    console.say(format!("{:#}", shown));
    console.object(&shown);
    Ok(())
}

/// What the bytes of a file hold.
fn look(bytes: &[u8]) -> Result<Value> {
    if bytes.starts_with(b"MZB") {
        return show_block(bytes);
    }
    match envelope::header(bytes)?.tag {
        WITNESS => Ok(witness::show(&Witness::from_bytes(bytes)?)),
        PROOF | MOCK => show_proof(bytes),
        VERIFICATION_KEY => {
            let key = VerificationKey::from_bytes(bytes)?;
            Ok(json!({
                "file": "verification key", "circuit": key.circuit().name(), "statement": key.statement(),
                "num_inner_rollup_txs": key.shape().inner(), "num_outer_rollup_proofs": key.shape().outer(),
                "digest_compiled_in": trusted::is_trusted(&key),
            }))
        }
        tag => bail!("a file of the format {tag} holds nothing to look at"),
    }
}

fn show_proof(bytes: &[u8]) -> Result<Value> {
    let file = proof_file::open(bytes)?;
    let circuit: CircuitId = file.header.circuit.parse()?;
    let limbs = file.claimed_public_inputs()?;
    let (mode, holds) =
        if file.mock { (Mode::Mock, "mock: proves nothing (PROVERLESS)") } else { (Mode::Real, "proof") };
    Ok(json!({
        "file": holds, "circuit": circuit.name(), "statement": file.header.statement, "bytes": file.size(),
        "verified": false, "says": claims(circuit, mode, &limbs)?,
    }))
}

fn claims(circuit: CircuitId, mode: Mode, limbs: &[F]) -> Result<Value> {
    Ok(match circuit {
        CircuitId::Inner => inner(&InnerPublic::from_limbs(limbs)?)?,
        CircuitId::Outer | CircuitId::RootVerifier => {
            serde_json::to_value(PublicFile::new(&RollupPublic::from_limbs(limbs)?, mode))?
        }
        _ => client(&ClientPublic::from_limbs(limbs)?),
    })
}

/// Numbers that JSON's readers may round become text.
fn inner(public: &InnerPublic) -> Result<Value> {
    let mut value = serde_json::to_value(public)?;
    value["fee_sums"] = json!(public.fee_sums.map(|sum| sum.to_string()));
    value["challenge"] = json!(public.challenge.map(|limb| limb.to_string()));
    value["evaluation"] = json!(public.evaluation.map(|limb| limb.to_string()));
    Ok(value)
}

/// The public fields of a client transaction, as far as its type has them.
fn client(public: &ClientPublic) -> Value {
    let mut value = json!({
        "type": public.tx_type.name(), "commitments": public.commitments, "nullifiers": public.nullifiers,
    });
    if matches!(public.tx_type, TxType::Deposit | TxType::Withdraw) {
        value["public_amount"] = json!(public.public_amount.to_string());
        value["public_asset"] = json!(public.public_asset);
        value["public_owner"] = json!(ChainAddress(public.public_owner));
    }
    if !matches!(public.tx_type, TxType::Account | TxType::Padding) {
        value["payload_digest"] = json!(public.payload_digest);
        // Blocks do not carry these: there they are 0.
        value["fee"] = json!(public.fee.to_string());
        value["fee_asset"] = json!(public.fee_asset);
    }
    value["data_root"] = json!(public.data_root);
    value
}

fn show_block(bytes: &[u8]) -> Result<Value> {
    let block = Block::decode(bytes)?;
    let header = block.header();
    let transactions: Vec<Value> = block
        .transactions()
        .map(|(slot, transaction)| {
            let mut value = client(&transaction.public);
            value["slot"] = json!(slot);
            value["leaf_index"] = json!(block.leaf_index(slot));
            value["payload_bytes"] = json!(transaction.payload.len());
            if let Value::Object(fields) = &mut value {
                ["fee", "fee_asset", "data_root"].iter().for_each(|unpublished| {
                    fields.remove(*unpublished);
                });
            }
            value
        })
        .collect();
    Ok(json!({
        "file": "block", "rollup_id": block.rollup_id(), "bytes": bytes.len(),
        "num_inner_rollup_txs": header.shape.inner(), "num_outer_rollup_proofs": header.shape.outer(),
        "old_state": header.old.digest(), "new_state": header.new.digest(), "old": header.old, "new": header.new,
        "beneficiary": ChainAddress(header.beneficiary), "fee_assets": header.fee_assets,
        "fee_sums": header.fee_sums.map(|sum| sum.to_string()),
        "payloads_fit": block.check_payloads().is_ok(), "transactions": transactions,
    }))
}
