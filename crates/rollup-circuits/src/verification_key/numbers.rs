//! Refuses a key whose numbers no circuit of the family has, before anything is computed with them.
//!
//! The library reads lengths with care and believes the rest. A key is trusted by whoever names it, so
//! this is not about malice: a damaged one must not end in a panic or in endless memory.

use crate::codec;
use crate::id::CircuitId;
use crate::plonk::{Common, VerifierData};
use crate::proof_file::MAX_PROOF;

/// Most wires, constants, constraints or operations of a row.
const MAX_ROW: usize = 1 << 10;
/// The field has roots of unity of this order.
const TWO_ADICITY: usize = 32;

/// Whether `key` can be the key of `circuit`.
pub(super) fn plausible(circuit: CircuitId, key: &VerifierData) -> bool {
    let common = &key.common;
    let (config, params) = (&common.config, &common.fri_params);
    let rows = [
        config.num_wires,
        config.num_routed_wires,
        config.num_constants,
        common.num_constants,
        common.num_gate_constraints,
        common.num_partial_products,
    ];
    let small = [config.num_challenges, config.max_quotient_degree_factor, common.quotient_degree_factor];
    rows.iter().all(|number| *number <= MAX_ROW)
        && small.iter().all(|number| (1..=16).contains(number))
        && config.num_routed_wires <= config.num_wires
        && common.k_is.len() == config.num_routed_wires
        && common.num_public_inputs == circuit.public_inputs()
        && (common.num_lookup_polys, common.num_lookup_selectors, common.luts.len()) == (0, 0, 0)
        && params.config == config.fri_config
        && folds(common)
        && key.verifier_only.constants_sigmas_cap.0.len() == 1 << config.fri_config.cap_height
        && common.gates.iter().all(|gate| fits(gate, common))
        && codec::proof_bytes(common) as u64 <= MAX_PROOF
}

/// The tree of the first oracle and each folding step have the levels that the next one takes away.
fn folds(common: &Common) -> bool {
    let (params, fri) = (&common.fri_params, &common.config.fri_config);
    let arities = &params.reduction_arity_bits;
    if params.degree_bits > TWO_ADICITY
        || fri.rate_bits > 8
        || fri.cap_height > 16
        || fri.num_query_rounds > 256
        || arities.len() > TWO_ADICITY
        || arities.iter().any(|arity| !(1..=8).contains(arity))
    {
        return false;
    }
    let folded: usize = arities.iter().sum();
    let levels = params.degree_bits + fri.rate_bits;
    levels <= TWO_ADICITY && folded <= params.degree_bits && folded + fri.cap_height <= levels
}

fn fits(gate: &plonky2::gates::gate::GateRef<crate::plonk::F, { crate::plonk::D }>, common: &Common) -> bool {
    let gate = &gate.0;
    // Only a gate that says nothing has no wires; others have none when their numbers wrap around.
    let says_nothing = gate.degree() == 0;
    gate.num_wires() <= common.config.num_wires
        && gate.num_constants() <= common.num_constants
        && gate.num_constraints() <= common.num_gate_constraints
        && (says_nothing || gate.num_wires() > 0 || gate.num_constraints() > 0)
}
