//! Measuring the circuits: build once, load and prove some times, every time in a new process.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rollup::builder::{Pending, build};
use rollup::note::NO_ASSET;
use rollup::shape::Shape;
use rollup::transaction::Address;
use rollup::wallet::{SeedPhrase, Wallet};
use rollup_circuits::id::CircuitId;
use rollup_circuits::witness_file::Witness;
use serde::Serialize;
use terminal::{Console, files};

use super::child::{ChildArgs, spawn};
use crate::demo::{BENEFICIARY, Chain};
use crate::measure::Cost;
use crate::settings::CircuitArgs;
use crate::text::bytes;

/// What one circuit costs. Seconds are medians.
#[derive(Debug, Clone, Serialize)]
pub(super) struct CircuitReport {
    pub(super) circuit: &'static str,
    rows: usize,
    degree_bits: usize,
    build_seconds: f64,
    build_peak_rss_bytes: u64,
    /// Loading the stored key, with the keys and the padding proof that it stands on.
    pub(super) load_seconds: f64,
    prove_seconds: f64,
    prove_seconds_spread: [f64; 2],
    pub(super) prove_cpu_seconds: f64,
    verify_seconds: f64,
    proof_bytes: usize,
    /// Of a process that loads the key and proves.
    pub(super) peak_rss_bytes: u64,
}

/// A wrapped transaction.
#[derive(Debug, Clone)]
pub(super) struct Wrapped {
    pending: Pending,
    proof: PathBuf,
}

/// What all measurements share.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    pub(super) settings: &'a CircuitArgs,
    pub(super) repeat: usize,
    pub(super) work: &'a Path,
    pub(super) console: Console,
}

