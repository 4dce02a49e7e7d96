//! Eight lanes of AVX-512.

use std::arch::x86_64::__m512i;

use pulp::x86::V4;
use pulp::{NullaryFnOnce, cast};

use super::{EPSILON, Lanes, ORDER, Op};
use crate::{F, GoldilocksField};

/// Proof that the CPU has AVX-512.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(V4);

impl Avx512 {
    /// The proof, when it has.
    pub(crate) fn detect() -> Option<Self> {
        V4::try_new().map(Self)
    }

    /// Runs `op` in a function that is compiled for these vectors.
    pub(crate) fn run<O: Op>(self, op: O) -> O::Output {
        struct Call<O>(Avx512, O);
        impl<O: Op> NullaryFnOnce for Call<O> {
            type Output = O::Output;
            #[inline(always)]
            fn call(self) -> O::Output {
                self.1.on(self.0)
            }
        }
        self.0.vectorize(Call(self, op))
    }

    /// `low + 2^64·high` in the field.
    #[inline(always)]
    fn reduce(self, low: __m512i, high: __m512i) -> __m512i {
        let f = self.0.avx512f;
        let epsilon = self.splat(EPSILON);
        let without_top = self.sub(low, f._mm512_srli_epi64::<32>(high));
        // At most (2^32 − 1)², so below the order.
        self.add(without_top, f._mm512_mul_epu32(high, epsilon))
    }

    /// The high 32 bits, on the ports that shuffle.
    #[inline(always)]
    fn upper(self, a: __m512i) -> __m512i {
        let f = self.0.avx512f;
        f._mm512_castps_si512(f._mm512_movehdup_ps(f._mm512_castsi512_ps(a)))
    }

    /// Bits 0 to 31 of `a` under bits 0 to 31 of `b`.
    #[inline(always)]
    fn join(self, a: __m512i, b: __m512i) -> __m512i {
        let f = self.0.avx512f;
        let b = f._mm512_castps_si512(f._mm512_moveldup_ps(f._mm512_castsi512_ps(b)));
        f._mm512_mask_blend_epi32(0xAAAA, a, b)
    }
}

impl Lanes for Avx512 {
    const WIDTH: usize = 8;
    type V = __m512i;

    #[inline(always)]
    fn splat(self, x: u64) -> __m512i {
        self.0.avx512f._mm512_set1_epi64(x.cast_signed())
    }

    #[inline(always)]
    fn load(self, from: &[F]) -> __m512i {
        let from = from.first_chunk::<8>().expect("a vector takes eight elements");
        cast(from.map(|x| x.0))
    }

    #[inline(always)]
    fn store(self, v: __m512i, to: &mut [F]) {
        let lanes: [u64; 8] = cast(v);
        *to.first_chunk_mut::<8>().expect("a vector gives eight elements") = lanes.map(GoldilocksField);
    }

    #[inline(always)]
    fn wrapping_add(self, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_add_epi64(a, b)
    }

    #[inline(always)]
    fn wrapping_sub(self, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_sub_epi64(a, b)
    }

    #[inline(always)]
    fn shl<const BITS: u32>(self, a: __m512i) -> __m512i {
        self.0.avx512f._mm512_slli_epi64::<BITS>(a)
    }

    #[inline(always)]
    fn high(self, a: __m512i) -> __m512i {
        self.0.avx512f._mm512_srli_epi64::<32>(a)
    }

    #[inline(always)]
    fn low(self, a: __m512i) -> __m512i {
        self.0.avx512f._mm512_and_si512(a, self.splat(EPSILON))
    }

    #[inline(always)]
    fn canonical(self, a: __m512i) -> __m512i {
        let f = self.0.avx512f;
        f._mm512_min_epu64(a, f._mm512_sub_epi64(a, self.splat(ORDER)))
    }

    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        let f = self.0.avx512f;
        let sum = f._mm512_add_epi64(a, b);
        let over = f._mm512_cmplt_epu64_mask(sum, b);
        f._mm512_mask_sub_epi64(sum, over, sum, self.splat(ORDER))
    }

    #[inline(always)]
    fn sub(self, a: __m512i, b: __m512i) -> __m512i {
        let f = self.0.avx512f;
        let under = f._mm512_cmplt_epu64_mask(a, b);
        let difference = f._mm512_sub_epi64(a, b);
        f._mm512_mask_add_epi64(difference, under, difference, self.splat(ORDER))
    }

    #[inline(always)]
    fn mul(self, a: __m512i, b: __m512i) -> __m512i {
        let f = self.0.avx512f;
        let (a1, b1) = (self.upper(a), self.upper(b));
        let p00 = f._mm512_mul_epu32(a, b);
        let p01 = f._mm512_mul_epu32(a, b1);
        let p10 = f._mm512_mul_epu32(a1, b);
        let p11 = f._mm512_mul_epu32(a1, b1);
        let middle = self.wrapping_add(p10, self.high(p00));
        let middle_low = self.wrapping_add(p01, self.low(middle));
        let high = self.wrapping_add(self.wrapping_add(p11, self.high(middle)), self.high(middle_low));
        self.reduce(self.join(p00, middle_low), high)
    }

    #[inline(always)]
    fn square(self, a: __m512i) -> __m512i {
        let f = self.0.avx512f;
        let a1 = self.upper(a);
        let p00 = f._mm512_mul_epu32(a, a);
        let p01 = f._mm512_mul_epu32(a, a1);
        let p11 = f._mm512_mul_epu32(a1, a1);
        // a² = p00 + 2^33·p01 + 2^64·p11.
        let middle = self.wrapping_add(p01, f._mm512_srli_epi64::<33>(p00));
        let high = self.wrapping_add(p11, f._mm512_srli_epi64::<31>(middle));
        let low = self.wrapping_add(p00, self.shl::<33>(p01));
        self.reduce(low, high)
    }
}
