//! Batch normalisation (Ioffe and Szegedy 2015) of `x [N, C, S]`, per channel over `N` and `S`.
//!
//! On a GPU a channel is split over many invocations, whose partial results a tree of later dispatches combines. On the
//! CPU every (image, channel) plane is one partial result; planes too small for that are handled as columns of a
//! `[N, C S]` matrix. Both orders are fixed, so that results depend on neither timing nor the number of threads.

use rayon::prelude::*;

use super::layer_norm::{Moments, centered_column_sums, column_moments, long_sums, row_moments};
use crate::simd::vectorized;
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, Kernel, Shader, Target};

/// Forward pass in training: `y = gamma (x - mean) / sqrt(var + eps) + beta`.
///
/// Arguments: x `[batch, channels, spatial]`, gamma `[channels]`, beta `[channels]`; written: y like x, mean `[channels]`,
/// var `[channels]` (biased).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    pub batch: usize,
    pub channels: usize,
    /// Elements of one channel of one image.
    pub spatial: usize,
    pub eps: f32,
}

/// Gradients of gamma and beta: `dbeta = sum dy`, `dgamma = sum dy xhat` with `xhat = (x - mean) / sqrt(var + eps)`.
///
/// Arguments: x `[batch, channels, spatial]`, mean `[channels]`, var `[channels]`, dy like x; written: dgamma
/// `[channels]`, dbeta `[channels]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormGradParams {
    pub batch: usize,
    pub channels: usize,
    /// Elements of one channel of one image.
    pub spatial: usize,
    pub eps: f32,
}

/// Gradient of the input: `dx = gamma rstd (dy - dbeta / M - xhat dgamma / M)` with `rstd = 1 / sqrt(var + eps)`,
/// `xhat = (x - mean) rstd` and `M = batch spatial`.
///
/// Arguments: x `[batch, channels, spatial]`, gamma, mean, var `[channels]` each, dy like x, dgamma, dbeta `[channels]`
/// each; written: dx like x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormGradInput {
    pub batch: usize,
    pub channels: usize,
    /// Elements of one channel of one image.
    pub spatial: usize,
    pub eps: f32,
}

/// Items that one invocation reduces at the first level.
const ITEMS: usize = 64;
/// Partial results that one invocation combines at every further level (32 in the shaders).
const RADIX: usize = 32;
/// Words of a partial result of [`moment_stages`].
pub(super) const MOMENT_WORDS: usize = 4;

/// Partial results a channel at every level, down to 1, for `items` items.
pub(super) fn levels(items: usize) -> Vec<usize> {
    let mut levels = vec![items.div_ceil(ITEMS).max(1)];
    loop {
        let next = levels[levels.len() - 1].div_ceil(RADIX);
        levels.push(next);
        if next == 1 {
            return levels;
        }
    }
}

/// Bytes of partial results of `words` words each.
pub(super) fn scratch_bytes(channels: usize, levels: &[usize], words: usize) -> usize {
    channels * words * 4 * levels.iter().sum::<usize>()
}

/// Floats an item: 4 where rows of `spatial` floats allow.
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

/// The dispatches that combine partial results of `words` words level by level with `text`; the last one runs `store`.
pub(super) fn tree(text: &str, channels: usize, levels: &[usize], words: usize, store: &str) -> Vec<Shader> {
    let mut from = 0;
    let stage = |pair: &[usize]| {
        let to = from + channels * pair[0] * words;
        let mut source = Source::new(text).set("CHANNELS", channels).set("COUNT", pair[0]);
        source = source.set("GROUPS", pair[1]).set("FROM", from).set("TO", to);
        source = if pair[1] == 1 && !store.is_empty() {
            source.block("store", store)
        } else {
            source.block("results", "")
        };
        from = to;
        Shader::linear(source.finish(), channels * pair[1], 64)
    };
    levels.windows(2).map(stage).collect()
}

