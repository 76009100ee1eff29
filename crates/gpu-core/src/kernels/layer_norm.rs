//! Layer normalisation (Ba et al. 2016) over the last dimension, and the reductions of long rows that it shares with
//! batch normalisation.

use rayon::prelude::*;

use super::batch_norm::{SUM_WORDS, combine_sums, scratch_bytes, splits, typed, width};
use super::epilogue::plain_result;
use super::partial_sums::PartialSum;
use super::rows::row_shader;
use super::scratch::{ScratchVec, pooled};
use crate::simd::vectorized;
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, Kernel, Shader, Target};

/// Forward pass: `y = gamma (x - mean) rstd + beta` with `rstd = 1 / sqrt(var + eps)`, mean and (biased) variance of
/// every row.
///
/// Arguments: x `[rows, cols]`, gamma `[cols]`, beta `[cols]`; written: y like x, mean `[rows]`, rstd `[rows]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm {
    /// Rows, which are normalised one by one.
    pub rows: usize,
    /// Elements of a row.
    pub cols: usize,
    /// Added to the variance.
    pub eps: f32,
}

/// Gradient of the input: `dx = rstd (g - mean(g) - xhat mean(g xhat))` with `g = dy gamma` and `xhat = (x - mean) rstd`,
/// means over a row.
///
/// Arguments: x `[rows, cols]`, gamma `[cols]`, mean `[rows]`, rstd `[rows]`, dy like x; written: dx like x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerNormGradInput {
    /// Rows, which are normalised one by one.
    pub rows: usize,
    /// Elements of a row.
    pub cols: usize,
}

/// Gradients of gamma and beta: `dbeta = sum dy`, `dgamma = sum dy xhat` with `xhat = (x - mean) rstd`, over the rows.
///
/// Arguments: x `[rows, cols]`, mean `[rows]`, rstd `[rows]`, dy like x; written: dgamma `[cols]`, dbeta `[cols]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerNormGradParams {
    /// Rows, over which the sums run.
    pub rows: usize,
    /// Elements of a row.
    pub cols: usize,
}

/// Elements per task of the CPU twins.
const TASK: usize = 16 * 1024;

impl Kernel for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn access(&self) -> Vec<Access> {
        use Access::*;
        vec![Read, Read, Read, Write, Write, Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        let width = width(self.cols);
        let source = typed(wgsl!("layer_norm"), width).set("SIZE", self.cols).set("EPS", self.eps);
        vec![row_shader(source, self.rows, self.cols / width)]
    }

    fn run(&self, args: &Args) {
        let (x, gamma, beta) = (args.read::<f32>(0), args.read::<f32>(1), args.read::<f32>(2));
        let block = TASK.div_ceil(self.cols);
        let y = args.write::<f32>(3).par_chunks_mut(block * self.cols);
        let (mean, rstd): (&mut [f32], &mut [f32]) = (args.write(4), args.write(5));
        let statistics = mean.par_chunks_mut(block).zip(rstd.par_chunks_mut(block));
        y.zip(x.par_chunks(block * self.cols)).zip(statistics).for_each(|((y, x), (mean, rstd))| {
            vectorized(
                #[inline(always)]
                || self.rows(x, gamma, beta, y, mean, rstd),
            );
        });
    }

    fn cost(&self) -> Cost {
        let count = (self.rows * self.cols) as u64;
        Cost { flops: 7 * count, bytes: 8 * count }
    }
}

impl LayerNorm {
    /// Normalises some rows; writes their means and reciprocal standard deviations, too.
    #[inline(always)]
    fn rows(
        &self,
        x: &[f32],
        gamma: &[f32],
        beta: &[f32],
        y: &mut [f32],
        means: &mut [f32],
        rstds: &mut [f32],
    ) {
        let rows = y.chunks_exact_mut(self.cols).zip(x.chunks_exact(self.cols));
        for ((y, x), (mean, rstd)) in rows.zip(means.iter_mut().zip(rstds)) {
            let moments = moments(x);
            (*mean, *rstd) = (moments.mean as f32, 1.0 / (moments.variance() + self.eps).sqrt());
            let (mean, rstd) = (*mean, *rstd);
            for (((y, x), gamma), beta) in y.iter_mut().zip(x).zip(gamma).zip(beta) {
                *y = (x - mean) * rstd * gamma + beta;
            }
        }
    }
}

