//! Softmax cross-entropy with class numbers as targets, fused, and its gradient.

use super::epilogue::plain_result;
use super::softmax::{for_rows, log_sum_exp, max_and_exps, softmax_shader, sum_of};
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, Kernel, Shader};

/// `loss[r] = (1 - e) * (lse - x[r, t]) + e / cols * sum over j of (lse - x[r, j])`, where `lse` is the logarithm of
/// the sum of `exp(x[r, ..])`, `t = target[r]` and `e` is the label smoothing.
///
/// Arguments: logits `x`, `[rows, cols]` f32; target, `[rows]` i32; loss, `[rows]` f32. A row whose target is
/// `ignore_index` has loss 0, one with any other target outside of `0..cols` NaN.
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    /// Rows of logits.
    pub rows: usize,
    /// Classes.
    pub cols: usize,
    /// Share `e` of the target that is spread over all classes, in `[0, 1]`.
    pub smoothing: f32,
    /// The target of rows that do not count; -100 in PyTorch.
    pub ignore_index: i32,
}

impl Kernel for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Read, Access::Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        let set = constants(self.smoothing, self.ignore_index);
        vec![softmax_shader(wgsl!("cross_entropy"), self.rows, self.cols, set)]
    }

    fn run(&self, args: &Args) {
        let (x, target): (&[f32], &[i32]) = (args.read(0), args.read(1));
        for_rows(
            args.write(2),
            self.rows,
            1,
            self.cols,
            #[inline(always)]
            |first, loss| {
                for (r, loss) in loss.iter_mut().enumerate() {
                    let row = &x[(first + r) * self.cols..][..self.cols];
                    *loss = self.loss(row, target[first + r]);
                }
            },
        );
    }

    fn cost(&self) -> Cost {
        let n = (self.rows * self.cols) as u64;
        Cost { flops: 4 * n, bytes: 4 * n + 8 * self.rows as u64 }
    }
}

impl CrossEntropy {
    #[inline(always)]
    fn loss(&self, x: &[f32], target: i32) -> f32 {
        if target == self.ignore_index {
            return 0.0;
        }
        let Some(&hit) = usize::try_from(target).ok().and_then(|t| x.get(t)) else { return f32::NAN };
        let (max, log_sum) = log_sum_exp(x);
        // Not computed from `max + log_sum`, where rounding loses the sum next to large logits.
        let below = |x: f32| (max - x) + log_sum;
        let mut loss = (1.0 - self.smoothing) * below(hit);
        // Skipped for 0, because 0 times an infinity would be NaN.
        if self.smoothing != 0.0 {
            loss += self.smoothing / self.cols as f32 * sum_of(x, below);
        }
        loss
    }
}

/// Gradient of [`CrossEntropy`]: `dx[r, j] = dloss[r] * (softmax(x[r])[j] - (1 - e) * [j == t] - e / cols)`.
///
/// Arguments: logits and target as for [`CrossEntropy`]; dloss, `[rows]` f32 or one number; dlogits, `[rows, cols]` f32. Ignored rows are
/// 0, rows with an invalid target NaN.
#[derive(Clone, Debug)]
pub struct CrossEntropyGrad {
    /// Rows of logits.
    pub rows: usize,
    /// Classes.
    pub cols: usize,
    /// As for [`CrossEntropy`].
    pub smoothing: f32,
    /// As for [`CrossEntropy`].
    pub ignore_index: i32,
    /// Whether dloss is one number for all rows, as for a mean.
    pub one_loss: bool,
}

impl Kernel for CrossEntropyGrad {
    fn name(&self) -> &'static str {
        "cross_entropy_grad"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Read, Access::Read, Access::Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        let set = |source| {
            constants(self.smoothing, self.ignore_index)(source)
                .set("ONE_LOSS", self.one_loss)
                .block("results", &plain_result(3, "f32", 1))
        };
        vec![softmax_shader(wgsl!("cross_entropy_grad"), self.rows, self.cols, set).emitting(1)]
    }

    fn emits(&self) -> bool {
        true
    }

    fn run(&self, args: &Args) {
        let (x, target, dloss): (&[f32], &[i32], &[f32]) = (args.read(0), args.read(1), args.read(2));
        for_rows(
            args.write(3),
            self.rows,
            self.cols,
            self.cols,
            #[inline(always)]
            |first, dx| {
                for (r, dx) in dx.chunks_exact_mut(self.cols).enumerate() {
                    let row = &x[(first + r) * self.cols..][..self.cols];
                    let dloss = dloss[if self.one_loss { 0 } else { first + r }];
                    self.gradient(row, target[first + r], dloss, dx);
                }
            },
        );
    }

    fn cost(&self) -> Cost {
        let n = (self.rows * self.cols) as u64;
        Cost { flops: 6 * n, bytes: 8 * n + 8 * self.rows as u64 }
    }
}

impl CrossEntropyGrad {
    #[inline(always)]
    fn gradient(&self, x: &[f32], target: i32, dloss: f32, dx: &mut [f32]) {
        if target == self.ignore_index {
            return dx.fill(0.0);
        }
        let Some(target) = usize::try_from(target).ok().filter(|&t| t < x.len()) else {
            return dx.fill(f32::NAN);
        };
        let (_, sum) = max_and_exps(x, dx);
        let (scale, spread) = (1.0 / sum, self.smoothing / self.cols as f32);
        let hit = dloss * (dx[target] * scale - (1.0 - self.smoothing) - spread);
        dx.iter_mut().for_each(|dx| *dx = dloss * (*dx * scale - spread));
        dx[target] = hit;
    }
}

fn constants(smoothing: f32, ignore_index: i32) -> impl FnOnce(Source) -> Source {
    move |source| source.set("SMOOTHING", format!("{smoothing:?}")).set("IGNORE", ignore_index)
}
