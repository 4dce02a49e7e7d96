//! Scratch measurements.
use std::time::Instant;

use plonky2::field::types::Field;

use crate::circuit::{Circuit, build};
use crate::client::{account, join_split, make_uniform, padding};
use crate::config::{FriChoice, Parameters, STANDARD};
use crate::inner;
use crate::inner::layout::INNER_PUBLIC;
use crate::plonk::{F, VerifierData};
use crate::recursion::{ChildKey, ChildProof};
use crate::switches::Switches;
use crate::wrap;

fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(") ").next().unwrap().split(' ').collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
fn hwm() -> u64 {
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    s.lines().find(|l| l.starts_with("VmHWM")).unwrap().split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        / 1024
}
struct T(Instant, f64);
fn start() -> T {
    T(Instant::now(), cpu())
}
impl T {
    fn done(&self, what: &str) {
        println!("  {what}: wall {:.2} cpu {:.2} hwm {} MB", self.0.elapsed().as_secs_f64(), cpu() - self.1, hwm());
    }
}

fn all(params: &Parameters, shapes: &[usize]) {
    let on = Switches::default();
    println!("{params:?}");
    let t = start();
    let js = build(crate::id::CircuitId::Padding, params.client.config(true), &on, 1 << 25, |cx| {
        let t = join_split::define(cx);
        println!("  js rows {}", cx.b.num_gates());
        make_uniform(cx.b);
        t
    })
    .unwrap();
    let ac = build(crate::id::CircuitId::Padding, params.client.config(true), &on, 1 << 25, |cx| {
        let t = account::define(cx);
        println!("  ac rows {}", cx.b.num_gates());
        make_uniform(cx.b);
        t
    })
    .unwrap();
    let pa = build(crate::id::CircuitId::Padding, params.client.config(true), &on, 1 << 25, |cx| {
        let t = padding::define(cx);
        make_uniform(cx.b);
        t
    })
    .unwrap();
    t.done("build 3 clients");
    assert_eq!(js.data.common, ac.data.common);
    assert_eq!(js.data.common, pa.data.common);
    println!("  client degree 2^{}", js.data.common.degree_bits());
    let t = start();
    let proof = pa.prove(|t, pw| t.assign(pw, &[F::ZERO; 43])).unwrap();
    t.done("prove client (padding)");
    println!("  client proof {} bytes", proof.to_bytes().len());
    let keys = [js.data.verifier_data(), ac.data.verifier_data(), pa.data.verifier_data()];
    let t = start();
    let wr =
        build(crate::id::CircuitId::Wrap, params.wrap.config(false), &on, 1 << 25, |cx| wrap::define(cx, Some(&keys)))
            .unwrap();
    t.done("build wrap");
    println!("  wrap rows {} degree 2^{}", wr.rows, wr.data.common.degree_bits());
    let t = start();
    let values = wrap::WrapValues::of(2, Some(&keys), ChildProof::Real(Box::new(proof)));
    let wrapped = wr.prove(|t, pw| t.assign(pw, &values)).unwrap();
    t.done("prove wrap");
    println!("  wrap proof {} bytes", wrapped.to_bytes().len());
    wr.data.verify(wrapped.clone()).unwrap();
    let wrap_key = wr.data.verifier_data();
    drop((js, ac, pa, wr));
    for &n in shapes {
        inner_probe(params, &wrap_key, &wrapped, n);
    }
}

fn inner_probe(params: &Parameters, wrap_key: &VerifierData, wrapped: &crate::plonk::PlonkProof, n: usize) {
    let on = Switches::default();
    let t = start();
    let mut b = crate::plonk::Builder::new(params.inner.config(false));
    let targets = inner::define(&mut crate::gadgets::Cx { b: &mut b, switches: &on }, ChildKey::Real(wrap_key), n);
    let rows = b.num_gates();
    t.done("define inner");
    println!("  inner N={n} rows {rows} ({} per slot)", rows / n);
    let data = b.build::<crate::plonk::C>();
    t.done("build inner");
    let circuit = Circuit { data, targets, rows };
    println!("  degree 2^{}", circuit.data.common.degree_bits());
    let mut public = vec![F::ZERO; INNER_PUBLIC];
    // nothing real: everything may be 0, but the commitment and the fee assets
    let zeros = vec![F::ZERO; 28 * n];
    let c = rollup::hash::hash(rollup::hash::Tag::InnerPublished, &zeros);
    for k in 0..4 {
        public[28 + 4 + k] = F::from_canonical_u32(1 << 30);
    }
    // order: index, id, 8 roots, 2 next, 8, 2, 4, 4 = 30 ; fee assets 30..34, sums 34..38, C 38..42
    let mut public = vec![F::ZERO; INNER_PUBLIC];
    for k in 0..4 {
        public[30 + k] = F::from_canonical_u32(1 << 30);
    }
    public[38..42].copy_from_slice(&c.0);
    let w = rollup::witness::InnerWitness {
        index: 0,
        old: rollup::state::State {
            rollup_id: 0,
            data_root: Default::default(),
            data_next: 0,
            nullifier_root: Default::default(),
            nullifier_next: 0,
            roots_root: Default::default(),
            defi_root: Default::default(),
        },
        slots: vec![None; n],
        subtree_path: rollup::witness::MerklePath { index: 0, siblings: vec![] },
        fee_assets: [1 << 30; 4],
        challenge: [0, 0],
    };
    let values = inner::values::InnerValues::of(&w, public, vec![ChildProof::Real(Box::new(wrapped.clone())); n]);
    let t = start();
    let proof = circuit.prove(|t, pw| t.assign(pw, &values)).unwrap();
    t.done("prove inner");
    circuit.data.verify(proof).unwrap();
}

#[test]
fn probe() {
    let which = std::env::var("PROBE").unwrap_or_default();
    let base = Parameters::DEFAULT;
    let f = |rate_bits, queries, pow_bits, arity_bits, final_bits, cap_height| FriChoice {
        rate_bits,
        queries,
        pow_bits,
        arity_bits,
        final_bits,
        cap_height,
        ..STANDARD
    };
    match which.as_str() {
        "wraps" => {
            for wrap in [
                f(4, 21, 16, 3, 5, 4),
                f(5, 17, 16, 3, 5, 4),
                f(5, 17, 16, 4, 5, 5),
                f(6, 14, 16, 3, 5, 4),
                f(7, 12, 16, 3, 5, 4),
                f(6, 14, 16, 4, 5, 6),
            ] {
                all(&Parameters { wrap, ..base }, &[4]);
            }
        }
        "n" => all(&base, &[9, 18]),
        _ => all(&base, &[2]),
    }
}
