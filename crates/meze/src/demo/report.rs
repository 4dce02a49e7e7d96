//! What came of the demo: the object of `--json`, and the table for people.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use terminal::Console;

use super::fleet::FleetReport;
use crate::measure::Cost;
use crate::text::{bytes, table};

/// What `meze demo --json` ends with.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// Every rollup was verified; never true of mocks.
    pub(crate) verified: bool,
    /// Nothing was proved: mocks.
    pub(crate) proverless: bool,
    pub(crate) seed: u64,
    /// N and M.
    pub(crate) shape: (usize, usize),
    pub(crate) transactions: usize,
    pub(crate) transactions_by_type: BTreeMap<&'static str, usize>,
    pub(crate) rollups: usize,
    pub(crate) inner_proofs: usize,
    /// Real transactions among all slots of the rollups.
    pub(crate) fill: f64,
    /// Real transactions among the slots of the inner rollups that were proved.
    pub(crate) inner_fill: f64,
    /// CPU of inner, outer and root verifier, witness generation included, by real transaction.
    pub(crate) cpu_seconds_per_transaction: f64,
    /// CPU of client proofs and wraps.
    pub(crate) client_cpu_seconds: f64,
    pub(crate) client_cpu_seconds_per_transaction: f64,
    pub(crate) provider_cpu_seconds: f64,
    /// Building or loading keys, before the first transaction.
    pub(crate) prepare_seconds: f64,
    pub(crate) prepare_cpu_seconds: f64,
    /// From the first transaction to the last verified rollup.
    pub(crate) proving_seconds: f64,
    pub(crate) verify_seconds: f64,
    pub(crate) peak_rss_bytes: u64,
    pub(crate) circuits: BTreeMap<&'static str, Line>,
    pub(crate) fees: BTreeMap<&'static str, u64>,
    /// By the books, and by wallets rebuilt from phrase and blocks; a wrong one is an error.
    pub(crate) balances_checked: bool,
    pub(crate) wallets: Vec<Account>,
    pub(crate) output: Option<PathBuf>,
    /// Who made the provider's proofs, if not this process.
    #[serde(flatten)]
    pub(crate) fleet: Option<FleetReport>,
}

/// What one circuit took.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    #[serde(flatten)]
    cost: Cost,
    proof_bytes: usize,
}

impl From<(Cost, usize)> for Line {
    fn from((cost, proof_bytes): (Cost, usize)) -> Self {
        Self { cost, proof_bytes }
    }
}

/// A wallet at the end.
#[derive(Debug, Serialize)]
pub(crate) struct Account {
    pub(crate) name: &'static str,
    pub(crate) migrations: u32,
    pub(crate) balances: BTreeMap<&'static str, u128>,
}

/// The order of the circuits in the table.
const CIRCUITS: [&str; 6] = ["account", "join-split", "wrap", "inner", "outer", "root-verifier"];

/// Shows the table.
pub(crate) fn show(outcome: &Outcome, console: Console) {
    let mut lines = Vec::new();
    if outcome.proverless {
        lines.push(
            "MOCK (PROVERLESS): every constraint was checked, nothing was proved; no verifier takes this".to_owned(),
        );
    }
    lines.push(String::new());
    lines.extend(table(&transactions(outcome)));
    lines.push(String::new());
    lines.extend(table(&circuits(outcome)));
    lines.push(String::new());
    lines.extend(table(&totals(outcome)));
    lines.push(String::new());
    lines.extend(table(&wallets(outcome)));
    lines.push(String::new());
    lines.push("balances are those of the books, and of wallets rebuilt from seed phrase and blocks alone".to_owned());
    lines.push(match outcome.proverless {
        true => format!("{} rollups checked as mocks, none of them proved", outcome.rollups),
        false => format!("{} rollups verified, every proof real", outcome.rollups),
    });
    if let Some(fleet) = &outcome.fleet {
        lines.push(format!(
            "{} tasks by {} workers: {} proofs started, {} of them again after one was accepted; {} workers and {} \
             dispatchers died on the way",
            fleet.tasks_total,
            fleet.workers,
            fleet.proof_starts,
            fleet.tasks_reproved,
            fleet.worker_deaths,
            fleet.dispatcher_deaths
        ));
        let scan = fleet.secrets_scan;
        lines.push(format!(
            "none of {} secrets of the wallets in {} files of the fleet ({})",
            scan.secrets,
            scan.files,
            bytes(scan.bytes)
        ));
    }
    if let Some(folder) = &outcome.output {
        lines.push(format!("files are in {}", folder.display()));
    }
    lines.iter().for_each(|line| console.say(line));
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn transactions(outcome: &Outcome) -> Vec<Vec<String>> {
    let mut rows = vec![row(["transactions", ""])];
    rows.extend(outcome.transactions_by_type.iter().map(|(name, count)| vec![format!("  {name}"), count.to_string()]));
    let (inner, outer) = outcome.shape;
    rows.push(vec!["  all".to_owned(), outcome.transactions.to_string()]);
    rows.push(vec![format!("rollups of {inner} × {outer}"), outcome.rollups.to_string()]);
    rows.push(vec!["fill".to_owned(), format!("{:.1} %", 100.0 * outcome.fill)]);
    rows
}

fn circuits(outcome: &Outcome) -> Vec<Vec<String>> {
    let made = if outcome.proverless { "mocks" } else { "proofs" };
    let mut rows = vec![row(["circuit", made, "seconds", "CPU-s", "CPU-s each", "peak memory", "size"])];
    for name in CIRCUITS {
        let Some(Line { cost, proof_bytes }) = outcome.circuits.get(name) else { continue };
        rows.push(vec![
            name.to_owned(),
            cost.count.to_string(),
            format!("{:.1}", cost.wall_seconds),
            format!("{:.1}", cost.cpu_seconds),
            format!("{:.2}", cost.cpu_seconds / cost.count as f64),
            bytes(cost.peak_rss_bytes),
            bytes(*proof_bytes as u64),
        ]);
    }
    rows
}

fn totals(outcome: &Outcome) -> Vec<Vec<String>> {
    let seconds = |value: f64| format!("{value:.1} s");
    vec![
        vec!["keys ready".to_owned(), seconds(outcome.prepare_seconds)],
        vec!["proving".to_owned(), seconds(outcome.proving_seconds)],
        vec!["verifying".to_owned(), format!("{:.3} s", outcome.verify_seconds)],
        vec!["client CPU by transaction".to_owned(), format!("{:.2} s", outcome.client_cpu_seconds_per_transaction)],
        vec!["provider CPU by transaction".to_owned(), format!("{:.2} s", outcome.cpu_seconds_per_transaction)],
        vec!["peak memory".to_owned(), bytes(outcome.peak_rss_bytes)],
    ]
}

fn wallets(outcome: &Outcome) -> Vec<Vec<String>> {
    let assets: Vec<&str> = outcome.fees.keys().copied().collect();
    let mut rows =
        vec![["wallet", "migrations"].into_iter().chain(assets.iter().copied()).map(str::to_owned).collect()];
    for wallet in &outcome.wallets {
        let balances = assets.iter().map(|asset| wallet.balances.get(asset).copied().unwrap_or_default().to_string());
        rows.push([wallet.name.to_owned(), wallet.migrations.to_string()].into_iter().chain(balances).collect());
    }
    let fees = assets.iter().map(|asset| outcome.fees.get(asset).copied().unwrap_or_default().to_string());
    rows.push(["fees".to_owned(), String::new()].into_iter().chain(fees).collect());
    rows
}
