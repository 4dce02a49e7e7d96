//! Runs the forgeries of one circuit.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use anyhow::Context;
use plonky2::iop::generator::GeneratedValues;
use plonky2::iop::witness::{PartialWitness, PartitionWitness};
use plonky2::plonk::circuit_data::CircuitConfig;
use plonky2::plonk::prover::{prove, prove_with_partition_witness};
use plonky2::util::timing::TimingTree;

use super::table::{entries, publish, table};
use crate::check::{Checker, Matrix};
use crate::config::{FriChoice, STANDARD};
use crate::gadgets::Cx;
use crate::plonk::{Builder, C, D, Data, F, PlonkProof};
use crate::switches::{Constraint, Switches};

/// How many circuits are worked on at once.
const WORKERS: usize = 2;

/// A circuit whose constraints are forged, with what its honest values are made of.
pub(crate) trait Subject: Sized + Sync {
    /// Heads the table.
    const NAME: &'static str;
    /// Whether forgeries are shown by real proofs; else by evaluating every constraint.
    const PROVES: bool;
    /// Its wires that are set from outside.
    type Targets: Sync;
    /// The values of those wires.
    type Values: Clone;

    /// Builds the circuit.
    fn build(&self, switches: &Switches) -> Built<Self::Targets>;
    /// Sets every wire from outside.
    fn assign(targets: &Self::Targets, pw: &mut PartialWitness<F>, values: &Self::Values) -> anyhow::Result<()>;
    /// The public inputs that the values claim.
    fn public(values: &Self::Values) -> Vec<F>;
    /// Every forgery.
    fn forgeries() -> Vec<Forgery<Self>>;

    /// The same attempt in every position that it has in the circuit.
    fn positions(attempt: Attempt<Self::Values>) -> Vec<Attempt<Self::Values>> {
        vec![attempt]
    }
}

/// How one constraint is broken.
pub(crate) struct Forgery<S: Subject> {
    /// The constraint that it breaks.
    pub(crate) breaks: Constraint,
    /// What it does, for the table.
    pub(crate) says: &'static str,
    /// Constraints that imply the broken one and so are off with it. With these alone off the forgery
    /// is still refused.
    pub(crate) given_off: &'static [Constraint],
    /// Makes the values.
    pub(crate) make: fn(&S) -> Attempt<S::Values>,
}

/// Values that every constraint accepts, and what a forger makes of them.
#[derive(Debug, Clone)]
pub(crate) struct Attempt<V> {
    pub(crate) honest: V,
    pub(crate) forged: V,
}

impl<V: Clone> Attempt<V> {
    /// Honest values and how they are tampered with.
    pub(crate) fn on(honest: V, tamper: impl FnOnce(&mut V)) -> Self {
        let mut forged = honest.clone();
        tamper(&mut forged);
        Self { honest, forged }
    }
}

/// A built circuit, ready to be checked.
pub(crate) struct Built<T> {
    pub(crate) data: Data,
    pub(crate) targets: T,
    pub(crate) checker: Checker,
}

/// Defines and builds a circuit.
pub(crate) fn build<T>(config: CircuitConfig, switches: &Switches, define: impl FnOnce(&mut Cx<'_>) -> T) -> Built<T> {
    let mut builder = Builder::new(config);
    let targets = define(&mut Cx { b: &mut builder, switches });
    let data = builder.build::<C>();
    Built { checker: Checker::new(&data), data, targets }
}

/// A configuration with fast proofs: few queries, hardly any proof of work, nothing blinded. What is
/// wrong here is wrong in every query, and the constraints are those of the real configuration.
pub(crate) fn light() -> CircuitConfig {
    let choice = FriChoice { queries: 4, pow_bits: 1, ..STANDARD };
    CircuitConfig { security_bits: choice.conjectured_bits(), ..choice.config(false) }
}

/// Runs every forgery of a circuit and prints the table.
///
/// # Panics
/// Where a forgery is refused with its constraint off or accepted with it on.
pub(crate) fn run<S: Subject>(subject: &S) {
    let failures = forge_all(subject, S::forgeries());
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), S::NAME, failures.join("\n"));
    publish(S::NAME, &table(entries::<S>(), S::PROVES));
}

/// Runs `forgeries` and says what did not go as it must.
pub(super) fn forge_all<S: Subject>(subject: &S, forgeries: Vec<Forgery<S>>) -> Vec<String> {
    let all_on = subject.build(&Switches::default());
    // What the forgeries make the library's generators and prover say is of no interest.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let failures = catch_unwind(AssertUnwindSafe(|| forge_in_parallel(subject, &all_on, forgeries)));
    std::panic::set_hook(hook);
    failures.expect("each forgery's panics are caught")
}

fn forge_in_parallel<S: Subject>(subject: &S, all_on: &Built<S::Targets>, forgeries: Vec<Forgery<S>>) -> Vec<String> {
    let mut by_off: BTreeMap<Vec<Constraint>, Vec<Forgery<S>>> = BTreeMap::new();
    for forgery in forgeries {
        by_off.entry([forgery.given_off, &[forgery.breaks]].concat()).or_default().push(forgery);
    }
    let queue = Mutex::new(by_off.into_iter());
    let failures: Mutex<Vec<String>> = Mutex::default();
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((off, forgeries)) = next() {
                    let found = caught(|| forge_each(subject, &forgeries, all_on, &off));
                    let found = found.unwrap_or_else(|panic| vec![format!("without {off:?}: {panic}")]);
                    failures.lock().expect("no worker panics with it").extend(found);
                }
            });
        }
    });
    failures.into_inner().expect("no worker panics with it")
}

