//! Transformers: stacks of encoder and decoder layers (Vaswani et al. 2017).

use autograd::Tensor;

use crate::{
    AttentionMask, Init, LayerNorm, Mode, Params, TransformerDecoderLayer, TransformerEncoderLayer,
    TransformerOptions,
};

/// Stacked encoder layers, from `[N, T, E]` to `[N, T, E]`, and optionally a final normalisation. As `torch.nn.TransformerEncoder`.
/// Parameters `layers.0.*` and so on, and `norm.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{AttentionMask, Init, Mode, Params, TransformerEncoder, TransformerOptions};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let options = TransformerOptions { norm_first: true, dim_feedforward: 8, ..TransformerOptions::default() };
/// let encoder = TransformerEncoder::new(&params, 2, 1, 3, None, options);
/// // With all weights 0, only the residual connections remain.
/// params.redraw("*", Init::ZEROS);
/// let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0, 5.0], &[1, 2, 2])?;
/// let y = encoder.forward(&x, AttentionMask::default(), Mode::Eval);
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 2.0, 3.0, 5.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct TransformerEncoder {
    layers: Vec<TransformerEncoderLayer>,
    norm: Option<LayerNorm>,
}

impl TransformerEncoder {
    /// `layers` layers, each initialised separately; `norm` for example `Some(LayerNorm::new(&params.path("norm"), width))`.
    ///
    /// # Panics
    /// When `width` is not a multiple of `heads`.
    #[track_caller]
    pub fn new(
        params: &Params,
        width: usize,
        heads: usize,
        layers: usize,
        norm: Option<LayerNorm>,
        options: TransformerOptions,
    ) -> TransformerEncoder {
        // A loop, as a closure would hide the caller's line.
        let mut all = vec![];
        for i in 0..layers {
            all.push(TransformerEncoderLayer::new(&params.path("layers").path(i), width, heads, options));
        }
        TransformerEncoder { layers: all, norm }
    }

    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mask: AttentionMask, mode: Mode) -> Tensor {
        let mut x = x.clone();
        for layer in &self.layers {
            x = layer.forward(&x, mask, mode);
        }
        match &self.norm {
            Some(norm) => norm.forward(&x),
            None => x,
        }
    }
}

/// Stacked decoder layers, from `[N, T, E]` to `[N, T, E]`, and optionally a final normalisation. As `torch.nn.TransformerDecoder`.
/// Parameters `layers.0.*` and so on, and `norm.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{AttentionMask, LayerNorm, Mode, Params, TransformerDecoder, TransformerOptions};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let options = TransformerOptions { dim_feedforward: 8, ..TransformerOptions::default() };
/// let norm = LayerNorm::new(&params.path("norm"), 4);
/// let decoder = TransformerDecoder::new(&params, 4, 2, 1, Some(norm), options);
/// let (x, memory) = (Tensor::ones(&device, &[1, 3, 4]), Tensor::ones(&device, &[1, 5, 4]));
/// let y = decoder.forward(&x, &memory, AttentionMask::causal(), AttentionMask::default(), Mode::Eval);
/// let y = y.to_vec::<f32>()?;
/// // The output of the norm has mean 0 and variance 1.
/// assert!(y[..4].iter().sum::<f32>().abs() < 1e-5);
/// assert!((y[..4].iter().map(|y| y * y).sum::<f32>() - 4.0).abs() < 1e-3);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct TransformerDecoder {
    layers: Vec<TransformerDecoderLayer>,
    norm: Option<LayerNorm>,
}

impl TransformerDecoder {
    /// `layers` layers, each initialised separately; `norm` for example `Some(LayerNorm::new(&params.path("norm"), width))`.
    ///
    /// # Panics
    /// When `width` is not a multiple of `heads`.
    #[track_caller]
    pub fn new(
        params: &Params,
        width: usize,
        heads: usize,
        layers: usize,
        norm: Option<LayerNorm>,
        options: TransformerOptions,
    ) -> TransformerDecoder {
        let mut all = vec![];
        for i in 0..layers {
            all.push(TransformerDecoderLayer::new(&params.path("layers").path(i), width, heads, options));
        }
        TransformerDecoder { layers: all, norm }
    }