impl LayerNormGradInput {
    /// The gradient of some rows.
    #[inline(always)]
    fn rows(&self, x: &[f32], gamma: &[f32], [means, rstds]: [&[f32]; 2], dy: &[f32], dx: &mut [f32]) {
        let rows = dx.chunks_exact_mut(self.cols).zip(x.chunks_exact(self.cols));
        let rows = rows.zip(dy.chunks_exact(self.cols)).zip(means.iter().zip(rstds));
        for (((dx, x), dy), (&mean, &rstd)) in rows {
            dx.iter_mut().zip(dy).zip(gamma).for_each(|((g, dy), gamma)| *g = dy * gamma);
            let sums = two_sums(x, dx, |x, g| [g, g * (x - mean)]);
            let first = (sums[0] / self.cols as f64) as f32;
            let second = (sums[1] / self.cols as f64) as f32 * rstd * rstd;
            dx.iter_mut().zip(x).for_each(|(g, x)| *g = rstd * (*g - first - (x - mean) * second));
        }
    }
}

impl Kernel for LayerNormGradInput {
    fn name(&self) -> &'static str {
        "layer_norm_grad_input"
    }

    fn access(&self) -> Vec<Access> {
        use Access::*;
        vec![Read, Read, Read, Read, Read, Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        let width = width(self.cols);
        let t = if width == 4 { "vec4<f32>" } else { "f32" };
        let call = if width == 4 { "emit4(4u * i, value)" } else { "emit(i, value)" };
        let source = typed(wgsl!("layer_norm_grad_input"), width)
            .set("SIZE", self.cols)
            .block("results", &plain_result(5, "f32", width))
            .block("put", &format!("fn put(i: u32, value: {t}) {{ {call}; }}"));
        vec![row_shader(source, self.rows, self.cols / width).emitting(width)]
    }

    fn emits(&self) -> bool {
        true
    }

    fn run(&self, args: &Args) {
        let (x, gamma, dy) = (args.read::<f32>(0), args.read::<f32>(1), args.read::<f32>(4));
        let (mean, rstd) = (args.read::<f32>(2), args.read::<f32>(3));
        let block = TASK.div_ceil(self.cols);
        let size = block * self.cols;
        let rows = args.write::<f32>(5).par_chunks_mut(size).zip(x.par_chunks(size).zip(dy.par_chunks(size)));
        let statistics = mean.par_chunks(block).zip(rstd.par_chunks(block));
        rows.zip(statistics).for_each(|((dx, (x, dy)), (mean, rstd))| {
            vectorized(
                #[inline(always)]
                || self.rows(x, gamma, [mean, rstd], dy, dx),
            );
        });
    }

    fn cost(&self) -> Cost {
        let count = (self.rows * self.cols) as u64;
        Cost { flops: 11 * count, bytes: 12 * count }
    }
}

