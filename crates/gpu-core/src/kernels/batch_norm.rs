//! The reductions of batch normalisation (Ioffe and Szegedy 2015) of `x [N, C, S]`, per channel over `N` and `S`. The rest of batch
//! normalisation is element-wise.
//!
//! On a GPU a channel is split over many invocations, whose partial results a tree of later dispatches combines. On the
//! CPU every (image, channel) plane is one partial result; planes too small for that are handled as columns of a
//! `[N, C S]` matrix. Both orders are fixed, so that results depend on neither timing nor the number of threads.

use rayon::prelude::*;

use super::layer_norm::{Moments, RUN, centered_column_sums, column_moments, long_sums, row_moments};
use super::prologue::{Operand, Prologue, with_math};
use super::scratch::{Pooled, ScratchVec};
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, Kernel, Shader, Target};

/// Mean and biased variance of every channel.
///
/// Arguments: the inputs of `x`, of `batch channels spatial` elements in the order `[N, C, S]`; written: mean `[channels]`,
/// var `[channels]`.
#[derive(Clone, Debug)]
pub struct ChannelMoments {
    /// Images, N.
    pub batch: usize,
    /// Channels, C.
    pub channels: usize,
    /// Elements of one channel of one image.
    pub spatial: usize,
    /// The operand `[N, C, S]`.
    pub x: Prologue,
}

/// `sum dy` and `sum dy (x - mean)` of every channel: the gradients of batch norm's beta, and of its gamma without the
/// factor `1 / sqrt(var + eps)`.
///
/// Arguments: the inputs of `x`, those of `dy` (both of `batch channels spatial` elements in the order `[N, C, S]`), mean
/// `[channels]`; written: the two sums, `[channels]` each.
#[derive(Clone, Debug)]
pub struct ChannelSums {
    /// Images, N.
    pub batch: usize,
    /// Channels, C.
    pub channels: usize,
    /// Elements of one channel of one image.
    pub spatial: usize,
    /// The input of the forward pass, `[N, C, S]`.
    pub x: Prologue,
    /// The gradient of the output, `[N, C, S]`.
    pub dy: Prologue,
}

/// Fewest and most items that one invocation reduces: some drivers end loops after 65,535 iterations.
const ITEMS: usize = 32;
const MOST_ITEMS: usize = 32 * 1024;
/// Most parts of a channel, unless an invocation would then have more than `MOST_ITEMS` items.
const PARTS: usize = 4096;
/// Words of a partial result of moments, and of two sums.
const MOMENT_WORDS: usize = 4;
pub(super) const SUM_WORDS: usize = 2;

/// Neighbouring parts that share a block of items.
const NEIGHBOURS: usize = 8;

/// Parts that `items` items of a channel are split into: one, or a multiple of [`NEIGHBOURS`].
pub(super) fn splits(items: usize) -> usize {
    match items.div_ceil(ITEMS).clamp(1, PARTS).max(items.div_ceil(MOST_ITEMS)) {
        1 => 1,
        parts => parts.next_multiple_of(NEIGHBOURS),
    }
}

/// Bytes of partial results of `words` words each.
pub(super) fn scratch_bytes(channels: usize, items: usize, words: usize) -> usize {
    channels * splits(items) * words * 4
}

/// Floats per item: 4 if `spatial` is a multiple of 4.
pub(super) fn width(spatial: usize) -> usize {
    if spatial.is_multiple_of(4) { 4 } else { 1 }
}

/// A shader whose item type `T` has `width` floats.
pub(super) fn typed(text: &str, width: usize) -> Source {
    let text = Source::new(text);
    match width {
        4 => text.block(
            "type",
            "alias T = vec4<f32>;\nfn total(v: T) -> f32 { return (v.x + v.y) + (v.z + v.w); }",
        ),
        _ => text,
    }
}

/// The binding of partial results of type `part`.
fn parts(binding: usize, part: &str) -> String {
    format!("@group(0) @binding({binding}) var<storage, read_write> parts: array<{part}>;\n")
}

