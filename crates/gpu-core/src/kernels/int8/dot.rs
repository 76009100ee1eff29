//! Dot products of bytes on the CPU, by what the processor has.

use std::sync::LazyLock;

/// Vectors of 32-bit lanes, to each of which the products of four unsigned and four signed bytes are added, exactly.
pub(super) trait Dot {
    /// Lanes of a vector, at most 16.
    const LANES: usize;
    /// Rows and columns of vectors of a tile of sums that registers hold, with its operands.
    const TILE: (usize, usize);
    type Sums: Vector;
    type Unsigned: Copy;
    type Signed: Copy;

    /// # Safety
    /// All lanes are readable.
    unsafe fn unsigned(from: *const u32) -> Self::Unsigned;

    /// One word in all lanes.
    fn unsigned_splat(word: u32) -> Self::Unsigned;

    /// # Safety
    /// All lanes are readable.
    unsafe fn signed(from: *const u32) -> Self::Signed;

    /// One word in all lanes.
    fn signed_splat(word: u32) -> Self::Signed;

    fn add(sums: Self::Sums, a: Self::Unsigned, b: Self::Signed) -> Self::Sums;
}

/// 32-bit lanes: integers, or the bits of f32.
pub(super) trait Vector: Copy {
    fn splat(value: i32) -> Self;

    /// # Safety
    /// All lanes are readable.
    unsafe fn load(from: *const u32) -> Self;

    /// # Safety
    /// All lanes are writable.
    unsafe fn store(self, to: *mut u32);

    fn plus(self, other: Self) -> Self;

    fn times(self, other: Self) -> Self;

    /// A signed byte of each lane.
    fn byte(self, byte: usize) -> Self;

    /// Integers times factors, which are f32, as are the results.
    fn scaled(self, factors: Self) -> Self;

    /// The larger of each f32 and 0.
    fn relu(self) -> Self;

    /// f32 rounded half to even, within a range, plus `zero`, as unsigned bytes.
    fn codes(self, range: (i32, f32, f32)) -> Self;

    /// With bytes of another vector, whose other bytes are 0, in place of bytes that are 0.
    fn with_byte(self, bytes: Self, byte: usize) -> Self;
}

/// Work that is compiled for each kind of processor. It and what it calls are `#[inline(always)]`.
pub(super) trait WithDot {
    fn with<D: Dot>(self);
}

/// The instructions that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// `vpdpbusd` on 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// `vpdpbusd` on 256 bits.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// `vpmaddwd` of bytes extended to 16 bits; `vpmaddubsw` would saturate.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Level {
    /// All that this processor has, the best first.
    pub fn all() -> Vec<Level> {
        #[cfg(target_arch = "x86_64")]
        let special = {
            let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni");
            let narrow = is_x86_feature_detected!("avx2");
            [
                (wide && is_x86_feature_detected!("avx512bw"), Level::Avx512Vnni),
                (narrow && is_x86_feature_detected!("avxvnni"), Level::AvxVnni),
                (narrow, Level::Avx2),
            ]
        };
        #[cfg(not(target_arch = "x86_64"))]
        let special: [(bool, Level); 0] = [];
        let special = special.into_iter().filter_map(|(has, level)| has.then_some(level));
        special.chain([Level::Portable]).collect()
    }

    pub fn best() -> Level {
        static BEST: LazyLock<Level> = LazyLock::new(|| Level::all()[0]);
        *BEST
    }

    /// Runs `task`, compiled for these instructions.
    pub fn run(self, task: impl WithDot) {
        match self {
            // SAFETY: only levels that the processor has are made.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni => unsafe { x86::avx512_vnni(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::AvxVnni => unsafe { x86::avx_vnni(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { x86::avx2(task) },
            Level::Portable => task.with::<Portable>(),
        }
    }
}

struct Portable;

