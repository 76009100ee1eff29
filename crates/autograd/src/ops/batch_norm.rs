//! Batch normalisation (Ioffe and Szegedy 2015).

use gpu_core::kernels::{self, Unary};
use gpu_core::{DType, Target};

use crate::Tensor;
use crate::compile::{Expr, Lower};
use crate::gradient::decomposed;
use crate::op::{KernelOp, Meta};

/// Results of [`batch_norm_train`].
pub struct BatchNormOutput {
    /// The normalised input.
    pub y: Tensor,
    /// Mean of every channel `[C]`, detached.
    pub mean: Tensor,
    /// Biased variance of every channel `[C]`, detached.
    pub var: Tensor,
    /// Number of elements of a channel.
    count: usize,
}

impl BatchNormOutput {
    /// The factor that makes the variance unbiased.
    ///
    /// # Panics
    /// When the batch has at most one value per channel, for which there is no unbiased variance.
    #[track_caller]
    pub fn correction(&self) -> f32 {
        let few = if self.count == 1 { "one value" } else { "no values" };
        assert!(self.count > 1, "batch_norm: training on {few} a channel, input {:?}", self.y.shape());
        self.count as f32 / (self.count as f32 - 1.0)
    }
}

/// Normalises every channel of `x [N, C, ..]` by its own statistics over all other dimensions, then scales by `weight [C]`
/// and adds `bias [C]`: `y = (x - mean) / sqrt(var + eps) * weight + bias`.
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn batch_norm_train(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f32) -> BatchNormOutput {
    let c = check("batch_norm", x, weight, bias);
    let channel = Meta::new(&[c], DType::F32);
    let outputs = vec![x.meta().clone(), channel.clone(), channel];
    let outputs = Tensor::record(BatchNorm { eps_bits: eps.to_bits() }, &[x, weight, bias], outputs);
    let [y, mean, var] = <[Tensor; 3]>::try_from(outputs).expect("three outputs");
    BatchNormOutput { y, mean: mean.detach(), var: var.detach(), count: x.numel() / c.max(1) }
}

#[track_caller]
fn check(op: &str, x: &Tensor, weight: &Tensor, bias: &Tensor) -> usize {
    assert!(x.rank() >= 2, "{op}: input {:?}, not [N, C, ..]", x.shape());
    let c = x.shape()[1];
    let fits = weight.shape() == [c] && bias.shape() == [c];
    assert!(fits, "{op}: weight {:?} and bias {:?} for input {:?}", weight.shape(), bias.shape(), x.shape());
    for t in [x, weight, bias] {
        t.expect_float(op);
    }
    c
}

/// Reshapes `[C]` to broadcast with `[N, C, ..]`.
fn per_channel(t: &Tensor, rank: usize) -> Tensor {
    let mut shape = vec![1; rank - 1];
    shape[0] = t.numel();
    t.reshape(&shape)
}

impl Tensor {
    /// Normalises every channel of `self [N, C, ..]` by given statistics `[C]`, then scales and shifts by `weight` and `bias`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn batch_norm_eval(
        &self,
        mean: &Tensor,
        var: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        eps: f32,
    ) -> Tensor {
        let c = check("batch_norm", self, weight, bias);
        let (m, v) = (mean.shape(), var.shape());
        assert!(
            m == [c] && v == [c],
            "batch_norm: mean {m:?} and variance {v:?} for input {:?}",
            self.shape()
        );
        let scale = weight * (var + eps).rsqrt();
        let shift = bias - mean * &scale;
        self * per_channel(&scale, self.rank()) + per_channel(&shift, self.rank())
    }
}

#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct BatchNorm {
    pub(super) eps_bits: u32,
}

impl BatchNorm {
    fn eps(&self) -> f32 {
        f32::from_bits(self.eps_bits)
    }

    /// Batch, channels and size of a plane.
    fn sizes(x: &[usize]) -> (usize, usize, usize) {
        (x[0], x[1], x[2..].iter().product())
    }

    /// Mean and biased variance as functions of `x`, and the dimensions they are taken over.
    fn statistics(x: &Tensor) -> (Tensor, Tensor, Vec<isize>) {
        let dims: Vec<isize> = (0..x.rank() as isize).filter(|&d| d != 1).collect();
        (x.mean(&dims, false), x.var(&dims, 0.0, false), dims)
    }
}

