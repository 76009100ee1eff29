//! Codes of f32 values, and the values of codes.

use rayon::prelude::*;

use super::{QUAD, signed};
use crate::kernels::Prologue;
use crate::kernels::prologue::{Reader, with_math};
use crate::simd::{Vectorize, run_vectorized};
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, DType, Kernel, Shader};

/// The codes of values: `code = clamp(round(x factor) + zero, -128, 127)`, rounded half to even.
///
/// Arguments: the inputs of x `[outer, channels, inner]`; written: the codes, `[outer, channels / 4, inner]` words.
#[derive(Clone, Debug)]
pub struct Int8Quantize {
    x: Prologue,
    shape: [usize; 3],
    factor: f32,
    zero: i8,
}

/// The values of codes: `x = scale (code - zero)`.
///
/// Arguments: the codes, `[outer, channels / 4, inner]` words; written: x `[outer, channels, inner]`.
#[derive(Clone, Copy, Debug)]
pub struct Int8Dequantize {
    shape: [usize; 3],
    scale: f32,
    zero: i8,
}

/// Values of a task.
const TASK: usize = 16 * 1024;
/// Words that are computed at a time.
const BLOCK: usize = 512;

impl Int8Quantize {
    /// Codes for values `scale (code - zero)`.
    ///
    /// # Panics
    /// When the operand has not the elements of the shape.
    pub fn new(x: Prologue, shape: [usize; 3], scale: f32, zero: i8) -> Int8Quantize {
        assert!(
            x.numel() == shape.iter().product::<usize>() && x.dtype() == DType::F32,
            "{:?} as {shape:?}",
            x.shape()
        );
        Int8Quantize { x, shape, factor: 1.0 / scale, zero }
    }
}

/// The codes of some values, which are whole channels.
struct Encode<'a> {
    of: &'a Int8Quantize,
    x: &'a [f32],
    words: &'a mut [u32],
}

impl Vectorize for Encode<'_> {
    #[inline(always)]
    fn run(self) {
        let Encode { of, x, words } = self;
        let ([.., inner], factor, zero) = (of.shape, of.factor, i32::from(of.zero));
        if inner == 1 && x.len() == QUAD * words.len() {
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(words);
            for (byte, &value) in bytes.iter_mut().zip(x) {
                *byte = code(value, factor, zero) as u8;
            }
            return;
        }
        for (words, x) in words.chunks_exact_mut(inner).zip(x.chunks(QUAD * inner)) {
            // Channels beyond the last have the code of 0.
            words.fill(u32::from(of.zero.cast_unsigned()) * 0x0101_0101);
            for (c, x) in x.chunks_exact(inner).enumerate() {
                let others = !(0xff << (8 * c));
                for (word, &value) in words.iter_mut().zip(x) {
                    *word = *word & others | code(value, factor, zero) << (8 * c);
                }
            }
        }
    }
}

/// The code of a value, in the lowest byte.
#[inline(always)]
fn code(value: f32, factor: f32, zero: i32) -> u32 {
    let rounded = (value * factor).round_ties_even().clamp((-128 - zero) as f32, (127 - zero) as f32);
    (rounded as i32 + zero).cast_unsigned() & 0xff
}

/// Words of a tensor of codes.
fn words([outer, channels, inner]: [usize; 3]) -> usize {
    outer * channels.div_ceil(QUAD) * inner
}

/// How a tensor is cut: parts of neighbouring words, and of neighbouring values.
struct Parts {
    /// Values and words of a part.
    values: usize,
    words: usize,
    /// Values of the last part of each item of the outer dimension, and parts of an item.
    last: usize,
    each: usize,
}

impl Parts {
    /// Parts of whole channels; of many, if words have four channels each.
    fn new([_, channels, inner]: [usize; 3]) -> Parts {
        if channels.is_multiple_of(QUAD) {
            let words = inner * (BLOCK / inner.max(1)).max(1);
            return Parts { values: QUAD * words, words, last: QUAD * words, each: 1 };
        }
        let (each, last) = (channels.div_ceil(QUAD), channels % QUAD * inner);
        Parts { values: QUAD * inner, words: inner, last, each }
    }

    /// The first value of part `i`, and the number of its values if it has `words`.
    fn at(&self, i: usize, words: usize) -> (usize, usize) {
        let (item, part) = (i / self.each, i % self.each);
        let whole = (self.each - 1) * self.values + self.last;
        let count = if part + 1 == self.each { self.last } else { self.values };
        (item * whole + part * self.values, count.min(QUAD * words))
    }