    /// As [`TransformerDecoderLayer::forward`].
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
        let mut x = x.clone();
        for layer in &self.layers {
            x = layer.forward(&x, memory, mask, memory_mask, mode);
        }
        match &self.norm {
            Some(norm) => norm.forward(&x),
            None => x,
        }
    }
}

/// Encoder and decoder, as `torch.nn.Transformer` with `batch_first`: from embedded sources `[N, S, E]` and targets `[N, T, E]` to
/// `[N, T, E]`. Parameters `encoder.*` and `decoder.*`, both with a final `norm`; matrices are initially Glorot-uniform.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Mode, Params, Transformer, TransformerMasks, TransformerOptions};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let options = TransformerOptions { dim_feedforward: 16, ..TransformerOptions::default() };
/// let net = Transformer::new(&params, 8, 2, 1, 1, options);
/// let (source, target) = (Tensor::ones(&device, &[2, 5, 8]), Tensor::ones(&device, &[2, 3, 8]));
/// let y = net.forward(&source, &target, TransformerMasks::causal(), Mode::Eval);
/// assert_eq!(y.shape(), [2, 3, 8]);
/// // The output of the last norm has mean 0 and variance 1.
/// let y = y.to_vec::<f32>()?;
/// assert!(y[..8].iter().sum::<f32>().abs() < 1e-5);
/// assert!((y[..8].iter().map(|y| y * y).sum::<f32>() - 8.0).abs() < 1e-3);
/// assert!(params.get("decoder.layers.0.multihead_attn.in_proj_weight").is_some());
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Transformer {
    encoder: TransformerEncoder,
    decoder: TransformerDecoder,
}

/// The masks of the parts of a [`Transformer`].
#[derive(Clone, Copy, Debug, Default)]
pub struct TransformerMasks<'a> {
    /// Attention of sources to sources.
    pub src: AttentionMask<'a>,
    /// Attention of targets to targets.
    pub tgt: AttentionMask<'a>,
    /// Attention of targets to the encoder's output.
    pub memory: AttentionMask<'a>,
}

impl TransformerMasks<'_> {
    /// Targets see earlier targets and themselves, and all sources.
    pub fn causal() -> Self {
        TransformerMasks { tgt: AttentionMask::causal(), ..TransformerMasks::default() }
    }
}

impl Transformer {
    /// # Panics
    /// When `width` is not a multiple of `heads`.
    #[track_caller]
    pub fn new(
        params: &Params,
        width: usize,
        heads: usize,
        encoder_layers: usize,
        decoder_layers: usize,
        options: TransformerOptions,
    ) -> Transformer {
        let norm = |params: &Params| Some(options.norm(&params.path("norm"), width));
        let (left, right) = (params.path("encoder"), params.path("decoder"));
        let encoder = TransformerEncoder::new(&left, width, heads, encoder_layers, norm(&left), options);
        let decoder = TransformerDecoder::new(&right, width, heads, decoder_layers, norm(&right), options);
        for param in [left.all(), right.all()].concat() {
            if param.value().rank() > 1 {
                params.draw(&param, Init::XavierUniform { gain: 1.0 });
            }
        }
        Transformer { encoder, decoder }
    }

    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn forward(&self, source: &Tensor, target: &Tensor, masks: TransformerMasks, mode: Mode) -> Tensor {
        self.decode(target, &self.encode(source, masks.src, mode), masks.tgt, masks.memory, mode)
    }

    /// The encoder's output `[N, S, E]` for sources `[N, S, E]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn encode(&self, source: &Tensor, mask: AttentionMask, mode: Mode) -> Tensor {
        self.encoder.forward(source, mask, mode)
    }

    /// The decoder's output for targets `[N, T, E]` and a memory `[N, S, E]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn decode(
        &self,
        target: &Tensor,
        memory: &Tensor,
        mask: AttentionMask,
        memory_mask: AttentionMask,
        mode: Mode,
    ) -> Tensor {
        self.decoder.forward(target, memory, mask, memory_mask, mode)
    }
}
