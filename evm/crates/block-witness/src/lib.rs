//! Witnesses of Ethereum blocks: read, checked and decoded before anything is proved.