impl Bench<'_> {
    /// The client circuits, and `count` wrapped deposits that every shape's first rollup takes.
    pub(super) fn clients(&self, count: usize) -> Result<(Vec<CircuitReport>, Vec<Wrapped>)> {
        let chain = Chain::new()?;
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut wallet = Wallet::from_phrase(&SeedPhrase::generate(&mut rng), "");
        let alias = rollup::keys::AliasHash::of("bench")?;
        let account = wallet.draft(&chain, &mut rng).create_account(alias)?;
        let account = self.save("account.witness", &Witness::Account(Box::new(account.witness)).to_bytes())?;
        let mut deposits = Vec::new();
        for index in 0..count.max(1) {
            let outside = Address([0, 0, 0, 0, 1]);
            let draft = wallet.draft(&chain, &mut rng).deposit(1_000 + index as u64, 0, outside, 1)?;
            let pending = Pending { public: draft.witness.public, payload: draft.payload };
            let input = Witness::JoinSplit(Box::new(draft.witness)).to_bytes();
            deposits.push((pending, self.save(&format!("deposit-{index}.witness"), &input)?));
        }
        let first = &deposits[0].1;
        let mut reports = vec![
            self.circuit(CircuitId::JoinSplit, Some(first), &[], "deposit-0.proof")?,
            self.circuit(CircuitId::Account, Some(&account), &[], "account.proof")?,
            self.circuit(CircuitId::Padding, None, &[], "padding.proof")?,
        ];
        let mut wrapped = Vec::new();
        for (index, (pending, input)) in deposits.iter().enumerate() {
            let (raw, proof) = (format!("deposit-{index}.proof"), format!("wrapped-{index}.proof"));
            let raw_path = self.work.join(&raw);
            if index == 0 {
                reports.push(self.circuit(CircuitId::Wrap, None, std::slice::from_ref(&raw_path), &proof)?);
                // Now, so that it does not count as building the first inner circuit.
                self.settings.family(self.console)?.wrapped_padding()?;
            } else {
                self.console.note(format!("client transaction {} of {count}", index + 1));
                self.child(CircuitId::JoinSplit, 1, Some(input), &[], &raw)?;
                self.child(CircuitId::Wrap, 1, None, std::slice::from_ref(&raw_path), &proof)?;
            }
            wrapped.push(Wrapped { pending: pending.clone(), proof: self.work.join(proof) });
        }
        Ok((reports, wrapped))
    }

    /// Inner, outer and root verifier of a shape, over one full inner rollup.
    pub(super) fn provider(&self, shape: Shape, wrapped: &[Wrapped]) -> Result<Vec<CircuitReport>> {
        let settings = CircuitArgs {
            num_inner_rollup_txs: shape.inner(),
            num_outer_rollup_proofs: shape.outer(),
            ..self.settings.clone()
        };
        let bench = Bench { settings: &settings, ..*self };
        let wrapped = wrapped.get(..shape.inner()).context("too few transactions for this shape")?;
        let pending: Vec<Pending> = wrapped.iter().map(|wrapped| wrapped.pending.clone()).collect();
        let fee_assets = [0, NO_ASSET, NO_ASSET, NO_ASSET];
        let plan = build(&Chain::new()?.world, shape, &pending, fee_assets, BENEFICIARY)?;
        let inner = plan.inners.into_iter().next().context("a plan without an inner rollup")?;
        let name = |circuit: &str, what: &str| format!("{circuit}-{}x{}.{what}", shape.inner(), shape.outer());

        let input = bench.save(&name("inner", "witness"), &Witness::Inner(Box::new(inner)).to_bytes())?;
        let needs: Vec<PathBuf> = wrapped.iter().map(|wrapped| wrapped.proof.clone()).collect();
        let inner = bench.circuit(CircuitId::Inner, Some(&input), &needs, &name("inner", "proof"))?;
        let input = bench.save(&name("outer", "witness"), &Witness::Outer(Box::new(plan.outer)).to_bytes())?;
        let needs = [self.work.join(name("inner", "proof"))];
        let outer = bench.circuit(CircuitId::Outer, Some(&input), &needs, &name("outer", "proof"))?;
        let needs = [self.work.join(name("outer", "proof"))];
        let root = bench.circuit(CircuitId::RootVerifier, None, &needs, &name("root", "proof"))?;
        Ok(vec![inner, outer, root])
    }

    /// Builds in one process, loads and proves in another.
    fn circuit(
        &self,
        circuit: CircuitId,
        input: Option<&PathBuf>,
        needs: &[PathBuf],
        output: &str,
    ) -> Result<CircuitReport> {
        let CircuitArgs { num_inner_rollup_txs, num_outer_rollup_proofs, .. } = self.settings;
        self.console.note(format!("{circuit} ({num_inner_rollup_txs} × {num_outer_rollup_proofs})"));
        let built = self.child(circuit, 0, None, &[], "none.proof")?;
        let proved = self.child(circuit, self.repeat, input, needs, output)?;
        let walls = sorted(&proved.proofs, |cost| cost.wall_seconds);
        let ends = [walls.first(), walls.last()].map(|end| end.copied().unwrap_or_default());
        Ok(CircuitReport {
            circuit: circuit.name(),
            rows: built.rows,
            degree_bits: built.degree_bits,
            build_seconds: built.ready.wall_seconds,
            build_peak_rss_bytes: built.peak_rss_bytes,
            load_seconds: proved.ready.wall_seconds,
            prove_seconds: median(&walls),
            prove_seconds_spread: ends,
            prove_cpu_seconds: median(&sorted(&proved.proofs, |cost| cost.cpu_seconds)),
            verify_seconds: median(&sorted(&proved.verifications, |cost| cost.wall_seconds)),
            proof_bytes: proved.proof_bytes,
            peak_rss_bytes: proved.peak_rss_bytes,
        })
    }

    fn child(
        &self,
        circuit: CircuitId,
        repeat: usize,
        input: Option<&PathBuf>,
        needs: &[PathBuf],
        output: &str,
    ) -> Result<super::child::ChildReport> {
        spawn(&ChildArgs {
            circuit,
            repeat,
            input: input.cloned(),
            needs: needs.to_vec(),
            output: Some(self.work.join(output)),
            circuits: self.settings.clone(),
        })
    }

    fn save(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.work.join(name);
        files::write(&path, bytes, true)?;
        Ok(path)
    }
}

impl CircuitReport {
    /// The columns of the table.
    pub(super) fn head() -> Vec<String> {
        ["circuit", "rows", "degree", "build s", "load s", "prove s", "spread", "CPU-s", "verify ms", "proof", "peak"]
            .map(str::to_owned)
            .to_vec()
    }

    /// A line of the table.
    pub(super) fn row(&self, suffix: &str) -> Vec<String> {
        let [least, most] = self.prove_seconds_spread;
        vec![
            format!("{}{suffix}", self.circuit),
            self.rows.to_string(),
            format!("2^{}", self.degree_bits),
            format!("{:.1}", self.build_seconds),
            format!("{:.2}", self.load_seconds),
            format!("{:.2}", self.prove_seconds),
            format!("{least:.2}–{most:.2}"),
            format!("{:.2}", self.prove_cpu_seconds),
            format!("{:.1}", 1e3 * self.verify_seconds),
            bytes(self.proof_bytes as u64),
            bytes(self.peak_rss_bytes),
        ]
    }
}

fn sorted(costs: &[Cost], value: impl Fn(&Cost) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = costs.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
