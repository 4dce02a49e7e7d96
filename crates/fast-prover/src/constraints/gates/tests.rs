//! Each gate in vectors against the library's evaluation.

use plonky2::field::types::Sample;
use plonky2::gates::gate::Gate;
use plonky2::plonk::circuit_builder::CircuitBuilder;
use plonky2::plonk::circuit_data::CircuitConfig;

use super::*;
use crate::C;
use crate::lanes::Op;
use crate::lanes::testing::on_every_kind;

const POINTS: usize = 8;

/// The filtered constraints of gate `index`, at all points: a column a constraint.
struct Evaluate<'a> {
    common: &'a Common,
    index: usize,
    constants: &'a [F],
    wires: &'a [F],
}

impl Op for Evaluate<'_> {
    type Output = Vec<F>;

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) -> Vec<F> {
        let kind = Kind::of(&self.common.gates[self.index]);
        assert!(!matches!(kind, Kind::Other));
        let mut results = vec![F::ZERO; self.common.num_gate_constraints * POINTS];
        for start in (0..POINTS).step_by(L::WIDTH) {
            let load = |columns: &[F]| -> Vec<L::V> {
                columns.chunks(POINTS).map(|column| lanes.load(&column[start..])).collect()
            };
            let (constants, wires) = (load(self.constants), load(self.wires));
            let columns = Columns { constants: &constants, wires: &wires };
            let mut sums = vec![lanes.splat(0); self.common.num_gate_constraints];
            add_constraints(lanes, self.common, (self.index, &kind), &columns, &[], &mut sums);
            for (sum, results) in sums.iter().zip(results.chunks_mut(POINTS)) {
                lanes.store(*sum, &mut results[start..]);
            }
        }
        results
    }
}

fn check(gate: impl Gate<F, D>) {
    let mut builder = CircuitBuilder::<F, D>::new(CircuitConfig::standard_recursion_config());
    let id = gate.id();
    builder.add_gate(gate, vec![]);
    // Another gate, so that there is something to filter out.
    let [a, b] = builder.add_virtual_targets(2)[..] else { unreachable!("two were asked for") };
    let product = builder.mul(a, b);
    builder.register_public_input(product);
    let common = builder.build::<C>().common;
    let index = common.gates.iter().position(|gate| gate.0.id() == id).expect("it was added");
    let constants = F::rand_vec(common.num_constants * POINTS);
    let wires = F::rand_vec(common.config.num_wires * POINTS);
    let selectors = &common.selectors_info;
    let column = selectors.selector_indices[index];
    let vars = EvaluationVarsBaseBatch::new(POINTS, &constants, &wires, &Digest::ZERO);
    let mut expected = common.gates[index].0.eval_filtered_base_batch(
        vars,
        index,
        column,
        selectors.groups[column].clone(),
        selectors.groups.len(),
        0,
    );
    expected.resize(common.num_gate_constraints * POINTS, F::ZERO);
    for results in on_every_kind(|| Evaluate { common: &common, index, constants: &constants, wires: &wires }) {
        assert_eq!(results, expected, "{id}");
    }
}

#[test]
fn gates_in_vectors_are_those_of_the_library() {
    let config = CircuitConfig::standard_recursion_config();
    check(ArithmeticGate::new_from_config(&config));
    check(ArithmeticExtensionGate::<D>::new_from_config(&config));
    check(BaseSumGate::<2>::new(63));
    check(BaseSumGate::<2>::new(7));
    check(MulExtensionGate::<D>::new_from_config(&config));
    check(PoseidonGate::<F, D>::new());
    check(PoseidonMdsGate::<F, D>::new());
    check(ReducingGate::<D>::new(43));
    check(ReducingExtensionGate::<D>::new(32));
    for bits in 1..=selection::MAX_BITS {
        check(RandomAccessGate::<F, D>::new_from_config(&config, bits));
    }
}
