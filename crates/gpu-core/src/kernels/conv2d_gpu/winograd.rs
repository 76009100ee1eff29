//! Winograd's convolution F(4x4, 3x3) (Lavin and Gray 2015, "Fast algorithms for convolutional neural networks"), as on the CPU: a tile of
//! 4x4 outputs is `A^T ((G w G^T) * (B^T x B)) A`, summed over channels between the transformations, with 36 instead of 144
//! multiplications per tile and pair of channels.
//!
//! Four dispatches: weights to `U [36][output channel][source channel]`, source to `V [36][source channel][tile]`, 36 matrix products to
//! `M [36][output channel][tile]`, and `M` to the output. `U`, `V` and `M` lie in scratch memory.

use super::{GpuFamily, GpuProfile};
use crate::kernels::conv2d::Conv2dShape;
use crate::kernels::epilogue::plain_result;
use crate::kernels::matmul::{MatMul, ProductVariant};
use crate::kernels::prologue::{Prologue, with_math};
use crate::wgsl::{Source, wgsl};
use crate::{Kernel, Layout, Shader};

/// Outputs of a tile along a dimension, and elements of the source that they depend on.
const TILE: usize = 4;
const PATCH: usize = 6;
/// Elements of a transformed tile.
const POINTS: usize = PATCH * PATCH;
/// Fewest channels of source and output for which the products saved pay for the transformations on software adapters: 0.65 of the time at
/// 64 channels, 1.1 at 32. On real GPUs the transformations' traffic costs as much as the products saved.
const CHANNELS: usize = 64;
/// Tiles that an invocation transforms, as a vector.
const WIDTH: usize = 4;
/// Floats between the points of V and of M: at distances of a power of two, a tile's points would share few sets of a CPU's caches.
const GAP: usize = 16;
/// Most bytes of scratch memory: what every adapter can bind.
const SCRATCH: usize = 128 << 20;

/// How the dispatches are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::kernels) struct WinogradTiles {
    /// Rows and columns of the tiles that an invocation transforms.
    set: [usize; 2],
    product: ProductVariant,
}

/// The convolution or its input gradient.
pub(in crate::kernels) struct Winograd<'a> {
    shape: &'a Conv2dShape,
    transposed: bool,
    set: [usize; 2],
}

