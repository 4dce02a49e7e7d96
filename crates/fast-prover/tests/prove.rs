//! Proofs of circuits of several kinds, given to the library's verifier.

use fast_prover::{C, D, F, ProveError, prove, prove_with_witness};
use plonky2::field::types::Field;
use plonky2::gates::noop::NoopGate;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::iop::generator::generate_partial_witness;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::circuit_builder::CircuitBuilder;
use plonky2::plonk::circuit_data::{CircuitConfig, CircuitData};
use plonky2::plonk::prover::prove_with_partition_witness;
use plonky2::util::timing::TimingTree;

type Builder = CircuitBuilder<F, D>;
type Data = CircuitData<F, C, D>;

fn config(zero_knowledge: bool, rate_bits: usize, num_challenges: usize) -> CircuitConfig {
    let mut config = CircuitConfig { zero_knowledge, num_challenges, ..CircuitConfig::standard_recursion_config() };
    config.fri_config.rate_bits = rate_bits;
    config.fri_config.num_query_rounds = 84_usize.div_ceil(rate_bits);
    config
}

/// All the shapes that a circuit is proven in.
fn configs() -> impl Iterator<Item = CircuitConfig> {
    [(false, 3, 2), (true, 3, 2), (false, 4, 3), (true, 4, 2), (true, 3, 3)]
        .into_iter()
        .map(|(zk, r, c)| config(zk, r, c))
}

/// Powers, comparisons, bits, a hash and an array access. The first public input is `x`.
fn mixed(config: CircuitConfig) -> (Data, Target) {
    let mut b = Builder::new(config);
    let x = b.add_virtual_public_input();
    let bits = b.split_le(x, 32);
    let cube = b.cube(x);
    let power = b.exp_u64(cube, 1000);
    let hash = b.hash_n_to_hash_no_pad::<PoseidonHash>(vec![x, cube, power]);
    let index = b.le_sum(bits[..4].iter());
    let table = (0..16).map(|i| b.constant(F::from_canonical_u64(i * i))).collect();
    let entry = b.random_access(index, table);
    b.register_public_inputs(&hash.elements);
    b.register_public_input(entry);
    for _ in 0..40 {
        b.add_gate(NoopGate, vec![]);
    }
    (b.build::<C>(), x)
}

fn inputs(x: Target, value: u64) -> PartialWitness<F> {
    let mut inputs = PartialWitness::new();
    inputs.set_target(x, F::from_canonical_u64(value)).expect("it is the first value");
    inputs
}

#[test]
fn proofs_verify_and_say_what_the_library_says() {
    for config in configs() {
        let (data, x) = mixed(config);
        let proof = prove(&data.prover_only, &data.common, inputs(x, 12345)).unwrap();
        let theirs = data.prove(inputs(x, 12345)).unwrap();
        assert_eq!(proof.public_inputs, theirs.public_inputs);
        data.verify(proof).unwrap();
    }
}

#[test]
fn without_zero_knowledge_the_commitments_are_those_of_the_library() {
    let (data, x) = mixed(config(false, 3, 2));
    // Generators fill some wires at random, so both provers get one witness.
    let witness = generate_partial_witness(inputs(x, 9), &data.prover_only, &data.common).unwrap();
    let ours = prove_with_witness(&data.prover_only, &data.common, &witness).unwrap().proof;
    let theirs = prove_with_partition_witness(&data.prover_only, &data.common, witness, &mut TimingTree::default())
        .unwrap()
        .proof;
    assert_eq!(ours.wires_cap, theirs.wires_cap);
    assert_eq!(ours.plonk_zs_partial_products_cap, theirs.plonk_zs_partial_products_cap);
    assert_eq!(ours.quotient_polys_cap, theirs.quotient_polys_cap);
    assert_eq!(ours.openings, theirs.openings);
    assert_eq!(ours.opening_proof.commit_phase_merkle_caps, theirs.opening_proof.commit_phase_merkle_caps);
    assert_eq!(ours.opening_proof.final_poly, theirs.opening_proof.final_poly);
}

