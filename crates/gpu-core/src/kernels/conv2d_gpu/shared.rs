//! Convolutions and weight gradients as implicit matrix products by tiles of a workgroup: the matrix of patches is
//! gathered into workgroup memory piece by piece, and never written to a buffer.

use super::taps::{Taps, phases};
use crate::Shader;
use crate::kernels::channel_parts::{By, ChannelParts};
use crate::kernels::conv2d::Conv2dShape;
use crate::kernels::epilogue::plain_result;
use crate::kernels::prologue::Prologue;
use crate::kernels::workgroup_tile::{BlockLoad, TileProduct, WorkgroupTile};
use crate::wgsl::wgsl;

/// Loads 4 x 4 elements by `load_NAME(group, place, k, end)`.
fn block(name: char, along_k: bool) -> BlockLoad {
    let start = if name == 'a' { "row" } else { "col" };
    let one = |j: usize, q: usize| {
        format!("load_{name}(batch, {start} + quad * 4u + {j}u, k + deep * 4u + {q}u, end)")
    };
    let vector = |q: usize| {
        let all: Vec<String> = (0..4).map(|j| one(j, q)).collect();
        format!("            let v{q} = vec4<f32>({});\n", all.join(", "))
    };
    BlockLoad { along_k, text: (0..4).map(vector).collect() }
}

/// Functions that the frame requires, unused here.
const BATCHES: &str = "fn a_batch(i: u32) -> i32 { return 0; }\nfn b_batch(i: u32) -> i32 { return 0; }\n";

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

/// The dispatches of the convolution, or of its input gradient: one per phase. Rows are output channels, columns
/// pixels.
pub(in crate::kernels) fn correlation(
    shape: &Conv2dShape,
    operand: &Prologue,
    transposed: bool,
    tile: WorkgroupTile,
) -> Vec<Shader> {
    let area = shape.kernel[0] * shape.kernel[1];
    let (mut source, mut output) = (shape.input, shape.output());
    let (mut inner, mut outer) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
    let (mut stride_out, mut stride_in) = (inner * area, area);
    if transposed {
        (source, output, inner, outer) = (output, source, outer, inner);
        (stride_out, stride_in) = (area, outer * area);
    }
    let steps = if transposed { shape.stride } else { [1, 1] };
    let grid = [0, 1].map(|d| output[d].div_ceil(steps[d]));
    let (weight, y) = (operand.arity(), operand.arity() + 1);
    let parts = parts(shape, transposed, tile);
    let width = if parts.quads() { 4 } else { 1 };
    let dispatch = |phase: [usize; 2]| {
        let [rows, cols]: [Taps; 2] = [0, 1].map(|d| Taps::new(shape, transposed, d, phase[d]));
        let taps = (rows.count * cols.count).max(1);
        let (gh, gw, [h, w], [oh, ow]) = (grid[0], grid[1], source, output);
        let accessors = format!(
            "{}@group(0) @binding({weight}) var<storage, read> weight: array<f32>;\n{BATCHES}\
             fn load_a(group: u32, m: u32, k: u32, end: u32) -> f32 {{\n    \
             let tap = k % {taps}u;\n    \
             let at = group * {}u + m * {stride_out}u + k / {taps}u * {stride_in}u + {}u + tap / {tc}u * {}u + tap % {tc}u * {}u;\n    \
             let inside = m < M && k < end;\n    \
             return select(0.0, weight[select(0u, at, inside)], inside);\n}}\n\
             fn load_b(group: u32, n: u32, k: u32, end: u32) -> f32 {{\n    \
             let tap = k % {taps}u;\n    \
             let row = i32(n / {gw}u % {gh}u) * {} + ({}) + i32(tap / {tc}u) * ({});\n    \
             let col = i32(n % {gw}u) * {} + ({}) + i32(tap % {tc}u) * ({});\n    \
             let plane = (n / {}u * BATCHES + group) * {inner}u + k / {taps}u;\n    \
             let inside = n < N && k < end && row >= 0 && row < {h} && col >= 0 && col < {w};\n    \
             let at = (plane * {h}u + u32(row)) * {w}u + u32(col);\n    \
             return select(0.0, load_x(select(0u, at, inside)), inside);\n}}\n\
             fn place(group: u32, m: u32, n: u32) -> u32 {{\n    \
             let row = n / {gw}u % {gh}u * {}u + {}u;\n    \
             let col = n % {gw}u * {}u + {}u;\n    \
             let at = (((n / {}u * BATCHES + group) * M + m) * {oh}u + row) * {ow}u + col;\n    \
             return select(0xffffffffu, at, m < M && n < N && row < {oh}u && col < {ow}u);\n}}\n\
             fn place4(group: u32, m: u32, n: u32) -> vec4<u32> {{\n    \
             return vec4<u32>(place(group, m, n), place(group, m, n + 1u), place(group, m, n + 2u), place(group, m, n + 3u));\n}}\n\
             fn put4(group: u32, m: u32, n: u32, value: vec4<f32>) -> vec4<f32> {{\n{put}}}\n{}",
            operand.wgsl("x", 0, 1),
            inner * outer * area,
            rows.first * shape.kernel[1] + cols.first,
            rows.every * shape.kernel[1],
            cols.every,
            rows.stride,
            rows.offset,
            rows.step,
            cols.stride,
            cols.offset,
            cols.step,
            gh * gw,
            steps[0],
            phase[0],
            steps[1],
            phase[1],
            gh * gw,
            math(&[operand]),
            tc = cols.count.max(1),
            put = if width == 4 { PUT_QUAD } else { PUT_EACH },
        );
        let k = inner * rows.count * cols.count;
        let shader = tile.shader(&TileProduct {
            size: [shape.groups, outer, shape.batch * gh * gw, k],
            chunk: k.next_multiple_of(16).max(16),
            accessors,
            results: plain_result(y, "f32", width),
            a: block('a', true),
            b: block('b', false),
            store: &|row, col, value| {
                format!("    let stored_{value} = put4(batch, {row}, {col}, {value});\n")
            },
            store_sum: None,
        });
        shader.emitting(width)
    };
    let numbered = phases(steps).enumerate().map(|(i, phase)| {
        let mut shader = dispatch(phase);
        shader.set("FIRST_PART", i * parts.tiles());
        shader
    });
    numbered.collect()
}

