//! Convolutions and their input gradients as implicit matrix products by tiles of a workgroup: the matrix of patches is gathered into workgroup
//! memory piece by piece, and never written to a buffer.
//!
//! With enough source channels, a slice of the inner dimension consists of channels at one tap: nothing but the position of the tap has to be
//! computed for it, and the slices of the other taps find the same channels in the caches. Otherwise the taps of a channel follow each other.

use super::taps::{Taps, phases};
use crate::Shader;
use crate::kernels::channel_parts::{By, ChannelParts};
use crate::kernels::conv2d::Conv2dShape;
use crate::kernels::epilogue::plain_result;
use crate::kernels::prologue::Prologue;
use crate::kernels::tile::Tile;
use crate::kernels::workgroup_tile::{BlockLoad, DEPTH, TileProduct};
use crate::wgsl::wgsl;
use crate::{DType, Layout};

/// Functions that the frame requires, unused by convolutions.
pub(super) const BATCHES: &str =
    "fn a_batch(i: u32) -> i32 { return 0; }\nfn b_batch(i: u32) -> i32 { return 0; }\n";

/// WGSL that stores four pixels of a channel: neighbours in the result, or each where it belongs.
const PUT_QUAD: &str = "    let at = place(group, m, n);
    if (at != 0xffffffffu) {
        return emit4(at, value);
    }
    return vec4<f32>();
";
const PUT_EACH: &str = "    let at = place4(group, m, n);
    var stored = vec4<f32>();
    for (var i = 0u; i < 4u; i++) {
        if (at[i] != 0xffffffffu) {
            stored[i] = emit(at[i], value[i]);
        }
    }
    return stored;
";

/// Fewest channels for slices of one tap, unless they fill the slices anyway.
const CHANNELS: usize = 64;

/// The dispatches of the convolution, or of its input gradient: one per phase. Rows are output channels, columns
/// pixels.
pub(in crate::kernels) fn correlation(
    shape: &Conv2dShape,
    operand: &Prologue,
    transposed: bool,
    tile: Tile,
) -> Vec<Shader> {
    let steps = if transposed { shape.stride } else { [1, 1] };
    let tiles = parts(shape, transposed, tile).tiles();
    let numbered = phases(steps).enumerate().map(|(i, phase)| {
        let mut shader = Phase::new(shape, operand, transposed, tile, phase).shader();
        shader.set("FIRST_PART", i * tiles);
        shader
    });
    numbered.collect()
}

/// How the dispatches of [`correlation`] divide the output.
pub(in crate::kernels) fn parts(shape: &Conv2dShape, transposed: bool, tile: Tile) -> ChannelParts {
    let (channels, output, phases) = match transposed {
        true => (shape.in_channels, shape.input, shape.stride),
        false => (shape.out_channels, shape.output(), [1, 1]),
    };
    ChannelParts { batch: shape.batch, channels, output, phases, by: By::Tile(tile) }
}

/// The dispatch of one phase.
struct Phase<'a> {
    shape: &'a Conv2dShape,
    operand: &'a Prologue,
    tile: Tile,
    transposed: bool,
    phase: [usize; 2],
    steps: [usize; 2],
    /// Taps of both dimensions.
    taps: [Taps; 2],
    source: [usize; 2],
    output: [usize; 2],
    /// Pixels of the phase.
    grid: [usize; 2],
    /// Channels per group of the source and the output.
    inner: usize,
    outer: usize,
}

