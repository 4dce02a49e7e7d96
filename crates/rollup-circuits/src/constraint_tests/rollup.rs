//! Forgeries against the inner rollup, the outer rollup and the root verifier.
//!
//! The children are mocks: the circuits then have every constraint but the recursive verification, so
//! each forgery is shown with real proofs. [`recursion`] shows the verification itself.

mod fixtures;
mod indexed;
mod inner_fees;
mod inner_nullifiers;
mod inner_order;
mod inner_published;
mod inner_slots;
mod inner_subtree;
mod outer;
mod outer_state;
mod recursion;
mod root;
mod settle;
mod trial;
