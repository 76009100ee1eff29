//! Max and average pooling over two dimensions, and their gradients.
//!
//! The gradients gather: every input pixel looks at the windows that cover it, in increasing order, so that overlapping
//! windows need no atomics.

use rayon::prelude::*;

use crate::simd::{Vectorize, run_vectorized};
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, Kernel, Shader};

/// Sizes of a pooling, `[height, width]` each. Window `o` along a dimension covers the positions
/// `o stride - padding + k dilation` for `k < kernel`; positions outside of the input are skipped. The caller chooses
/// `output`, so that windows may hang over the edge (`ceil_mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool2dShape {
    /// Images times channels.
    pub planes: usize,
    /// Size of the input planes.
    pub input: [usize; 2],
    /// Windows along both dimensions.
    pub output: [usize; 2],
    /// Positions that a window covers.
    pub kernel: [usize; 2],
    /// Distances between windows.
    pub stride: [usize; 2],
    /// Positions before the input that the first windows cover.
    pub padding: [usize; 2],
    /// Distances between the positions of a window.
    pub dilation: [usize; 2],
}

/// Largest value of every window: the first one of equals; NaN wins (the last one, as in PyTorch).
///
/// Arguments: x `[planes, input]`; written: y `[planes, output]`, index `u32 [planes, output]`, the maximum's position in
/// its plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool2d {
    /// Sizes of planes and windows.
    pub shape: Pool2dShape,
}

/// Gradient of max pooling: `dx[i]` is the sum of `dy[o]` over the windows with `index[o] = i`.
///
/// Arguments: dy `[planes, output]`, index `u32 [planes, output]`; written: dx `[planes, input]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool2dGrad {
    /// Sizes of the forward pass.
    pub shape: Pool2dShape,
}

/// Sum of every window over its divisor: `divisor` where given, else the size of the window clipped to the input, or to
/// the input and its padding with `count_include_pad`. The dilation is 1.
///
/// Arguments: x `[planes, input]`; written: y `[planes, output]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvgPool2d {
    /// Sizes of planes and windows.
    pub shape: Pool2dShape,
    /// Whether padding counts in the size of a window.
    pub count_include_pad: bool,
    /// Divides every sum instead of the window's size.
    pub divisor: Option<usize>,
}

/// Gradient of average pooling: `dx[i]` is the sum of `dy[o]` over its divisor, over the windows `o` that cover `i`.
///
/// Arguments: dy `[planes, output]`; written: dx `[planes, input]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvgPool2dGrad {
    /// Sizes of the forward pass.
    pub shape: Pool2dShape,
    /// As for [`AvgPool2d`].
    pub count_include_pad: bool,
    /// As for [`AvgPool2d`].
    pub divisor: Option<usize>,
}

/// Elements per task of the CPU twins.
const TASK: usize = 16 * 1024;

impl Pool2dShape {
    fn inputs(&self) -> usize {
        self.input[0] * self.input[1]
    }