/// How the dispatches of [`correlation`] divide the output.
pub(in crate::kernels) fn parts(shape: &Conv2dShape, transposed: bool, tile: WorkgroupTile) -> ChannelParts {
    let (channels, output, phases) = match transposed {
        true => (shape.in_channels, shape.input, shape.stride),
        false => (shape.out_channels, shape.output(), [1, 1]),
    };
    ChannelParts { batch: shape.batch, channels, output, phases, by: By::Tile(tile) }
}

/// The weight gradient: rows are output channels, columns weights of one, and the inner dimension all output pixels.
pub(in crate::kernels) struct WeightGradProduct<'a> {
    shape: &'a Conv2dShape,
    x: &'a Prologue,
    dy: &'a Prologue,
    tile: WorkgroupTile,
}

/// Workgroups that fill a large GPU, and the fewest pixels worth a workgroup.
const WORKGROUPS: usize = 512;
const FEWEST: usize = 256;

impl<'a> WeightGradProduct<'a> {
    pub fn new(
        shape: &'a Conv2dShape,
        x: &'a Prologue,
        dy: &'a Prologue,
        tile: WorkgroupTile,
    ) -> WeightGradProduct<'a> {
        WeightGradProduct { shape, x, dy, tile }
    }

    fn size(&self) -> [usize; 4] {
        let Conv2dShape { batch, in_channels, out_channels, groups, kernel, .. } = *self.shape;
        let [oh, ow] = self.shape.output();
        [groups, out_channels / groups, in_channels / groups * kernel[0] * kernel[1], batch * oh * ow]
    }

    /// Pixels of a chunk: by the first tile that is offered, so that all tiles add up the same chunks.
    fn chunk(&self) -> usize {
        let [groups, m, n, k] = self.size();
        let first = super::workgroup_tiles(m)[0];
        let tiles = groups * m.div_ceil(first.rows) * n.div_ceil(first.cols);
        let chunks = (WORKGROUPS / tiles).min(k / FEWEST).max(1);
        k.div_ceil(chunks).next_multiple_of(16)
    }

    /// Parts that the pixels are cut into.
    pub fn chunks(&self) -> usize {
        self.size()[3].div_ceil(self.chunk())
    }

    /// The dispatch that sums each chunk into the binding `out`, `[chunks, O, C / groups, KH, KW]`.
    pub fn shader(&self, out: usize) -> Shader {
        let Conv2dShape { in_channels, groups, kernel: [kh, kw], stride, padding, dilation, .. } =
            *self.shape;
        let ([h, w], [oh, ow]) = (self.shape.input, self.shape.output());
        let accessors = format!(
            "{}{}{BATCHES}\
             fn load_a(group: u32, m: u32, k: u32, end: u32) -> f32 {{\n    \
             let at = ((k / {area}u * BATCHES + group) * M + m) * {area}u + k % {area}u;\n    \
             let inside = m < M && k < end;\n    \
             return select(0.0, load_dy(select(0u, at, inside)), inside);\n}}\n\
             fn load_b(group: u32, n: u32, k: u32, end: u32) -> f32 {{\n    \
             let row = i32(k / {ow}u % {oh}u) * {} + i32(n / {kw}u % {kh}u) * {} - {};\n    \
             let col = i32(k % {ow}u) * {} + i32(n % {kw}u) * {} - {};\n    \
             let plane = (k / {area}u * BATCHES + group) * {}u + n / {}u;\n    \
             let inside = n < N && k < end && row >= 0 && row < {h} && col >= 0 && col < {w};\n    \
             let at = (plane * {h}u + u32(row)) * {w}u + u32(col);\n    \
             return select(0.0, load_x(select(0u, at, inside)), inside);\n}}\n{}",
            self.x.wgsl("x", 0, 1),
            self.dy.wgsl("dy", self.x.arity(), 1),
            stride[0],
            dilation[0],
            padding[0],
            stride[1],
            dilation[1],
            padding[1],
            in_channels / groups,
            kh * kw,
            math(&[self.x, self.dy]),
            area = oh * ow,
        );
        let put = |row: &str, col: &str, value: &str| {
            let one = |(c, part): (usize, &str)| {
                let inside = format!("{row} < M && {col} + {c}u < N");
                format!("    if ({inside}) {{ emit(first + ({row}) * N + {col} + {c}u, {value}.{part}); }}\n")
            };
            ["x", "y", "z", "w"].into_iter().enumerate().map(one).collect()
        };
        self.tile.shader(&TileProduct {
            size: self.size(),
            chunk: self.chunk(),
            accessors,
            results: plain_result(out, "f32", 1),
            a: block('a', true),
            b: block('b', true),
            store: &put,
            store_sum: None,
        })
    }
}

/// The functions that computed operands may call.
fn math(operands: &[&Prologue]) -> &'static str {
    if operands.iter().all(|o| o.is_identity()) { "" } else { wgsl!("math") }
}
