//! Weight gradients by tiles of a subgroup: lanes are input channels and broadcast the output gradient to each other; a
//! window over the input slides along each row.

use crate::Shader;
use crate::kernels::conv2d::Conv2dShape;
use crate::kernels::prologue::{Prologue, with_math};
use crate::wgsl::{Source, wgsl};

/// Tiles that keep a device busy; the rows of output pixels are cut until there are that many.
const TILES: usize = 16;
/// Sums of an invocation.
const SUMS: usize = 150;
/// Iterations of an invocation stay below 65,535, where some drivers stop.
const ITERATIONS: usize = 49_152;

/// The weight gradient of a convolution.
pub(in crate::kernels) struct WeightGradTiles<'a> {
    shape: &'a Conv2dShape,
    x: &'a Prologue,
    dy: &'a Prologue,
    lanes: usize,
}

impl<'a> WeightGradTiles<'a> {
    pub fn new(
        shape: &'a Conv2dShape,
        x: &'a Prologue,
        dy: &'a Prologue,
        lanes: usize,
    ) -> WeightGradTiles<'a> {
        WeightGradTiles { shape, x, dy, lanes }
    }

    /// Channels per group of the input and of the output.
    fn channels(&self) -> [usize; 2] {
        [self.shape.in_channels / self.shape.groups, self.shape.out_channels / self.shape.groups]
    }

    /// Rows of taps of a tile: all, or one.
    fn tap_rows(&self) -> usize {
        let [kh, kw] = self.shape.kernel;
        if kh * kw <= 9 { kh } else { 1 }
    }

    /// Output channels of a tile.
    fn rows(&self) -> usize {
        let most = (SUMS / (self.tap_rows() * self.shape.kernel[1] * self.runs())).clamp(1, 32);
        let outer = self.channels()[1];
        outer.div_ceil(outer.div_ceil(most))
    }

    /// Runs of input channels of a tile, each with one channel per lane.
    fn runs(&self) -> usize {
        let taps = self.tap_rows() * self.shape.kernel[1];
        if taps > 3 { 1 } else { self.channels()[0].div_ceil(self.lanes).min(4) }
    }

    /// Tiles along the output channels, the input channels, and the rows of taps.
    fn tiles(&self) -> [usize; 3] {
        let [inner, outer] = self.channels();
        let along = inner.div_ceil(self.lanes * self.runs());
        [outer.div_ceil(self.rows()), along, self.shape.kernel[0].div_ceil(self.tap_rows())]
    }

    /// Pixels of an iteration.
    fn width(&self) -> usize {
        let aligned = self.shape.input[1].is_multiple_of(4) && self.shape.output()[1].is_multiple_of(4);
        if aligned { 4 } else { 1 }
    }

    fn pixel_rows(&self) -> usize {
        self.shape.batch * self.shape.output()[0]
    }

    /// Parts that the rows of pixels are cut into.
    pub fn chunks(&self) -> usize {
        let tiles = self.shape.groups * self.tiles().iter().product::<usize>();
        let iterations = self.pixel_rows() * self.shape.output()[1].div_ceil(self.width());
        let wanted = TILES.div_ceil(tiles).max(iterations.div_ceil(ITERATIONS)).clamp(1, self.pixel_rows());
        self.pixel_rows().div_ceil(self.pixel_rows().div_ceil(wanted))
    }

    /// The dispatch that sums each chunk into `out`, `[chunks, O, C / groups, KH, KW]`.
    pub fn shader(&self, out: usize) -> Shader {
        let (shape, [inner, outer]) = (self.shape, self.channels());
        let [down, along, taps] = self.tiles();
        let mut source = Source::new(wgsl!("conv2d_subgroup_weight_grad"));
        let pairs = [
            ("INPUT", shape.input),
            ("OUT", shape.output()),
            ("KERNEL", shape.kernel),
            ("STRIDE", shape.stride),
            ("PADDING", shape.padding),
            ("DILATION", shape.dilation),
        ];
        for (name, [h, w]) in pairs {
            source = source.set(&format!("{name}_H"), h).set(&format!("{name}_W"), w);
        }
        let bindings = format!(
            "{}{}@group(0) @binding({out}) var<storage, read_write> out: array<f32>;",
            self.x.wgsl("x", 0, self.width()),
            self.dy.wgsl("dy", self.x.arity(), self.width())
        );
        let window = Window::new(self);
        let source = source
            .set("GROUPS", shape.groups)
            .set("INNER", inner)
            .set("OUTER", outer)
            .set("LANES", self.lanes)
            .set("ROWS", self.rows())
            .set("RUNS", self.runs())
            .set("TAP_ROWS", self.tap_rows())
            .set("TILES_DOWN", down)
            .set("TILES_ALONG", along)
            .set("TILES_TAPS", taps)
            .set("CHUNKS", self.chunks())
            .set("CHUNK", self.pixel_rows().div_ceil(self.chunks()))
            .set("PIXEL_ROWS", self.pixel_rows())
            .set("WIDTH", self.width())
            .block("bindings", &bindings)
            .block("setup", &window.setup())
            .block("begin", &window.begin())
            .block("body", &(window.slide() + &window.gradients() + &window.products()))
            .block("store", &window.store());
        let source = with_math(source, &[self.x, self.dy]).finish();
        Shader::linear(source, shape.groups * down * along * taps * self.chunks(), 1)
    }
}

