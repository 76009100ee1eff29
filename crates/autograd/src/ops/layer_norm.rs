//! Layer normalisation (Ba, Kiros and Hinton 2016).

use gpu_core::DType;
use gpu_core::kernels;

use crate::Tensor;
use crate::compile::Lower;
use crate::gradient::decomposed;
use crate::op::{KernelOp, Meta};

impl Tensor {
    /// Normalises over the last dimensions, whose sizes are the shape of `weight` and `bias`:
    /// `y = (x - mean) / sqrt(var + eps) * weight + bias` with the biased variance.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn layer_norm(&self, weight: &Tensor, bias: &Tensor, eps: f32) -> Tensor {
        let (x, w) = (self.shape(), weight.shape());
        let fits = weight.shape() == bias.shape() && !w.is_empty() && x.ends_with(w);
        assert!(fits, "layer_norm: weight {w:?} and bias {:?} for input {x:?}", bias.shape());
        for t in [self, weight, bias] {
            t.expect_float("layer_norm");
        }
        let (cols, rows) = (weight.numel(), self.numel() / weight.numel().max(1));
        let [input, weight, bias] =
            [self.reshape(&[rows, cols]), weight.reshape(&[cols]), bias.reshape(&[cols])];
        let row = Meta::new(&[rows], DType::F32);
        let outputs = vec![input.meta().clone(), row.clone(), row];
        let op = LayerNorm { eps_bits: eps.to_bits() };
        Tensor::record(op, &[&input, &weight, &bias], outputs).remove(0).reshape(x)
    }
}

/// The layer norm op. Input: `[rows, cols]`. Outputs: the normalised rows, their means and reciprocal deviations.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct LayerNorm {
    pub(super) eps_bits: u32,
}

impl KernelOp for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn lower(&self, cx: &mut Lower) {
        let shape = cx.input_meta(0).shape;
        let args = [cx.dense(0), cx.dense(1), cx.dense(2), cx.output(0), cx.output(1), cx.output(2)];
        cx.launch(
            kernels::LayerNorm { rows: shape[0], cols: shape[1], eps: f32::from_bits(self.eps_bits) },
            &args,
        );
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
        Tensor::record(LayerNormGrad(*self), &inputs, shapes).into_iter().map(Some).collect()
    }
}

/// The gradients of input, weight and bias, from input, weight, means, reciprocal deviations and the output's gradient.
#[derive(Debug, Hash)]
struct LayerNormGrad(LayerNorm);

impl KernelOp for LayerNormGrad {
    fn name(&self) -> &'static str {
        "layer_norm_grad"
    }

    fn lower(&self, cx: &mut Lower) {
        let shape = cx.input_meta(0).shape;
        let (rows, cols) = (shape[0], shape[1]);
        let [x, weight, mean, rstd, dy] = [0, 1, 2, 3, 4].map(|i| cx.dense(i));
        let [dx, dweight, dbias] = [0, 1, 2].map(|o| cx.output(o));
        cx.launch(kernels::LayerNormGradInput { rows, cols }, &[x, weight, mean, rstd, dy, dx]);
        cx.launch(kernels::LayerNormGradParams { rows, cols }, &[x, mean, rstd, dy, dweight, dbias]);
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        decomposed(inputs, grads, |inputs| {
            let (x, weight, dy) = (&inputs[0], &inputs[1], &inputs[4]);
            let rstd = (x.var(&[1], 0.0, true) + f32::from_bits(self.0.eps_bits)).rsqrt();
            let xhat = (x - x.mean(&[1], true)) * &rstd;
            let (dbias, dweight) = (dy.sum(&[0], false), (dy * &xhat).sum(&[0], false));
            let g = dy * weight;
            let centred = &g - g.mean(&[1], true) - &xhat * (&g * &xhat).mean(&[1], true);
            vec![centred * rstd, dweight, dbias]
        })
    }
}
