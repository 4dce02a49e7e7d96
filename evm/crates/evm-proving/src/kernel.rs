//! What is to be known of the kernel that every segment runs. Its fields are private, its serialised form is not.

use std::sync::LazyLock;

use evm_arithmetization::cpu::kernel::aggregator::KERNEL;

use crate::guard::guard;

struct Facts {
    code_hash: String,
    main: u64,
    halt: u64,
}

static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    let kernel =
        guard(|| serde_json::to_value(&*KERNEL)).expect("the library's own kernel assembles, and is plain data");
    let label = |name: &str| kernel["global_labels"][name].as_u64().expect("the kernel has this label");
    Facts {
        code_hash: kernel["code_hash"].as_str().expect("a kernel has a hash, written as hex").to_owned(),
        main: label("main"),
        halt: label("halt"),
    }
});

/// The Keccak hash of its code, as `0x` and 64 hex digits.
pub fn code_hash() -> &'static str {
    &FACTS.code_hash
}

/// Where the first segment of a batch begins.
pub(crate) fn main_label() -> u64 {
    FACTS.main
}

/// Where the last one ends.
pub(crate) fn halt_label() -> u64 {
    FACTS.halt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_has_a_hash_a_beginning_and_an_end() {
        assert_eq!(code_hash().len(), 66);
        assert!(code_hash().starts_with("0x"));
        assert_ne!(main_label(), halt_label());
    }
}