/// The forgeries of one circuit with some constraints off.
fn forge_each<S: Subject>(
    subject: &S,
    forgeries: &[Forgery<S>],
    all_on: &Built<S::Targets>,
    off: &[Constraint],
) -> anyhow::Result<Vec<String>> {
    let off = subject.build(&Switches::without(off.iter().copied()));
    let failure = |forgery: &Forgery<S>| {
        let failure = caught(|| forge(subject, forgery, all_on, &off)).err()?;
        Some(format!("{:?}, {}: {failure:#}", forgery.breaks, forgery.says))
    };
    Ok(forgeries.iter().filter_map(failure).collect())
}

fn forge<S: Subject>(
    subject: &S,
    forgery: &Forgery<S>,
    all_on: &Built<S::Targets>,
    off: &Built<S::Targets>,
) -> anyhow::Result<()> {
    let given =
        (!forgery.given_off.is_empty()).then(|| subject.build(&Switches::without(forgery.given_off.iter().copied())));
    for Attempt { honest, forged } in S::positions((forgery.make)(subject)) {
        accepted::<S>(all_on, &honest, false).context("the honest values, all on")?;
        accepted::<S>(off, &honest, false).context("the honest values, switched off")?;
        accepted::<S>(off, &forged, S::PROVES).context("the forged values, switched off")?;
        refused::<S>(all_on, &forged, S::PROVES).context("the forged values, all on")?;
        if let Some(given) = &given {
            refused::<S>(given, &forged, S::PROVES).context("the forged values, this one on")?;
        }
    }
    Ok(())
}

/// Every constraint holds; where `by_proof`, a proof of the claimed public inputs verifies too.
pub(super) fn accepted<S: Subject>(
    built: &Built<S::Targets>,
    values: &S::Values,
    by_proof: bool,
) -> anyhow::Result<()> {
    let Built { data, targets, checker } = built;
    let mut witness = PartialWitness::new();
    S::assign(targets, &mut witness, values)?;
    let public = checker.check(data, witness.clone())?;
    anyhow::ensure!(public == S::public(values), "the circuit shows other public inputs");
    if by_proof {
        let proof = caught(|| prove::<F, C, D>(&data.prover_only, &data.common, witness, &mut TimingTree::default()))?;
        anyhow::ensure!(proof.public_inputs == public, "the proof shows other public inputs");
        data.verify(proof)?;
    }
    Ok(())
}

/// Some constraint does not hold; where `by_proof`, no proof comes out either: neither of the library's
/// prover nor of one that goes on where the library's generators stop.
pub(super) fn refused<S: Subject>(built: &Built<S::Targets>, values: &S::Values, by_proof: bool) -> anyhow::Result<()> {
    let Built { data, targets, checker } = built;
    let mut witness = PartialWitness::new();
    S::assign(targets, &mut witness, values)?;
    anyhow::ensure!(checker.check(data, witness.clone()).is_err(), "every constraint holds");
    let determined = caught(|| Ok(complete(data, &witness)))?;
    let holds = checker.check_matrix(data, &Matrix::of(data, &determined)).is_ok();
    let public: Vec<F> = Matrix::of(data, &determined).public_inputs;
    anyhow::ensure!(!(holds && public == S::public(values)), "every constraint holds for a determined prover");
    if !by_proof {
        return Ok(());
    }
    let timing = &mut TimingTree::default();
    let proof = caught(|| prove::<F, C, D>(&data.prover_only, &data.common, witness, timing));
    no_proof(data, proof, &S::public(values))?;
    let proof = caught(|| {
        prove_with_partition_witness::<F, C, D>(&data.prover_only, &data.common, determined, &mut TimingTree::default())
    });
    no_proof(data, proof, &S::public(values))
}

/// No proof, or one that does not verify, or one of something else.
fn no_proof(data: &Data, proof: anyhow::Result<PlonkProof>, claimed: &[F]) -> anyhow::Result<()> {
    let verifies = proof.is_ok_and(|proof| proof.public_inputs == claimed && data.verify(proof).is_ok());
    anyhow::ensure!(!verifies, "a proof verifies");
    Ok(())
}

/// What `make` gives; a panic is an error like any other.
fn caught<T>(make: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(anyhow::anyhow!("panicked: {}", said.unwrap_or("without a message")))
    })
}

/// Runs the generators like the library does, but goes on at every conflict: the first value stays.
/// Values that are set from outside come first, so no generator repairs a forged one.
pub(super) fn complete<'a>(data: &'a Data, inputs: &PartialWitness<F>) -> PartitionWitness<'a, F> {
    let (common, prover) = (&data.common, &data.prover_only);
    let mut witness = PartitionWitness::new(common.config.num_wires, common.degree(), &prover.representative_map);
    for (&target, &value) in &inputs.target_values {
        // A conflict is what the forger lives with.
        let _ = witness.set_target_returning_rep(target, value);
    }
    let mut pending: Vec<usize> = (0..prover.generators.len()).collect();
    let mut done = vec![false; prover.generators.len()];
    let mut buffer = GeneratedValues::empty();
    while !pending.is_empty() {
        let mut next = Vec::new();
        for generator in pending {
            if done[generator] {
                continue;
            }
            done[generator] = prover.generators[generator].0.run(&witness, &mut buffer);
            for (target, value) in buffer.target_values.drain(..) {
                if let Ok(Some(set)) = witness.set_target_returning_rep(target, value) {
                    next.extend(prover.generator_indices_by_watches.get(&set).into_iter().flatten().copied());
                }
            }
        }
        pending = next;
    }
    witness
}
