//! Cumulative sums, products and log-sum-exps.

use gpu_core::DType;
use gpu_core::kernels::{self, ScanOp};

use crate::Tensor;
use crate::compile::Lower;
use crate::op::KernelOp;

#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Scan {
    pub(super) op: ScanOp,
    pub(super) dim: usize,
    /// Whether to scan from the end.
    pub(super) reverse: bool,
}

impl Tensor {
    /// Sums of the elements up to each one along `dim`.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 2.0, 3.0], &[3])?;
    /// assert_eq!(x.cumsum(0).to_vec::<f32>()?, [1.0, 3.0, 6.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn cumsum(&self, dim: isize) -> Tensor {
        self.scan("cumsum", ScanOp::Sum, dim)
    }

    /// Products of the elements up to each one along `dim`; the gradient is correct even if elements are 0.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 2.0, 3.0], &[3])?;
    /// assert_eq!(x.cumprod(0).to_vec::<f32>()?, [1.0, 2.0, 6.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn cumprod(&self, dim: isize) -> Tensor {
        self.scan("cumprod", ScanOp::Prod, dim)
    }

    /// `log(sum(exp(x)))` of the elements up to each one along `dim`, without overflow.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1000.0f32, 1000.0], &[2])?;
    /// assert_eq!(x.logcumsumexp(0).to_vec::<f32>()?, [1000.0, 1000.6932]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn logcumsumexp(&self, dim: isize) -> Tensor {
        self.scan("logcumsumexp", ScanOp::LogSumExp, dim)
    }

    #[track_caller]
    fn scan(&self, name: &str, op: ScanOp, dim: isize) -> Tensor {
        self.expect_float(name);
        Scan { op, dim: self.dim(name, dim), reverse: false }.of(self)
    }
}

impl Scan {
    #[track_caller]
    fn of(self, x: &Tensor) -> Tensor {
        if x.numel() == 0 {
            return x.clone();
        }
        Tensor::record(self, &[x], vec![x.meta().clone()]).remove(0)
    }

    /// Scans from each element to the end: the transpose of the scan up to each element.
    #[track_caller]
    fn rest(self, op: ScanOp, x: &Tensor) -> Tensor {
        Scan { op, reverse: !self.reverse, ..self }.of(x)
    }

    /// `dx_k = sum over j >= k of g_j y_j / x_k`. If `x_k` is the first 0, it uses products without `x_k`; after the first 0 the
    /// gradient is 0.
    #[track_caller]
    fn product_gradient(self, x: &Tensor, y: &Tensor, g: &Tensor) -> Tensor {
        let (zero, one, is_zero) = (x.number(0.0), x.number(1.0), x.eq(0.0));
        let zeros = Scan { op: ScanOp::Sum, ..self }.of(&is_zero.to(DType::F32));
        let first = is_zero.logical_and(zeros.eq(1.0));
        let before = self.rest(ScanOp::Sum, &(g * y)) / one.where_(&is_zero, x);
        let without = self.of(&one.where_(&first, x));
        let at_first = self.rest(ScanOp::Sum, &(g * without));
        at_first.where_(&first, &before.where_(&zeros.eq(0.0), &zero))
    }

    /// `dx_k = exp(x_k) * sum over j >= k of g_j exp(-y_j)`, in logarithms, separately for positive and negative `g_j`.
    #[track_caller]
    fn log_gradient(self, x: &Tensor, y: &Tensor, g: &Tensor) -> Tensor {
        let (one, nothing) = (x.number(1.0), x.number(f32::MIN));
        let part = |g: &Tensor| {
            let positive = g.gt(0.0);
            let log = g.where_(&positive, &one).log().where_(&positive, &nothing);
            (self.rest(ScanOp::LogSumExp, &(log - y)) + x).exp()
        };
        part(g) - part(&-g)
    }
}

impl KernelOp for Scan {
    fn name(&self) -> &'static str {
        match self.op {
            ScanOp::Sum => "cumsum",
            ScanOp::Prod => "cumprod",
            ScanOp::LogSumExp => "logcumsumexp",
        }
    }

    fn lower(&self, cx: &mut Lower) {
        let shape = cx.input_meta(0).shape;
        let (outer, inner) = (shape[..self.dim].iter().product(), shape[self.dim + 1..].iter().product());
        let args = [cx.dense(0), cx.output(0)];
        let kernel = kernels::Scan { op: self.op, outer, len: shape[self.dim], inner, reverse: self.reverse };
        cx.launch(kernel, &args);
    }

    fn gradient(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        grads: &[Option<Tensor>],
    ) -> Vec<Option<Tensor>> {
        let (x, y, g) = (&inputs[0], &outputs[0], grads[0].as_ref().expect("one output"));
        vec![Some(match self.op {
            ScanOp::Sum => self.rest(ScanOp::Sum, g),
            ScanOp::Prod => self.product_gradient(x, y, g),
            ScanOp::LogSumExp => self.log_gradient(x, y, g),
        })]
    }
}
