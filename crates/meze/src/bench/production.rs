//! `meze bench production`: one rollup of production size, of real transactions, built and proved once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use proving::statement::Mode;
use rollup::block::Block;
use rollup::builder::{RollupPlan, build};
use rollup::shape::Shape;
use rollup_circuits::family::Family;
use rollup_circuits::id::CircuitId;
use rollup_circuits::verify::Expected;
use rollup_circuits::witness_file::Witness;
use serde::Serialize;
use terminal::{Console, Machine, Stage, Usage};

use super::cached::Cached;
use crate::demo::{BENEFICIARY, Chain, FEE_ASSETS, Script, Step};
use crate::measure::{Cost, measured, peak_rss};
use crate::pipeline::{CLIENT, Ledger, Made, PROVIDER, Pipeline};
use crate::settings::CircuitArgs;
use crate::text::{bytes, table};
use crate::verify::rollup_files;

/// What to prove.
#[derive(Debug, Clone, Args)]
#[command(long_about = "Builds and proves one rollup of production size, once, with figures for each stage.\n\n\
        The state that it starts from is made of transactions that are applied without proofs; all transactions of \
        the rollup itself are real, of every type, proved and wrapped. Every proof is kept under \
        DATA_DIR/production, so a run that was killed goes on where it was; figures of earlier runs count.")]
pub struct ProductionArgs {
    /// N: transactions of an inner rollup
    #[arg(long, value_name = "N", default_value_t = 23)]
    inner: usize,

    /// M: inner rollups
    #[arg(long, value_name = "M", default_value_t = 27)]
    outer: usize,

    /// How many real transactions
    #[arg(long, value_name = "COUNT", default_value_t = 512)]
    transactions: usize,

    /// What all wallets, amounts and choices follow from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,

    /// How circuits are built; keys are always kept, and --inner and --outer are the shape.
    #[command(flatten)]
    circuits: CircuitArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    verified: bool,
    proverless: bool,
    machine: Machine,
    shape: Shape,
    transactions: usize,
    transactions_by_type: BTreeMap<&'static str, usize>,
    inner_proofs: usize,
    fill: f64,
    /// Inner, outer and root verifier, witness generation included.
    cpu_seconds_per_transaction: f64,
    client_cpu_seconds_per_transaction: f64,
    /// Proofs that an earlier run left.
    reused_proofs: usize,
    plan_seconds: f64,
    verify_seconds: f64,
    peak_rss_bytes: u64,
    block_bytes: usize,
    circuits: BTreeMap<&'static str, Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    rows: Option<usize>,
    degree_bits: Option<usize>,
    /// Building or loading, in this run.
    ready: Option<Cost>,
    prove: Cost,
    proof_bytes: usize,
}

/// What a circuit is, as it was when it was there.
type Sizes = BTreeMap<CircuitId, (usize, usize, Cost)>;

/// Proves it.
pub(super) fn run(args: &ProductionArgs, console: Console) -> Result<()> {
    let settings = CircuitArgs {
        num_inner_rollup_txs: args.inner,
        num_outer_rollup_proofs: args.outer,
        persist: true,
        ..args.circuits.clone()
    };
    let shape = settings.shape()?;
    if args.transactions == 0 || args.transactions > shape.slots() {
        return Err(Usage(format!("{} transactions do not go into {} slots", args.transactions, shape.slots())).into());
    }
    let family = settings.family(console)?;
    for circuit in CircuitId::ALL {
        family.settings().check_size(circuit)?;
    }
    let mut production = Production {
        clients: Cached::new(folder(&settings, &format!("seed-{}-of-{}", args.seed, args.transactions))),
        rollup: Cached::new(folder(
            &settings,
            &format!("seed-{}-of-{}-in-{}x{}", args.seed, args.transactions, args.inner, args.outer),
        )),
        family,
        sizes: Sizes::new(),
        console,
    };
    let report = production.prove(args, shape)?;
    show(&report, console);
    console.object(&report);
    Ok(())
}

fn folder(settings: &CircuitArgs, name: &str) -> PathBuf {
    let mode = if settings.proverless { "mock-" } else { "" };
    settings.data_dir.join("production").join(format!("{mode}{name}"))
}

struct Production {
    family: Arc<Family>,
    clients: Cached,
    rollup: Cached,
    sizes: Sizes,
    console: Console,
}