/// The dispatches for mean and squared deviations of every channel of the first argument; the last one runs `store`.
pub(super) fn moment_stages(batch: usize, channels: usize, spatial: usize, store: &str) -> Vec<Shader> {
    let levels = levels(batch * spatial / width(spatial));
    let first = split(typed(wgsl!("batch_norm_stats"), width(spatial)), batch, channels, spatial);
    let first = Shader::linear(first.set("WIDTH", width(spatial)).finish(), channels * levels[0], 64);
    [vec![first], tree(wgsl!("batch_norm_combine"), channels, &levels, MOMENT_WORDS, store)].concat()
}

/// Sets how a first stage splits its channels.
fn split(source: Source, batch: usize, channels: usize, spatial: usize) -> Source {
    let (row, items) = (spatial / width(spatial), batch * spatial / width(spatial));
    source.set("CHANNELS", channels).set("SPATIAL", row).set("ITEMS", items).set("SPLITS", levels(items)[0])
}

impl Kernel for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn access(&self) -> Vec<Access> {
        use Access::*;
        vec![Read, Read, Read, Write, Write, Write]
    }

    fn scratch(&self, target: Target) -> usize {
        let items = self.batch * self.spatial / width(self.spatial);
        if target == Target::Gpu { scratch_bytes(self.channels, &levels(items), MOMENT_WORDS) } else { 0 }
    }

    fn shaders(&self) -> Vec<Shader> {
        let store = "    result0[c] = shift + offset;\n    result1[c] = squares / weight;";
        let mut stages = moment_stages(self.batch, self.channels, self.spatial, store);
        let width = width(self.spatial);
        let count = self.batch * self.channels * self.spatial / width;
        let apply = typed(wgsl!("batch_norm_apply"), width).set("COUNT", count).set("EPS", self.eps);
        let apply = apply.set("CHANNELS", self.channels).set("SPATIAL", self.spatial / width);
        stages.push(Shader::linear(apply.finish(), count, 64));
        stages
    }

    fn run(&self, args: &Args) {
        let (x, gamma, beta) = (args.read::<f32>(0), args.read::<f32>(1), args.read::<f32>(2));
        let (y, mean, var): (&mut [f32], &mut [f32], &mut [f32]) =
            (args.write(3), args.write(4), args.write(5));
        let planes = Planes { channels: self.channels, spatial: self.spatial };
        for (c, m) in planes.moments(x).iter().enumerate() {
            (mean[c], var[c]) = (m.mean as f32, m.variance());
        }
        let scale: Vec<f32> = gamma.iter().zip(&*var).map(|(g, v)| g / (v + self.eps).sqrt()).collect();
        planes.apply(x, x, y, [mean, &scale, beta], |x, _, [mean, scale, beta]| (x - mean) * scale + beta);
    }

    fn cost(&self) -> Cost {
        let count = (self.batch * self.channels * self.spatial) as u64;
        Cost { flops: 7 * count, bytes: 12 * count }
    }
}

impl Kernel for BatchNormGradParams {
    fn name(&self) -> &'static str {
        "batch_norm_grad_params"
    }

    fn access(&self) -> Vec<Access> {
        use Access::*;
        vec![Read, Read, Read, Read, Write, Write]
    }

    fn scratch(&self, target: Target) -> usize {
        let items = self.batch * self.spatial / width(self.spatial);
        if target == Target::Gpu { scratch_bytes(self.channels, &levels(items), 2) } else { 0 }
    }

    fn shaders(&self) -> Vec<Shader> {
        let width = width(self.spatial);
        let levels = levels(self.batch * self.spatial / width);
        let first = typed(wgsl!("batch_norm_sums"), width).set("EPS", self.eps);
        let first = split(first, self.batch, self.channels, self.spatial);
        let first = Shader::linear(first.finish(), self.channels * levels[0], 64);
        let store = "    result0[c] = second;\n    result1[c] = first;";
        [vec![first], tree(wgsl!("batch_norm_add"), self.channels, &levels, 2, store)].concat()
    }

    fn run(&self, args: &Args) {
        let (x, mean) = (args.read::<f32>(0), args.read::<f32>(1));
        let (var, dy) = (args.read::<f32>(2), args.read::<f32>(3));
        let (dgamma, dbeta): (&mut [f32], &mut [f32]) = (args.write(4), args.write(5));
        let planes = Planes { channels: self.channels, spatial: self.spatial };
        for (c, [sum, product]) in planes.sums(x, dy, mean).into_iter().enumerate() {
            dbeta[c] = sum as f32;
            dgamma[c] = (product / f64::from(var[c] + self.eps).sqrt()) as f32;
        }
    }

    fn cost(&self) -> Cost {
        let count = (self.batch * self.channels * self.spatial) as u64;
        Cost { flops: 4 * count, bytes: 8 * count }
    }
}

