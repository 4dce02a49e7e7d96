//! Takes one task at a time and hands it to a prover child.
