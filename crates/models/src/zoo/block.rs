//! The block of GPT and ViT.

use autograd::Tensor;

use crate::{Dropout, Init, KvCache, LayerNorm, Linear, Mode, Params};

/// `x + attn(ln1(x))`, then `x + mlp(ln2(x))`, from `[N, T, E]` to `[N, T, E]` (Radford et al. 2019), with dropout in the same places as
/// [`TransformerEncoderLayer`](crate::TransformerEncoderLayer). Parameters `ln1.*`, `attn.qkv.*`, `attn.proj.*`, `ln2.*`, `mlp.fc1.*` and
/// `mlp.fc2.*`.
pub(super) struct Block {
    ln1: LayerNorm,
    qkv: Linear,
    proj: Linear,
    ln2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    activation: fn(&Tensor) -> Tensor,
    dropout: Dropout,
    heads: usize,
}

impl Block {
    /// The inner width of the MLP is `ratio` times `width`.
    #[track_caller]
    pub fn new(params: &Params, width: usize, heads: usize, ratio: usize, dropout: f32) -> Block {
        assert!(
            heads > 0 && width.is_multiple_of(heads),
            "attention: width {width} for {heads} heads, which must divide it"
        );
        let (attn, mlp) = (params.path("attn"), params.path("mlp"));
        Block {
            ln1: LayerNorm::new(&params.path("ln1"), width),
            qkv: Linear::new(&attn.path("qkv"), width, 3 * width),
            proj: Linear::new(&attn.path("proj"), width, width),
            ln2: LayerNorm::new(&params.path("ln2"), width),
            fc1: Linear::new(&mlp.path("fc1"), width, ratio * width),
            fc2: Linear::new(&mlp.path("fc2"), ratio * width, width),
            activation: Tensor::gelu,
            dropout: Dropout::new(params, dropout),
            heads,
        }
    }

    /// Sets the activation, by default the exact GELU.
    pub fn activation(self, activation: fn(&Tensor) -> Tensor) -> Block {
        Block { activation, ..self }
    }

    /// Sets what the normalisations add to the variance, by default 1e-5.
    pub fn eps(self, eps: f32) -> Block {
        Block { ln1: self.ln1.eps(eps), ln2: self.ln2.eps(eps), ..self }
    }

    /// Every position sees all positions or, if `causal`, only itself and earlier ones.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, causal: bool, mode: Mode) -> Tensor {
        let [q, k, v] = self.heads_of(x);
        let attended = if self.dropout.drops(mode) {
            self.dropout.forward(&q.attention_weights(&k, None, causal, None), mode).matmul(&v)
        } else {
            q.scaled_dot_product_attention(&k, &v, None, causal, None)
        };
        self.finish(x, &attended, mode)
    }

    /// The attention weights between positions: `[N, heads, T, T]`.
    #[track_caller]
    pub fn attention(&self, x: &Tensor) -> Tensor {
        let [q, k, _] = self.heads_of(x);
        q.attention_weights(&k, None, false, None)
    }

    /// [`forward`](Block::forward) for the next positions of the sequences in `cache`.
    #[track_caller]
    pub fn forward_cached(&self, x: &Tensor, cache: &mut KvCache) -> Tensor {
        let [q, k, v] = self.heads_of(x);
        self.finish(x, &cache.attend(&q, &k, &v), Mode::Eval)
    }

    /// Queries, keys and values `[N, heads, T, E / heads]`.
    #[track_caller]
    fn heads_of(&self, x: &Tensor) -> [Tensor; 3] {
        let qkv = self.qkv.forward(&self.ln1.forward(x));
        let (batch, steps, width) = (x.shape()[0], x.shape()[1], x.shape()[2]);
        let split = |i: usize| {
            let part = qkv.narrow(-1, i * width, width);
            part.reshape(&[batch, steps, self.heads, width / self.heads]).transpose(1, 2)
        };
        [0, 1, 2].map(split)
    }

    #[track_caller]
    fn finish(&self, x: &Tensor, attended: &Tensor, mode: Mode) -> Tensor {
        let dropped = |x: &Tensor| self.dropout.forward(x, mode);
        let x = x + dropped(&self.proj.forward(&attended.transpose(1, 2).flatten(2, 3)));
        let hidden = dropped(&(self.activation)(&self.fc1.forward(&self.ln2.forward(&x))));
        &x + dropped(&self.fc2.forward(&hidden))
    }
}

/// GPT-2's initialisation of `depth` blocks under `params`: weights are normal with standard deviation .02, smaller at the ends of
/// residual branches so that the magnitude of their sum does not grow with depth; biases are 0.
pub(super) fn redraw_blocks(params: &Params, depth: usize) {
    let normal = |std: f32| Init::Normal { mean: 0.0, std };
    for i in 0..depth {
        let block = params.path(i);
        for name in ["*.attn.qkv.weight", "*.mlp.fc1.weight"] {
            block.redraw(name, normal(0.02));
        }
        for name in ["*.attn.proj.weight", "*.mlp.fc2.weight"] {
            block.redraw(name, normal(0.02 / (2.0 * depth as f32).sqrt()));
        }
        block.redraw("*.bias", Init::ZEROS);
    }
}