/// The input pixels that an iteration's output pixels reach: of every row of taps and run of channels, `chunks` chunks of
/// `width` pixels, the first at column `first` of the row's first iteration.
struct Window<'a> {
    of: &'a WeightGradTiles<'a>,
    width: usize,
    first: isize,
    chunks: usize,
    stride: usize,
    /// Column of the first tap, and the distance of the next.
    tap: (isize, usize),
}

impl Window<'_> {
    fn new<'a>(of: &'a WeightGradTiles<'a>) -> Window<'a> {
        let (shape, width) = (of.shape, of.width());
        let (stride, least) = (shape.stride[1], -(shape.padding[1] as isize));
        let first = least.div_euclid(width as isize) * width as isize;
        let reach = (width - 1) * stride + (shape.kernel[1] - 1) * shape.dilation[1];
        let chunks = ((least - first) as usize + reach) / width + 1;
        Window { of, width, first, chunks, stride, tap: (least, shape.dilation[1]) }
    }

    fn kind(&self) -> &'static str {
        if self.width == 4 { "vec4<f32>" } else { "f32" }
    }

    /// Rows of taps, and runs of channels.
    fn rows(&self) -> impl Iterator<Item = (usize, usize)> {
        let runs = self.of.runs();
        (0..self.of.tap_rows()).flat_map(move |i| (0..runs).map(move |r| (i, r)))
    }

    /// Accumulators: output channel, row and column of taps, and run.
    fn sums(&self) -> impl Iterator<Item = [usize; 4]> {
        let (rows, cols) = (self.of.rows(), self.of.shape.kernel[1]);
        (0..rows).flat_map(move |o| self.rows().flat_map(move |(i, r)| (0..cols).map(move |j| [o, i, j, r])))
    }

    fn setup(&self) -> String {
        let mut text = String::new();
        for [o, i, j, r] in self.sums() {
            text += &format!("    var sum{o}_{i}_{j}_{r} = 0.0;\n");
        }
        for r in 0..self.of.runs() {
            text += &format!("    let channel{r} = (along * RUNS + {r}u) * LANES + lane;\n");
        }
        for t in (0..self.of.rows()).step_by(self.of.lanes) {
            text += &format!("    let from{t} = min(down * ROWS + {t}u + lane, OUTER - 1u);\n");
        }
        text
    }

    /// WGSL that loads a chunk of a row of taps and a run.
    fn load(&self, i: usize, r: usize, chunk: usize) -> String {
        let unit = if self.width == 4 { " / 4" } else { "" };
        let col = format!("col + {}", self.first + (chunk * self.width) as isize);
        format!(
            "select({}(), load_x(u32(select(0, at{i}_{r} + {col}, live{i}_{r} && {col} >= 0 && {col} < INPUT_W){unit})), \
             live{i}_{r} && {col} >= 0 && {col} < INPUT_W)",
            self.kind()
        )
    }

    /// At the start of a row of pixels: where the rows of input pixels begin, and the chunks before the first new ones.
    fn begin(&self) -> String {
        let mut text = "        var col = 0;\n".to_owned();
        for (i, r) in self.rows() {
            text += &format!(
                "        let row{i}_{r} = i32(row) * STRIDE_H + i32(tap + {i}u) * DILATION_H - PADDING_H;\n        \
                 let live{i}_{r} = row{i}_{r} >= 0 && row{i}_{r} < INPUT_H && tap + {i}u < KERNEL_H && channel{r} < INNER;\n        \
                 let at{i}_{r} = (i32((image * GROUPS + group) * INNER + channel{r}) * INPUT_H + row{i}_{r}) * INPUT_W;\n"
            );
            for chunk in 0..self.chunks {
                // The first slide moves all chunks down by `stride`: the chunks that it keeps are loaded `stride`
                // places further up.
                let value = match chunk.checked_sub(self.stride) {
                    Some(before) => self.load(i, r, before),
                    None => format!("{}()", self.kind()),
                };
                text += &format!("        var x{i}_{r}_{chunk} = {value};\n");
            }
        }
        text
    }

    /// Advances the window: chunks that stay are renamed, the others loaded.
    fn slide(&self) -> String {
        let mut text = String::new();
        for (i, r) in self.rows() {
            for chunk in 0..self.chunks {
                let value = match chunk + self.stride < self.chunks {
                    true => format!("x{i}_{r}_{}", chunk + self.stride),
                    false => self.load(i, r, chunk),
                };
                text += &format!("            x{i}_{r}_{chunk} = {value};\n");
            }
        }
        text
    }

    /// Loads of the output gradient: each lane loads different channels.
    fn gradients(&self) -> String {
        let unit = if self.width == 4 { " / 4u" } else { "" };
        let load = |t: usize| {
            let plane = format!("((image * GROUPS + group) * OUTER + from{t}) * OUT_H + row");
            format!("            let dy{t} = load_dy((({plane}) * OUT_W + pixel){unit});\n")
        };
        (0..self.of.rows()).step_by(self.of.lanes).map(load).collect()
    }

    /// The products, output channel by output channel: compilers keep this order, and with it the sums in registers.
    fn products(&self) -> String {
        let part = |i: usize| {
            if self.width == 4 { [".", ["x", "y", "z", "w"][i % 4]].concat() } else { String::new() }
        };
        let (cols, lanes) = (self.of.shape.kernel[1], self.of.lanes);
        let mut text = String::new();
        for o in 0..self.of.rows() {
            for q in 0..self.width {
                let (from, lane) = (o / lanes * lanes, o % lanes);
                text +=
                    &format!("            let d{o}_{q} = subgroupBroadcast(dy{from}{}, {lane}u);\n", part(q));
            }
            for ((i, r), j) in self.rows().flat_map(|ir| (0..cols).map(move |j| (ir, j))) {
                let sum = format!("sum{o}_{i}_{j}_{r}");
                let total = (0..self.width).fold(sum.clone(), |total, q| {
                    let at = (self.tap.0 - self.first) as usize + j * self.tap.1 + q * self.stride;
                    format!("({total} + d{o}_{q} * x{i}_{r}_{}{})", at / self.width, part(at))
                });
                text += &format!("            {sum} = {total};\n");
            }
        }
        text
    }

    fn store(&self) -> String {
        let store = |[o, i, j, r]: [usize; 4]| {
            format!(
                "    if (down * ROWS + {o}u < OUTER && tap + {i}u < KERNEL_H && channel{r} < INNER) {{ \
                 out[position(chunk, group, down * ROWS + {o}u, channel{r}, tap + {i}u, {j}u)] = sum{o}_{i}_{j}_{r}; }}\n"
            )
        };
        self.sums().map(store).collect()
    }
}