impl<'a> Phase<'a> {
    fn new(
        shape: &'a Conv2dShape,
        operand: &'a Prologue,
        transposed: bool,
        tile: Tile,
        phase: [usize; 2],
    ) -> Phase<'a> {
        let (mut source, mut output) = (shape.input, shape.output());
        let (mut inner, mut outer) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
        if transposed {
            (source, output, inner, outer) = (output, source, outer, inner);
        }
        let steps = if transposed { shape.stride } else { [1, 1] };
        let grid = [0, 1].map(|d| output[d].div_ceil(steps[d]));
        let taps = [0, 1].map(|d| Taps::new(shape, transposed, d, phase[d]));
        Phase { shape, operand, tile, transposed, phase, steps, taps, source, output, grid, inner, outer }
    }

    fn count(&self) -> usize {
        self.taps[0].count * self.taps[1].count
    }

    /// Elements of a source plane.
    fn plane(&self) -> usize {
        self.source[0] * self.source[1]
    }

    /// Whether slices have one tap: with enough channels, in whole fours.
    fn by_tap(&self) -> bool {
        self.inner.is_multiple_of(DEPTH) || (self.inner >= CHANNELS && self.inner.is_multiple_of(4))
    }

    /// Length of the inner dimension.
    fn depth(&self) -> usize {
        self.count() * if self.by_tap() { self.inner.next_multiple_of(DEPTH) } else { self.inner }
    }

    /// Strides of the output and the source channel in the weights of a group.
    fn strides(&self) -> [usize; 2] {
        let area = self.shape.kernel[0] * self.shape.kernel[1];
        if self.transposed { [area, self.outer * area] } else { [self.inner * area, area] }
    }

    /// Whether four pixels of the source are neighbours from a multiple of four on, and the only tap reads them.
    fn quads(&self) -> bool {
        let one = self.taps.iter().all(|t| t.count == 1 && t.stride == 1 && t.offset == 0);
        one && self.steps == [1, 1] && self.grid == self.source && self.plane().is_multiple_of(4)
    }

    /// Whether four weights that an invocation loads are neighbours from a multiple of four on.
    fn weight_quads(&self) -> bool {
        let four = if self.transposed { self.outer } else { self.inner };
        self.shape.kernel == [1, 1] && self.by_tap() && four.is_multiple_of(4)
    }

    /// The type of four elements that are loaded.
    fn vector_type(&self) -> String {
        format!("vec4<{}>", self.tile.element())
    }

    fn shader(&self) -> Shader {
        let width = if parts(self.shape, self.transposed, self.tile).quads() { 4 } else { 1 };
        let (weight, y) = (self.operand.arity(), self.operand.arity() + 1);
        let weights = Prologue::plain(DType::F32, Layout::contiguous(&[self.shape.sizes()[1]]));
        let accessors = format!(
            "{}{}{BATCHES}{}{}",
            self.tile.operand(0, self.operand, "x", 0, if self.quads() { 4 } else { 1 }),
            self.tile.operand(1, &weights, "weight", weight, if self.weight_quads() { 4 } else { 1 }),
            self.stores(width),
            math(&[self.operand]),
        );
        let depth = self.depth();
        let shader = self.tile.shader(&TileProduct {
            size: [self.shape.groups, self.outer, self.shape.batch * self.grid[0] * self.grid[1], depth],
            chunk: depth.next_multiple_of(DEPTH).max(DEPTH),
            accessors,
            results: plain_result(y, "f32", width),
            a: self.weights(),
            b: self.pixels(),
            store: &|row, col, value| {
                format!("    let stored_{value} = put4(batch, {row}, {col}, {value});\n")
            },
            store_sum: None,
        });
        shader.emitting(width)
    }

    /// Functions that store results.
    fn stores(&self, width: usize) -> String {
        let ([gh, gw], [oh, ow]) = (self.grid, self.output);
        format!(
            "fn place(group: u32, m: u32, n: u32) -> u32 {{\n    \
             let row = n / {gw}u % {gh}u * {}u + {}u;\n    \
             let col = n % {gw}u * {}u + {}u;\n    \
             let at = (((n / {}u * BATCHES + group) * M + m) * {oh}u + row) * {ow}u + col;\n    \
             return select(0xffffffffu, at, m < M && n < N && row < {oh}u && col < {ow}u);\n}}\n\
             fn place4(group: u32, m: u32, n: u32) -> vec4<u32> {{\n    \
             return vec4<u32>(place(group, m, n), place(group, m, n + 1u), place(group, m, n + 2u), place(group, m, n + 3u));\n}}\n\
             fn put4(group: u32, m: u32, n: u32, value: vec4<f32>) -> vec4<f32> {{\n{}}}\n",
            self.steps[0],
            self.phase[0],
            self.steps[1],
            self.phase[1],
            gh * gw,
            if width == 4 { PUT_QUAD } else { PUT_EACH },
        )
    }

    /// WGSL of an invocation's vectors in the inner dimension: of slices of one tap, its place `down` and `along` and the first `channel` of the
    /// four vectors, and otherwise the same of every vector, with the suffixes 0 to 3. Those behind the end are moved inside.
    fn decode(&self) -> String {
        let [tr, tc] = [self.taps[0].count.max(1), self.taps[1].count.max(1)];
        let taps = tr * tc;
        if self.by_tap() {
            let channel = match self.inner.is_multiple_of(DEPTH) {
                true => "first + deep * 4u".into(),
                false => format!("min(first + deep * 4u, {}u)", self.inner - 4),
            };
            return format!(
                "            let down = k / {DEPTH}u % {taps}u / {tc}u;\n            \
                 let along = k / {DEPTH}u % {taps}u % {tc}u;\n            \
                 let first = k / {DEPTH}u / {taps}u * {DEPTH}u;\n            \
                 let channel = {channel};\n"
            );
        }
        let mut text = format!(
            "            let k0 = min(k + deep * 4u, K - 1u);\n            \
             let channel0 = k0 / {taps}u;\n            \
             let down0 = (k0 - channel0 * {taps}u) / {tc}u;\n            \
             let along0 = k0 - channel0 * {taps}u - down0 * {tc}u;\n"
        );
        for (p, q) in (0..3).zip(1..) {
            text += &format!(
                "            let ends{q} = along{p} + 1u == {tc}u;\n            \
                 let along{q} = select(along{p} + 1u, 0u, ends{q});\n            \
                 let next{q} = down{p} + u32(ends{q});\n            \
                 let down{q} = select(next{q}, 0u, next{q} == {tr}u);\n            \
                 let channel{q} = min(channel{p} + u32(next{q} == {tr}u), {}u);\n",
                self.inner - 1
            );
        }
        text
    }

    /// The line for vector `q`: `value`, or zeros behind the end of the inner dimension.
    fn vector(&self, q: usize, value: &str) -> String {
        let valid = match self.by_tap() {
            true => format!("first + deep * 4u < {}u", self.inner),
            false => format!("k + deep * 4u + {q}u < end"),
        };
        let whole = if self.by_tap() { self.inner } else { self.depth() }.is_multiple_of(DEPTH);
        match whole {
            true => format!("            let v{q} = {value};\n"),
            false => format!("            let v{q} = select({}(), {value}, {valid});\n", self.vector_type()),
        }
    }

    /// The lines `let at.. = ..;` of the four vectors, where `of` gives the position from the suffix of the tap and WGSL of the channel, and
    /// `step` is the distance of channels.
    fn positions(&self, of: impl Fn(&str, &str) -> String, step: usize) -> String {
        if self.by_tap() {
            let others = (1..4).map(|q| format!("            let at{q} = at0 + {}u;\n", q * step));
            return format!("            let at0 = {};\n", of("", "channel")) + &others.collect::<String>();
        }
        let one =
            |q: usize| format!("            let at{q} = {};\n", of(&q.to_string(), &format!("channel{q}")));
        (0..4).map(one).collect()
    }

    fn weights(&self) -> BlockLoad {
        let (area, [out, into]) = (self.shape.kernel[0] * self.shape.kernel[1], self.strides());
        let group = format!("batch * {}u", self.inner * self.outer * area);
        if self.weight_quads() && self.transposed {
            let before = format!("    let a_from = {group} + min(row + a_quad * 4u, {}u);\n", self.outer - 4);
            let at = |_: &str, channel: &str| format!("(a_from + {channel} * {into}u) / 4u");
            let text = self.decode() + &self.positions(at, into / 4);
            let load = |q: usize| self.vector(q, &format!("load_weight(at{q})"));
            return BlockLoad { along_k: false, before, text: text + &(0..4).map(load).collect::<String>() };
        }
        let before = format!(
            "    let a_rows = min(vec4<u32>(row + a_quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>({}u));\n    \
             let a_from = {group} + a_rows * {out}u;\n",
            match self.outer.is_multiple_of(self.tile.rows()) {
                true => u32::MAX as usize,
                false => self.outer - 1,
            }
        );
        let mut text = self.decode();
        if self.weight_quads() {
            text += "            let at = (a_from + channel) / 4u;\n";
            text += &PARTS.map(|j| format!("            let u{j} = load_weight(at.{j});\n")).concat();
            return BlockLoad { along_k: true, before, text: text + &self.turned() };
        }
        let [rows, cols] = &self.taps;
        let wide = self.shape.kernel[1];
        let at = |s: &str, channel: &str| {
            format!(
                "a_from + ({channel} * {into}u + {}u + down{s} * {}u + along{s} * {}u)",
                rows.first * wide + cols.first,
                rows.every * wide,
                cols.every
            )
        };
        text += &self.positions(at, into);
        let load = |q: usize| self.vector(q, &self.gathered("load_weight", q));
        text += &(0..4).map(load).collect::<String>();
        BlockLoad { along_k: !self.transposed, before, text }
    }

    /// Loads of pixels. Those behind the last repeat the last, and are not stored.
    fn pixels(&self) -> BlockLoad {
        let ([_, w], [gh, gw], plane) = (self.source, self.grid, self.plane());
        let group = format!("batch * {}u", self.inner * plane);
        let image = self.shape.groups * self.inner * plane;
        let mut text = self.decode();
        if self.quads() {
            let before = format!(
                "    let b_pixel = min(col + b_quad * 4u, N - 4u);\n    \
                 let b_from = (b_pixel / {plane}u * {image}u + {group} + b_pixel % {plane}u) / 4u;\n"
            );
            text += &self.positions(|_, channel| format!("b_from + {channel} * {}u", plane / 4), plane / 4);
            let load = |q: usize| self.vector(q, &format!("load_x(at{q})"));
            text += &(0..4).map(load).collect::<String>();
            return BlockLoad { along_k: false, before, text };
        }
        let [rows, cols] = &self.taps;
        let before = format!(
            "    let b_pixel = min(vec4<u32>(col + b_quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(N - 1u));\n    \
             let b_row = vec4<i32>(b_pixel / {gw}u % {gh}u) * {} + ({});\n    \
             let b_col = vec4<i32>(b_pixel % {gw}u) * {} + ({});\n    \
             let b_from = vec4<i32>(b_pixel / {}u * {image}u + {group}) + b_row * {w} + b_col;\n",
            rows.stride,
            rows.offset,
            cols.stride,
            cols.offset,
            gh * gw,
        );
        // Of every tap, which pixels are inside, and where.
        let place = |s: &str| {
            format!(
                "            let high{s} = i32(down{s}) * ({});\n            \
                 let wide{s} = i32(along{s}) * ({});\n            \
                 let live{s} = {};\n            \
                 let start{s} = select(vec4<u32>(), vec4<u32>(b_from + (high{s} * {w} + wide{s})), live{s});\n",
                rows.step,
                cols.step,
                self.inside(s),
            )
        };
        let names: Vec<String> =
            if self.by_tap() { vec![String::new()] } else { (0..4).map(|q| q.to_string()).collect() };
        text += &names.iter().map(|s| place(s)).collect::<String>();
        text += &self.positions(|s, channel| format!("start{s} + {channel} * {plane}u"), plane);
        let t = self.vector_type();
        if self.by_tap() {
            // One decision for all channels of a pixel.
            let pixel = |j: &str| {
                let channels: Vec<String> = (0..4).map(|q| format!("load_x(at{q}.{j})")).collect();
                format!("            let u{j} = select({t}(), {t}({}), live.{j});\n", channels.join(", "))
            };
            text += &PARTS.map(pixel).concat();
            return BlockLoad { along_k: false, before, text: text + &self.turned() };
        }
        let load =
            |q: usize| self.vector(q, &format!("select({t}(), {}, live{q})", self.gathered("load_x", q)));
        text += &(0..4).map(load).collect::<String>();
        BlockLoad { along_k: false, before, text }
    }

    /// The lines of the vectors from the vectors `ux` to `uw` along the inner dimension.
    fn turned(&self) -> String {
        let t = self.vector_type();
        let vector = |(q, part)| self.vector(q, &format!("{t}(ux.{part}, uy.{part}, uz.{part}, uw.{part})"));
        PARTS.into_iter().enumerate().map(vector).collect()
    }

    /// WGSL of the vector of four elements that a function loads from the positions `at{q}`.
    fn gathered(&self, load: &str, q: usize) -> String {
        let all = PARTS.map(|j| format!("{load}(at{q}.{j})"));
        format!("{}({})", self.vector_type(), all.join(", "))
    }

    /// WGSL of which of four pixels are inside of the source at the tap with the suffix `s`; constant where all pixels are.
    fn inside(&self, s: &str) -> String {
        let inside = |d: usize, at: String| {
            let (taps, size) = (&self.taps[d], self.source[d] as isize);
            let (first, last) = taps.reach();
            let last = last + (self.grid[d] as isize - 1) * taps.stride as isize;
            match first >= 0 && last < size {
                true => "vec4<bool>(true)".into(),
                false => format!("(vec4<u32>({at}) < vec4<u32>({size}u))"),
            }
        };
        format!("{} & {}", inside(0, format!("b_row + high{s}")), inside(1, format!("b_col + wide{s}")))
    }
}

const PARTS: [&str; 4] = ["x", "y", "z", "w"];

/// The functions that computed operands may call.
pub(super) fn math(operands: &[&Prologue]) -> &'static str {
    if operands.iter().all(|o| o.is_identity()) { "" } else { wgsl!("math") }
}
