//! What the free choices of a proof cost: the table that the wrap's parameters were chosen by.

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use proving::context::ProveContext;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rollup::builder::{Pending, build};
use rollup::note::NO_ASSET;
use rollup::shape::Shape;
use rollup::transaction::Address;
use rollup::wallet::{SeedPhrase, Wallet};
use rollup_circuits::ChildProof;
use rollup_circuits::config::{FriChoice, Parameters, STANDARD};
use rollup_circuits::family::Family;
use rollup_circuits::id::CircuitId;
use rollup_circuits::settings::Settings;
use serde::Serialize;
use terminal::Console;

use crate::demo::{BENEFICIARY, Chain};
use crate::measure::{Cost, measured};

/// Slots of the inner rollup that is proved under each choice.
const SLOTS: usize = 2;

/// What to measure.
#[derive(Debug, Clone, Args)]
pub struct ParametersArgs {
    /// Only this choice, by its place in the list
    #[arg(long, value_name = "NUMBER")]
    only: Option<usize>,
}

/// One line of the table.
#[derive(Debug, Serialize)]
struct Line {
    choice: String,
    conjectured_bits: usize,
    client_cpu_seconds: f64,
    wrap_cpu_seconds: f64,
    client_peak_rss_bytes: u64,
    wrap_proof_bytes: usize,
    rows_per_slot: usize,
    inner_cpu_seconds: f64,
}

/// Measures every choice.
///
/// # Errors
/// Something could not be proved.
pub(super) fn run(args: &ParametersArgs, console: Console) -> Result<()> {
    let mut lines = Vec::new();
    for (place, (choice, parameters)) in choices().into_iter().enumerate() {
        if args.only.is_none_or(|only| only == place) {
            console.note(format!("{place}: {choice}"));
            let line = measure(choice, parameters)?;
            console.say(format!(
                "{place}: {:<44} client {:5.2} + wrap {:5.2} CPU-s, {:4} MiB; {} rows a slot; inner {:5.2} CPU-s",
                line.choice,
                line.client_cpu_seconds,
                line.wrap_cpu_seconds,
                line.client_peak_rss_bytes >> 20,
                line.rows_per_slot,
                line.inner_cpu_seconds,
            ));
            lines.push(line);
        }
    }
    console.object(&serde_json::json!({ "slots": SLOTS, "choices": lines }));
    Ok(())
}

/// The wraps that were considered, and three challenges instead of two in the tree.
fn choices() -> Vec<(String, Parameters)> {
    let base = Parameters::DEFAULT;
    let wrap = |rate_bits, queries, pow_bits, arity_bits| {
        let wrap = FriChoice { rate_bits, queries, pow_bits, arity_bits, ..STANDARD };
        let text = format!("wrap rate 1/{}, {queries} queries, folding by {}", 1 << rate_bits, 1 << arity_bits);
        let text = if pow_bits == STANDARD.pow_bits { text } else { format!("{text}, {pow_bits} bits of work") };
        (text, Parameters { wrap, ..base })
    };
    let three = FriChoice { challenges: 3, ..STANDARD };
    vec![
        wrap(3, 28, 16, 4),
        wrap(4, 21, 16, 3),
        wrap(4, 21, 16, 4),
        wrap(5, 17, 16, 4),
        wrap(5, 16, 20, 4),
        wrap(6, 14, 16, 3),
        wrap(6, 14, 16, 4),
        wrap(7, 12, 16, 4),
        (
            "the default, with three challenges in the tree".to_owned(),
            Parameters { inner: three, outer: three, root: three, ..base },
        ),
    ]
}

fn measure(choice: String, parameters: Parameters) -> Result<Line> {
    let shape = Shape::new(SLOTS, 1)?;
    let family = |shape| Family::new(Settings { parameters, ..Settings::new(shape) }, Arc::new(|_: &str| {}));
    let of_one = family(Shape::new(1, 1)?).size(CircuitId::Inner)?.rows;
    let family = family(shape);
    for circuit in [CircuitId::JoinSplit, CircuitId::Wrap] {
        family.prepare(circuit)?;
    }
    let chain = Chain::new()?;
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut wallet = Wallet::from_phrase(&SeedPhrase::generate(&mut rng), "");
    let context = ProveContext::default();
    let (mut client, mut wrap) = (Cost::default(), Cost::default());
    let (mut pending, mut wrapped): (Vec<Pending>, Vec<ChildProof>) = (Vec::new(), Vec::new());
    for amount in 1..=SLOTS as u64 {
        let draft = wallet.draft(&chain, &mut rng).deposit(1_000 * amount, 0, Address([0, 0, 0, 0, 1]), 1)?;
        pending.push(Pending { public: draft.witness.public, payload: draft.payload });
        let (proof, cost) = measured(|| family.prove_join_split(&draft.witness, &context));
        client.add(&cost);
        let (proof, cost) = measured(|| family.prove_wrap(CircuitId::JoinSplit, proof?, &context));
        wrap.add(&cost);
        wrapped.push(proof?);
    }
    let plan = build(&chain.world, shape, &pending, [0, NO_ASSET, NO_ASSET, NO_ASSET], BENEFICIARY)?;
    let witness = plan.inners.into_iter().next().context("a plan without an inner rollup")?;
    family.prepare(CircuitId::Inner)?;
    let (proof, inner) = measured(|| family.prove_inner(&witness, wrapped, &context));
    proof?;
    Ok(Line {
        choice,
        conjectured_bits: parameters.wrap.conjectured_bits(),
        client_cpu_seconds: client.cpu_seconds / SLOTS as f64,
        wrap_cpu_seconds: wrap.cpu_seconds / SLOTS as f64,
        client_peak_rss_bytes: client.peak_rss_bytes.max(wrap.peak_rss_bytes),
        wrap_proof_bytes: family.size(CircuitId::Wrap)?.proof_bytes,
        rows_per_slot: family.size(CircuitId::Inner)?.rows - of_one,
        inner_cpu_seconds: inner.cpu_seconds,
    })
}
