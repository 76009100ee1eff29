//! Half precision: types of two bytes that values are stored as. Sums are in f32 everywhere.
//!
//! In WGSL (`shaders/math.wgsl`), conversions are integer arithmetic, so that every device rounds every number to the same bits: WGSL's own
//! packing does not define overflow, and rounding modes differ between GPUs. Here, those of f16 are the
//! processor's where it has them (`f16s.rs`).

mod f16s;

use std::fmt;

use half::f16;

use crate::simd::vectorized;

/// A floating-point type of two bytes, in which pairs of values are packed into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Half {
    /// IEEE 754 binary16: 11 bits of precision, up to 65504, normal from 6e-5, subnormal from 6e-8.
    #[doc(alias = "float16")]
    F16,
    /// bfloat16, the upper half of an f32: 8 bits of precision, the range of f32.
    #[doc(alias = "bfloat16")]
    BF16,
}

/// The bfloat16 nearest to an f32, ties to even, both as bits.
#[inline(always)]
fn pack_bf16(bits: u32) -> u32 {
    let nearest = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    if bits & 0x7fff_ffff > 0x7f80_0000 { (bits >> 16) | 0x40 } else { nearest }
}

/// The f32 that a bfloat16 is, both as bits.
#[inline(always)]
fn unpack_bf16(bits: u32) -> u32 {
    let quiet = if bits & 0x7fff > 0x7f80 { 0x40 } else { 0 };
    (bits | quiet) << 16
}

#[inline(always)]
fn map<A: Copy, B>(from: &[A], to: &mut [B], f: impl Fn(A) -> B) {
    vectorized(
        #[inline(always)]
        || to.iter_mut().zip(from).for_each(|(to, &from)| *to = f(from)),
    );
}

impl Half {
    /// Bytes of one value.
    pub const BYTES: usize = 2;

    /// The suffix of the WGSL functions for this type.
    pub(crate) fn wgsl(self) -> &'static str {
        match self {
            Half::F16 => "f16",
            Half::BF16 => "bf16",
        }
    }

    /// The nearest halves of f32 values, as bits.
    pub(crate) fn pack(self, from: &[u32], to: &mut [u16]) {
        match self {
            Half::F16 => f16s::pack(bytemuck::cast_slice(from), to),
            Half::BF16 => map(from, to, |x| pack_bf16(x) as u16),
        }
    }

    /// Halves as f32, as bits.
    pub(crate) fn unpack(self, from: &[u16], to: &mut [u32]) {
        match self {
            Half::F16 => f16s::unpack(from, bytemuck::cast_slice_mut(to)),
            Half::BF16 => map(from, to, |x| unpack_bf16(x.into())),
        }
    }

    /// One half as f32, as bits.
    pub(crate) fn unpacked(self, x: u16) -> u32 {
        match self {
            Half::F16 => f16::from_bits(x).to_f32().to_bits(),
            Half::BF16 => unpack_bf16(x.into()),
        }
    }

    /// The nearest halves of f32 values, as f32, as bits.
    pub(crate) fn round(self, from: &[u32], to: &mut [u32]) {
        to.copy_from_slice(from);
        self.round_in_place(to);
    }

    /// Replaces f32 values by the nearest halves, all as bits.
    pub(crate) fn round_in_place(self, values: &mut [u32]) {
        let mut halves = [0; 256];
        for part in values.chunks_mut(halves.len()) {
            let halves = &mut halves[..part.len()];
            self.pack(part, halves);
            self.unpack(halves, part);
        }
    }
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.wgsl())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// f32 values at and around all boundaries of rounding, and many in between.
    fn edges() -> Vec<u32> {
        let mut all = vec![];
        for half in 0..=u16::MAX {
            for bits in [half::f16::from_bits(half).to_f32().to_bits(), u32::from(half) << 16] {
                // The half itself, the ties next to it, and the f32 neighbours of each.
                let ties = [bits, bits ^ 0x1000, bits ^ 0x8000];
                all.extend(ties.iter().flat_map(|&x| [x.wrapping_sub(1), x, x.wrapping_add(1)]));
            }
        }
        // Ties of f16's subnormal numbers: odd multiples of 2^-25.
        let tie = |k: u32| ((2 * k + 1) as f32 * 2f32.powi(-25)).to_bits();
        all.extend((0..1024).map(tie).flat_map(|x| [x - 1, x, x + 1, x | 1 << 31]));
        all.extend((0..u32::MAX).step_by(9973));
        all
    }

    #[test]
    fn every_half_is_unpacked_and_packed_again() {
        let bits: Vec<u16> = (0..=u16::MAX).collect();
        for half in [Half::F16, Half::BF16] {
            let (mut words, mut back) = (vec![0; bits.len()], vec![0; bits.len()]);
            half.unpack(&bits, &mut words);
            half.pack(&words, &mut back);
            for ((&bits, &word), &back) in bits.iter().zip(&words).zip(&back) {
                let (want, nan, quiet) = match half {
                    Half::F16 => {
                        let h = half::f16::from_bits(bits);
                        (h.to_f32(), h.is_nan(), bits | 0x200)
                    }
                    Half::BF16 => {
                        let h = half::bf16::from_bits(bits);
                        (h.to_f32(), h.is_nan(), bits | 0x40)
                    }
                };
                assert_eq!(word, want.to_bits(), "{half} {bits:#x}");
                assert_eq!(word, half.unpacked(bits));
                assert_eq!(back, if nan { quiet } else { bits }, "{half} {bits:#x} there and back");
            }
        }
    }

    #[test]
    fn rounding_is_to_the_nearest_even() {
        let from = edges();
        for half in [Half::F16, Half::BF16] {
            let (mut packed, mut rounded) = (vec![0; from.len()], vec![0; from.len()]);
            half.pack(&from, &mut packed);
            half.round(&from, &mut rounded);
            for ((&x, &got), &rounded) in from.iter().zip(&packed).zip(&rounded) {
                let value = f32::from_bits(x);
                let want = match half {
                    Half::F16 => half::f16::from_f32_const(value).to_bits(),
                    Half::BF16 => half::bf16::from_f32_const(value).to_bits(),
                };
                assert_eq!(got, want, "{half} of {value:e} ({x:#x})");
                assert_eq!(rounded, half.unpacked(want), "{half} of {value:e} ({x:#x})");
            }
        }
        let mut packed = [0; 4];
        let largest = [65519.996f32, 65520.0, -65520.0, 1e9].map(f32::to_bits);
        Half::F16.pack(&largest, &mut packed);
        assert_eq!(packed, [0x7bff, 0x7c00, 0xfc00, 0x7c00]);
    }
}
