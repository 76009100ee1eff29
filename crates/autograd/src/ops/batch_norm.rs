//! Batch normalisation (Ioffe and Szegedy 2015).

use gpu_core::kernels::{Binary, ChannelMoments, ChannelSums, Instr, Map, Program, Prologue, Unary};
use gpu_core::{DType, Layout};

use crate::Tensor;
use crate::compile::Lower;
use crate::gradient::decomposed;
use crate::op::{KernelOp, Meta};

/// Results of [`batch_norm_train`].
pub struct BatchNormOutput {
    /// The normalised input.
    pub y: Tensor,
    /// Mean of every channel `[C]`, without gradient.
    pub mean: Tensor,
    /// Biased variance of every channel `[C]`, without gradient.
    pub var: Tensor,
    /// Elements of a channel.
    count: usize,
}

impl BatchNormOutput {
    /// Running mean and variance after this batch: moved by `momentum` towards its mean and its unbiased variance.
    ///
    /// # Panics
    /// When the batch has one value a channel, whose variance is not known.
    #[track_caller]
    pub fn running(&self, mean: &Tensor, var: &Tensor, momentum: f32) -> (Tensor, Tensor) {
        assert!(self.count > 1, "batch_norm: training on one value a channel, input {:?}", self.y.shape());
        let unbiased = &self.var * (self.count as f32 / (self.count as f32 - 1.0));
        let keep = 1.0 - momentum;
        (mean * keep + &self.mean * momentum, var * keep + unbiased * momentum)
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

/// `[C]` beside `[N, C, ..]`.
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

/// Layouts of a whole tensor and of a value a channel, broadcast to it.
fn layouts(batch: usize, channels: usize, spatial: usize) -> (Layout, Layout) {
    let shape = vec![batch, channels, spatial];
    (Layout::contiguous(&shape), Layout::new(shape, vec![0, 1, 0], 0))
}

#[derive(Clone, Copy, Debug, Hash)]
struct BatchNorm {
    eps_bits: u32,
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
        let (batch, channels, spatial) = BatchNorm::sizes(&cx.input_meta(0).shape);
        let [x, weight, bias] = [0, 1, 2].map(|i| cx.dense(i));
        let [y, mean, var] = [0, 1, 2].map(|o| cx.output(o));
        let (whole, channel) = layouts(batch, channels, spatial);
        let operand = Prologue::plain(DType::F32, whole.clone());
        cx.launch(ChannelMoments { batch, channels, spatial, x: operand }, &[x, mean, var]);
        // (x - mean) (weight / sqrt(var + eps)) + bias
        let code = [
            Instr::Binary(Binary::Sub, 0, 1),
            Instr::Const(DType::F32, self.eps_bits),
            Instr::Binary(Binary::Add, 2, 6),
            Instr::Unary(Unary::Sqrt, 7),
            Instr::Binary(Binary::Div, 3, 8),
            Instr::Binary(Binary::Mul, 5, 9),
            Instr::Binary(Binary::Add, 10, 4),
        ];
        let inputs = [&whole, &channel, &channel, &channel, &channel].map(Layout::clone);
        let apply = Map::new(Program::new(&[DType::F32; 5], &code), &inputs, whole);
        cx.launch(apply, &[x, mean, var, weight, bias, y]);
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

/// From input, weight, mean, variance and the output's gradient to the gradients of input, weight and bias.
#[derive(Debug, Hash)]
struct BatchNormGrad(BatchNorm);

impl KernelOp for BatchNormGrad {
    fn name(&self) -> &'static str {
        "batch_norm_grad"
    }

    fn lower(&self, cx: &mut Lower) {
        let (batch, channels, spatial) = BatchNorm::sizes(&cx.input_meta(0).shape);
        let [x, weight, mean, var, dy] = [0, 1, 2, 3, 4].map(|i| cx.dense(i));
        let [dx, dweight, dbias] = [0, 1, 2].map(|o| cx.output(o));
        let (whole, channel) = layouts(batch, channels, spatial);
        let operand = Prologue::plain(DType::F32, whole.clone());
        let products = cx.temp(channels);
        let sums = ChannelSums { batch, channels, spatial, x: operand.clone(), dy: operand };
        cx.launch(sums, &[x, dy, mean, dbias, products]);
        // products / sqrt(var + eps)
        let code = [
            Instr::Const(DType::F32, self.0.eps_bits),
            Instr::Binary(Binary::Add, 1, 2),
            Instr::Unary(Unary::Sqrt, 3),
            Instr::Binary(Binary::Div, 0, 4),
        ];
        let dense = Layout::contiguous(&[channels]);
        let scale = Map::new(Program::new(&[DType::F32; 2], &code), &[dense.clone(), dense.clone()], dense);
        cx.launch(scale, &[products, var, dweight]);
        // weight rstd (dy - dbias / M - (x - mean) rstd dweight / M)
        let count = ((batch * spatial) as f32).to_bits();
        let code = [
            Instr::Const(DType::F32, self.0.eps_bits),
            Instr::Binary(Binary::Add, 4, 7),
            Instr::Unary(Unary::Rsqrt, 8),
            Instr::Const(DType::F32, count),
            Instr::Binary(Binary::Div, 6, 10),
            Instr::Binary(Binary::Div, 5, 10),
            Instr::Binary(Binary::Mul, 12, 9),
            Instr::Binary(Binary::Mul, 2, 9),
            Instr::Binary(Binary::Sub, 0, 3),
            Instr::Binary(Binary::Mul, 15, 13),
            Instr::Binary(Binary::Sub, 1, 11),
            Instr::Binary(Binary::Sub, 17, 16),
            Instr::Binary(Binary::Mul, 18, 14),
        ];
        let inputs = [&whole, &whole, &channel, &channel, &channel, &channel, &channel].map(Layout::clone);
        let input = Map::new(Program::new(&[DType::F32; 7], &code), &inputs, whole);
        cx.launch(input, &[x, dy, weight, mean, var, dweight, dbias, dx]);
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
