//! Gate constraints at several points at once. The gates that cost most are evaluated in vectors;
//! the others by the library.

mod arithmetic;
mod poseidon;
mod selection;

use plonky2::field::types::Field;
use plonky2::gates::arithmetic_base::ArithmeticGate;
use plonky2::gates::arithmetic_extension::ArithmeticExtensionGate;
use plonky2::gates::base_sum::BaseSumGate;
use plonky2::gates::gate::GateRef;
use plonky2::gates::multiplication_extension::MulExtensionGate;
use plonky2::gates::poseidon::PoseidonGate;
use plonky2::gates::poseidon_mds::PoseidonMdsGate;
use plonky2::gates::random_access::RandomAccessGate;
use plonky2::gates::reducing::ReducingGate;
use plonky2::gates::reducing_extension::ReducingExtensionGate;
use plonky2::plonk::vars::EvaluationVarsBaseBatch;

use crate::lanes::Lanes;
use crate::{Common, D, Digest, F};

/// What a selector holds in the rows of gates that another one selects.
const UNUSED_SELECTOR: usize = u32::MAX as usize;

/// How a gate is evaluated.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Arithmetic {
        operations: usize,
    },
    ArithmeticExtension {
        operations: usize,
    },
    BaseSum {
        limbs: usize,
    },
    MulExtension {
        operations: usize,
    },
    Poseidon,
    PoseidonMds,
    RandomAccess {
        bits: usize,
        copies: usize,
        constants: usize,
    },
    Reducing {
        coefficients: usize,
    },
    ReducingExtension {
        coefficients: usize,
    },
    /// By the library.
    Other,
}

impl Kind {
    /// Recognises a gate.
    pub(crate) fn of(gate: &GateRef<F, D>) -> Self {
        let any = gate.0.as_any();
        if let Some(gate) = any.downcast_ref::<ArithmeticGate>() {
            Self::Arithmetic { operations: gate.num_ops }
        } else if let Some(gate) = any.downcast_ref::<ArithmeticExtensionGate<D>>() {
            Self::ArithmeticExtension { operations: gate.num_ops }
        } else if let Some(gate) = any.downcast_ref::<BaseSumGate<2>>() {
            Self::BaseSum { limbs: gate.num_limbs }
        } else if let Some(gate) = any.downcast_ref::<MulExtensionGate<D>>() {
            Self::MulExtension { operations: gate.num_ops }
        } else if any.is::<PoseidonGate<F, D>>() {
            Self::Poseidon
        } else if any.is::<PoseidonMdsGate<F, D>>() {
            Self::PoseidonMds
        } else if let Some(gate) = any.downcast_ref::<RandomAccessGate<F, D>>()
            && gate.bits <= selection::MAX_BITS
        {
            Self::RandomAccess { bits: gate.bits, copies: gate.num_copies, constants: gate.num_extra_constants }
        } else if let Some(gate) = any.downcast_ref::<ReducingGate<D>>() {
            Self::Reducing { coefficients: gate.num_coeffs }
        } else if let Some(gate) = any.downcast_ref::<ReducingExtensionGate<D>>() {
            Self::ReducingExtension { coefficients: gate.num_coeffs }
        } else {
            Self::Other
        }
    }
}

/// The values at some points: a vector a column.
#[derive(Debug)]
pub(crate) struct Columns<'a, V> {
    /// Constants, selectors first.
    pub(crate) constants: &'a [V],
    pub(crate) wires: &'a [V],
}

/// Takes a gate's constraints in order, and adds each, times the gate's filter, to its sum.
struct Sink<'a, L: Lanes> {
    lanes: L,
    filter: L::V,
    sums: std::slice::IterMut<'a, L::V>,
}

impl<L: Lanes> Sink<'_, L> {
    /// The next constraint.
    #[inline(always)]
    fn take(&mut self, constraint: L::V) {
        if let Some(sum) = self.sums.next() {
            *sum = self.lanes.plus(*sum, self.lanes.mul(self.filter, constraint));
        }
    }
}

/// The filter of gate `index`: 0 in the rows of all other gates that share its selector.
#[inline(always)]
fn filter<L: Lanes>(lanes: L, common: &Common, index: usize, constants: &[L::V]) -> L::V {
    let selectors = &common.selectors_info;
    let column = selectors.selector_indices[index];
    let selector = lanes.canonical(constants[column]);
    let unused = (selectors.groups.len() > 1).then_some(UNUSED_SELECTOR);
    let mut product = lanes.splat(1);
    for other in selectors.groups[column].clone().chain(unused) {
        if other != index {
            product = lanes.mul(product, lanes.sub(lanes.splat(other as u64), selector));
        }
    }
    product
}

/// Adds the filtered constraints of gate `index` to the sums. `by_library` has those of a gate that only
/// the library evaluates.
#[inline(always)]
pub(crate) fn add_constraints<L: Lanes>(
    lanes: L,
    common: &Common,
    (index, kind): (usize, &Kind),
    columns: &Columns<'_, L::V>,
    by_library: &[L::V],
    sums: &mut [L::V],
) {
    let filter = filter(lanes, common, index, columns.constants);
    let wires = columns.wires;
    let constants = &columns.constants[common.selectors_info.groups.len()..];
    let mut sink = Sink { lanes, filter, sums: sums.iter_mut() };
    match *kind {
        Kind::Arithmetic { operations } => arithmetic::arithmetic(lanes, wires, constants, operations, &mut sink),
        Kind::ArithmeticExtension { operations } => {
            arithmetic::arithmetic_extension(lanes, wires, constants, operations, &mut sink);
        }
        Kind::BaseSum { limbs } => arithmetic::base_sum(lanes, wires, limbs, &mut sink),
        Kind::MulExtension { operations } => {
            arithmetic::mul_extension(lanes, wires, constants, operations, &mut sink);
        }
        Kind::Poseidon => poseidon::poseidon(lanes, wires, &mut sink),
        Kind::PoseidonMds => poseidon::linear(lanes, wires, &mut sink),
        Kind::RandomAccess { bits, copies, constants: extra } => {
            selection::random_access(lanes, wires, constants, [bits, copies, extra], &mut sink);
        }
        Kind::Reducing { coefficients } => arithmetic::reducing(lanes, wires, coefficients, false, &mut sink),
        Kind::ReducingExtension { coefficients } => arithmetic::reducing(lanes, wires, coefficients, true, &mut sink),
        Kind::Other => {
            for constraint in by_library {
                sink.take(*constraint);
            }
        }
    }
}

/// The library's constraints of a gate, unfiltered: constraint `c` at point `k` is at `c·points + k`.
pub(crate) fn by_the_library(
    common: &Common,
    gate: &GateRef<F, D>,
    points: usize,
    constants: &[F],
    wires: &[F],
    public_inputs_hash: &Digest,
) -> Vec<F> {
    let mut vars = EvaluationVarsBaseBatch::new(points, constants, wires, public_inputs_hash);
    vars.remove_prefix(common.selectors_info.groups.len());
    let mut constraints = gate.0.eval_unfiltered_base_batch(vars);
    constraints.resize(gate.0.num_constraints() * points, F::ZERO);
    constraints
}

#[cfg(test)]
mod tests;