impl Winograd<'_> {
    pub fn new(shape: &Conv2dShape, transposed: bool, tiles: WinogradTiles) -> Winograd<'_> {
        Winograd { shape, transposed, set: tiles.set }
    }

    /// The tiles with which the algorithm computes a shape on a GPU; `None` where it can't, or where others are expected to be faster.
    pub fn tiles(shape: &Conv2dShape, transposed: bool, gpu: &GpuProfile) -> Option<WinogradTiles> {
        let simple = shape.kernel == [3, 3] && shape.stride == [1, 1] && shape.dilation == [1, 1];
        if !simple || shape.groups != 1 || shape.padding.iter().any(|&p| p > 2) {
            return None;
        }
        if gpu.family != GpuFamily::Software {
            return None;
        }
        let with = |set| Winograd { shape, transposed, set };
        let of = [[1, 4], [2, 2]].map(with).into_iter().min_by_key(Winograd::columns)?;
        let [inner, outer] = of.channels();
        let [h, w] = of.output();
        let filled = 2 * shape.batch * h * w >= TILE * TILE * of.columns();
        let pays = inner.min(outer) >= CHANNELS && filled;
        let product = of.product().best(gpu);
        (pays && 4 * of.scratch() <= SCRATCH).then_some(WinogradTiles { set: of.set, product })
    }

    /// Channels of the source and of the output.
    fn channels(&self) -> [usize; 2] {
        let both = [self.shape.in_channels, self.shape.out_channels];
        if self.transposed { [both[1], both[0]] } else { both }
    }

    fn source(&self) -> [usize; 2] {
        if self.transposed { self.shape.output() } else { self.shape.input }
    }

    fn output(&self) -> [usize; 2] {
        if self.transposed { self.shape.input } else { self.shape.output() }
    }

    fn padding(&self) -> [usize; 2] {
        self.shape.padding.map(|p| if self.transposed { 2 - p } else { p })
    }

    /// Sets of a column and of a row of an image.
    fn sets(&self) -> [usize; 2] {
        [0, 1].map(|d| self.output()[d].div_ceil(TILE * self.set[d]))
    }

    /// Sets of all images.
    fn all_sets(&self) -> usize {
        self.shape.batch * self.sets()[0] * self.sets()[1]
    }

    /// Columns of the products: tiles.
    fn columns(&self) -> usize {
        self.all_sets() * WIDTH
    }

    /// Floats from one point to the next, in V or M of so many channels.
    fn point(&self, channels: usize) -> usize {
        channels * self.columns() + GAP
    }

    /// Floats of U, V and M.
    fn regions(&self) -> [usize; 3] {
        let [inner, outer] = self.channels();
        let u = (POINTS * inner * outer).next_multiple_of(4);
        [u, POINTS * self.point(inner), POINTS * self.point(outer)]
    }

    /// Floats of scratch memory.
    pub fn scratch(&self) -> usize {
        self.regions().iter().sum()
    }

    /// The 36 products over scratch memory.
    fn product(&self) -> MatMul {
        let ([inner, outer], columns) = (self.channels(), self.columns());
        let matrices = |rows: usize, cols: usize, point: usize, offset: usize| {
            Layout::new(vec![POINTS, rows, cols], vec![point as isize, cols as isize, 1], offset)
        };
        let (a, b) = (outer * inner, self.point(inner));
        MatMul::new(matrices(outer, inner, a, 0), matrices(inner, columns, b, self.regions()[0]))
    }

    /// The dispatches; `scratch` is the binding of scratch memory.
    pub fn shaders(&self, operand: &Prologue, tiles: WinogradTiles) -> Vec<Shader> {
        let scratch = operand.arity() + 2;
        vec![
            self.transform_weights(operand.arity(), scratch),
            self.transform_source(operand, scratch),
            self.products(tiles.product, scratch),
            self.transform_output(operand.arity() + 1, scratch),
        ]
    }

    fn transform_weights(&self, weight: usize, scratch: usize) -> Shader {
        let [inner, outer] = self.channels();
        let [stride_out, stride_in] = if self.transposed { [9, outer * 9] } else { [inner * 9, 9] };
        let bindings = format!(
            "@group(0) @binding({weight}) var<storage, read> weight: array<f32>;\n\
             @group(0) @binding({scratch}) var<storage, read_write> u: array<f32>;"
        );
        let source = Source::new(wgsl!("winograd_weights"))
            .set("OUTER", outer)
            .set("INNER", inner)
            .set("STRIDE_OUT", stride_out)
            .set("STRIDE_IN", stride_in)
            .set("TURNED", self.transposed)
            .block("bindings", &bindings);
        Shader::linear(source.finish(), outer * inner, 64)
    }

    /// Sets the constants that both transformations of tiles share; `first` is where the tiles begin, in floats.
    fn set(&self, source: Source, channels: usize, first: usize) -> Source {
        let [sets_h, sets_w] = self.sets();
        source
            .set("CHANNELS", channels)
            .set("SETS", self.all_sets())
            .set("SETS_H", sets_h)
            .set("SETS_W", sets_w)
            .set("SETS_STRIDE", self.columns() / WIDTH)
            .set("POINT_STRIDE", self.point(channels) / WIDTH)
            .set("FIRST", first / WIDTH)
            .set("STEP_H", TILE * self.set[0])
            .set("STEP_W", TILE * self.set[1])
            .block("type", "alias T = vec4<f32>;")
    }

    fn transform_source(&self, operand: &Prologue, scratch: usize) -> Shader {
        let ([h, w], [high, wide], channels) = (self.source(), self.padding(), self.channels()[0]);
        let patches = Patches::new(self);
        let (kind, unit) = if patches.width == 4 { ("vec4<f32>", " / 4") } else { ("f32", "") };
        let bindings = format!(
            "{}@group(0) @binding({scratch}) var<storage, read_write> v: array<T>;\n\n\
             fn pixels(plane: i32, row: i32, col: i32) -> {kind} {{\n    \
             let inside = row >= 0 && row < SOURCE_H && col >= 0 && col < SOURCE_W;\n    \
             let at = select(0, (plane * SOURCE_H + row) * SOURCE_W + col, inside){unit};\n    \
             return select({kind}(), load_x(u32(at)), inside);\n}}",
            operand.wgsl("x", 0, patches.width),
        );
        let source = self
            .set(Source::new(wgsl!("winograd_source")), channels, self.regions()[0])
            .set("SOURCE_H", h)
            .set("SOURCE_W", w)
            .set("PADDING_H", high)
            .set("PADDING_W", wide)
            .block("bindings", &bindings)
            .block("loads", patches.loads().trim_end());
        Shader::linear(with_math(source, &[operand]).finish(), channels * self.all_sets(), 64)
    }

    /// The products' shader, with the three regions of scratch memory as its operands and result.
    fn products(&self, variant: ProductVariant, scratch: usize) -> Shader {
        let [u, v, _] = self.regions();
        let mut shader = self.product().of(variant).shaders().remove(0).not_emitting();
        let results = format!(
            "@group(0) @binding({scratch}) var<storage, read_write> scratch: array<vec4<f32>>;\n\n\
             fn place(i: u32) -> u32 {{\n    return i + i / {}u * {GAP}u + {}u;\n}}\n\n\
             fn emit(i: u32, value: f32) {{\n    scratch[place(i) / 4u][i % 4u] = value;\n}}\n\n\
             fn emit4(i: u32, value: vec4<f32>) {{\n    scratch[place(i) / 4u] = value;\n}}",
            self.channels()[1] * self.columns(),
            u + v
        );
        shader.block("results", &results, "");
        shader.read_as("a", "scratch");
        shader.read_as("b", "scratch");
        shader
    }

    fn transform_output(&self, y: usize, scratch: usize) -> Shader {
        let ([h, w], [u, v, _]) = (self.output(), self.regions());
        let width = if w.is_multiple_of(4) { 4 } else { 1 };
        let bindings = format!("@group(0) @binding({scratch}) var<storage, read_write> m: array<T>;");
        let source = self
            .set(Source::new(wgsl!("winograd_output")), self.channels()[1], u + v)
            .set("OUT_H", h)
            .set("OUT_W", w)
            .block("bindings", &bindings)
            .block("results", &plain_result(y, "f32", width))
            .block("store", self.store(width).trim_end());
        Shader::linear(source.finish(), self.channels()[1] * self.all_sets(), 64).emitting(width)
    }

    /// Rows and columns of the tiles of a set, with the WGSL that selects each from a vector of them.
    fn tiles_of_set(&self) -> impl Iterator<Item = ([usize; 2], &'static str)> {
        let [_, wide] = self.set;
        [".x", ".y", ".z", ".w"].into_iter().enumerate().map(move |(t, part)| ([t / wide, t % wide], part))
    }

    fn store(&self, width: usize) -> String {
        let mut text = String::new();
        for ([down, along], part) in self.tiles_of_set() {
            for r in 0..TILE {
                let row = format!("row + {}u", down * TILE + r);
                let value = |c: usize| format!("r{r}.{}{part}", ["a", "b", "c", "d"][c]);
                for c in (0..TILE).step_by(width) {
                    let col = format!("col + {}u", along * TILE + c);
                    let at = format!("first + ({row}) * OUT_W + {col}");
                    let emit = match width {
                        4 => format!("emit4({at}, vec4<f32>({}))", [0, 1, 2, 3].map(value).join(", ")),
                        _ => format!("emit({at}, {})", value(c)),
                    };
                    text += &format!("    if ({row} < OUT_H && {col} < OUT_W) {{ {emit}; }}\n");
                }
            }
        }
        text
    }
}

