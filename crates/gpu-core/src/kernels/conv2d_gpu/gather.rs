//! Convolutions and their input gradients by tiles in the registers of each invocation: four pixels of some output channels.
//!
//! By rows, an invocation loads the source pixels of a row of taps once, in fours, and the taps are windows over them.

use super::taps::Taps;
use crate::Shader;
use crate::kernels::channel_parts::{By, ChannelParts};
use crate::kernels::conv2d::Conv2dShape;
use crate::kernels::epilogue::plain_result;
use crate::kernels::prologue::{Prologue, with_math};
use crate::wgsl::{Source, wgsl};

/// Iterations of all loops of an invocation stay well below 65,535, where some drivers stop.
const ITERATIONS: usize = 16_384;
/// Vectors of weights in workgroup memory: few enough that registers, not memory, limit the number of concurrent workgroups.
const STAGED: usize = 288;
/// Longest rows of taps in a window.
const LONGEST: usize = 7;

/// The convolution or its input gradient, in the terms of `conv2d.wgsl`.
pub(in crate::kernels) struct Gather {
    shape: Conv2dShape,
    transposed: bool,
    /// Whether by rows.
    rows: bool,
    /// Channels per group of the source and the output.
    inner: usize,
    outer: usize,
    source: [usize; 2],
    output: [usize; 2],
}

impl Gather {
    pub fn new(shape: &Conv2dShape, transposed: bool, rows: bool) -> Gather {
        let (mut inner, mut outer) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
        let (mut source, mut output) = (shape.input, shape.output());
        if transposed {
            (inner, outer, source, output) = (outer, inner, output, source);
        }
        Gather { shape: *shape, transposed, rows, inner, outer, source, output }
    }

    /// Whether the convolution or its input gradient can go by rows: these consist of fours, and all pixels are of one phase.
    pub fn suits_rows(shape: &Conv2dShape, transposed: bool) -> bool {
        let Gather { source, output, .. } = Gather::new(shape, transposed, true);
        let fours = source[1].is_multiple_of(4) && output[1].is_multiple_of(4);
        fours && shape.kernel[1] <= LONGEST && (!transposed || shape.stride == [1, 1])
    }

    /// Output channels of an invocation.
    fn block(&self) -> usize {
        if self.outer > 4 { 8 } else { 4 }
    }

    fn blocks(&self) -> usize {
        self.outer.div_ceil(self.block())
    }

    fn area(&self) -> usize {
        self.shape.kernel[0] * self.shape.kernel[1]
    }

    /// Source channels and taps whose weights are staged together: as many channels as fit, in runs of equal size, then as many taps.
    fn staged(&self) -> [usize; 2] {
        let (channels, unroll) = self.step();
        // Taps in whole rows, if by rows.
        let row = if self.rows { self.shape.kernel[1] } else { 1 };
        let (most, inner) = (STAGED / (self.block() / 4) / row, self.inner.min(channels).max(1));
        let most_channels = (most / unroll * unroll).max(unroll);
        let channels = inner.div_ceil(inner.div_ceil(most_channels)).next_multiple_of(unroll);
        let rows = (1..=most / channels).rev().find(|&rows| (self.area() / row).is_multiple_of(rows));
        [channels, rows.unwrap_or(1) * row]
    }

    /// Source channels of a dispatch, and how many of them (4, 2 or 1) an iteration adds up.
    fn step(&self) -> (usize, usize) {
        let unroll = [4, 2, 1].into_iter().find(|u| self.inner.is_multiple_of(*u)).unwrap_or(1);
        ((ITERATIONS / self.area().max(1)).max(1) * unroll, unroll)
    }

    /// How the workgroups divide the output.
    pub fn parts(&self) -> ChannelParts {
        ChannelParts {
            batch: self.shape.batch,
            channels: self.outer * self.shape.groups,
            output: self.output,
            phases: if self.transposed { self.shape.stride } else { [1, 1] },
            by: By::Block { rows: self.block().min(self.outer) },
        }
    }

