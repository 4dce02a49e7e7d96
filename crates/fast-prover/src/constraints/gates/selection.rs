//! Reading a list at an index that is a wire.

use super::Sink;
use super::arithmetic::sum_of_bits;
use crate::lanes::Lanes;

/// Bits of the longest list that is read in vectors.
pub(super) const MAX_BITS: usize = 6;

/// Lists of `2^bits` wires. Each of the copies has its index, the element that it claims, and the
/// list; then come wires that hold constants, and each copy's bits of the index.
#[inline(always)]
pub(super) fn random_access<L: Lanes>(
    l: L,
    wires: &[L::V],
    constants: &[L::V],
    [bits, copies, extra]: [usize; 3],
    sink: &mut Sink<'_, L>,
) {
    let (lists, rest) = wires.split_at((2 + (1 << bits)) * copies);
    let (held, index_bits) = rest.split_at(extra);
    let lists = lists.chunks_exact(2 + (1 << bits));
    for (list, index_bits) in lists.zip(index_bits.chunks_exact(bits)) {
        for bit in index_bits {
            sink.take(l.minus(l.square(*bit), *bit));
        }
        sink.take(l.minus(sum_of_bits(l, index_bits), list[0]));
        let mut items = [l.splat(0); 1 << MAX_BITS];
        items[..1 << bits].copy_from_slice(&list[2..]);
        let mut length = 1 << bits;
        for bit in index_bits {
            length /= 2;
            for i in 0..length {
                let (even, odd) = (items[2 * i], items[2 * i + 1]);
                items[i] = l.plus(even, l.mul(*bit, l.minus(odd, even)));
            }
        }
        sink.take(l.minus(items[0], list[1]));
    }
    for (constant, wire) in constants.iter().zip(held) {
        sink.take(l.minus(*constant, *wire));
    }
}
