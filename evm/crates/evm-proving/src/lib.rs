//! Proves and checks Ethereum blocks with the published Type 1 prover.