    /// Whether one dispatch adds up all channels.
    pub fn whole(&self) -> bool {
        self.inner <= self.step().0
    }

    /// One dispatch for every run of source channels that fits the iterations.
    ///
    /// # Panics
    /// When the kernel has more than 16,384 elements.
    pub fn shaders(&self, source: &Prologue) -> Vec<Shader> {
        assert!(self.area() <= ITERATIONS, "a kernel of {:?} is too large", self.shape.kernel);
        let (channels, unroll) = self.step();
        let first = (0..self.inner).step_by(channels);
        first.map(|c| self.main(source, c, (c + channels).min(self.inner), unroll)).collect()
    }

    fn main(&self, operand: &Prologue, first: usize, last: usize, unroll: usize) -> Shader {
        let shape = &self.shape;
        let parts = self.parts();
        let (phases, tiles) = (parts.phases, parts.tiles());
        let mut source = Source::new(wgsl!("conv2d")).set("TRANSPOSED", self.transposed);
        let pairs =
            [("SOURCE", self.source), ("OUT", self.output), ("PHASES", phases), ("GRID", parts.grid())];
        for (name, [h, w]) in pairs {
            source = source.set(&format!("{name}_H"), h).set(&format!("{name}_W"), w);
        }
        source = shape.set(source).set("INNER", self.inner).set("OUTER", self.outer);
        source = source.set("TILES", tiles).set("BLOCKS", self.blocks()).set("BLOCK", self.block());
        source = source.set("FIRST", first).set("LAST", last).set("UNROLL", unroll);
        let (area, [channels, taps]) = (self.area(), self.staged());
        let strides = if self.transposed { [area, self.outer * area] } else { [self.inner * area, area] };
        source = source.set("STRIDE_OUT", strides[0]).set("STRIDE_IN", strides[1]);
        source = source.set("CHANNELS", channels).set("TAPS", taps);
        source = source.set("STAGED", channels * taps * (self.block() / 4));
        let bindings = format!(
            "@group(0) @binding({}) var<storage, read> weight: array<f32>;\n{}",
            operand.arity(),
            operand.wgsl("x", 0, if self.rows { 4 } else { 1 })
        );
        let width = if parts.quads() { 4 } else { 1 };
        let result = plain_result(operand.arity() + 1, "f32", width);
        // Adds to the results of earlier dispatches.
        let result = if first > 0 { result.replace("] =", "] +=") } else { result };
        let mut source =
            self.body(source, unroll).block("bindings", bindings.trim_end()).block("results", &result);
        if width == 4 {
            source = source.block(
                "put",
                "    if (live.x) {\n        return emit4(at.x, value);\n    }\n    return vec4<f32>();",
            );
        }
        let source = with_math(source, &[operand]).finish();
        Shader::linear(source, tiles * phases[0] * phases[1] * self.blocks() * shape.groups, 1)
            .emitting(width)
    }

    /// The lines for the accumulators of the block: as many as there are output channels.
    fn body(&self, source: Source, unroll: usize) -> Source {
        let used = self.used();
        let clear: String = (0..used).map(|r| format!("    var a{r} = vec4<f32>();\n")).collect();
        let put = |r: usize| {
            let live = if r == 0 { "live".to_owned() } else { format!("live & vec4<bool>({r}u < rows)") };
            format!("    let stored{r} = put(to + {r}u * area, {live}, a{r});\n")
        };
        let store: String = (0..used).map(put).collect();
        let trim = |text: String| text.trim_end().to_owned();
        let source = source.block("clear", &trim(clear)).block("store", &trim(store));
        match self.rows {
            true => source.block("taps", &trim(self.windows(unroll))),
            false => source.block("body", &trim(self.products(unroll))),
        }
    }

    /// Output channels of an invocation that exist.
    fn used(&self) -> usize {
        self.block().min(self.outer)
    }