impl Production {
    fn prove(&mut self, args: &ProductionArgs, shape: Shape) -> Result<Report> {
        let count = args.transactions;
        self.console.note("drawing up transactions");
        let mut script = Script::new(args.seed, 3 * count)?;
        let chain = before(&mut script, 2 * count)?;
        script.want(count);
        let steps = script.next_rollup(&chain, count)?;
        let mut by_type = BTreeMap::new();
        for step in &steps {
            *by_type.entry(step.entry.tx_type.name()).or_insert(0) += 1;
        }
        let wrapped = self.clients(&steps)?;
        let pending: Vec<_> = steps.iter().map(|step| step.pending.clone()).collect();
        let (plan, planned) = measured(|| build(&chain.world, shape, &pending, FEE_ASSETS, BENEFICIARY));
        let plan = plan?;
        let proof = self.tree(&plan, &wrapped)?;

        let block = plan.block.encode();
        let key = self.family.verification_key(CircuitId::RootVerifier)?;
        let mut follower = chain.world.fork();
        let old = follower.state().digest();
        follower.apply_block(&Block::decode(&block)?)?;
        let expected = Expected {
            rollup_id: Some(chain.world.state().rollup_id),
            old_state: Some(old),
            new_state: Some(follower.state().digest()),
            beneficiary: Some(BENEFICIARY),
        };
        let mock = key.mode() == Mode::Mock;
        let (verified, verifying) = measured(|| match mock {
            true => Ok(()),
            false => rollup_files(&proof, &key, Some(&block), &expected).map(drop),
        });
        verified?;

        let (client, provider) = (self.clients.ledger.total(&CLIENT), self.rollup.ledger.total(&PROVIDER));
        Ok(Report {
            ok: true,
            verified: !mock,
            proverless: mock,
            machine: Machine::this(),
            shape,
            transactions: count,
            transactions_by_type: by_type,
            inner_proofs: plan.inners.len(),
            fill: count as f64 / shape.slots() as f64,
            cpu_seconds_per_transaction: provider.cpu_seconds / count as f64,
            client_cpu_seconds_per_transaction: client.cpu_seconds / count as f64,
            reused_proofs: self.clients.reused + self.rollup.reused,
            plan_seconds: planned.wall_seconds,
            verify_seconds: verifying.wall_seconds,
            peak_rss_bytes: peak_rss().max(client.peak_rss_bytes).max(provider.peak_rss_bytes),
            block_bytes: block.len(),
            circuits: self.lines(),
        })
    }

    /// The wrapped proofs of the transactions.
    fn clients(&mut self, steps: &[Step]) -> Result<Vec<Vec<u8>>> {
        let key = self.family.verification_key(CircuitId::Wrap)?;
        let mut stage = Stage::begin(self.console, "client proofs", steps.len());
        let mut wrapped = Vec::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            let family = &self.family;
            wrapped.push(self.clients.proof(
                &format!("client-{index:04}"),
                &key,
                &step.pending.public.limbs(),
                || piped(family, |pipeline| pipeline.client(&step.witness)),
            )?);
            stage.step();
        }
        stage.end();
        CircuitId::ALL.into_iter().for_each(|circuit| self.family.release(circuit));
        Ok(wrapped)
    }

    /// Inner, outer and root verifier proofs, one circuit in memory at a time.
    fn tree(&mut self, plan: &RollupPlan, wrapped: &[Vec<u8>]) -> Result<Vec<u8>> {
        self.ready(CircuitId::Inner)?;
        // The padding proof is made by now; its circuits are of no more use.
        [CircuitId::Padding, CircuitId::Wrap].into_iter().for_each(|circuit| self.family.release(circuit));
        let key = self.family.verification_key(CircuitId::Inner)?;
        let mut stage = Stage::begin(self.console, "inner proofs", plan.inners.len());
        let mut rest = wrapped.iter();
        let mut inners = Vec::with_capacity(plan.inners.len());
        for (index, (inner, public)) in plan.inners.iter().zip(&plan.inner_publics).enumerate() {
            let real = inner.slots.iter().flatten().count();
            let needs: Vec<&[u8]> = rest.by_ref().take(real).map(Vec::as_slice).collect();
            let input = Witness::Inner(Box::new(inner.clone())).to_bytes();
            let family = &self.family;
            let make = || piped(family, |pipeline| pipeline.prove(CircuitId::Inner, &input, &needs));
            inners.push(self.rollup.proof(&format!("inner-{index:04}"), &key, &public.limbs(), make)?);
            stage.step();
        }
        stage.end();
        self.family.release(CircuitId::Inner);

        let public = plan.public.limbs();
        let needs: Vec<&[u8]> = inners.iter().map(Vec::as_slice).collect();
        let input = Witness::Outer(Box::new(plan.outer.clone())).to_bytes();
        let outer = self.last(CircuitId::Outer, &public, &input, &needs)?;
        self.last(CircuitId::RootVerifier, &public, &[], &[&outer])
    }

    fn last(
        &mut self,
        circuit: CircuitId,
        public: &[rollup_circuits::plonk::F],
        input: &[u8],
        needs: &[&[u8]],
    ) -> Result<Vec<u8>> {
        self.ready(circuit)?;
        let key = self.family.verification_key(circuit)?;
        self.console.note(format!("{circuit} proof"));
        let family = &self.family;
        let make = || piped(family, |pipeline| pipeline.prove(circuit, input, needs));
        let proof = self.rollup.proof(circuit.name(), &key, public, make)?;
        self.family.release(circuit);
        Ok(proof)
    }

    fn ready(&mut self, circuit: CircuitId) -> Result<()> {
        self.console.note(format!("{circuit} key"));
        let (prepared, cost) = measured(|| self.family.prepare(circuit));
        prepared.with_context(|| format!("no {circuit} circuit"))?;
        let size = self.family.size(circuit)?;
        self.sizes.insert(circuit, (size.rows, size.degree_bits, cost));
        Ok(())
    }

    fn lines(&self) -> BTreeMap<&'static str, Line> {
        let line = |(circuit, prove, proof_bytes): (CircuitId, Cost, usize)| {
            let size = self.sizes.get(&circuit);
            let line = Line {
                rows: size.map(|size| size.0),
                degree_bits: size.map(|size| size.1),
                ready: size.map(|size| size.2),
                prove,
                proof_bytes,
            };
            (circuit.name(), line)
        };
        self.clients.ledger.rows().chain(self.rollup.ledger.rows()).map(line).collect()
    }
}