impl Kernel for BatchNormGradInput {
    fn name(&self) -> &'static str {
        "batch_norm_grad_input"
    }

    fn access(&self) -> Vec<Access> {
        use Access::*;
        vec![Read, Read, Read, Read, Read, Read, Read, Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        let width = width(self.spatial);
        let count = self.batch * self.channels * self.spatial / width;
        let source = typed(wgsl!("batch_norm_grad_input"), width).set("COUNT", count).set("EPS", self.eps);
        let source = source.set("CHANNELS", self.channels).set("SPATIAL", self.spatial / width);
        let source = source.set("SIZE", self.batch * self.spatial);
        vec![Shader::linear(source.finish(), count, 64)]
    }

    fn run(&self, args: &Args) {
        let read = |i| args.read::<f32>(i);
        let (x, gamma, mean, var, dy, dgamma, dbeta) =
            (read(0), read(1), read(2), read(3), read(4), read(5), read(6));
        let size = (self.batch * self.spatial) as f32;
        let rstd: Vec<f32> = var.iter().map(|v| 1.0 / (v + self.eps).sqrt()).collect();
        let channels = 0..self.channels;
        let scale: Vec<f32> = channels.clone().map(|c| gamma[c] * rstd[c]).collect();
        let slope: Vec<f32> = channels.clone().map(|c| scale[c] * rstd[c] * dgamma[c] / size).collect();
        let offset: Vec<f32> = channels.map(|c| scale[c] * dbeta[c] / size).collect();
        let planes = Planes { channels: self.channels, spatial: self.spatial };
        let f = |x, dy, [mean, scale, slope, offset]: [f32; 4]| scale * dy - (x - mean) * slope - offset;
        planes.apply(x, dy, args.write(7), [mean, &scale, &slope, &offset], f);
    }

    fn cost(&self) -> Cost {
        let count = (self.batch * self.channels * self.spatial) as u64;
        Cost { flops: 6 * count, bytes: 12 * count }
    }
}

/// The CPU twins' view of an array `[.., channels, spatial]`.
struct Planes {
    channels: usize,
    spatial: usize,
}

/// Planes of fewer elements are handled as columns.
const SMALL_PLANE: usize = 32;
/// Elements a task.
const TASK: usize = 16 * 1024;

impl Planes {
    fn columns(&self) -> Option<usize> {
        (self.spatial < SMALL_PLANE).then_some(self.channels * self.spatial)
    }

    /// Rows of `columns` elements a task, so that a task's rows fit the second cache.
    fn rows(columns: usize) -> usize {
        (TASK / columns.max(1)).clamp(8, 256)
    }

    /// Planes a task.
    fn planes(&self) -> usize {
        TASK.div_ceil(self.spatial)
    }

    /// Count, mean and squared deviations of every channel.
    fn moments(&self, x: &[f32]) -> Vec<Moments> {
        let mut channels = vec![Moments::default(); self.channels];
        if let Some(columns) = self.columns() {
            let blocks = x.par_chunks(columns * Planes::rows(columns));
            let blocks: Vec<Vec<Moments>> = blocks.map(|x| column_moments(x, columns)).collect();
            for (i, m) in blocks.into_iter().flat_map(|b| b.into_iter().enumerate()) {
                channels[i / self.spatial].merge(m);
            }
        } else {
            let planes = x.par_chunks(self.spatial).with_min_len(self.planes());
            let planes: Vec<Moments> = planes.map(row_moments).collect();
            for (i, m) in planes.into_iter().enumerate() {
                channels[i % self.channels].merge(m);
            }
        }
        channels
    }

