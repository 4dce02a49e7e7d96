//! The protocol's hash in a circuit; the plain twin is [`rollup::hash`].

use plonky2::hash::hashing::PlonkyPermutation;
use plonky2::hash::poseidon::{PoseidonHash, PoseidonPermutation};
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::plonk::config::AlgebraicHasher;
use rollup::hash::{Tag, initial_state};

use super::Cx;
use crate::plonk::DigestTarget;

/// Limbs that one permutation absorbs.
const RATE: usize = 8;

impl Cx<'_> {
    /// The hash of `input` under `tag`: one row for each 8 limbs.
    pub(crate) fn hash(&mut self, tag: Tag, input: &[Target]) -> DigestTarget {
        let no_swap = self.b._false();
        let zero = self.b.zero();
        let mut state = PoseidonPermutation::new(self.initial(tag, input.len()));
        for chunk in input.chunks(RATE) {
            let rate: [Target; RATE] = std::array::from_fn(|i| chunk.get(i).copied().unwrap_or(zero));
            state.set_from_slice(&rate, 0);
            state = PoseidonHash::permute_swapped(state, no_swap, self.b);
        }
        digest_of(&state)
    }

    /// The parent of `child` and `sibling`, swapped where `child_is_right`: one row. The gate itself
    /// enforces that the swap is boolean.
    pub(crate) fn node(
        &mut self,
        child: DigestTarget,
        sibling: DigestTarget,
        child_is_right: BoolTarget,
    ) -> DigestTarget {
        let mut state = PoseidonPermutation::new(self.initial(Tag::Node, 2 * child.len()));
        state.set_from_slice(&child, 0);
        state.set_from_slice(&sibling, child.len());
        digest_of(&PoseidonHash::permute_swapped(state, child_is_right, self.b))
    }

    fn initial(&mut self, tag: Tag, length: usize) -> Vec<Target> {
        self.b.constants(&initial_state(tag, length))
    }
}

fn digest_of(state: &PoseidonPermutation<Target>) -> DigestTarget {
    let squeezed = state.squeeze();
    std::array::from_fn(|limb| squeezed[limb])
}