    fn outputs(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Planes per task.
    fn task(&self) -> usize {
        TASK.div_ceil(self.inputs().max(self.outputs()).max(1))
    }

    /// Sets the sizes of a shader (all but the dilation) with one invocation for each of `count` elements.
    fn source(&self, text: &str, count: usize) -> Source {
        let source = Source::new(text).set("COUNT", count);
        let source = source.set("HEIGHT", self.input[0]).set("WIDTH", self.input[1]);
        let source = source.set("OUT_HEIGHT", self.output[0]).set("OUT_WIDTH", self.output[1]);
        let source = source.set("KERNEL_Y", self.kernel[0]).set("KERNEL_X", self.kernel[1]);
        let source = source.set("STRIDE_Y", self.stride[0]).set("STRIDE_X", self.stride[1]);
        source.set("PAD_Y", self.padding[0]).set("PAD_X", self.padding[1])
    }

    fn dilated(&self, text: &str, count: usize) -> Source {
        let source = self.source(text, count);
        source.set("DILATION_Y", self.dilation[0]).set("DILATION_X", self.dilation[1])
    }

    /// The windows, if there are some and all lie inside of the input.
    fn whole(self) -> Option<Whole> {
        let inside = |d: usize| {
            let last =
                (self.output[d].max(1) - 1) * self.stride[d] + (self.kernel[d].max(1) - 1) * self.dilation[d];
            self.padding[d] == 0 && self.output[d] > 0 && self.kernel[d] > 0 && last < self.input[d]
        };
        (inside(0) && inside(1)).then_some(Whole(self))
    }

    /// Window `o` along dimension `d`, clipped to the input.
    fn window(&self, d: usize, o: usize) -> Window {
        let (start, step) = ((o * self.stride[d]) as isize - self.padding[d] as isize, self.dilation[d]);
        // The first position of the window that is not negative.
        let skipped = usize::try_from(-start).map_or(0, |before| before.div_ceil(step));
        let begin = (start + (skipped * step) as isize) as usize;
        let end = (start + (self.kernel[d] * step) as isize).clamp(0, self.input[d] as isize) as usize;
        let padded =
            (start + self.kernel[d] as isize).min((self.input[d] + self.padding[d]) as isize) - start;
        Window { begin, end, padded: padded.max(0) as usize }
    }

    fn windows(&self, d: usize) -> Vec<Window> {
        (0..self.output[d]).map(|o| self.window(d, o)).collect()
    }

    fn cost(&self, input_words: usize, output_words: usize) -> Cost {
        let (inputs, outputs) = (self.planes * self.inputs(), self.planes * self.outputs());
        Cost {
            flops: (outputs * self.kernel[0] * self.kernel[1]) as u64,
            bytes: (4 * (input_words * inputs + output_words * outputs)) as u64,
        }
    }
}

/// Positions `begin, begin + dilation, ..` below `end`, and the extent clipped to the padded input.
#[derive(Clone, Copy)]
struct Window {
    begin: usize,
    end: usize,
    padded: usize,
}

impl Window {
    fn len(self) -> usize {
        self.end.saturating_sub(self.begin)
    }
}

impl Kernel for MaxPool2d {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Write, Access::Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        let count = self.shape.planes * self.shape.outputs();
        let source = self.shape.dilated(wgsl!("pool2d_max"), count).with(wgsl!("math"));
        vec![Shader::linear(source.finish(), count, 64)]
    }

    fn run(&self, args: &Args) {
        let shape = self.shape;
        let (rows, columns) = (shape.windows(0), shape.windows(1));
        let y = args.write::<f32>(1).par_chunks_mut(shape.outputs());
        let planes = y.zip(args.write::<u32>(2).par_chunks_mut(shape.outputs()));
        let planes = planes.zip(args.read::<f32>(0).par_chunks(shape.inputs())).with_min_len(shape.task());
        if let Some(whole) = shape.whole() {
            return planes
                .for_each(|((y, index), x)| run_vectorized(Largest { windows: whole, x, y, index }));
        }
        planes.for_each(|((y, index), x)| {
            let out = y.iter_mut().zip(index);
            let windows = rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column)));
            for ((y, index), (row, column)) in out.zip(windows) {
                let (value, at) = largest(x, &shape, *row, *column);
                (*y, *index) = (value, at as u32);
            }
        });
    }

    fn cost(&self) -> Cost {
        self.shape.cost(1, 2)
    }
}

/// Windows that lie inside of the input.
#[derive(Clone, Copy)]
struct Whole(Pool2dShape);

/// The largest value of every window of a plane, and its position.
struct Largest<'a> {
    windows: Whole,
    x: &'a [f32],
    y: &'a mut [f32],
    index: &'a mut [u32],
}

/// Windows of a row that vectors process at once.
const BLOCK: usize = 8;