impl Kernel for LayerNormGradParams {
    fn name(&self) -> &'static str {
        "layer_norm_grad_params"
    }

    fn access(&self) -> Vec<Access> {
        use Access::*;
        vec![Read, Read, Read, Read, Write, Write]
    }

    fn scratch(&self, target: Target) -> usize {
        if target == Target::Gpu { scratch_bytes(self.cols, self.rows, SUM_WORDS) } else { 0 }
    }

    fn shaders(&self) -> Vec<Shader> {
        let splits = splits(self.rows);
        let source = Source::new(wgsl!("layer_norm_column_sums"))
            .set("ROWS", self.rows)
            .set("COLS", self.cols)
            .set("SPLITS", splits)
            .set("EACH", self.rows.div_ceil(splits));
        vec![
            Shader::linear(source.finish(), self.cols * splits, 64),
            combine_sums(self.cols, self.rows, 4, ["own.y", "own.x"]),
        ]
    }

    fn partial_sums(&self) -> Option<Vec<PartialSum>> {
        let terms = splits(self.rows);
        let sum =
            |first| PartialSum { count: self.cols, first, step: SUM_WORDS * terms, stride: SUM_WORDS, terms };
        Some(vec![sum(1), sum(0)])
    }

    fn run(&self, args: &Args) {
        let (x, dy) = (args.read::<f32>(0), args.read::<f32>(3));
        let (mean, rstd) = (args.read::<f32>(1), args.read::<f32>(2));
        let rows = (TASK / self.cols).clamp(8, 256);
        let blocks = x.par_chunks(rows * self.cols).zip(dy.par_chunks(rows * self.cols));
        let blocks = blocks.zip(mean.par_chunks(rows).zip(rstd.par_chunks(rows)));
        let mut sums = ScratchVec::filled(0.0, self.rows.div_ceil(rows) * 2 * self.cols);
        let block = |(((x, dy), (mean, rstd)), sums)| column_sums(x, dy, mean, rstd, sums);
        blocks.zip(sums.par_chunks_mut(2 * self.cols)).for_each(block);
        for (k, out) in [(1, args.write::<f32>(4)), (0, args.write::<f32>(5))] {
            out.fill(0.0);
            for sums in sums.chunks_exact(self.cols).skip(k).step_by(2) {
                out.iter_mut().zip(sums).for_each(|(o, s)| *o += s);
            }
        }
    }

    fn cost(&self) -> Cost {
        let count = (self.rows * self.cols) as u64;
        Cost { flops: 5 * count, bytes: 8 * count }
    }
}

/// Adds `dy` and `dy (x - mean) rstd` of every column of a block of rows to `sums`, `[2, cols]`.
fn column_sums(x: &[f32], dy: &[f32], mean: &[f32], rstd: &[f32], sums: &mut [f32]) {
    let cols = sums.len() / 2;
    let (sums, products) = sums.split_at_mut(cols);
    vectorized(
        #[inline(always)]
        || {
            let rows = x.chunks_exact(cols).zip(dy.chunks_exact(cols)).zip(mean.iter().zip(rstd));
            for ((x, dy), (mean, rstd)) in rows {
                for (((a, b), x), dy) in sums.iter_mut().zip(&mut *products).zip(x).zip(dy) {
                    *a += dy;
                    *b += dy * (x - mean) * rstd;
                }
            }
        },
    );
}

/// Count, mean and sum of squared deviations from the mean.
#[derive(Clone, Copy, Default)]
pub(super) struct Moments {
    pub count: f64,
    pub mean: f64,
    pub squares: f64,
}

pooled!(Moments);

impl Moments {
    /// Moments of `count` elements, from the sums of their deviations from `guess` and of the squared deviations.
    fn around(guess: f32, count: f64, [first, second]: [f32; 2]) -> Moments {
        let offset = f64::from(first) / count;
        let squares = f64::from(second) - count * offset * offset;
        // `max` would hide a NaN.
        let squares = if squares < 0.0 { 0.0 } else { squares };
        Moments { count, mean: f64::from(guess) + offset, squares }
    }

    /// Adds other elements (Chan et al. 1979, "Updating formulae and a pairwise algorithm").
    pub fn merge(&mut self, other: Moments) {
        let count = self.count + other.count;
        let delta = other.mean - self.mean;
        self.mean += delta * other.count / count;
        self.squares += other.squares + delta * delta * self.count * other.count / count;
        self.count = count;
    }

    /// The biased variance.
    pub fn variance(&self) -> f32 {
        (self.squares / self.count) as f32
    }
}

/// Moments of every column of the rows of `x`, in two passes over memory that the first one has cached. The second one
/// corrects the mean of the first, whose sums are too inaccurate for data far from 0.
pub(super) fn column_moments(x: &[f32], out: &mut [Moments]) {
    let columns = out.len();
    let rows = (x.len() / columns) as f32;
    let [mut mean, mut first, mut second] = [0; 3].map(|_| ScratchVec::filled(0.0f32, columns));
    vectorized(
        #[inline(always)]
        || {
            for row in x.chunks_exact(columns) {
                mean.iter_mut().zip(row).for_each(|(m, x)| *m += x);
            }
            mean.iter_mut().for_each(|m| *m /= rows);
            for row in x.chunks_exact(columns) {
                for (((a, b), m), x) in first.iter_mut().zip(&mut *second).zip(&*mean).zip(row) {
                    *a += x - m;
                    *b += (x - m) * (x - m);
                }
            }
        },
    );
    let moments = |c: usize| Moments::around(mean[c], rows.into(), [first[c], second[c]]);
    out.iter_mut().enumerate().for_each(|(c, out)| *out = moments(c));
}

