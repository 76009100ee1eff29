//! Convolutions and products of 8-bit integers (Jacob et al. 2018, "Quantization and training of neural networks for efficient
//! integer-arithmetic-only inference").
//!
//! A value is represented by a code, an i8: `value = scale (code - zero)`. Four codes, of neighbouring channels, are a word; channels beyond
//! the last have any code and weights of 0. Sums of products are exact in i32, the bias is added to them in their unit, and one f32
//! multiplication turns a sum into a result. So all devices give the same bits.

mod conv2d;
mod dot;
mod matmul;
mod quantize;
mod rows;
mod tile;

pub use conv2d::Int8Conv2d;
pub use matmul::Int8MatMul;
pub use quantize::{Int8Dequantize, Int8Quantize};

use crate::Access;
use crate::wgsl::Source;
use dot::{Dot, Vector};

/// Output channels of a panel of weights.
const PANEL: usize = 16;
/// Codes of a word.
const QUAD: usize = 4;
/// Rows of the table of channels.
const TABLE: usize = 4;

/// The deepest sum that i32 holds: each product is below 2^15.
pub const INT8_DEPTH: usize = 1 << 15;

/// The weights of a layer, as codes `[outputs, inputs, taps]`.
#[derive(Clone, Copy, Debug)]
pub struct Int8Weight<'a> {
    /// The codes, -127 to 127.
    pub codes: &'a [i8],
    /// Output channels.
    pub outputs: usize,
    /// Input channels.
    pub inputs: usize,
    /// Positions of the window of a convolution; 1 for a product.
    pub taps: usize,
}

impl Int8Weight<'_> {
    /// The words that kernels read, `[panels, input words, taps, 16]`: 16 output channels are side by side.
    pub fn panels(&self) -> Vec<u32> {
        let (quads, taps) = (self.inputs.div_ceil(QUAD), self.taps);
        let mut words = vec![0u32; self.outputs.div_ceil(PANEL) * quads * taps * PANEL];
        for (i, &code) in self.codes.iter().enumerate() {
            let (output, input, tap) = (i / taps / self.inputs, i / taps % self.inputs, i % taps);
            let word = ((output / PANEL * quads + input / QUAD) * taps + tap) * PANEL + output % PANEL;
            words[word] |= u32::from(code.cast_unsigned()) << (8 * (input % QUAD));
        }
        words
    }

    /// The sums of the codes of each output channel.
    pub fn sums(&self) -> Vec<i32> {
        let depth = (self.inputs * self.taps).max(1);
        self.codes.chunks(depth).map(|codes| codes.iter().map(|&c| i32::from(c)).sum()).collect()
    }

    /// The table of output channels, `[4, panels * 16]`: what is added to the sums, the sums of the codes, the factor of the sums (as bits),
    /// and the factor of the codes of the residual.
    ///
    /// # Panics
    /// When there is not one number for each output channel.
    pub fn table(&self, bias: &[i32], factors: &[f32], residual: &[i32]) -> Vec<u32> {
        let width = self.outputs.next_multiple_of(PANEL);
        let mut table = vec![0; TABLE * width];
        let factors: Vec<i32> = factors.iter().map(|f| f.to_bits().cast_signed()).collect();
        for (row, values) in [bias, &self.sums(), &factors, residual].into_iter().enumerate() {
            assert!(values.len() == self.outputs, "{} numbers for {} channels", values.len(), self.outputs);
            for (to, value) in table[row * width..].iter_mut().zip(values) {
                *to = value.cast_unsigned();
            }
        }
        table
    }
}

/// How a sum becomes a result: `factor (sum + bias + residual factor * residual code)`, and as a code rounded half to even.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Int8Epilogue {
    /// Whether the codes of another tensor, of the shape of the output, are added: a residual connection.
    pub residual: bool,
    /// Whether negative results become 0.
    pub relu: bool,
    /// The code of 0, if results are codes; the factors then are in units of the output's scale.
    pub codes: Option<i8>,
}

impl Int8Epilogue {
    /// Arguments: x, panels, table, the residual if there is one, and the output.
    fn access(&self) -> Vec<Access> {
        let reads = 3 + usize::from(self.residual);
        std::iter::repeat_n(Access::Read, reads).chain([Access::Write]).collect()
    }

    /// The code of 0, and the least and the largest code relative to it.
    fn range(&self) -> (i32, f32, f32) {
        let zero = i32::from(self.codes.unwrap_or(0));
        let low = if self.relu { 0 } else { -128 - zero };
        (zero, low as f32, (127 - zero) as f32)
    }

