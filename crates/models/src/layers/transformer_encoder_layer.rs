//! A layer of a transformer's encoder (Vaswani et al. 2017).

use autograd::Tensor;

use super::feed_forward::FeedForward;
use crate::{AttentionMask, AttentionOptions, Dropout, LayerNorm, Linear, Mode, MultiheadAttention, Params};

/// Options of transformer layers, with PyTorch's defaults.
#[derive(Clone, Copy, Debug)]
pub struct TransformerOptions {
    /// Width between the two linear layers.
    pub dim_feedforward: usize,
    /// The activation after the first linear layer, such as [`Tensor::relu`] or [`Tensor::gelu`].
    pub activation: fn(&Tensor) -> Tensor,
    /// Normalises the input of each part of the layer instead of its output (Xiong et al. 2020).
    pub norm_first: bool,
    /// Added to the variance by normalisations.
    pub layer_norm_eps: f32,
    /// Whether linear layers and normalisations have biases.
    pub bias: bool,
    /// The dropout probability, in a mode that drops, of attention weights, of activations between the linear layers, and of the output
    /// of each part of a layer before the residual addition.
    pub dropout: f32,
}

impl TransformerOptions {
    #[track_caller]
    pub(super) fn attention(&self, params: &Params, width: usize, heads: usize) -> MultiheadAttention {
        let options =
            AttentionOptions { bias: self.bias, dropout: self.dropout, ..AttentionOptions::default() };
        MultiheadAttention::with(params, width, heads, options)
    }

    #[track_caller]
    pub(super) fn linear(&self, params: &Params, inputs: usize, outputs: usize) -> Linear {
        if self.bias {
            Linear::new(params, inputs, outputs)
        } else {
            Linear::no_bias(params, inputs, outputs)
        }
    }

    #[track_caller]
    pub(super) fn norm(&self, params: &Params, width: usize) -> LayerNorm {
        let norm = if self.bias { LayerNorm::new(params, width) } else { LayerNorm::no_bias(params, width) };
        norm.eps(self.layer_norm_eps)
    }
}

impl Default for TransformerOptions {
    fn default() -> TransformerOptions {
        TransformerOptions {
            dim_feedforward: 2048,
            activation: Tensor::relu,
            norm_first: false,
            layer_norm_eps: 1e-5,
            bias: true,
            dropout: 0.1,
        }
    }
}

/// Self-attention and two linear layers, each part with a residual connection and layer normalisation, from `[N, T, E]` to `[N, T, E]`.
/// As `torch.nn.TransformerEncoderLayer` with `batch_first`. Parameters `self_attn.*` (see [`MultiheadAttention`]), `linear1.*`,
/// `linear2.*`, `norm1.*` and `norm2.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{AttentionMask, Mode, Params, TransformerEncoderLayer, TransformerOptions};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let options = TransformerOptions { dim_feedforward: 8, ..TransformerOptions::default() };
/// let layer = TransformerEncoderLayer::new(&params, 4, 2, options);
/// assert_eq!(params.count(), 4 * (4 * 4 + 4) + 2 * 4 * 8 + 8 + 4 + 2 * 8);
/// let y = layer.forward(&Tensor::ones(&device, &[1, 3, 4]), AttentionMask::default(), Mode::Eval);
/// // Equal positions stay equal, and are normalised.
/// let y = y.to_vec::<f32>()?;
/// assert!(y[..4] == y[4..8] && y[..4].iter().sum::<f32>().abs() < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct TransformerEncoderLayer {
    self_attn: MultiheadAttention,
    feed_forward: FeedForward,
    norm1: LayerNorm,
    norm2: LayerNorm,
    dropout: Dropout,
    norm_first: bool,
}

impl TransformerEncoderLayer {
    /// PyTorch's default initialisation.
    ///
    /// # Panics
    /// When `width` is not a multiple of `heads`.
    #[track_caller]
    pub fn new(
        params: &Params,
        width: usize,
        heads: usize,
        options: TransformerOptions,
    ) -> TransformerEncoderLayer {
        TransformerEncoderLayer {
            self_attn: options.attention(&params.path("self_attn"), width, heads),
            feed_forward: FeedForward::new(params, width, options),
            norm1: options.norm(&params.path("norm1"), width),
            norm2: options.norm(&params.path("norm2"), width),
            dropout: Dropout::new(params, options.dropout),
            norm_first: options.norm_first,
        }
    }

    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mask: AttentionMask, mode: Mode) -> Tensor {
        let add = |x: &Tensor, branch: Tensor| x + self.dropout.forward(&branch, mode);
        if self.norm_first {
            let h = self.norm1.forward(x);
            let x = add(x, self.self_attn.forward(&h, &h, &h, mask, mode));
            return add(&x, self.feed_forward.forward(&self.norm2.forward(&x), mode));
        }
        let x = self.norm1.forward(&add(x, self.self_attn.forward(x, x, x, mask, mode)));
        self.norm2.forward(&add(&x, self.feed_forward.forward(&x, mode)))
    }
}