impl Vector for [i32; 4] {
    #[inline(always)]
    fn splat(value: i32) -> Self {
        [value; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const u32) -> Self {
        // SAFETY: given.
        unsafe { from.cast::<[i32; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u32) {
        // SAFETY: given.
        unsafe { to.cast::<[i32; 4]>().write_unaligned(self) }
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i].wrapping_add(other[i]))
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i].wrapping_mul(other[i]))
    }

    #[inline(always)]
    fn byte(self, byte: usize) -> Self {
        self.map(|lane| i32::from((lane >> (8 * byte)) as i8))
    }

    #[inline(always)]
    fn scaled(self, factors: Self) -> Self {
        let factor = |i: usize| f32::from_bits(factors[i].cast_unsigned());
        std::array::from_fn(|i| (self[i] as f32 * factor(i)).to_bits().cast_signed())
    }

    #[inline(always)]
    fn relu(self) -> Self {
        self.map(|bits| f32::from_bits(bits.cast_unsigned()).max(0.0).to_bits().cast_signed())
    }

    #[inline(always)]
    fn codes(self, (zero, low, high): (i32, f32, f32)) -> Self {
        let code = |value: f32| (value.round_ties_even().clamp(low, high) as i32 + zero) & 0xff;
        self.map(|bits| code(f32::from_bits(bits.cast_unsigned())))
    }

    #[inline(always)]
    fn with_byte(self, bytes: Self, byte: usize) -> Self {
        std::array::from_fn(|i| self[i] | bytes[i] << (8 * byte))
    }
}

impl Dot for Portable {
    const LANES: usize = 4;
    const TILE: (usize, usize) = (4, 2);
    type Sums = [i32; 4];
    type Unsigned = [u32; 4];
    type Signed = [u32; 4];

    #[inline(always)]
    unsafe fn unsigned(from: *const u32) -> [u32; 4] {
        // SAFETY: given.
        unsafe { from.cast::<[u32; 4]>().read_unaligned() }
    }

    #[inline(always)]
    fn unsigned_splat(word: u32) -> [u32; 4] {
        [word; 4]
    }

    #[inline(always)]
    unsafe fn signed(from: *const u32) -> [u32; 4] {
        // SAFETY: given.
        unsafe { from.cast::<[u32; 4]>().read_unaligned() }
    }

    #[inline(always)]
    fn signed_splat(word: u32) -> [u32; 4] {
        [word; 4]
    }