impl Vectorize for Largest<'_> {
    #[inline(always)]
    fn run(mut self) {
        let Pool2dShape { output, kernel, stride, .. } = self.windows.0;
        for row in 0..output[0] {
            match (output[1] >= BLOCK, kernel, stride[1]) {
                (true, _, 1) => self.by_blocks::<1>(row),
                (true, _, 2) => self.by_blocks::<2>(row),
                (true, _, _) => self.by_blocks::<0>(row),
                (false, [2, 2], _) => self.by_windows::<2>(row),
                (false, [3, 3], _) => self.by_windows::<3>(row),
                (false, ..) => self.by_windows::<0>(row),
            }
        }
    }
}

impl Largest<'_> {
    /// A row of at least [`BLOCK`] windows, at distances of `S`, or of the stride if that is 0. The last block overlaps the one before it.
    #[inline(always)]
    fn by_blocks<const S: usize>(&mut self, row: usize) {
        let Pool2dShape { input, output, kernel, stride, dilation, .. } = self.windows.0;
        let step = if S > 0 { S } else { stride[1] };
        for block in (0..output[1]).step_by(BLOCK).map(|first| first.min(output[1] - BLOCK)) {
            let first = row * stride[0] * input[1] + block * step;
            let (mut best, mut at) = ([f32::NEG_INFINITY; BLOCK], [first as u32; BLOCK]);
            for (ky, kx) in (0..kernel[0]).flat_map(|ky| (0..kernel[1]).map(move |kx| (ky, kx))) {
                let start = first + ky * dilation[0] * input[1] + kx * dilation[1];
                let x = &self.x[start..][..(BLOCK - 1) * step + 1];
                let x: [f32; BLOCK] = std::array::from_fn(|i| x[i * step]);
                for i in 0..BLOCK {
                    let larger = (x[i] > best[i]) | x[i].is_nan();
                    best[i] = if larger { x[i] } else { best[i] };
                    at[i] = if larger { (start + i * step) as u32 } else { at[i] };
                }
            }
            let to = row * output[1] + block;
            self.y[to..][..BLOCK].copy_from_slice(&best);
            self.index[to..][..BLOCK].copy_from_slice(&at);
        }
    }

    /// A row of windows of `K` x `K`, or of the kernel if that is 0.
    #[inline(always)]
    fn by_windows<const K: usize>(&mut self, row: usize) {
        let Pool2dShape { input, output, kernel, stride, dilation, .. } = self.windows.0;
        let kernel = if K > 0 { [K, K] } else { kernel };
        for i in 0..output[1] {
            let first = row * stride[0] * input[1] + i * stride[1];
            let (mut best, mut at) = (self.x[first], first);
            for t in 1..kernel[0] * kernel[1] {
                let place = first + t / kernel[1] * dilation[0] * input[1] + t % kernel[1] * dilation[1];
                let value = self.x[place];
                let larger = (value > best) | value.is_nan();
                best = if larger { value } else { best };
                at = if larger { place } else { at };
            }
            let to = row * output[1] + i;
            (self.y[to], self.index[to]) = (best, at as u32);
        }
    }
}

/// Largest value of one window and its position.
fn largest(x: &[f32], shape: &Pool2dShape, row: Window, column: Window) -> (f32, usize) {
    let width = shape.input[1];
    let mut best = (f32::NEG_INFINITY, row.begin * width + column.begin);
    for iy in (row.begin..row.end).step_by(shape.dilation[0]) {
        for ix in (column.begin..column.end).step_by(shape.dilation[1]) {
            let value = x[iy * width + ix];
            if value > best.0 || value.is_nan() {
                best = (value, iy * width + ix);
            }
        }
    }
    best
}

impl Kernel for MaxPool2dGrad {
    fn name(&self) -> &'static str {
        "max_pool2d_grad"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Read, Access::Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        let count = self.shape.planes * self.shape.inputs();
        let source = self.shape.dilated(wgsl!("pool2d_max_grad"), count);
        vec![Shader::linear(source.finish(), count, 64)]
    }

    fn run(&self, args: &Args) {
        let shape = self.shape;
        let dx = args.write::<f32>(2).par_chunks_mut(shape.inputs());
        let dy = args.read::<f32>(0).par_chunks(shape.outputs());
        let planes = dx.zip(dy.zip(args.read::<u32>(1).par_chunks(shape.outputs())));
        planes.with_min_len(shape.task()).for_each(|(dx, (dy, index))| {
            // Each plane belongs to one task, so scattering in order gives the sums that the GPU gathers.
            dx.fill(0.0);
            for (dy, &at) in dy.iter().zip(index) {
                dx[at as usize] += dy;
            }
        });
    }

    fn cost(&self) -> Cost {
        self.shape.cost(1, 2)
    }
}