    /// The products of a tap, for `unroll` source channels.
    fn products(&self, unroll: usize) -> String {
        let used = self.used();
        let mut body = String::new();
        for u in 0..unroll {
            body += &format!("                    let v{u} = select(vec4<f32>(), load4(at), live);\n");
            for v in 0..self.block() / 4 {
                body += &format!("                    let w{u}_{v} = staged[w + {v}u];\n");
            }
            for r in 0..used {
                let lane = ["x", "y", "z", "w"][r % 4];
                body += &format!("                    a{r} += w{u}_{}.{lane} * v{u};\n", r / 4);
            }
            body += "                    at += vec4<u32>(u32(SOURCE_H * SOURCE_W));\n";
            body += "                    w += BLOCK / 4u;\n";
        }
        body
    }

    /// The products of the staged rows of taps: of every row, the source pixels that four output pixels reach are loaded in fours.
    fn windows(&self, unroll: usize) -> String {
        let taps = Taps::new(&self.shape, self.transposed, 1, 0);
        let (first, last) = taps.reach();
        let fours = first.div_euclid(4)..=(last + 3 * taps.stride as isize).div_euclid(4);
        let name = |four: isize| if four < 0 { format!("m{}", -four) } else { four.to_string() };
        let mut text = "            for (var t = 0u; t < TAPS; t += u32(KERNEL_W)) {
                let kh = i32(tap + t) / KERNEL_W;
                let from_row = source(row, phase_h, kh, STRIDE_H, PADDING_H, DILATION_H).x;
                let live = inside.x && u32(from_row) < u32(SOURCE_H);
                let four = col.x * STRIDE_W / 4;
                let first = (start.x + from_row * SOURCE_W) / 4 + four;
                var w = t * CHANNELS * (BLOCK / 4u);\n"
            .to_owned();
        if self.transposed {
            text = text.replace("col.x * STRIDE_W / 4", "col.x / 4");
        }
        for four in fours.clone() {
            let (n, plane) = (name(four), self.source[0] * self.source[1] / 4);
            text += &format!(
                "                let live{n} = live && u32(four + ({four})) < u32(SOURCE_W / 4);\n                \
                 var at{n} = u32(select(0, first + ({four}), live{n})) + channel * {plane}u;\n"
            );
        }
        text += "                for (var c = 0u; c < channels; c += UNROLL) {\n";
        for u in 0..unroll {
            for four in fours.clone() {
                let (n, plane) = (name(four), self.source[0] * self.source[1] / 4);
                text += &format!(
                    "                    let x{u}_{n} = select(vec4<f32>(), load_x(at{n} + {}u), live{n});\n",
                    u * plane
                );
            }
            for i in 0..taps.count {
                let pixel = |p: usize| {
                    let at = taps.at(i) + (p * taps.stride) as isize;
                    let part = ["x", "y", "z", "w"][at.rem_euclid(4) as usize];
                    format!("x{u}_{}.{part}", name(at.div_euclid(4)))
                };
                text += &format!(
                    "                    let v{u}_{i} = vec4<f32>({});\n",
                    (0..4).map(pixel).collect::<Vec<_>>().join(", ")
                );
                for v in 0..self.block() / 4 {
                    text += &format!(
                        "                    let w{u}_{i}_{v} = staged[w + {i}u * CHANNELS * (BLOCK / 4u) + {}u];\n",
                        u * self.block() / 4 + v
                    );
                }
                for r in 0..self.used() {
                    let lane = ["x", "y", "z", "w"][r % 4];
                    text += &format!("                    a{r} += w{u}_{i}_{}.{lane} * v{u}_{i};\n", r / 4);
                }
            }
        }
        for four in fours {
            let (n, plane) = (name(four), self.source[0] * self.source[1] / 4);
            text += &format!("                    at{n} += {}u;\n", unroll * plane);
        }
        text += "                    w += UNROLL * (BLOCK / 4u);\n                }\n            }\n";
        text
    }
}
