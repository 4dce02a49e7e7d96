//! The play itself: rollup by rollup, draft, prove, verify, and only then go on.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use proving::statement::Mode;
use rollup::block::Block;
use rollup::builder::{RollupPlan, build};
use rollup::note::NO_ASSET;
use rollup::public::RollupPublic;
use rollup::world::World;
use rollup_circuits::id::CircuitId;
use rollup_circuits::proof_file;
use rollup_circuits::verification_key::VerificationKey;
use rollup_circuits::verify::Expected;
use terminal::{Console, Stage};

use super::DemoArgs;
use super::books::Books;
use super::fleet::Fleet;
use super::ledger::{BENEFICIARY, Chain, DEPLOYMENT};
use super::output::Output;
use super::report::{Account, Outcome};
use super::script::{ASSETS, Script, Step};
use crate::measure::{cpu_seconds, peak_rss};
use crate::pipeline::{CLIENT, PROVIDER, Pipeline};
use crate::settings::CircuitArgs;
use crate::verify::{PublicFile, rollup_files};

/// Fees are taken in every asset of the demo.
pub(crate) const FEE_ASSETS: [u32; 4] = [ASSETS[0].0, ASSETS[1].0, NO_ASSET, NO_ASSET];

/// Plays `portions.len()` rollups.
pub(crate) fn play(args: &DemoArgs, portions: &[usize], console: Console) -> Result<Outcome> {
    let started = Instant::now();
    let folder = Fleet::wanted(&args.fleet).then(|| Fleet::folder(&args.fleet)).transpose()?;
    let circuits = match &folder {
        // Workers take their keys from disk: they are built once.
        Some(folder) if !args.circuits.persist => {
            CircuitArgs { persist: true, data_dir: folder.circuits(), ..args.circuits.clone() }
        }
        _ => args.circuits.clone(),
    };
    let family = circuits.family(console)?;
    if args.circuits.proverless {
        console.note("PROVERLESS: this is a mock; constraints are checked, nothing is proved");
    }
    circuits.prepare(&family, &CircuitId::ALL, console)?;
    let prepared = started.elapsed().as_secs_f64();
    let prepare_cpu = cpu_seconds();
    let key = family.verification_key(CircuitId::RootVerifier)?;

    let mut output = Output::new(args.output.as_deref(), args.keep_tasks);
    let mut chain = Chain::new()?;
    // Somebody else who follows the blocks: what they compute is what a proof is expected to say.
    let mut follower = World::in_memory(DEPLOYMENT)?;
    let mut script = Script::new(args.seed, portions.iter().sum())?;
    let mut books = Books::default();
    let mut by_type = BTreeMap::new();
    let mut inner_proofs = 0;
    let mut verify_seconds = 0.0;

    let proving = Instant::now();
    let mut watch = |made: &crate::pipeline::Made<'_>| output.task(made);
    let mut pipeline = Pipeline::new(family.clone(), &mut watch);
    let mut fleet = match folder {
        Some(folder) => {
            PROVIDER.into_iter().for_each(|circuit| family.release(circuit));
            Some(Fleet::start(&args.fleet, folder, &circuits, family.clone(), console)?)
        }
        None => None,
    };
    let mut finished = Vec::new();
    for (rollup, portion) in portions.iter().enumerate() {
        let steps = script.next_rollup(&chain, *portion)?;
        let (mut plan, proof) = prove(&mut pipeline, fleet.as_mut(), &chain, &steps, rollup, console)?;
        inner_proofs += plan.inners.len();

        let block = plan.block.encode();
        let clock = Instant::now();
        let public = check(&proof, &key, &block, &mut follower)?;
        verify_seconds += clock.elapsed().as_secs_f64();
        plan.world.commit()?;
        chain.world = plan.world;
        chain.blocks.push(plan.block);
        finished.push((proof, block, PublicFile::new(&public, key.mode())));
        for step in &steps {
            books.enter(&step.entry);
            *by_type.entry(step.entry.tx_type.name()).or_insert(0) += 1;
        }
        for person in &mut script.people {
            chain.sync(&mut person.wallet)?;
        }
    }
    let proving_seconds = proving.elapsed().as_secs_f64();
    let ledger = std::mem::take(&mut pipeline.ledger);
    let phrases = script.people.iter().map(|person| &person.phrase);
    let fleet = fleet.map(|fleet| fleet.end(phrases)).transpose()?;
    for (id, (proof, block, public)) in (0..).zip(&finished) {
        output.rollup(id, proof, block, public)?;
    }
    output.keys(&family)?;

    let wallets = accounts(&script, &books, &chain)?;
    let transactions: usize = portions.iter().sum();
    let slots = family.settings().shape.slots() * portions.len();
    let (client, provider) = (ledger.total(&CLIENT), ledger.total(&PROVIDER));
    let mock = key.mode() == Mode::Mock;
    Ok(Outcome {
        verified: !mock,
        proverless: mock,
        seed: args.seed,
        shape: family.settings().shape.into(),
        transactions,
        transactions_by_type: by_type,
        rollups: portions.len(),
        inner_proofs,
        fill: transactions as f64 / slots as f64,
        inner_fill: transactions as f64 / (inner_proofs * family.settings().shape.inner()) as f64,
        cpu_seconds_per_transaction: provider.cpu_seconds / transactions as f64,
        client_cpu_seconds: client.cpu_seconds,
        client_cpu_seconds_per_transaction: client.cpu_seconds / transactions as f64,
        provider_cpu_seconds: provider.cpu_seconds,
        prepare_seconds: prepared,
        prepare_cpu_seconds: prepare_cpu,
        proving_seconds,
        verify_seconds,
        peak_rss_bytes: peak_rss(),
        circuits: ledger.rows().map(|(circuit, cost, bytes)| (circuit.name(), (cost, bytes).into())).collect(),
        fees: ASSETS.iter().map(|(asset, name)| (*name, books.fees(*asset))).collect(),
        balances_checked: true,
        wallets,
        output: args.output.clone(),
        fleet,
    })
}