/// Sets the constants of the average shaders.
fn averaging(source: Source, count_include_pad: bool, divisor: Option<usize>) -> Source {
    source.set("PADDED", count_include_pad).set("DIVISOR", divisor.unwrap_or(0))
}

/// What the sum of a window is divided by.
fn divisor(row: Window, column: Window, count_include_pad: bool, divisor: Option<usize>) -> f32 {
    let own = match count_include_pad {
        true => row.padded * column.padded,
        false => row.len() * column.len(),
    };
    // A window outside of the input gives 0.
    divisor.unwrap_or(own).max(1) as f32
}

impl Kernel for AvgPool2d {
    fn name(&self) -> &'static str {
        "avg_pool2d"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        assert_eq!(self.shape.dilation, [1, 1], "average pooling has no dilation");
        let count = self.shape.planes * self.shape.outputs();
        let source = self.shape.source(wgsl!("pool2d_avg"), count);
        let source = averaging(source, self.count_include_pad, self.divisor);
        vec![Shader::linear(source.finish(), count, 64)]
    }

    fn run(&self, args: &Args) {
        let shape = self.shape;
        assert_eq!(shape.dilation, [1, 1], "average pooling has no dilation");
        let (rows, columns) = (shape.windows(0), shape.windows(1));
        let y = args.write::<f32>(1).par_chunks_mut(shape.outputs());
        let planes = y.zip(args.read::<f32>(0).par_chunks(shape.inputs())).with_min_len(shape.task());
        planes.for_each(|(y, x)| {
            let windows = rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column)));
            for (y, (&row, &column)) in y.iter_mut().zip(windows) {
                let mut sum = 0.0;
                for iy in row.begin..row.end {
                    let x = &x[iy * shape.input[1]..][..shape.input[1]];
                    sum = x.get(column.begin..column.end).unwrap_or(&[]).iter().fold(sum, |s, x| s + x);
                }
                *y = sum / divisor(row, column, self.count_include_pad, self.divisor);
            }
        });
    }

    fn cost(&self) -> Cost {
        self.shape.cost(1, 1)
    }
}

impl Kernel for AvgPool2dGrad {
    fn name(&self) -> &'static str {
        "avg_pool2d_grad"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        assert_eq!(self.shape.dilation, [1, 1], "average pooling has no dilation");
        let count = self.shape.planes * self.shape.inputs();
        let source = self.shape.source(wgsl!("pool2d_avg_grad"), count);
        let source = averaging(source, self.count_include_pad, self.divisor);
        vec![Shader::linear(source.finish(), count, 64)]
    }

    fn run(&self, args: &Args) {
        let shape = self.shape;
        assert_eq!(shape.dilation, [1, 1], "average pooling has no dilation");
        let (rows, columns) = (shape.windows(0), shape.windows(1));
        let dx = args.write::<f32>(1).par_chunks_mut(shape.inputs());
        let planes = dx.zip(args.read::<f32>(0).par_chunks(shape.outputs())).with_min_len(shape.task());
        planes.for_each(|(dx, dy)| {
            dx.fill(0.0);
            let windows = rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column)));
            for (dy, (&row, &column)) in dy.iter().zip(windows) {
                let share = dy / divisor(row, column, self.count_include_pad, self.divisor);
                for iy in row.begin..row.end {
                    let dx = &mut dx[iy * shape.input[1]..][..shape.input[1]];
                    let covered = dx.get_mut(column.begin..column.end).unwrap_or_default();
                    covered.iter_mut().for_each(|dx| *dx += share);
                }
            }
        });
    }

    fn cost(&self) -> Cost {
        self.shape.cost(1, 1)
    }
}