    /// Bytes of a result.
    fn bytes(&self) -> usize {
        if self.codes.is_some() { 1 } else { 4 }
    }

    /// Sets the bindings and the function `result` of a shader.
    fn shader(&self, source: Source) -> Source {
        let residual = if self.residual {
            "@group(0) @binding(3) var<storage, read> residual: array<u32>;\n\nfn added(i: u32, o4: u32) -> vec4<i32> {\n    \
             return table[3u * CHANNELS / 4u + o4] * unpack4xI8(residual[i]);\n}"
        } else {
            "fn added(i: u32, o4: u32) -> vec4<i32> {\n    return vec4<i32>();\n}"
        };
        let (zero, low, high) = self.range();
        let (t, result) = match (self.codes, self.relu) {
            (Some(_), _) => (
                "u32",
                format!(
                    "pack4xI8(vec4<i32>(clamp(round(value), vec4<f32>({low:?}), vec4<f32>({high:?}))) + vec4<i32>({zero}))"
                ),
            ),
            (None, true) => ("vec4<f32>", "max(value, vec4<f32>())".into()),
            (None, false) => ("vec4<f32>", "value".into()),
        };
        let element = if self.codes.is_some() { "u32" } else { "f32" };
        source.block(
            "results",
            &format!(
                "{residual}\n\n@group(0) @binding({}) var<storage, read_write> y: array<{element}>;\n\n\
                 // The results of 4 channels.\nfn result(o4: u32, sums: vec4<i32>) -> {t} {{\n    \
                 let value = vec4<f32>(sums + table[o4]) * bitcast<vec4<f32>>(table[2u * CHANNELS / 4u + o4]);\n    \
                 return {result};\n}}",
                3 + usize::from(self.residual),
            ),
        )
    }
}

/// Where the CPU puts results; see [`Int8Epilogue`].
#[derive(Clone, Copy)]
struct Results<'a> {
    epilogue: Int8Epilogue,
    table: &'a [u32],
    residual: &'a [u32],
    y: *mut u32,
}
// SAFETY: tasks write different elements.
unsafe impl Send for Results<'_> {}
unsafe impl Sync for Results<'_> {}

impl<'a> Results<'a> {
    fn new(epilogue: Int8Epilogue, args: &'a crate::Args) -> Results<'a> {
        let residual = if epilogue.residual { args.read(3) } else { &[][..] };
        let y: &mut [u32] = args.write(3 + usize::from(epilogue.residual));
        Results { epilogue, table: args.read(2), residual, y: y.as_mut_ptr() }
    }

    /// A row of the table.
    #[inline(always)]
    fn row(&self, row: usize) -> &'a [u32] {
        let width = self.table.len() / TABLE;
        &self.table[row * width..][..width]
    }

    /// What is added to the sums of channel `o` with unsigned codes, its factor as bits, and that of the residual.
    #[inline(always)]
    fn channel<V: Vector>(&self, o: usize) -> [V; 3] {
        let [bias, codes, factor, residual] = std::array::from_fn(|row| self.row(row)[o].cast_signed());
        [bias.wrapping_sub(codes.wrapping_mul(128)), factor, residual].map(V::splat)
    }

    /// [`channel`](Results::channel) of as many channels as a vector has lanes.
    #[inline(always)]
    fn channels<D: Dot>(&self, first: usize) -> [D::Sums; 3] {
        // SAFETY: the lanes are in the row.
        let [bias, codes, factor, residual] = std::array::from_fn(|row| unsafe {
            D::Sums::load(self.row(row)[first..first + D::LANES].as_ptr())
        });
        [bias.plus(codes.times(D::Sums::splat(-128))), factor, residual]
    }

    /// Results as f32, before they are rounded, with the codes of the residual.
    #[inline(always)]
    fn values<V: Vector>(&self, [bias, factor, residual]: [V; 3], sums: V, added: impl FnOnce() -> V) -> V {
        let sums = sums.plus(bias);
        let sums = if self.epilogue.residual { sums.plus(residual.times(added())) } else { sums };
        sums.scaled(factor)
    }
}

/// A signed code of a word.
#[inline(always)]
fn signed(word: u32, byte: usize) -> i8 {
    (word >> (8 * byte)) as i8
}

/// Copies words of signed codes as unsigned ones, `code + 128`.
#[inline(always)]
fn unsigned(words: &[u32], to: &mut [u32]) {
    to.iter_mut().zip(words).for_each(|(to, word)| *to = word ^ 0x8080_8080);
}

#[cfg(test)]
mod tests;