#[test]
fn a_proof_of_a_proof_verifies() {
    for inner_config in configs().skip(1).step_by(3) {
        let (inner, x) = mixed(inner_config);
        let proof = prove(&inner.prover_only, &inner.common, inputs(x, 77)).unwrap();
        let mut b = Builder::new(config(false, 3, 2));
        let proof_target = b.add_virtual_proof_with_pis(&inner.common);
        let key = b.constant_verifier_data(&inner.verifier_only);
        b.verify_proof::<C>(&proof_target, &key, &inner.common);
        b.register_public_inputs(&proof_target.public_inputs);
        let outer = b.build::<C>();
        let mut inputs = PartialWitness::new();
        inputs.set_proof_with_pis_target(&proof_target, &proof).unwrap();
        let outer_proof = prove(&outer.prover_only, &outer.common, inputs).unwrap();
        assert_eq!(outer_proof.public_inputs, proof.public_inputs);
        outer.verify(outer_proof).unwrap();
    }
}

#[test]
fn a_witness_that_breaks_a_gate_is_an_error() {
    for config in configs() {
        let mut b = Builder::new(config);
        let x = b.add_virtual_target();
        let square = b.square(x);
        b.assert_bool(BoolTarget::new_unsafe(x));
        b.register_public_input(square);
        let data = b.build::<C>();
        data.verify(prove(&data.prover_only, &data.common, inputs(x, 1)).unwrap()).unwrap();
        let refused = prove(&data.prover_only, &data.common, inputs(x, 2));
        assert!(matches!(refused, Err(ProveError::Unsatisfied | ProveError::Witness(_))), "{refused:?}");
    }
}

#[test]
fn a_range_check_that_fails_is_an_error() {
    let (data, x) = mixed(config(true, 3, 2));
    let refused = prove(&data.prover_only, &data.common, inputs(x, 1 << 40));
    assert!(refused.is_err());
}

/// Generators have no say here: the witness is complete, then one wire that gates constrain changes.
#[test]
fn a_completed_witness_that_is_tampered_with_is_unsatisfied() {
    for config in configs() {
        let (data, x) = mixed(config);
        let honest = generate_partial_witness(inputs(x, 12345), &data.prover_only, &data.common).unwrap();
        data.verify(prove_with_witness(&data.prover_only, &data.common, &honest).unwrap()).unwrap();
        let hash_output = data.prover_only.public_inputs[1];
        for target in [x, hash_output] {
            let mut tampered = honest.clone();
            let index = tampered.representative_map[target.index(tampered.num_wires, tampered.degree)];
            let value = tampered.values[index].expect("the generators set it");
            tampered.values[index] = Some(value + F::ONE);
            let refused = prove_with_witness(&data.prover_only, &data.common, &tampered);
            assert!(matches!(refused, Err(ProveError::Unsatisfied)), "{:?}", refused.map(|_| ()));
        }
    }
}

#[test]
fn missing_inputs_are_an_error() {
    let (data, _) = mixed(config(false, 3, 2));
    let refused = prove(&data.prover_only, &data.common, PartialWitness::new());
    assert!(matches!(refused, Err(ProveError::Witness(_))));
}

#[test]
fn contradicting_inputs_are_an_error() {
    let (data, x) = mixed(config(false, 3, 2));
    let mut contradicting = inputs(x, 5);
    contradicting.set_target(data.prover_only.public_inputs[1], F::ONE).unwrap();
    let refused = prove(&data.prover_only, &data.common, contradicting);
    assert!(matches!(refused, Err(ProveError::Witness(_))));
}

#[test]
fn circuits_with_lookups_are_refused() {
    let mut b = Builder::new(config(false, 3, 2));
    let table = b.add_lookup_table_from_pairs(std::sync::Arc::new((0..16).map(|i| (i, i + 1)).collect()));
    let x = b.add_virtual_target();
    let y = b.add_lookup_from_index(x, table);
    b.register_public_input(y);
    let data = b.build::<C>();
    assert!(matches!(prove(&data.prover_only, &data.common, inputs(x, 3)), Err(ProveError::Lookups)));
}

#[test]
fn keys_without_their_commitment_are_refused() {
    let mut b = Builder::new(config(false, 3, 2));
    let x = b.add_virtual_public_input();
    let data = b.build_with_options::<C>(false);
    assert!(matches!(prove(&data.prover_only, &data.common, inputs(x, 3)), Err(ProveError::Circuit(_))));
}