/// The chain after `count` transactions that nobody proved.
fn before(script: &mut Script, count: usize) -> Result<Chain> {
    const INNER: usize = 64;
    let mut chain = Chain::new()?;
    let steps = script.next_rollup(&chain, count)?;
    let pending: Vec<_> = steps.into_iter().map(|step| step.pending).collect();
    let shape = Shape::new(INNER, count.div_ceil(INNER))?;
    let mut plan = build(&chain.world, shape, &pending, FEE_ASSETS, BENEFICIARY)?;
    plan.world.commit()?;
    chain.world = plan.world;
    chain.blocks.push(plan.block);
    for person in &mut script.people {
        chain.sync(&mut person.wallet)?;
    }
    Ok(chain)
}

/// Runs a pipeline of its own, to have its ledger apart.
fn piped(family: &Arc<Family>, run: impl FnOnce(&mut Pipeline<'_>) -> Result<Vec<u8>>) -> Result<(Vec<u8>, Ledger)> {
    let mut watch = |_: &Made<'_>| Ok(());
    let mut pipeline = Pipeline::new(family.clone(), &mut watch);
    let proof = run(&mut pipeline)?;
    Ok((proof, pipeline.ledger))
}

fn show(report: &Report, console: Console) {
    if report.proverless {
        console.say("MOCK (PROVERLESS): constraints were checked, nothing was proved; these are no figures of proofs");
    }
    console.say(&report.machine);
    let (inner, outer) = report.shape.into();
    console.say(format!(
        "{} transactions in {inner} × {outer}, fill {:.1} %, {} inner proofs",
        report.transactions,
        100.0 * report.fill,
        report.inner_proofs
    ));
    let mut rows =
        vec![["circuit", "proofs", "seconds", "CPU-s", "CPU-s each", "peak", "size"].map(str::to_owned).to_vec()];
    rows.extend(report.circuits.iter().map(|(name, line)| {
        vec![
            (*name).to_owned(),
            line.prove.count.to_string(),
            format!("{:.1}", line.prove.wall_seconds),
            format!("{:.1}", line.prove.cpu_seconds),
            format!("{:.2}", line.prove.cpu_seconds / line.prove.count as f64),
            bytes(line.prove.peak_rss_bytes),
            bytes(line.proof_bytes as u64),
        ]
    }));
    table(&rows).iter().for_each(|line| console.say(line));
    console.say(format!("provider CPU by transaction: {:.2} s", report.cpu_seconds_per_transaction));
    console.say(format!("client CPU by transaction: {:.2} s", report.client_cpu_seconds_per_transaction));
    console.say(format!("peak memory: {}", bytes(report.peak_rss_bytes)));
    if report.verified {
        console.say("the rollup is verified");
    }
}
