//! Softmax and its logarithm.

use gpu_core::kernels;

use crate::Tensor;
use crate::compile::Lower;
use crate::gradient::decomposed;
use crate::op::{KernelOp, Meta};

/// Softmax over the last dimension, or its logarithm.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Softmax {
    pub(super) log: bool,
}

impl Tensor {
    /// `exp(x) / sum(exp(x))` along `dim`, without overflow.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1000.0f32, 1001.0, 1002.0], &[3])?;
    /// let y = x.softmax(0).to_vec::<f32>()?;
    /// assert!((y[2] - 0.665_241).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn softmax(&self, dim: isize) -> Tensor {
        self.softmax_along(dim, Softmax { log: false })
    }

    /// `log(softmax(x))` along `dim`, without overflow.
    #[track_caller]
    pub fn log_softmax(&self, dim: isize) -> Tensor {
        self.softmax_along(dim, Softmax { log: true })
    }

    /// [`softmax`](Tensor::softmax) of `-x`.
    #[track_caller]
    pub fn softmin(&self, dim: isize) -> Tensor {
        (-self).softmax(dim)
    }

    #[track_caller]
    fn softmax_along(&self, dim: isize, op: Softmax) -> Tensor {
        assert!(self.dtype().is_float(), "{}: of a tensor of type {}", op.name(), self.dtype());
        if self.rank() == 0 {
            return self.reshape(&[1]).softmax_along(0, op).reshape(&[]);
        }
        let last = self.transpose(dim, -1);
        Tensor::record(op, &[&last], vec![last.meta().clone()]).remove(0).transpose(dim, -1)
    }
}

/// Rows and columns of a tensor viewed as a matrix, whose columns are the last dimension.
fn matrix(meta: &Meta) -> (usize, usize) {
    let cols = meta.shape.last().copied().unwrap_or(1);
    (meta.numel().checked_div(cols).unwrap_or(0), cols)
}

impl KernelOp for Softmax {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax" } else { "softmax" }
    }

    fn lower(&self, cx: &mut Lower) {
        let (rows, cols) = matrix(cx.output_meta(0));
        let args = [cx.dense(0), cx.output(0)];
        cx.launch(kernels::Softmax { rows, cols, log: self.log }, &args);
    }

    fn gradient(&self, _: &[Tensor], outputs: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        let (y, dy) = (&outputs[0], grads[0].as_ref().expect("one output"));
        vec![Some(Tensor::record(SoftmaxGrad(*self), &[y, dy], vec![y.meta().clone()]).remove(0))]
    }
}

#[derive(Debug, Hash)]
struct SoftmaxGrad(Softmax);

impl KernelOp for SoftmaxGrad {
    fn name(&self) -> &'static str {
        if self.0.log { "log_softmax_grad" } else { "softmax_grad" }
    }

    fn lower(&self, cx: &mut Lower) {
        let (rows, cols) = matrix(cx.output_meta(0));
        let args = [cx.dense(0), cx.dense(1), cx.output(0)];
        cx.launch(kernels::SoftmaxGrad { rows, cols, log: self.0.log }, &args);
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        decomposed(inputs, grads, |inputs| {
            let (y, dy) = (&inputs[0], &inputs[1]);
            vec![if self.0.log {
                dy - y.exp() * dy.sum(&[-1], true)
            } else {
                y * (dy - (y * dy).sum(&[-1], true))
            }]
        })
    }
}