/// WGSL of the two results of a channel from its combined part `own`.
pub(super) const MOMENTS: [&str; 2] = ["own.y + own.z", "own.w / own.x"];
pub(super) const SUMS: [&str; 2] = ["own.x", "own.y"];

/// The dispatch that combines the `count` partial results of every channel: moments, or the type that `merge` defines. The two results are
/// bound from `first` on; `parts` binds the partial results.
pub(super) fn combine(
    channels: usize,
    count: usize,
    first: usize,
    parts: &str,
    merge: Option<&str>,
    values: [&str; 2],
) -> Shader {
    let result = |i: usize| {
        format!("@group(0) @binding({}) var<storage, read_write> result{i}: array<f32>;\n", first + i)
    };
    let emit =
        "fn emit(i: u32, value0: f32, value1: f32) {\n    result0[i] = value0;\n    result1[i] = value1;\n}";
    let mut source = Source::new(wgsl!("batch_norm_combine")).set("CHANNELS", channels).set("COUNT", count);
    if let Some(merge) = merge {
        source = source.block("part", merge);
    }
    let store = format!("        emit(c, {}, {});", values[0], values[1]);
    let source = source.block("results", &format!("{}{}\n{emit}", result(0), result(1)));
    Shader::linear(source.block("bindings", parts).block("store", &store).finish(), channels, 1).emitting(1)
}

/// As [`combine`], for two sums, `own.x` and `own.y` in `values`; the partial results are bound after the results.
pub(super) fn combine_sums(channels: usize, items: usize, first: usize, values: [&str; 2]) -> Shader {
    let merge = "alias Part = vec2<f32>;\nfn merge(a: Part, b: Part) -> Part { return a + b; }";
    combine(channels, splits(items), first, &parts(first + 2, "Part"), Some(merge), values)
}

/// Sets how a first stage splits its channels.
fn split(source: Source, batch: usize, channels: usize, spatial: usize) -> Source {
    let (row, items) = (spatial / width(spatial), batch * spatial / width(spatial));
    let run = splits(items).min(NEIGHBOURS);
    let source = source.set("CHANNELS", channels).set("SPATIAL", row).set("ITEMS", items);
    source.set("SPLITS", splits(items)).set("RUN", run)
}

impl Kernel for ChannelMoments {
    fn name(&self) -> &'static str {
        "channel_moments"
    }

    fn access(&self) -> Vec<Access> {
        self.x.access().chain([Access::Write; 2]).collect()
    }

    fn scratch(&self, target: Target) -> usize {
        let items = self.batch * self.spatial / width(self.spatial);
        if target == Target::Gpu { scratch_bytes(self.channels, items, MOMENT_WORDS) } else { 0 }
    }

    fn shaders(&self) -> Vec<Shader> {
        let (width, first) = (width(self.spatial), self.x.arity());
        let items = self.batch * self.spatial / width;
        let source = split(typed(wgsl!("batch_norm_stats"), width), self.batch, self.channels, self.spatial);
        let text = self.x.wgsl("x", 0, width) + &parts(first + 2, "vec4<f32>");
        let source = with_math(source.set("WIDTH", width).block("bindings", &text), &[&self.x]);
        vec![
            Shader::linear(source.finish(), self.channels * splits(items), 64),
            combine(self.channels, splits(items), first, &parts(first + 2, "Part"), None, MOMENTS),
        ]
    }

    fn emits(&self) -> bool {
        self.batch * self.channels * self.spatial > 0
    }

    fn operand_elements(&self) -> usize {
        self.x.numel()
    }

    fn run(&self, args: &Args) {
        let first = self.x.arity();
        let planes = Planes { batch: self.batch, channels: self.channels, spatial: self.spatial };
        put_moments(&planes.moments(&self.x.bind(args, 0)), args.write(first), args.write(first + 1));
    }

    fn cost(&self) -> Cost {
        let (flops, bytes) = self.x.work();
        Cost { flops: flops + 4 * self.x.numel() as u64, bytes }
    }
}