    /// Sums of `dy` and `dy (x - mean)` of every channel.
    fn sums(&self, x: &[f32], dy: &[f32], mean: &[f32]) -> Vec<[f64; 2]> {
        let mut channels = vec![[0.0; 2]; self.channels];
        let mut add = |c: usize, [a, b]: [f64; 2]| {
            channels[c][0] += a;
            channels[c][1] += b;
        };
        if let Some(columns) = self.columns() {
            let mean = self.repeat(mean);
            let block = columns * Planes::rows(columns);
            let blocks = x.par_chunks(block).zip(dy.par_chunks(block));
            let blocks: Vec<[Vec<f32>; 2]> =
                blocks.map(|(x, dy)| centered_column_sums(x, dy, &mean)).collect();
            for [a, b] in blocks {
                a.iter()
                    .zip(b)
                    .enumerate()
                    .for_each(|(i, (&a, b))| add(i / self.spatial, [a, b].map(f64::from)));
            }
        } else {
            let planes = x.par_chunks(self.spatial).zip(dy.par_chunks(self.spatial));
            let plane = |(i, (x, dy)): (usize, _)| {
                let mean = mean[i % self.channels];
                long_sums(x, dy, move |x, dy| [dy, dy * (x - mean)])
            };
            let planes = planes.enumerate().with_min_len(self.planes());
            let planes: Vec<[f64; 2]> = planes.map(plane).collect();
            planes.into_iter().enumerate().for_each(|(i, sums)| add(i % self.channels, sums));
        }
        channels
    }

    /// `out = f(x, y, parameters of the channel)` for every element.
    fn apply<const K: usize>(
        &self,
        x: &[f32],
        y: &[f32],
        out: &mut [f32],
        parameters: [&[f32]; K],
        f: impl Fn(f32, f32, [f32; K]) -> f32 + Copy + Sync,
    ) {
        if let Some(columns) = self.columns() {
            let block = columns * Planes::rows(columns);
            let parameters = parameters.map(|p| self.repeat(p));
            let tasks = out.par_chunks_mut(block).zip(x.par_chunks(block)).zip(y.par_chunks(block));
            tasks.for_each(|((out, x), y)| {
                vectorized(
                    #[inline(always)]
                    || apply_columns(x, y, out, &parameters, f),
                )
            });
        } else {
            let block = self.spatial;
            let tasks = out.par_chunks_mut(block).zip(x.par_chunks(block)).zip(y.par_chunks(block));
            tasks.enumerate().with_min_len(self.planes()).for_each(|(i, ((out, x), y))| {
                let parameters = parameters.map(|p| p[i % self.channels]);
                vectorized(
                    #[inline(always)]
                    || {
                        let pairs = x.iter().zip(y);
                        out.iter_mut().zip(pairs).for_each(|(o, (&x, &y))| *o = f(x, y, parameters));
                    },
                );
            });
        }
    }

    /// A value a channel, repeated for every column.
    fn repeat(&self, values: &[f32]) -> Vec<f32> {
        values.iter().flat_map(|&v| std::iter::repeat_n(v, self.spatial)).collect()
    }
}

#[inline(always)]
fn apply_columns<const K: usize>(
    x: &[f32],
    y: &[f32],
    out: &mut [f32],
    parameters: &[Vec<f32>; K],
    f: impl Fn(f32, f32, [f32; K]) -> f32,
) {
    let columns = parameters[0].len();
    let parameters = parameters.each_ref().map(|p| &p[..columns]);
    for ((out, x), y) in
        out.chunks_exact_mut(columns).zip(x.chunks_exact(columns)).zip(y.chunks_exact(columns))
    {
        for i in 0..columns {
            out[i] = f(x[i], y[i], parameters.map(|p| p[i]));
        }
    }
}
