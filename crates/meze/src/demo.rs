//! `meze demo`: wallets use a rollup for a while, and everything is proved and checked.

mod books;
mod cast;
mod fleet;
mod ledger;
mod output;
mod play;
mod report;
mod script;

pub use fleet::FleetArgs;
pub(crate) use ledger::{BENEFICIARY, Chain, DEPLOYMENT};
pub(crate) use play::FEE_ASSETS;
pub(crate) use script::{Script, Step};

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use terminal::{Console, Usage};

use crate::settings::CircuitArgs;

/// Transactions where nothing else is said, if they fit.
const TRANSACTIONS: usize = 44;

/// Play wallets over several rollups, prove everything, check it, and show a table
///
/// Wallets register, deposit, send, withdraw, add keys and migrate. Every transaction is proved and wrapped
/// as on a user's device, rolled up, proved up to the root verifier, and verified like `meze verify` does;
/// only then does the rollup count. At the end balances are compared with plain bookkeeping and with wallets
/// rebuilt from seed phrases and blocks alone. All secrets follow from --seed: it is play money.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:\n  \
    meze demo\n  \
    meze demo --transactions 8 --rollups 2 --output out --json\n  \
    meze demo --workers 2 --transport http    a dispatcher and two workers, each its own process\n  \
    PROVERLESS=true meze demo --rollups 20 --transactions 200    every constraint checked, no proofs")]
pub struct DemoArgs {
    /// How many transactions, over all rollups [default: 44, or as many as there is room for]
    #[arg(long, value_name = "COUNT")]
    pub transactions: Option<usize>,

    /// How many rollups
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    pub rollups: usize,

    /// What all wallets, amounts and choices follow from; proofs differ from run to run
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,

    /// A folder for rollup-N.proof, rollup-N.block, rollup-N.public.json and keys/
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,

    /// Also write every witness and proof of the tree to DIR/tasks, to try `meze prove` and `meze inspect` with
    #[arg(long, requires = "output", conflicts_with = "workers")]
    pub keep_tasks: bool,

    /// Who makes the provider's proofs.
    #[command(flatten)]
    pub fleet: fleet::FleetArgs,

    /// How circuits are built.
    #[command(flatten)]
    pub circuits: CircuitArgs,
}

impl DemoArgs {
    /// How many transactions go into each rollup.
    fn portions(&self) -> Result<Vec<usize>, Usage> {
        let room = self.circuits.shape()?.slots();
        let most = room.saturating_mul(self.rollups);
        let total = self.transactions.unwrap_or(TRANSACTIONS.min(most));
        if self.rollups == 0 || total < self.rollups || total > most {
            return Err(Usage(format!(
                "{total} transactions do not go into {} rollups: each takes 1 to {room} \
                 (NUM_INNER_ROLLUP_TXS × NUM_OUTER_ROLLUP_PROOFS)",
                self.rollups
            )));
        }
        let larger = total % self.rollups;
        Ok((0..self.rollups).map(|rollup| total / self.rollups + usize::from(rollup < larger)).collect())
    }
}

/// Runs the demo.
///
/// # Errors
/// Something could not be proved, verified or written, or a balance is wrong.
pub fn run(args: &DemoArgs, console: Console) -> Result<()> {
    let portions = args.portions()?;
    let outcome = play::play(args, &portions, console)?;
    report::show(&outcome, console);
    console.object(&outcome);
    Ok(())
}
