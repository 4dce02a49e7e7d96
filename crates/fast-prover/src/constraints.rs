//! The polynomial that vanishes on the subgroup exactly when the witness satisfies the circuit.
//!
//! For each challenge `α` it is the sum of `α^k` times term `k`, where the terms are, in this order:
//! `L_0·(Z − 1)` for each challenge; the links between running products, for each challenge; the
//! gates' constraints, each filtered by its selector.

mod block;
mod gates;
mod identity;
mod quotient;

pub(crate) use identity::holds_at;
pub(crate) use quotient::{Committed, quotient};

use crate::F;

/// The challenges that define the polynomial.
#[derive(Debug)]
pub(crate) struct Challenges {
    pub(crate) betas: Vec<F>,
    pub(crate) gammas: Vec<F>,
    pub(crate) alphas: Vec<F>,
}
