//! Ethereum blocks proved by a leader and workers.
