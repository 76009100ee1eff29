//! Correlations by tiles of a subgroup: lanes are output channels and broadcast the source's pixels to each other, so
//! that each pixel is loaded once for all of them.

use super::taps::{Taps, phases};
use super::{FIRST_TILE, PixelTile};
use crate::Shader;
use crate::kernels::conv2d::Conv2dShape;
use crate::kernels::epilogue::plain_result;
use crate::kernels::prologue::{Prologue, with_math};
use crate::wgsl::{Source, wgsl};

/// The convolution or its input gradient.
pub(in crate::kernels) struct Correlate<'a> {
    shape: &'a Conv2dShape,
    operand: &'a Prologue,
    transposed: bool,
    lanes: usize,
    /// Target number of pixels of a tile.
    pixels: usize,
    /// Runs of output channels of a tile, each with one channel per lane.
    runs: usize,
}

/// What one dispatch computes: the output pixels of one phase.
struct Phase {
    phase: [usize; 2],
    taps: [Taps; 2],
    /// Where its packed weights begin, in vectors.
    weights: usize,
}

/// Products of one iteration of the inner loop: longer bodies take drivers long to compile.
const PRODUCTS: usize = 800;

impl<'a> Correlate<'a> {
    pub fn forward(shape: &'a Conv2dShape, x: &'a Prologue, tile: PixelTile) -> Correlate<'a> {
        let PixelTile { lanes, pixels, runs } = tile;
        Correlate { shape, operand: x, transposed: false, lanes, pixels, runs }
    }

    pub fn input_grad(shape: &'a Conv2dShape, dy: &'a Prologue, tile: PixelTile) -> Correlate<'a> {
        let PixelTile { lanes, pixels, runs } = tile;
        Correlate { shape, operand: dy, transposed: true, lanes, pixels, runs }
    }

    /// Channels of a group of the source and of the output.
    fn channels(&self) -> [usize; 2] {
        let s = self.shape;
        let both = [s.in_channels / s.groups, s.out_channels / s.groups];
        if self.transposed { [both[1], both[0]] } else { both }
    }

    fn source(&self) -> [usize; 2] {
        if self.transposed { self.shape.output() } else { self.shape.input }
    }

    fn output(&self) -> [usize; 2] {
        if self.transposed { self.shape.input } else { self.shape.output() }
    }

    /// Numbers of phases of the output pixels, and of pixels per phase.
    fn grid(&self) -> ([usize; 2], [usize; 2]) {
        let phases = if self.transposed { self.shape.stride } else { [1, 1] };
        (phases, [0, 1].map(|d| self.output()[d].div_ceil(phases[d])))
    }

    fn phases(&self) -> Vec<Phase> {
        let mut weights = 0;
        let phase = |phase: [usize; 2]| {
            let taps = [0, 1].map(|d| Taps::new(self.shape, self.transposed, d, phase[d]));
            let next = Phase { phase, taps, weights };
            weights += self.vectors(&next);
            next
        };
        phases(self.grid().0).map(phase).collect()
    }

    /// Source channels of an iteration: a power of two that divides the lanes, and fits the first tile that is offered. As it decides in
    /// which order products are added, it is the same for all tiles.
    fn step(&self, phase: &Phase) -> usize {
        let [pixels, runs] = FIRST_TILE;
        let first = Correlate { pixels, runs: runs.min(self.channels()[1].div_ceil(self.lanes)), ..*self };
        let [high, wide] = first.tile();
        let products = |step: usize| high * wide * first.runs * phase.taps[1].count * step;
        let most = self.channels()[0].next_power_of_two().min(self.lanes);
        let mut step = most;
        while step > 1 && products(step) > PRODUCTS {
            step /= 2;
        }
        step
    }

    /// Rows and columns of a tile of pixels.
    fn tile(&self) -> [usize; 2] {
        let (_, [high, wide]) = self.grid();
        let cols = wide.div_ceil(wide.div_ceil(self.pixels));
        let cols = if wide.is_multiple_of(4) { cols.next_multiple_of(4) } else { cols };
        [(self.pixels / cols).clamp(1, high), cols]
    }

    /// Runs of output channels, the last ones perhaps empty.
    fn all_runs(&self) -> usize {
        self.channels()[1].div_ceil(self.lanes * self.runs) * self.runs
    }

    /// Vectors of weights that a lane uses in an iteration.
    fn depth(&self, phase: &Phase) -> usize {
        (self.step(phase) * phase.taps[1].count).div_ceil(4)
    }

    /// Iterations over the source channels of a phase.
    fn blocks(&self, phase: &Phase) -> usize {
        self.channels()[0].div_ceil(self.step(phase))
    }

    /// Vectors of packed weights of a phase.
    fn vectors(&self, phase: &Phase) -> usize {
        let rows = self.shape.groups * self.all_runs() * self.blocks(phase) * phase.taps[0].count;
        rows * self.depth(phase) * self.lanes
    }

    /// Floats of the packed weights.
    pub fn packed(&self) -> usize {
        4 * self.phases().iter().map(|p| self.vectors(p)).sum::<usize>().max(1)
    }

    /// The dispatches that pack the weights and compute the pixels of each phase.
    pub fn shaders(&self) -> Vec<Shader> {
        let phases = self.phases();
        let packed = phases.iter().filter(|p| self.vectors(p) > 0).map(|p| self.pack(p));
        packed.chain(phases.iter().map(|p| self.main(p))).collect()
    }

    fn pack(&self, phase: &Phase) -> Shader {
        let ([inner, outer], [kh, kw]) = (self.channels(), self.shape.kernel);
        let area = kh * kw;
        let (out, into) = if self.transposed { (area, outer * area) } else { (inner * area, area) };
        let weight = self.operand.arity();
        let bindings = format!(
            "@group(0) @binding({weight}) var<storage, read> weight: array<f32>;\n\
             @group(0) @binding({}) var<storage, read_write> packed: array<vec4<f32>>;",
            weight + 2
        );
        let [rows, cols] = phase.taps;
        let source = Source::new(wgsl!("conv2d_subgroup_pack"))
            .set("FIRST", phase.weights)
            .set("GROUPS", self.shape.groups)
            .set("INNER", inner)
            .set("OUTER", outer)
            .set("AREA", area)
            .set("LANES", self.lanes)
            .set("RUNS", self.all_runs())
            .set("BLOCKS", self.blocks(phase))
            .set("STEP", self.step(phase))
            .set("DEPTH", self.depth(phase))
            .set("ROW_TAPS", rows.count)
            .set("COL_TAPS", cols.count)
            .set("FIRST_TAP", rows.first * kw + cols.first)
            .set("TAP_ROW", rows.every * kw)
            .set("TAP_COL", cols.every)
            .set("STRIDE_OUT", out)
            .set("STRIDE_IN", into)
            .block("bindings", &bindings);
        Shader::linear(source.finish(), self.vectors(phase), 64)
    }

    fn main(&self, phase: &Phase) -> Shader {
        let phases = self.grid().0;
        // The last pixels of a later phase may be outside.
        let grid = [0, 1].map(|d| self.output()[d].saturating_sub(phase.phase[d]).div_ceil(phases[d]));
        let ([inner, outer], tile) = (self.channels(), self.tile());
        let tiles = [0, 1].map(|d| grid[d].div_ceil(tile[d]).max(1));
        let blocks = outer.div_ceil(self.lanes * self.runs);
        let window = Window::new(self, phase);
        let mut source = Source::new(wgsl!("conv2d_subgroup"));
        let pairs = [
            ("SOURCE", self.source()),
            ("OUT", self.output()),
            ("GRID", grid),
            ("PHASES", phases),
            ("PHASE", phase.phase),
            ("TILE", tile),
            ("TILES", tiles),
        ];
        for (name, [h, w]) in pairs {
            source = source.set(&format!("{name}_H"), h).set(&format!("{name}_W"), w);
        }
        let [rows, _] = phase.taps;
        let source = source
            .set("BATCH", self.shape.batch)
            .set("GROUPS", self.shape.groups)
            .set("INNER", inner)
            .set("OUTER", outer)
            .set("LANES", self.lanes)
            .set("BLOCKS_OUT", blocks)
            .set("RUNS", self.runs)
            .set("BLOCKS", self.blocks(phase))
            .set("STEP", self.step(phase))
            .set("DEPTH", self.depth(phase))
            .set("WEIGHTS", phase.weights)
            .set("ROW_TAPS", rows.count)
            .set("ROW_OFFSET", rows.offset)
            .set("ROW_STEP", rows.step)
            .block("bindings", self.bindings(&window).trim_end())
            .block("results", &plain_result(self.operand.arity() + 1, "f32", window.width_stored()))
            .block("setup", &window.setup())
            .block("body", &(window.loads() + &window.products()))
            .block("store", &window.store());
        let source = with_math(source, &[self.operand]).finish();
        let groups = self.shape.batch * tiles[0] * tiles[1] * blocks * self.shape.groups;
        Shader::linear(source, groups, 1).emitting(window.width_stored())
    }

    fn bindings(&self, window: &Window) -> String {
        format!(
            "@group(0) @binding({}) var<storage, read_write> weights: array<vec4<f32>>;\n{}",
            self.operand.arity() + 2,
            self.operand.wgsl("x", 0, window.width)
        )
    }
}