/// Proves a rollup of `steps`: on the users' devices first, then at the provider.
fn prove(
    pipeline: &mut Pipeline<'_>,
    fleet: Option<&mut Fleet>,
    chain: &Chain,
    steps: &[Step],
    rollup: usize,
    console: Console,
) -> Result<(RollupPlan, Vec<u8>)> {
    let mut stage = Stage::begin(console, format!("rollup {rollup}: client proofs"), steps.len());
    let mut wrapped = Vec::with_capacity(steps.len());
    for step in steps {
        wrapped.push(pipeline.client(&step.witness)?);
        stage.step();
    }
    stage.end();
    let pending: Vec<_> = steps.iter().map(|step| step.pending.clone()).collect();
    let shape = pipeline.family().settings().shape;
    let plan = build(&chain.world, shape, &pending, FEE_ASSETS, BENEFICIARY)?;
    if let Some(fleet) = fleet {
        let proof = fleet.prove(&plan, &wrapped, rollup, &mut pipeline.ledger)?;
        return Ok((plan, proof));
    }
    let mut stage = Stage::begin(console, format!("rollup {rollup}: inner proofs"), plan.inners.len());
    let inners = pipeline.inners(&plan, &wrapped, || stage.step())?;
    stage.end();
    let mut stage = Stage::begin(console, format!("rollup {rollup}: outer and root"), 2);
    let proof = pipeline.root(&plan, &inners, || stage.step())?;
    stage.end();
    Ok((plan, proof))
}

/// Verifies a rollup from its files, against what whoever follows the blocks expects. The follower goes
/// on only when it holds.
fn check(proof: &[u8], key: &VerificationKey, block: &[u8], follower: &mut World) -> Result<RollupPublic> {
    let old = *follower.state();
    let mut next = follower.fork();
    let read = Block::decode(block)?;
    next.apply_block(&read)?;
    let expected = Expected {
        rollup_id: Some(old.rollup_id),
        old_state: Some(old.digest()),
        new_state: Some(next.state().digest()),
        beneficiary: Some(BENEFICIARY),
    };
    let public = match key.mode() {
        Mode::Mock => check_mock(proof, &read, &expected)?,
        _ => rollup_files(proof, key, Some(block), &expected)?,
    };
    next.commit()?;
    *follower = next;
    Ok(public)
}

/// A mock proves nothing; that it says what is expected, and fits its block, can still be checked.
fn check_mock(mock: &[u8], block: &Block, expected: &Expected) -> Result<RollupPublic> {
    let limbs = proof_file::open(mock)?.claimed_public_inputs()?;
    let public = RollupPublic::from_limbs(&limbs)?;
    block.check(&public)?;
    ensure!(expected.new_state == Some(public.new_state), "the mock leads to another state");
    Ok(public)
}

/// Compares every wallet with the books, and with the wallet rebuilt from phrase and blocks alone.
fn accounts(script: &Script, books: &Books, chain: &Chain) -> Result<Vec<Account>> {
    let mut out = Vec::new();
    for (who, person) in script.people.iter().enumerate() {
        let mut rebuilt = person.rebuilt();
        chain.sync(&mut rebuilt).with_context(|| format!("{}'s wallet cannot be rebuilt", person.name))?;
        let mut balances = BTreeMap::new();
        for (asset, name) in ASSETS {
            let owned = person.wallet.balance(asset).total;
            let again = rebuilt.balance(asset).total;
            let expected = books.owned(who, asset);
            ensure!(
                i128::try_from(owned) == Ok(expected) && again == owned,
                "{}'s balance of {name} is {owned}, rebuilt {again}, and {expected} by the books",
                person.name
            );
            balances.insert(name, owned);
        }
        out.push(Account { name: person.name, migrations: rebuilt.current_account(), balances });
    }
    Ok(out)
}