impl KernelOp for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn lower(&self, cx: &mut Lower) {
        let shape = cx.input_meta(0).shape;
        let (batch, channels, spatial) = BatchNorm::sizes(&shape);
        let (mut args, x) = cx.prologue(0, cx.buffers() - 3);
        args.extend([cx.output(1), cx.output(2)]);
        cx.launch(kernels::ChannelMoments { batch, channels, spatial, x }, &args);
        let [weight, bias] = [1, 2].map(|i| cx.expr(i).channels(shape.len()));
        let [mean, var] = [1, 2].map(|o| cx.output_expr(o).channels(shape.len()));
        let scale = weight * (var + Expr::number(self.eps())).unary(Unary::Rsqrt);
        let apply = |x: Expr| (x - mean.clone()) * scale.clone() + bias.clone();
        if !cx.fits(&apply(cx.expr(0))) {
            cx.dense(0);
        }
        cx.computed(0, apply(cx.expr(0)));
    }

    fn elementwise(&self, output: usize) -> Option<(Vec<usize>, usize)> {
        (output == 0).then(|| (vec![0], 3))
    }

    fn absorbs(&self, input: usize, _: Target) -> bool {
        input == 0
    }

    fn gradient(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        grads: &[Option<Tensor>],
    ) -> Vec<Option<Tensor>> {
        let Some(dy) = &grads[0] else { return vec![None; 3] };
        let (x, weight) = (&inputs[0], &inputs[1]);
        let shapes = vec![x.meta().clone(), weight.meta().clone(), weight.meta().clone()];
        let inputs = [x, weight, &outputs[1], &outputs[2], dy];
        Tensor::record(BatchNormGrad(*self), &inputs, shapes).into_iter().map(Some).collect()
    }
}

/// The gradients of input, weight and bias, from input, weight, mean, variance and the output's gradient.
#[derive(Debug, Hash)]
struct BatchNormGrad(BatchNorm);

impl KernelOp for BatchNormGrad {
    fn name(&self) -> &'static str {
        "batch_norm_grad"
    }

    fn lower(&self, cx: &mut Lower) {
        let shape = cx.input_meta(0).shape;
        let (batch, channels, spatial) = BatchNorm::sizes(&shape);
        let free = cx.buffers() - 4;
        let (mut args, x) = cx.prologue(0, free - 1);
        let (dy_args, dy) = cx.prologue(4, free - args.len());
        let product = cx.temp(channels);
        args.extend(dy_args);
        args.extend([cx.dense(2), cx.output(2), product]);
        cx.launch(kernels::ChannelSums { batch, channels, spatial, x, dy }, &args);

        let (product, var) = (cx.temp_expr(product, &[channels]), cx.expr(3));
        let rstd = (var + Expr::number(self.0.eps())).unary(Unary::Rsqrt);
        cx.computed(1, product.clone() * rstd.clone());
        // dx = gamma rstd (dy - dbeta / M - (x - mean) rstd^2 product / M) with M = N S.
        let along = |e: Expr| e.channels(shape.len());
        let per = || Expr::number(1.0 / (batch * spatial) as f32);
        let scale = along(cx.expr(1) * rstd.clone());
        let slope = along(rstd.clone() * rstd * product * per());
        let (mean, shift) = (along(cx.expr(2)), along(cx.output_expr(2) * per()));
        let apply =
            |x: Expr, dy: Expr| (dy - shift.clone() - (x - mean.clone()) * slope.clone()) * scale.clone();
        for input in [4, 0] {
            if !cx.fits(&apply(cx.expr(0), cx.expr(4))) {
                cx.dense(input);
            }
        }
        cx.computed(0, apply(cx.expr(0), cx.expr(4)));
    }

    fn elementwise(&self, output: usize) -> Option<(Vec<usize>, usize)> {
        (output == 0).then(|| (vec![0, 4], 5))
    }

    fn absorbs(&self, input: usize, _: Target) -> bool {
        input == 0 || input == 4
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        decomposed(inputs, grads, |inputs| {
            let (x, weight, dy) = (&inputs[0], &inputs[1], &inputs[4]);
            let (mean, var, dims) = BatchNorm::statistics(x);
            let rank = x.rank();
            let count = (x.numel() / x.shape()[1]) as f32;
            let rstd = (var + self.0.eps()).rsqrt();
            let xhat = (x - per_channel(&mean, rank)) * per_channel(&rstd, rank);
            let (dbias, dweight) = (dy.sum(&dims, false), (dy * &xhat).sum(&dims, false));
            let centred =
                dy - per_channel(&(&dbias / count), rank) - xhat * per_channel(&(&dweight / count), rank);
            vec![centred * per_channel(&(weight * rstd), rank), dweight, dbias]
        })
    }
}
