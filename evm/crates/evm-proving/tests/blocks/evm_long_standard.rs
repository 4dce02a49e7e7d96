//! What takes gigabytes: a block at standard security.

use std::sync::Arc;

use evm_proving::provers::provers;
use evm_proving::verifiers::verifiers;
use evm_proving::{CircuitConfig, CircuitStore, Part, Preset, Security};

use crate::support::{Family, chain};

#[test]
#[ignore = "it takes ten minutes and 10 GB"]
fn an_empty_block_is_proved_at_standard_security() {
    let folder = tempfile::tempdir().unwrap();
    let config = CircuitConfig::new(Preset::Empty.ranges(), Security::Standard);
    let circuits = CircuitStore::new(folder.path()).circuits(&config, Part::All).unwrap();
    let family = Family { provers: provers(&circuits), verifiers: verifiers(&Arc::new(circuits.key().clone())) };
    family.block(&chain(1)[0], None);
}