    /// Parts of a task.
    fn task(&self) -> usize {
        TASK.div_ceil(self.values.max(1))
    }
}

impl Kernel for Int8Quantize {
    fn name(&self) -> &'static str {
        "int8_quantize"
    }

    fn shape(&self) -> String {
        format!("{:?}", self.shape)
    }

    fn access(&self) -> Vec<Access> {
        self.x.access().chain([Access::Write]).collect()
    }

    fn shaders(&self) -> Vec<Shader> {
        let ([_, channels, inner], count) = (self.shape, words(self.shape));
        let quads = inner == 1 && channels.is_multiple_of(QUAD);
        let source = Source::new(wgsl!("int8_quantize")).set("COUNT", count).set("CHANNELS", channels);
        let source = source.set("INNER", inner).set("FACTOR", self.factor).set("ZERO", self.zero);
        let y = format!("@group(0) @binding({}) var<storage, read_write> y: array<u32>;", self.x.arity());
        let source = source.block("operands", &(self.x.wgsl("x", 0, if quads { 4 } else { 1 }) + &y));
        let source = if quads { source.block("values", "    return load_x(word);") } else { source };
        vec![Shader::linear(with_math(source, &[&self.x]).finish(), count, 64)]
    }

    fn run(&self, args: &Args) {
        let (x, parts) = (self.x.bind(args, 0), Parts::new(self.shape));
        let y: &mut [u32] = args.write(self.x.arity());
        let task = |(t, y): (usize, &mut [u32])| {
            let mut reader: Reader<f32> = x.reader();
            for (i, words) in y.chunks_mut(parts.words).enumerate() {
                let (first, count) = parts.at(t * parts.task() + i, words.len());
                let x = reader.read(first, count);
                run_vectorized(Encode { of: self, x, words });
            }
        };
        let size = parts.task() * parts.words;
        match y.len() <= size {
            true => task((0, y)),
            false => y.par_chunks_mut(size).enumerate().for_each(task),
        }
    }

    fn operand_elements(&self) -> usize {
        self.x.numel()
    }

    fn cost(&self) -> Cost {
        let (flops, bytes) = self.x.work();
        Cost { flops: flops + 2 * self.x.numel() as u64, bytes: bytes + self.x.numel() as u64 }
    }
}

impl Int8Dequantize {
    /// The values `scale (code - zero)` of codes for `shape`.
    pub fn new(shape: [usize; 3], scale: f32, zero: i8) -> Int8Dequantize {
        Int8Dequantize { shape, scale, zero }
    }
}

/// The values of the codes of one item.
struct Decode<'a> {
    of: &'a Int8Dequantize,
    x: &'a [u32],
    y: &'a mut [f32],
}

impl Vectorize for Decode<'_> {
    #[inline(always)]
    fn run(self) {
        let Decode { of: &Int8Dequantize { shape: [.., inner], scale, zero }, x, y } = self;
        for (c, y) in y.chunks_exact_mut(inner).enumerate() {
            for (y, &word) in y.iter_mut().zip(&x[c / QUAD * inner..]) {
                *y = (i32::from(signed(word, c % QUAD)) - i32::from(zero)) as f32 * scale;
            }
        }
    }
}

impl Kernel for Int8Dequantize {
    fn name(&self) -> &'static str {
        "int8_dequantize"
    }

    fn shape(&self) -> String {
        format!("{:?}", self.shape)
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        let ([_, channels, inner], count) = (self.shape, words(self.shape));
        let source = Source::new(wgsl!("int8_dequantize")).set("COUNT", count).set("CHANNELS", channels);
        let source = source.set("INNER", inner).set("SCALE", self.scale).set("ZERO", self.zero);
        vec![Shader::linear(source.finish(), count, 64)]
    }

    fn run(&self, args: &Args) {
        let [_, channels, inner] = self.shape;
        let (x, y): (&[u32], &mut [f32]) = (args.read(0), args.write(1));
        let quads = channels.div_ceil(QUAD);
        let item = |(x, y): (&[u32], &mut [f32])| run_vectorized(Decode { of: self, x, y });
        let items = x.par_chunks_exact(quads * inner).zip(y.par_chunks_exact_mut(channels * inner));
        items.with_min_len((TASK / (channels * inner)).max(1)).for_each(item);
    }

    fn cost(&self) -> Cost {
        let values: usize = self.shape.iter().product();
        Cost { flops: 2 * values as u64, bytes: (5 * values) as u64 }
    }
}
