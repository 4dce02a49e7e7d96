//! The checker accepts what is honest and objects to each single wire that is not.

use plonky2::field::types::Field;
use plonky2::iop::generator::generate_partial_witness;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::circuit_data::CircuitConfig;
use rollup::hash::Tag;

use super::{Checker, Matrix, Violation};
use crate::client::make_uniform;
use crate::constraint_tests::{Built, build, light};
use crate::plonk::{C, D, DigestTarget, F};
use crate::switches::{Constraint, Switches};

fn check(circuit: &Built<DigestTarget>, witness: PartialWitness<F>) -> Result<Vec<F>, Violation> {
    circuit.checker.check(&circuit.data, witness)
}

/// A public hash of four secret limbs, with a product and a range check beside it: every gate of the
/// client circuits.
fn circuit(zero_knowledge: bool) -> Built<DigestTarget> {
    build(CircuitConfig { zero_knowledge, ..light() }, &Switches::default(), |cx| {
        let secret = cx.digest();
        let hash = cx.hash(Tag::Dummy, &secret);
        let product = cx.b.mul(secret[0], secret[1]);
        cx.range(Constraint::J4AssetRange, product, 30);
        cx.b.register_public_inputs(&hash);
        cx.b.register_public_input(product);
        make_uniform(cx.b);
        secret
    })
}

fn witness(circuit: &Built<DigestTarget>, limbs: [u64; 4]) -> PartialWitness<F> {
    let mut witness = PartialWitness::new();
    witness.set_target_arr(&circuit.targets, &limbs.map(F::from_canonical_u64)).unwrap();
    witness
}

#[test]
fn an_honest_witness_passes_and_gives_its_public_inputs() {
    for zero_knowledge in [false, true] {
        let circuit = circuit(zero_knowledge);
        let public = check(&circuit, witness(&circuit, [3, 5, 7, 11])).unwrap();
        assert_eq!(public[4], F::from_canonical_u64(15));
        assert_eq!(public[..4], rollup::hash::hash(Tag::Dummy, &[3, 5, 7, 11].map(F::from_canonical_u64)).0);
    }
}

#[test]
fn a_value_out_of_range_is_a_violation() {
    let circuit = circuit(false);
    let refused = check(&circuit, witness(&circuit, [1 << 15, 1 << 15, 7, 11]));
    assert!(matches!(refused, Err(Violation::Incomplete(_))), "{refused:?}");
}

#[test]
fn a_missing_value_is_a_violation() {
    let circuit = circuit(false);
    assert!(matches!(check(&circuit, PartialWitness::new()), Err(Violation::Incomplete(_))));
}

#[test]
fn a_foreign_public_input_is_a_violation() {
    let circuit = circuit(false);
    let checker = Checker::new(&circuit.data);
    let mut matrix = honest(&circuit);
    matrix.public_inputs[4] += F::ONE;
    assert!(matches!(checker.check_matrix(&circuit.data, &matrix), Err(Violation::PublicInput(4))));
}

fn honest(circuit: &Built<DigestTarget>) -> Matrix {
    let data = &circuit.data;
    let witness = witness(circuit, [3, 5, 7, 11]);
    Matrix::of(data, &generate_partial_witness::<F, C, D>(witness, &data.prover_only, &data.common).unwrap())
}

/// Every wire of every row, but those of a product that another factor may make 0.
#[test]
fn each_single_wrong_wire_is_a_violation() {
    let circuit = circuit(false);
    let data = &circuit.data;
    let checker = Checker::new(data);
    let matrix = honest(&circuit);
    checker.check_matrix(data, &matrix).unwrap();
    let mut tried = 0;
    for (gate, rows) in data.common.gates.iter().zip(&checker.rows) {
        let arithmetic = gate.0.id().starts_with("ArithmeticGate");
        for &row in rows.iter().take(16) {
            for column in (0..gate.0.num_wires()).filter(|column| !arithmetic || column % 4 == 3) {
                let mut forged = matrix.clone();
                forged.wires[row * data.common.config.num_wires + column] += F::from_canonical_u64(1 << 40);
                let refused = checker.check_matrix(data, &forged);
                assert!(refused.is_err(), "wire {column} of row {row}, a {}", gate.0.id());
                tried += 1;
            }
        }
    }
    assert!(tried > 300, "{tried} wires tried");
}

/// The same without the copy constraints' help: a wire that only the gate can object to.
#[test]
fn the_gates_alone_object_to_a_whole_set_of_connected_wires() {
    let circuit = circuit(false);
    let data = &circuit.data;
    let checker = Checker::new(data);
    let matrix = honest(&circuit);
    let map = &data.prover_only.representative_map;
    let secret = map[circuit.targets[2].index(data.common.config.num_wires, data.common.degree())];
    let mut forged = matrix.clone();
    for (index, wire) in forged.wires.iter_mut().enumerate() {
        *wire += F::from_bool(map[index] == secret);
    }
    assert!(matches!(checker.check_matrix(data, &forged), Err(Violation::Gate { .. })));
}
