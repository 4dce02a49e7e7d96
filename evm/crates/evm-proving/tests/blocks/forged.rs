//! A forger with circuits of the same shape as the published ones, in which nothing is checked.

use std::mem::replace;

use block_witness::TableRanges;
use ethereum_types::H256;
use evm_arithmetization::fixed_recursive_verifier::{ProverOutputData, RecursionConfig};
use evm_arithmetization::{AllRecursiveCircuits, AllStark, ProofWithPublicValues, PublicValues};
use evm_proving::BlockProof;
use evm_proving::circuits::{C, D, F, PlonkProof};
use plonky2::field::types::Field as _;
use plonky2::gates::noop::NoopGate;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::circuit_builder::CircuitBuilder;
use plonky2::plonk::circuit_data::{CircuitData, VerifierOnlyCircuitData};

/// Elements of a trie root, of the roots of three tries, of the registers, and of the cap of a memory.
const ROOT: usize = 8;
const ROOTS: usize = 3 * ROOT;
const REGISTERS: usize = 13;
const CAP: usize = 64;

/// What a prover can do who puts a key of his own into the public inputs of a proof: below it stand proofs of anything,
/// and he needs a real circuit above it that takes it.
pub(crate) fn no_circuit_stands_on_proofs_under_another_key(honest: &BlockProof, ranges: &TableRanges) {
    let stark = AllStark::default();
    let mut circuits = AllRecursiveCircuits::new(&stark, ranges.as_array(), RecursionConfig::test_config());
    let inputs = public_inputs(honest);

    // Two batches: nothing happens in one, and the other leads to the lie.
    let (before, rest) = inputs.split_at(ROOTS);
    let nothing = [before, before, &rest[ROOTS..]].concat();
    let mut lying = inputs.clone();
    lying[ROOTS..ROOTS + ROOT].fill(F::from_canonical_u32(0xeeee_eeee));
    let lie = PublicValues::from_public_inputs(&lying).trie_roots_after.state_root;
    assert_eq!(lie, H256::repeat_byte(0xee));

    let anything = Anything::like(&circuits.batch_aggregation.circuit);
    let [left, right] = [&nothing, &lying].map(|inputs| with_values(anything.prove(inputs)));
    let real = replace(&mut circuits.batch_aggregation.circuit.verifier_only, anything.key());
    let whole = circuits.prove_batch_aggregation(true, &left, true, &right).unwrap();
    circuits.batch_aggregation.circuit.verifier_only = real;
    circuits.batch_aggregation.circuit.verify(whole.intern.clone()).expect("the real circuit takes it, under his key");
    assert!(circuits.prove_block(None, &whole).is_err(), "a block's proof says the lie");

    let anything = Anything::like(&circuits.segment_aggregation.circuit);
    let real = replace(&mut circuits.segment_aggregation.circuit.verifier_only, anything.key());
    let [left, right] = [&nothing, &lying].map(|inputs| {
        let [left, right] = [until_the_first_cycle(inputs), inputs.clone()].map(|inputs| ProverOutputData {
            is_agg: true,
            is_dummy: false,
            proof_with_pvs: with_values(anything.prove(&inputs)),
        });
        circuits.prove_segment_aggregation(&left, &right).unwrap().proof_with_pvs
    });
    circuits.segment_aggregation.circuit.verifier_only = real;
    circuits
        .segment_aggregation
        .circuit
        .verify(right.intern.clone())
        .expect("the real circuit takes it, under his key");
    assert!(circuits.prove_batch_aggregation(false, &left, false, &right).is_err(), "a batch's proof says the lie");
}

/// A segment in which nothing is done: registers and memory are afterwards what they were before.
fn until_the_first_cycle(inputs: &[F]) -> Vec<F> {
    let key = 4 + CAP;
    let memory = inputs.len() - key - 2 * CAP;
    let registers = memory - 2 * REGISTERS;
    let mut segment = inputs.to_vec();
    segment.copy_within(memory..memory + CAP, memory + CAP);
    segment.copy_within(registers..registers + REGISTERS, registers + REGISTERS);
    let values = PublicValues::from_public_inputs(&segment);
    assert_eq!(values.registers_before, values.registers_after);
    assert_eq!(values.mem_before, values.mem_after);
    segment
}

/// A circuit that has the shape of another, and whose proofs say what one likes.
struct Anything {
    circuit: CircuitData<F, C, D>,
}

impl Anything {
    fn like(other: &CircuitData<F, C, D>) -> Self {
        let common = &other.common;
        let mut builder = CircuitBuilder::<F, D>::new(common.config.clone());
        for _ in 0..common.num_public_inputs - key_elements(other) {
            builder.add_virtual_public_input();
        }
        builder.add_verifier_data_public_inputs();
        for gate in &common.gates {
            builder.add_gate_to_gate_set(gate.clone());
        }
        while builder.num_gates() <= 1 << (common.degree_bits() - 1) {
            builder.add_gate(NoopGate, vec![]);
        }
        let circuit = builder.build::<C>();
        assert_eq!(circuit.common, *common);
        Self { circuit }
    }

    fn key(&self) -> VerifierOnlyCircuitData<C, D> {
        self.circuit.verifier_only.clone()
    }

    /// A proof with these public inputs, but for the key at their end, which is its own.
    fn prove(&self, inputs: &[F]) -> PlonkProof {
        let key = &self.circuit.verifier_only;
        let mut inputs = inputs[..inputs.len() - key_elements(&self.circuit)].to_vec();
        inputs.extend(key.circuit_digest.elements);
        inputs.extend(key.constants_sigmas_cap.0.iter().flat_map(|hash| hash.elements));
        let mut witness = PartialWitness::new();
        witness.set_target_arr(&self.circuit.prover_only.public_inputs, &inputs).unwrap();
        self.circuit.prove(witness).unwrap()
    }
}

/// Elements of a key in the public inputs.
fn key_elements(circuit: &CircuitData<F, C, D>) -> usize {
    4 + 4 * circuit.common.config.fri_config.num_cap_elements()
}

fn with_values(proof: PlonkProof) -> ProofWithPublicValues {
    ProofWithPublicValues { public_values: PublicValues::from_public_inputs(&proof.public_inputs), intern: proof }
}

/// As the file has them.
fn public_inputs(proof: &BlockProof) -> Vec<F> {
    let file = serde_json::to_value(proof).unwrap();
    let inputs = file["intern"]["public_inputs"].as_array().unwrap();
    let number = |input: &serde_json::Value| input.as_u64().or_else(|| input.as_str()?.parse().ok()).unwrap();
    inputs.iter().map(|input| F::from_canonical_u64(number(input))).collect()
}
