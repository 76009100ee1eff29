//! A layer of a transformer's decoder (Vaswani et al. 2017).

use autograd::Tensor;

use super::feed_forward::FeedForward;
use crate::{AttentionMask, Dropout, LayerNorm, Mode, MultiheadAttention, Params, TransformerOptions};

/// Self-attention, attention to an encoder's output, and two linear layers, each part with a residual connection and layer normalisation,
/// from `[N, T, E]` to `[N, T, E]`. As `torch.nn.TransformerDecoderLayer` with `batch_first`. Parameters `self_attn.*` and
/// `multihead_attn.*` (see [`MultiheadAttention`]), `linear1.*`, `linear2.*`, `norm1.*`, `norm2.*` and `norm3.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{AttentionMask, Mode, Params, TransformerDecoderLayer, TransformerOptions};
/// let device = Device::named("cpu")?;
/// let layer = TransformerDecoderLayer::new(&Params::new(&device, 0), 4, 2, TransformerOptions::default());
/// let (x, memory) = (Tensor::ones(&device, &[1, 3, 4]), Tensor::ones(&device, &[1, 5, 4]));
/// let y = layer.forward(&x, &memory, AttentionMask::causal(), AttentionMask::default(), Mode::Eval);
/// let y = y.to_vec::<f32>()?;
/// assert!(y.len() == 12 && y[..4].iter().sum::<f32>().abs() < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct TransformerDecoderLayer {
    self_attn: MultiheadAttention,
    multihead_attn: MultiheadAttention,
    feed_forward: FeedForward,
    norms: [LayerNorm; 3],
    dropout: Dropout,
    norm_first: bool,
}

impl TransformerDecoderLayer {
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
    ) -> TransformerDecoderLayer {
        let norm = |i: usize| options.norm(&params.path(format!("norm{i}")), width);
        TransformerDecoderLayer {
            self_attn: options.attention(&params.path("self_attn"), width, heads),
            multihead_attn: options.attention(&params.path("multihead_attn"), width, heads),
            feed_forward: FeedForward::new(params, width, options),
            norms: [1, 2, 3].map(norm),
            dropout: Dropout::new(params, options.dropout),
            norm_first: options.norm_first,
        }
    }

    /// `memory [N, S, E]` is the encoder's output; `mask` applies to the attention of `x` to itself, `memory_mask` to its attention to
    /// the memory.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn forward(
        &self,
        x: &Tensor,
        memory: &Tensor,
        mask: AttentionMask,
        memory_mask: AttentionMask,
        mode: Mode,
    ) -> Tensor {
        let add = |x: &Tensor, branch: Tensor| x + self.dropout.forward(&branch, mode);
        let [norm1, norm2, norm3] = &self.norms;
        if self.norm_first {
            let h = norm1.forward(x);
            let x = add(x, self.self_attn.forward(&h, &h, &h, mask, mode));
            let h = norm2.forward(&x);
            let x = add(&x, self.multihead_attn.forward(&h, memory, memory, memory_mask, mode));
            return add(&x, self.feed_forward.forward(&norm3.forward(&x), mode));
        }
        let x = norm1.forward(&add(x, self.self_attn.forward(x, x, x, mask, mode)));
        let found = self.multihead_attn.forward(&x, memory, memory, memory_mask, mode);
        let x = norm2.forward(&add(&x, found));
        norm3.forward(&add(&x, self.feed_forward.forward(&x, mode)))
    }
}
