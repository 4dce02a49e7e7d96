//! `verifier`: checks proofs of blocks, with a key that does not come with them, against what is expected of them.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use ethereum_types::H256;
use evm_proving::check::{Report, check_all};
use evm_proving::{BlockProof, Expectations, Security};
use terminal::Console;

use crate::keys;
use crate::settings::CircuitArgs;

/// Check proofs of blocks
///
/// Without --verification-key it takes the key of these circuits from the folder of circuits, or builds them once. What
/// is not said to be expected is reported, not checked: without --checkpoint a proof says that some chain of blocks
/// exists, not that it is the one that you mean.
///
/// The published circuits leave places open at which a prover with programs of his own can prove a false state
/// (docs/security.md): a good proof shows that a prover did its work, not that nobody cheated.
///
/// The exit code is 0 when all proofs are good, 1 when one is not, and 2 when the command line is wrong.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:\n  \
    verifier --file-path proof.json\n  \
    verifier --file-path b5.zkproof --verification-key mainnet.key --chain-id 1 --block-range 5 \\\n      \
    --checkpoint 0x27d9465f649ad19e7e399a0116be7a0ad9225b44d09455c6e2dfa23487a0fb48")]
pub struct VerifierArgs {
    /// The proof, or a list of proofs of consecutive blocks, as JSON
    #[arg(short, long, value_name = "FILE")]
    pub file_path: PathBuf,

    /// The verification key (`leader verification-key` writes one)
    #[arg(long, value_name = "FILE")]
    pub verification_key: Option<PathBuf>,

    /// The chain that the blocks are of
    #[arg(long, value_name = "NUMBER")]
    pub chain_id: Option<u64>,

    /// The blocks: the number of one, or FIRST..=LAST
    #[arg(long, value_name = "RANGE", value_parser = blocks)]
    pub block_range: Option<RangeInclusive<u64>>,

    /// The state root after the last block
    #[arg(long, value_name = "HASH")]
    pub state_root: Option<H256>,

    /// The state root that the chain of proofs begins with
    #[arg(long, visible_aliases = ["pre-state-root", "checkpoint-state-root"], value_name = "HASH")]
    pub checkpoint: Option<H256>,

    /// The hash of the last block
    #[arg(long, value_name = "HASH")]
    pub block_hash: Option<H256>,

    /// End stdout with what the proofs say, as one JSON array
    #[arg(long)]
    pub json: bool,

    /// Which circuits.
    #[command(flatten)]
    pub circuits: CircuitArgs,
}

/// Checks, and says what was found.
///
/// # Errors
/// A proof is not good, or cannot be read.
pub fn run(args: &VerifierArgs, console: Console) -> Result<()> {
    let _telemetry = telemetry::init(&telemetry::Options::from_env("evm-verifier")?)?;
    args.circuits.warning().into_iter().for_each(|warning| console.note(format!("verifier: {warning}")));
    let proofs = BlockProof::read_list(&args.file_path).context("there is no proof to check")?;
    // Before any circuit is built for it.
    if proofs.iter().any(|proof| proof.security() == Security::InsecureTest) && !args.circuits.use_test_config {
        bail!(
            "refused, insecure: the proof was made with the insecure test configuration, under which anybody can make a \
             false one; --use-test-config takes it all the same"
        );
    }
    let key = match &args.verification_key {
        Some(path) => keys::read(path)?,
        None => keys::of_circuits(&args.circuits, None, "verifier", console)?,
    };
    let reports = check_all(&proofs, &key, &args.expectations())
        .map_err(|refused| anyhow::anyhow!("refused, {}: {}", refused.check(), refused.reason()))?;
    reports.iter().for_each(|report| console.note(line(report)));
    if args.checkpoint.is_none() {
        console.note("verifier: not checked: the checkpoint, since no --checkpoint was given");
    }
    match args.json {
        true => console.say(serde_json::to_string(&reports)?),
        false => console.say(match reports.len() {
            1 => "the proof is good".to_owned(),
            count => format!("all {count} proofs are good"),
        }),
    }
    Ok(())
}

impl VerifierArgs {
    fn expectations(&self) -> Expectations {
        Expectations {
            chain_id: self.chain_id,
            first_block: self.block_range.as_ref().map(|range| *range.start()),
            last_block: self.block_range.as_ref().map(|range| *range.end()),
            state_root: self.state_root,
            checkpoint_state_root: self.checkpoint,
            block_hash: self.block_hash,
            allow_insecure: self.circuits.use_test_config,
        }
    }
}

fn line(report: &Report) -> String {
    format!(
        "block {} of chain {}: state {:#x}, from the checkpoint state {:#x}",
        report.block, report.chain_id, report.state_root, report.checkpoint_state_root
    )
}

fn blocks(text: &str) -> Result<RangeInclusive<u64>, String> {
    let wrong = || format!("{text:?} is no range of blocks: write 5, 3..=6, or 3..7 for the same");
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
    let range = match (text.split_once("..="), text.split_once("..")) {
        (Some((first, last)), _) => number(first)?..=number(last)?,
        (None, Some((first, end))) => number(first)?..=number(end)?.checked_sub(1).ok_or_else(wrong)?,
        (None, None) => number(text)?..=number(text)?,
    };
    if range.is_empty() { Err(wrong()) } else { Ok(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_one_or_a_range() {
        assert_eq!(blocks("5"), Ok(5..=5));
        assert_eq!(blocks("3..=6"), Ok(3..=6));
        assert_eq!(blocks("3..7"), Ok(3..=6));
        for text in ["", "5..", "6..=3", "3..3", "0..0", "-1", "a"] {
            assert!(blocks(text).unwrap_err().contains("write 5"), "{text}");
        }
    }
}