/// The pixels that a set of tiles is computed from: in each of its rows `chunks` chunks of `width` pixels from column `first` of the set on.
/// Where sets span whole rows, no chunk is outside of the source.
struct Patches<'a> {
    of: &'a Winograd<'a>,
    width: usize,
    first: isize,
    chunks: usize,
}

impl Patches<'_> {
    fn new<'a>(of: &'a Winograd<'a>) -> Patches<'a> {
        let (source, padding) = (of.source()[1], of.padding()[1] as isize);
        let width = if source.is_multiple_of(4) { 4 } else { 1 };
        let mut first = (-padding).div_euclid(width as isize) * width as isize;
        let mut end = (TILE * of.set[1] + 2) as isize - padding;
        if of.sets()[1] == 1 {
            (first, end) = (first.max(0), end.min(source as isize));
        }
        Patches { of, width, first, chunks: ((end - first) as usize).div_ceil(width) }
    }

    /// WGSL of element `[i, j]` of the patches of all tiles.
    fn element(&self, i: usize, j: usize) -> String {
        let one = |([down, along], _): ([usize; 2], &str)| {
            let col = (along * TILE + j) as isize - self.of.padding()[1] as isize - self.first;
            let chunk = col.div_euclid(self.width as isize);
            if !(0..self.chunks as isize).contains(&chunk) {
                return "0.0".to_owned();
            }
            let part = if self.width == 4 { [".x", ".y", ".z", ".w"][col as usize % 4] } else { "" };
            format!("x{}_{chunk}{part}", down * TILE + i)
        };
        let all: Vec<String> = self.of.tiles_of_set().map(one).collect();
        format!("T({})", all.join(", "))
    }

    /// WGSL of the loads, and of `B^T x` of every column.
    fn loads(&self) -> String {
        let mut text = String::new();
        for row in 0..TILE * self.of.set[0] + 2 {
            for chunk in 0..self.chunks {
                let col = self.first + (chunk * self.width) as isize;
                text += &format!("    let x{row}_{chunk} = pixels(plane, row + {row}, col + ({col}));\n");
            }
        }
        for j in 0..PATCH {
            let column: Vec<String> = (0..PATCH).map(|i| self.element(i, j)).collect();
            text += &format!("    let c{j} = six({});\n", column.join(", "));
        }
        text
    }
}