impl Kernel for ChannelSums {
    fn name(&self) -> &'static str {
        "channel_sums"
    }

    fn access(&self) -> Vec<Access> {
        let read = self.x.access().chain(self.dy.access()).chain([Access::Read]);
        read.chain([Access::Write; 2]).collect()
    }

    fn scratch(&self, target: Target) -> usize {
        let items = self.batch * self.spatial / width(self.spatial);
        if target == Target::Gpu { scratch_bytes(self.channels, items, SUM_WORDS) } else { 0 }
    }

    fn shaders(&self) -> Vec<Shader> {
        let width = width(self.spatial);
        let items = self.batch * self.spatial / width;
        let mean = self.x.arity() + self.dy.arity();
        let text = self.x.wgsl("x", 0, width)
            + &self.dy.wgsl("dy", self.x.arity(), width)
            + &format!("@group(0) @binding({mean}) var<storage, read> mean: array<f32>;\n")
            + &parts(mean + 3, "vec2<f32>");
        let source = split(typed(wgsl!("batch_norm_sums"), width), self.batch, self.channels, self.spatial);
        let source = with_math(source.block("bindings", &text), &[&self.x, &self.dy]);
        vec![
            Shader::linear(source.finish(), self.channels * splits(items), 64),
            combine_sums(self.channels, items, mean + 1, SUMS),
        ]
    }

    fn emits(&self) -> bool {
        self.batch * self.channels * self.spatial > 0
    }

    fn operand_elements(&self) -> usize {
        self.x.numel().max(self.dy.numel())
    }

    fn run(&self, args: &Args) {
        let mean = self.x.arity() + self.dy.arity();
        let (sum, product): (&mut [f32], &mut [f32]) = (args.write(mean + 1), args.write(mean + 2));
        let planes = Planes { batch: self.batch, channels: self.channels, spatial: self.spatial };
        let (x, dy) = (self.x.bind(args, 0), self.dy.bind(args, self.x.arity()));
        for (c, sums) in planes.sums(&x, &dy, args.read(mean)).iter().enumerate() {
            [sum[c], product[c]] = sums.map(|s| s as f32);
        }
    }

    fn cost(&self) -> Cost {
        let ((x_flops, x_bytes), (dy_flops, dy_bytes)) = (self.x.work(), self.dy.work());
        Cost { flops: x_flops + dy_flops + 4 * self.x.numel() as u64, bytes: x_bytes + dy_bytes }
    }
}

/// Writes mean and variance of every channel.
pub(super) fn put_moments(channels: &[Moments], mean: &mut [f32], var: &mut [f32]) {
    for (c, m) in channels.iter().enumerate() {
        (mean[c], var[c]) = (m.mean as f32, m.variance());
    }
}

/// The CPU twins' view of an array `[batch, channels, spatial]`.
pub(super) struct Planes {
    pub batch: usize,
    pub channels: usize,
    pub spatial: usize,
}

/// Planes of fewer elements are handled as columns.
const SMALL_PLANE: usize = 32;
/// Elements per task.
const TASK: usize = 16 * 1024;

impl Planes {
    /// The number of columns, if planes are so small that they are handled as columns.
    pub fn columns(&self) -> Option<usize> {
        (self.spatial < SMALL_PLANE).then_some(self.channels * self.spatial)
    }

    /// Count, mean and squared deviations of every channel.
    pub fn moments(&self, x: &Operand) -> ScratchVec<Moments> {
        let Some(columns) = self.columns() else {
            let planes = self.by_planes([x], |m: &mut Moments, _, [x]| m.merge(row_moments(x)));
            return self.merged(&planes);
        };
        let mut channels = ScratchVec::filled(Moments::default(), self.channels);
        let blocks = self.by_columns(columns, [x], |out, [x]| column_moments(x, out));
        let columns = blocks.iter().enumerate();
        columns.for_each(|(i, m)| channels[i / self.spatial % self.channels].merge(*m));
        channels
    }

    /// Moments of every channel from those of every plane.
    pub fn merged(&self, planes: &[Moments]) -> ScratchVec<Moments> {
        let mut channels = ScratchVec::filled(Moments::default(), self.channels);
        planes.iter().enumerate().for_each(|(i, m)| channels[i % self.channels].merge(*m));
        channels
    }