/// The source pixels that a tile reads in an iteration: `chunks` chunks of `width` pixels from column `first` on, of
/// every row and of `step` channels. Every lane loads chunks of one of the channels. Where tiles span whole rows, no chunk is outside of
/// the source, and products with the columns there are left out.
struct Window<'a> {
    of: &'a Correlate<'a>,
    taps: [Taps; 2],
    tile: [usize; 2],
    step: usize,
    depth: usize,
    width: usize,
    first: isize,
    chunks: usize,
}

impl Window<'_> {
    fn new<'a>(of: &'a Correlate<'a>, phase: &Phase) -> Window<'a> {
        let (tile, taps) = (of.tile(), phase.taps);
        let aligned = of.source()[1].is_multiple_of(4) && (tile[1] * taps[1].stride).is_multiple_of(4);
        let width = if aligned { 4 } else { 1 };
        let (least, most) = taps[1].reach();
        let mut first = least.div_euclid(width as isize) * width as isize;
        let mut end = most + ((tile[1] - 1) * taps[1].stride) as isize + 1;
        if of.grid().1[1] <= tile[1] {
            (first, end) = (first.max(0), end.min(of.source()[1] as isize));
        }
        let chunks = ((end - first).max(1) as usize).div_ceil(width);
        let (step, depth) = (of.step(phase), of.depth(phase));
        Window { of, taps, tile, step, depth, width, first, chunks }
    }

    /// Chunks that are loaded at once.
    fn side_by_side(&self) -> usize {
        self.of.lanes / self.step
    }

    fn loads_needed(&self) -> usize {
        (self.tile[0] * self.chunks).div_ceil(self.side_by_side())
    }

    /// Where the lane's chunk of each load lies for the first channels at row offset 0, and whether it exists.
    fn setup(&self) -> String {
        let (step, side, chunks, width) = (self.step, self.side_by_side(), self.chunks, self.width);
        let stride = [self.taps[0].stride, self.taps[1].stride];
        let mut text = String::new();
        for l in 0..self.loads_needed() {
            text += &format!(
                "    let chunk{l} = {}u + lane / {step}u;\n    \
                 let row{l} = i32(tile_row + chunk{l} / {chunks}u) * {};\n    \
                 let col{l} = i32(tile_col * {}u + chunk{l} % {chunks}u * {width}u) + ({});\n    \
                 let live{l} = col{l} >= 0 && col{l} < SOURCE_W;\n    \
                 let at{l} = (plane * SOURCE_H + row{l}) * SOURCE_W + col{l};\n",
                l * side,
                stride[0],
                stride[1],
                self.first
            );
        }
        for (p, r) in self.sums() {
            text += &format!("    var sum{p}_{r} = 0.0;\n");
        }
        text
    }

    /// Accumulators: pixel of the tile, and run of output channels.
    fn sums(&self) -> impl Iterator<Item = (usize, usize)> {
        let runs = self.of.runs;
        (0..self.tile[0] * self.tile[1]).flat_map(move |p| (0..runs).map(move |r| (p, r)))
    }

    fn loads(&self) -> String {
        let (kind, unit) = if self.width == 4 { ("vec4<f32>", " / 4u") } else { ("f32", "") };
        let inner = self.of.channels()[0];
        let present = match inner.is_multiple_of(self.step) {
            true => "",
            false => " && block * STEP + channel < INNER",
        };
        let mut text = String::new();
        for l in 0..self.loads_needed() {
            text += &format!(
                "            let inside{l} = live{l} && row{l} + shift >= 0 && row{l} + shift < SOURCE_H{present};\n            \
                 let x{l} = select({kind}(), load_x(u32(select(0, at{l} + move_by, inside{l})){unit}), inside{l});\n"
            );
        }
        for r in 0..self.of.runs {
            for d in 0..self.depth {
                let at = format!("weight_at + {}u", d * self.of.lanes);
                text += &format!("            let w{r}_{d} = weights[{at} + {r}u * run_size];\n");
            }
        }
        text
    }

    /// Name of the pixel at row `row` of the tile and column `col` of the window, of a channel; it is uniform over the
    /// lanes.
    fn pixel(&self, row: usize, col: usize, channel: usize) -> String {
        let chunk = row * self.chunks + col / self.width;
        let (load, place) = (chunk / self.side_by_side(), chunk % self.side_by_side());
        let component = match self.width {
            4 => format!(".{}", ["x", "y", "z", "w"][col % 4]),
            _ => String::new(),
        };
        format!("subgroupBroadcast(x{load}{component}, {}u)", place * self.step + channel)
    }

    /// All products of an iteration, pixel by pixel: compilers keep this order, and with it a pixel's sums in
    /// registers.
    fn products(&self) -> String {
        let (rows, cols) = (self.taps[1].count, self.tile[1]);
        let mut text = String::new();
        let mut known = std::collections::HashSet::new();
        for (row, col) in (0..self.tile[0]).flat_map(|row| (0..cols).map(move |col| (row, col))) {
            let mut terms = vec![];
            for (channel, tap) in (0..self.step).flat_map(|c| (0..rows).map(move |t| (c, t))) {
                let at = (col * self.taps[1].stride) as isize + self.taps[1].at(tap) - self.first;
                if !(0..(self.chunks * self.width) as isize).contains(&at) {
                    continue;
                }
                let at = at as usize;
                let name = format!("p{row}_{at}_{channel}");
                if known.insert(name.clone()) {
                    text += &format!("            let {name} = {};\n", self.pixel(row, at, channel));
                }
                terms.push((name, channel * rows + tap));
            }
            for run in 0..self.of.runs {
                let sum = format!("sum{}_{run}", row * cols + col);
                let total = terms.iter().fold(sum.clone(), |total, (name, k)| {
                    let weight = format!("w{run}_{}.{}", k / 4, ["x", "y", "z", "w"][k % 4]);
                    format!("({total} + {name} * {weight})")
                });
                text += &format!("            {sum} = {total};\n");
            }
        }
        text
    }

    /// Elements that are stored at a time: 4 if rows of the output and of a tile consist of whole vectors.
    fn width_stored(&self) -> usize {
        let wide = self.of.output()[1].is_multiple_of(4) && self.tile[1].is_multiple_of(4);
        if wide && self.of.grid().0 == [1, 1] { 4 } else { 1 }
    }

    fn store(&self) -> String {
        let (cols, width) = (self.tile[1], self.width_stored());
        let mut text = String::new();
        for run in 0..self.of.runs {
            text += &format!("    let channel{run} = (block_out * RUNS + {run}u) * LANES + lane;\n");
            for (row, col) in (0..self.tile[0]).flat_map(|r| (0..cols).step_by(width).map(move |c| (r, c))) {
                let sum = |c: usize| format!("sum{}_{run}", row * cols + c);
                let inside = format!(
                    "channel{run} < OUTER && tile_row + {row}u < GRID_H && tile_col + {col}u < GRID_W"
                );
                let at =
                    format!("position(image, group, channel{run}, tile_row + {row}u, tile_col + {col}u)");
                text += &match width {
                    4 => {
                        let all: Vec<String> = (col..col + 4).map(sum).collect();
                        format!("    if ({inside}) {{ emit4({at}, vec4<f32>({})); }}\n", all.join(", "))
                    }
                    _ => format!("    if ({inside}) {{ emit({at}, {}); }}\n", sum(col)),
                };
            }
        }
        text
    }
}
