//! Four lanes of AVX2.

use std::arch::x86_64::__m256i;

use pulp::x86::V3;
use pulp::{NullaryFnOnce, cast};

use super::{EPSILON, Lanes, ORDER, Op};
use crate::{F, GoldilocksField};

/// Proof that the CPU has AVX2.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(V3);

impl Avx2 {
    /// The proof, when it has.
    pub(crate) fn detect() -> Option<Self> {
        V3::try_new().map(Self)
    }

    /// Runs `op` in a function that is compiled for these vectors.
    pub(crate) fn run<O: Op>(self, op: O) -> O::Output {
        struct Call<O>(Avx2, O);
        impl<O: Op> NullaryFnOnce for Call<O> {
            type Output = O::Output;
            #[inline(always)]
            fn call(self) -> O::Output {
                self.1.on(self.0)
            }
        }
        self.0.vectorize(Call(self, op))
    }

    /// `EPSILON` in the lanes where `a` is below `b` as unsigned numbers, 0 elsewhere.
    #[inline(always)]
    fn epsilon_where_below(self, a: __m256i, b: __m256i) -> __m256i {
        let avx2 = self.0.avx2;
        let sign = self.splat(1 << 63);
        let below = avx2._mm256_cmpgt_epi64(avx2._mm256_xor_si256(b, sign), avx2._mm256_xor_si256(a, sign));
        avx2._mm256_srli_epi64::<32>(below)
    }

    /// `low + 2^64·high` in the field.
    #[inline(always)]
    fn reduce(self, low: __m256i, high: __m256i) -> __m256i {
        let without_top = self.sub(low, self.high(high));
        // At most (2^32 − 1)², so below the order.
        self.add(without_top, self.0.avx2._mm256_mul_epu32(high, self.splat(EPSILON)))
    }
}

impl Lanes for Avx2 {
    const WIDTH: usize = 4;
    type V = __m256i;

    #[inline(always)]
    fn splat(self, x: u64) -> __m256i {
        self.0.avx._mm256_set1_epi64x(x.cast_signed())
    }

    #[inline(always)]
    fn load(self, from: &[F]) -> __m256i {
        let from = from.first_chunk::<4>().expect("a vector takes four elements");
        cast(from.map(|x| x.0))
    }

    #[inline(always)]
    fn store(self, v: __m256i, to: &mut [F]) {
        let lanes: [u64; 4] = cast(v);
        *to.first_chunk_mut::<4>().expect("a vector gives four elements") = lanes.map(GoldilocksField);
    }

    #[inline(always)]
    fn wrapping_add(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.avx2._mm256_add_epi64(a, b)
    }

    #[inline(always)]
    fn wrapping_sub(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.avx2._mm256_sub_epi64(a, b)
    }

    #[inline(always)]
    fn shl<const BITS: u32>(self, a: __m256i) -> __m256i {
        let count = self.0.sse2._mm_cvtsi32_si128(BITS.cast_signed());
        self.0.avx2._mm256_sll_epi64(a, count)
    }

    #[inline(always)]
    fn high(self, a: __m256i) -> __m256i {
        self.0.avx2._mm256_srli_epi64::<32>(a)
    }

    #[inline(always)]
    fn low(self, a: __m256i) -> __m256i {
        self.0.avx2._mm256_and_si256(a, self.splat(EPSILON))
    }

    #[inline(always)]
    fn canonical(self, a: __m256i) -> __m256i {
        // Adding EPSILON is subtracting the order, undone in the lanes that were canonical.
        let undo = self.epsilon_where_below(a, self.splat(ORDER));
        self.wrapping_sub(self.wrapping_add(a, self.splat(EPSILON)), undo)
    }

    #[inline(always)]
    fn add(self, a: __m256i, b: __m256i) -> __m256i {
        let sum = self.wrapping_add(a, b);
        self.wrapping_add(sum, self.epsilon_where_below(sum, b))
    }

    #[inline(always)]
    fn sub(self, a: __m256i, b: __m256i) -> __m256i {
        self.wrapping_sub(self.wrapping_sub(a, b), self.epsilon_where_below(a, b))
    }

    #[inline(always)]
    fn mul(self, a: __m256i, b: __m256i) -> __m256i {
        let avx2 = self.0.avx2;
        let (a1, b1) = (self.high(a), self.high(b));
        let p00 = avx2._mm256_mul_epu32(a, b);
        let p01 = avx2._mm256_mul_epu32(a, b1);
        let p10 = avx2._mm256_mul_epu32(a1, b);
        let p11 = avx2._mm256_mul_epu32(a1, b1);
        let middle = self.wrapping_add(p10, self.high(p00));
        let middle_low = self.wrapping_add(p01, self.low(middle));
        let high = self.wrapping_add(self.wrapping_add(p11, self.high(middle)), self.high(middle_low));
        let low = avx2._mm256_blend_epi32::<0xAA>(p00, avx2._mm256_slli_epi64::<32>(middle_low));
        self.reduce(low, high)
    }

    #[inline(always)]
    fn square(self, a: __m256i) -> __m256i {
        let avx2 = self.0.avx2;
        let a1 = self.high(a);
        let p00 = avx2._mm256_mul_epu32(a, a);
        let p01 = avx2._mm256_mul_epu32(a, a1);
        let p11 = avx2._mm256_mul_epu32(a1, a1);
        // a² = p00 + 2^33·p01 + 2^64·p11.
        let middle = self.wrapping_add(p01, avx2._mm256_srli_epi64::<33>(p00));
        let high = self.wrapping_add(p11, avx2._mm256_srli_epi64::<31>(middle));
        let low = self.wrapping_add(p00, avx2._mm256_slli_epi64::<33>(p01));
        self.reduce(low, high)
    }
}