    /// Sums of `dy` and `dy (x - mean)` of every channel.
    fn sums(&self, x: &Operand, dy: &Operand, mean: &[f32]) -> ScratchVec<[f64; 2]> {
        let mut channels = ScratchVec::filled([0.0; 2], self.channels);
        let mut add = |c: usize, [a, b]: [f64; 2]| {
            channels[c][0] += a;
            channels[c][1] += b;
        };
        if let Some(columns) = self.columns() {
            let mean: ScratchVec<f32> =
                mean.iter().flat_map(|&v| std::iter::repeat_n(v, self.spatial)).collect();
            let block = |out: &mut [_], [x, dy]: [&[f32]; 2]| centered_column_sums(x, dy, &mean, out);
            let blocks = self.by_columns(columns, [x, dy], block);
            let columns = blocks.iter().enumerate();
            columns.for_each(|(i, sums)| add(i / self.spatial % self.channels, sums.map(f64::from)));
        } else {
            let plane = |sums: &mut [f64; 2], i: usize, [x, dy]: [&[f32]; 2]| {
                let mean = mean[i % self.channels];
                let [a, b] = long_sums(x, dy, move |x, dy| [dy, dy * (x - mean)]);
                *sums = [sums[0] + a, sums[1] + b];
            };
            let planes = self.by_planes([x, dy], plane);
            planes.iter().enumerate().for_each(|(i, sums)| add(i % self.channels, *sums));
        }
        channels
    }

    /// Moments of a plane, computed as in [`moments`](Planes::moments).
    pub fn plane(plane: &[f32]) -> Moments {
        plane.chunks(RUN).fold(Moments::default(), |mut m, x| {
            m.merge(row_moments(x));
            m
        })
    }

    /// Results `[block][column]` of `f(results, rows)` on blocks of rows that fit the L2 cache.
    fn by_columns<const K: usize, R: Pooled + Clone + Default + Send>(
        &self,
        columns: usize,
        operands: [&Operand; K],
        f: impl Fn(&mut [R], [&[f32]; K]) + Sync,
    ) -> ScratchVec<R> {
        let block = columns * (TASK / columns.max(1)).clamp(8, 256);
        let count = self.batch * columns;
        let mut results = ScratchVec::filled(R::default(), count.div_ceil(block) * columns);
        results.par_chunks_mut(columns.max(1)).enumerate().for_each(|(b, results)| {
            let mut readers = operands.map(|o| o.reader::<f32>());
            let rows = readers.each_mut().map(|r| r.read(b * block, block.min(count - b * block)));
            f(results, rows);
        });
        results
    }

    /// Calls `f(result, plane, runs of the plane's elements)` on every plane, several times in order for long planes.
    fn by_planes<const K: usize, R: Pooled + Clone + Default + Send>(
        &self,
        operands: [&Operand; K],
        f: impl Fn(&mut R, usize, [&[f32]; K]) + Sync,
    ) -> ScratchVec<R> {
        let spatial = self.spatial;
        // Planes per task, and planes read together.
        let (task, together) = (TASK.div_ceil(spatial), (RUN / spatial).max(1));
        let mut results = ScratchVec::filled(R::default(), self.batch * self.channels);
        results.par_chunks_mut(task).enumerate().for_each(|(t, results)| {
            let mut readers = operands.map(|o| o.reader::<f32>());
            for (g, results) in results.chunks_mut(together).enumerate() {
                let (plane, len) = (t * task + g * together, results.len() * spatial);
                for at in (0..len).step_by(RUN) {
                    let runs = readers.each_mut().map(|r| r.read(plane * spatial + at, RUN.min(len - at)));
                    for (i, result) in results.iter_mut().enumerate() {
                        let end = ((i + 1) * spatial).min(runs[0].len());
                        f(result, plane + i, runs.map(|r| &r[i * spatial..end]));
                    }
                }
            }
        });
        results
    }
}