    #[inline(always)]
    fn add(mut sums: [i32; 4], a: [u32; 4], b: [u32; 4]) -> [i32; 4] {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            for byte in 0..4 {
                let unsigned = (a >> (8 * byte) & 0xff).cast_signed();
                *sum += unsigned * i32::from((b >> (8 * byte)) as i8);
            }
        }
        sums
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Dot, Vector, WithDot};

    /// # Safety
    /// The processor has these features.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2,fma")]
    pub unsafe fn avx512_vnni(task: impl WithDot) {
        task.with::<Avx512Vnni>();
    }

    /// # Safety
    /// The processor has these features.
    #[target_feature(enable = "avx2,avxvnni")]
    pub unsafe fn avx_vnni(task: impl WithDot) {
        task.with::<AvxVnni>();
    }

    /// # Safety
    /// The processor has these features.
    #[target_feature(enable = "avx2")]
    pub unsafe fn avx2(task: impl WithDot) {
        task.with::<Avx2>();
    }

    // SAFETY, of all blocks: code with this type runs on processors that have it.
    impl Vector for __m512i {
        #[inline(always)]
        fn splat(value: i32) -> Self {
            unsafe { _mm512_set1_epi32(value) }
        }

        #[inline(always)]
        unsafe fn load(from: *const u32) -> Self {
            unsafe { _mm512_loadu_si512(from.cast()) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut u32) {
            unsafe { _mm512_storeu_si512(to.cast(), self) }
        }

        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            unsafe { _mm512_add_epi32(self, other) }
        }

        #[inline(always)]
        fn times(self, other: Self) -> Self {
            unsafe { _mm512_mullo_epi32(self, other) }
        }

        #[inline(always)]
        fn byte(self, byte: usize) -> Self {
            let left = Self::splat(24 - 8 * byte as i32);
            unsafe { _mm512_srai_epi32::<24>(_mm512_sllv_epi32(self, left)) }
        }

        #[inline(always)]
        fn scaled(self, factors: Self) -> Self {
            unsafe {
                _mm512_castps_si512(_mm512_mul_ps(_mm512_cvtepi32_ps(self), _mm512_castsi512_ps(factors)))
            }
        }

        #[inline(always)]
        fn relu(self) -> Self {
            unsafe { _mm512_castps_si512(_mm512_max_ps(_mm512_castsi512_ps(self), _mm512_setzero_ps())) }
        }

        #[inline(always)]
        fn codes(self, (zero, low, high): (i32, f32, f32)) -> Self {
            unsafe {
                let value = _mm512_castsi512_ps(self);
                let rounded = _mm512_roundscale_ps::<0>(value);
                let bounded =
                    _mm512_min_ps(_mm512_max_ps(rounded, _mm512_set1_ps(low)), _mm512_set1_ps(high));
                let code = _mm512_cvtps_epi32(bounded).plus(Self::splat(zero));
                _mm512_and_si512(code, Self::splat(0xff))
            }
        }

        #[inline(always)]
        fn with_byte(self, bytes: Self, byte: usize) -> Self {
            let left = Self::splat(8 * byte as i32);
            unsafe { _mm512_or_si512(self, _mm512_sllv_epi32(bytes, left)) }
        }
    }

    // SAFETY, of all blocks: code with this type runs on processors that have it.
    impl Vector for __m256i {
        #[inline(always)]
        fn splat(value: i32) -> Self {
            unsafe { _mm256_set1_epi32(value) }
        }

        #[inline(always)]
        unsafe fn load(from: *const u32) -> Self {
            unsafe { _mm256_loadu_si256(from.cast()) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut u32) {
            unsafe { _mm256_storeu_si256(to.cast(), self) }
        }

        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            unsafe { _mm256_add_epi32(self, other) }
        }

        #[inline(always)]
        fn times(self, other: Self) -> Self {
            unsafe { _mm256_mullo_epi32(self, other) }
        }

        #[inline(always)]
        fn byte(self, byte: usize) -> Self {
            let left = Self::splat(24 - 8 * byte as i32);
            unsafe { _mm256_srai_epi32::<24>(_mm256_sllv_epi32(self, left)) }
        }

        #[inline(always)]
        fn scaled(self, factors: Self) -> Self {
            unsafe {
                _mm256_castps_si256(_mm256_mul_ps(_mm256_cvtepi32_ps(self), _mm256_castsi256_ps(factors)))
            }
        }

        #[inline(always)]
        fn relu(self) -> Self {
            unsafe { _mm256_castps_si256(_mm256_max_ps(_mm256_castsi256_ps(self), _mm256_setzero_ps())) }
        }

        #[inline(always)]
        fn codes(self, (zero, low, high): (i32, f32, f32)) -> Self {
            unsafe {
                let value = _mm256_castsi256_ps(self);
                let rounded = _mm256_round_ps::<0>(value);
                let bounded =
                    _mm256_min_ps(_mm256_max_ps(rounded, _mm256_set1_ps(low)), _mm256_set1_ps(high));
                let code = _mm256_cvtps_epi32(bounded).plus(Self::splat(zero));
                _mm256_and_si256(code, Self::splat(0xff))
            }
        }

        #[inline(always)]
        fn with_byte(self, bytes: Self, byte: usize) -> Self {
            let left = Self::splat(8 * byte as i32);
            unsafe { _mm256_or_si256(self, _mm256_sllv_epi32(bytes, left)) }
        }
    }

    struct Avx512Vnni;

    // SAFETY, of all blocks: code with this type runs inside of `avx512_vnni`.
    impl Dot for Avx512Vnni {
        const LANES: usize = 16;
        const TILE: (usize, usize) = (8, 3);
        type Sums = __m512i;
        type Unsigned = __m512i;
        type Signed = __m512i;

        #[inline(always)]
        unsafe fn unsigned(from: *const u32) -> __m512i {
            unsafe { _mm512_loadu_si512(from.cast()) }
        }

        #[inline(always)]
        fn unsigned_splat(word: u32) -> __m512i {
            unsafe { _mm512_set1_epi32(word.cast_signed()) }
        }

        #[inline(always)]
        unsafe fn signed(from: *const u32) -> __m512i {
            unsafe { _mm512_loadu_si512(from.cast()) }
        }

        #[inline(always)]
        fn signed_splat(word: u32) -> __m512i {
            unsafe { _mm512_set1_epi32(word.cast_signed()) }
        }

        #[inline(always)]
        fn add(sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
            unsafe { _mm512_dpbusd_epi32(sums, a, b) }
        }
    }

    struct AvxVnni;

    // SAFETY, of all blocks: code with this type runs inside of `avx_vnni`.
    impl Dot for AvxVnni {
        const LANES: usize = 8;
        const TILE: (usize, usize) = (4, 3);
        type Sums = __m256i;
        type Unsigned = __m256i;
        type Signed = __m256i;

        #[inline(always)]
        unsafe fn unsigned(from: *const u32) -> __m256i {
            unsafe { _mm256_loadu_si256(from.cast()) }
        }

        #[inline(always)]
        fn unsigned_splat(word: u32) -> __m256i {
            unsafe { _mm256_set1_epi32(word.cast_signed()) }
        }

        #[inline(always)]
        unsafe fn signed(from: *const u32) -> __m256i {
            unsafe { _mm256_loadu_si256(from.cast()) }
        }

        #[inline(always)]
        fn signed_splat(word: u32) -> __m256i {
            unsafe { _mm256_set1_epi32(word.cast_signed()) }
        }

        #[inline(always)]
        fn add(sums: __m256i, a: __m256i, b: __m256i) -> __m256i {
            unsafe { _mm256_dpbusd_avx_epi32(sums, a, b) }
        }
    }

    struct Avx2;

    /// Bytes as 16-bit numbers: those at even and those at odd places.
    type Halves = (__m256i, __m256i);

    // SAFETY, of all blocks: code with this type runs inside of `avx2`.
    impl Dot for Avx2 {
        const LANES: usize = 8;
        const TILE: (usize, usize) = (4, 2);
        type Sums = __m256i;
        type Unsigned = Halves;
        type Signed = Halves;

        #[inline(always)]
        unsafe fn unsigned(from: *const u32) -> Halves {
            unsafe { unsigned(_mm256_loadu_si256(from.cast())) }
        }

        #[inline(always)]
        fn unsigned_splat(word: u32) -> Halves {
            unsafe { unsigned(_mm256_set1_epi32(word.cast_signed())) }
        }

        #[inline(always)]
        unsafe fn signed(from: *const u32) -> Halves {
            unsafe { signed(_mm256_loadu_si256(from.cast())) }
        }

        #[inline(always)]
        fn signed_splat(word: u32) -> Halves {
            unsafe { signed(_mm256_set1_epi32(word.cast_signed())) }
        }

        #[inline(always)]
        fn add(sums: __m256i, a: Halves, b: Halves) -> __m256i {
            unsafe {
                let even = _mm256_add_epi32(sums, _mm256_madd_epi16(a.0, b.0));
                _mm256_add_epi32(even, _mm256_madd_epi16(a.1, b.1))
            }
        }
    }

    #[inline(always)]
    unsafe fn unsigned(bytes: __m256i) -> Halves {
        // SAFETY: as for `Avx2`.
        unsafe { (_mm256_and_si256(bytes, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(bytes, 8)) }
    }

    #[inline(always)]
    unsafe fn signed(bytes: __m256i) -> Halves {
        // SAFETY: as for `Avx2`.
        unsafe { (_mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8), _mm256_srai_epi16(bytes, 8)) }
    }
}
