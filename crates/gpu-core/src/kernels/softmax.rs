//! Softmax and log-softmax of rows, and their gradients.

mod rows;

pub(super) use rows::{for_rows, log_sum_exp, max_and_exps, softmax_shader, sum_of};

use crate::vecmath::exp;
use crate::wgsl::wgsl;
use crate::{Access, Args, Cost, Kernel, Shader};

/// `y[r, j] = exp(x[r, j]) / sum over i of exp(x[r, i])`, or with `log` its logarithm.
///
/// Arguments: `x` and `y`, contiguous `[rows, cols]` f32. An element of minus infinity has the probability 0; a row of
/// nothing else, or with a NaN or plus infinity, is NaN.
#[derive(Clone, Debug)]
pub struct Softmax {
    /// Rows, each with a softmax of its own.
    pub rows: usize,
    /// Elements of a row.
    pub cols: usize,
    /// Whether y is the logarithm of the softmax.
    pub log: bool,
}

impl Kernel for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        vec![softmax_shader(wgsl!("softmax"), self.rows, self.cols, |s| s.set("LOG", self.log))]
    }

    fn run(&self, args: &Args) {
        let x: &[f32] = args.read(0);
        for_rows(
            args.write(1),
            self.rows,
            self.cols,
            self.cols,
            #[inline(always)]
            |first, y| {
                for (r, y) in y.chunks_exact_mut(self.cols).enumerate() {
                    let x = &x[(first + r) * self.cols..][..self.cols];
                    if self.log {
                        let (max, log_sum) = log_sum_exp(x);
                        y.iter_mut().zip(x).for_each(|(y, x)| *y = (x - max) - log_sum);
                    } else {
                        let (_, sum) = max_and_exps(x, y);
                        let scale = 1.0 / sum;
                        y.iter_mut().for_each(|y| *y *= scale);
                    }
                }
            },
        );
    }

    fn cost(&self) -> Cost {
        let n = (self.rows * self.cols) as u64;
        Cost { flops: 5 * n, bytes: 8 * n }
    }
}

/// Gradient of [`Softmax`] from its result: `dx = y * (dy - sum(y * dy))`, or with `log` `dx = dy - exp(y) * sum(dy)`,
/// with sums over the row.
///
/// Arguments: `y`, `dy`, `dx`; contiguous `[rows, cols]` f32.
#[derive(Clone, Debug)]
pub struct SoftmaxGrad {
    /// Rows, each with a softmax of its own.
    pub rows: usize,
    /// Elements of a row.
    pub cols: usize,
    /// Whether y is the logarithm of the softmax.
    pub log: bool,
}

impl Kernel for SoftmaxGrad {
    fn name(&self) -> &'static str {
        "softmax_grad"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Read, Access::Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        vec![softmax_shader(wgsl!("softmax_grad"), self.rows, self.cols, |s| s.set("LOG", self.log))]
    }

    fn run(&self, args: &Args) {
        let (y, dy): (&[f32], &[f32]) = (args.read(0), args.read(1));
        for_rows(
            args.write(2),
            self.rows,
            self.cols,
            self.cols,
            #[inline(always)]
            |first, dx| {
                for (r, dx) in dx.chunks_exact_mut(self.cols).enumerate() {
                    let start = (first + r) * self.cols;
                    let (y, dy) = (&y[start..][..self.cols], &dy[start..][..self.cols]);
                    let all = dx.iter_mut().zip(y.iter().zip(dy));
                    if self.log {
                        let sum = sum_of(dy, |dy| dy);
                        all.for_each(|(dx, (&y, &dy))| *dx = dy - exp(y) * sum);
                    } else {
                        all.for_each(|(dx, (&y, &dy))| *dx = y * dy);
                        let sum = sum_of(dx, |dx| dx);
                        let all = dx.iter_mut().zip(y.iter().zip(dy));
                        all.for_each(|(dx, (&y, &dy))| *dx = y * (dy - sum));
                    }
                }
            },
        );
    }

    fn cost(&self) -> Cost {
        let n = (self.rows * self.cols) as u64;
        Cost { flops: 4 * n, bytes: 12 * n }
    }
}