/// Sums of `dy` and of `dy (x - mean)` of every column, with one mean per column.
pub(super) fn centered_column_sums(x: &[f32], dy: &[f32], mean: &[f32], out: &mut [[f32; 2]]) {
    let columns = mean.len();
    let [mut sums, mut products] = [0; 2].map(|_| ScratchVec::filled(0.0f32, columns));
    vectorized(
        #[inline(always)]
        || {
            for (x, dy) in x.chunks_exact(columns).zip(dy.chunks_exact(columns)) {
                for ((((a, b), x), dy), mean) in sums.iter_mut().zip(&mut *products).zip(x).zip(dy).zip(mean)
                {
                    *a += dy;
                    *b += dy * (x - mean);
                }
            }
        },
    );
    out.iter_mut().zip(sums.iter().zip(&*products)).for_each(|(out, (&a, &b))| *out = [a, b]);
}

/// Elements whose sums are kept in `f32`.
pub(super) const RUN: usize = 4096;
/// First elements of a run, whose mean is the guess of the run's mean.
const GUESS: usize = 256;
/// Independent sums: enough vectors of the widest kind to hide the latency of additions.
const LANES: usize = 64;
/// The same for rows too short for the final sum of that many lanes to pay.
const FEW_LANES: usize = 16;

/// Moments of a row.
pub(super) fn row_moments(x: &[f32]) -> Moments {
    vectorized(
        #[inline(always)]
        || moments(x),
    )
}

/// The two sums of `f(x, y)` over a row.
pub(super) fn long_sums(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> [f32; 2] + Copy) -> [f64; 2] {
    vectorized(
        #[inline(always)]
        || two_sums(x, y, f),
    )
}

/// Runs are summed in one pass of deviations from the mean of their first elements, which bounds the loss by cancellation
/// to a factor of `RUN / GUESS` whatever the data are.
#[inline(always)]
fn moments(x: &[f32]) -> Moments {
    let mut moments = Moments::default();
    for run in x.chunks(RUN) {
        let head = &run[..run.len().min(GUESS)];
        let guess = sums(head, head, |x, _| [x, 0.0])[0] / head.len() as f32;
        let deviations = sums(run, run, |x, _| [x - guess, (x - guess) * (x - guess)]);
        moments.merge(Moments::around(guess, run.len() as f64, deviations));
    }
    moments
}

#[inline(always)]
fn two_sums(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> [f32; 2] + Copy) -> [f64; 2] {
    let mut total = [0.0; 2];
    for (x, y) in x.chunks(RUN).zip(y.chunks(RUN)) {
        let [first, second] = sums(x, y, f);
        total = [total[0] + f64::from(first), total[1] + f64::from(second)];
    }
    total
}

#[inline(always)]
fn sums(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> [f32; 2]) -> [f32; 2] {
    if x.len() < 8 * LANES { lane_sums::<FEW_LANES>(x, y, f) } else { lane_sums::<LANES>(x, y, f) }
}

#[inline(always)]
fn lane_sums<const L: usize>(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> [f32; 2]) -> [f32; 2] {
    let mut lanes = [[0.0f32; L]; 2];
    let (xs, ys) = (x.chunks_exact(L), y.chunks_exact(L));
    let rest = xs.remainder().iter().zip(ys.remainder());
    for (x, y) in xs.zip(ys) {
        for i in 0..L {
            let [first, second] = f(x[i], y[i]);
            lanes[0][i] += first;
            lanes[1][i] += second;
        }
    }
    for (i, (&x, &y)) in rest.enumerate() {
        let [first, second] = f(x, y);
        lanes[0][i] += first;
        lanes[1][i] += second;
    }
    let mut half = L / 2;
    while half > 0 {
        for i in 0..half {
            lanes[0][i] += lanes[0][i + half];
            lanes[1][i] += lanes[1][i + half];
        }
        half /= 2;
    }
    [lanes[0][0], lanes[1][0]]
}
