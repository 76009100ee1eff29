//! Masked language models (Devlin et al. 2019, "BERT").

use autograd::Tensor;
use gpu_core::philox;

use crate::{
    AttentionMask, Dropout, Embedding, Init, LayerNorm, LearnedPositions, Linear, Mode, Param, Params,
    TransformerEncoder, TransformerOptions,
};

/// A transformer encoder that predicts masked tokens from both sides: from tokens `[N, T]` to logits `[N, T, vocab]`. Embeddings of
/// tokens, positions and segments are added and normalised; layers are post-norm and use GELU; the output layer shares the weights of the
/// token table. Parameters `tok_emb.weight`, `pos_emb.weight`, `seg_emb.weight [2, E]`, `norm.*`, `encoder.layers.0.*` and so on (see
/// [`TransformerEncoderLayer`](crate::TransformerEncoderLayer)), `head.dense.*`, `head.norm.*` and `head.bias [vocab]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Bert, BertOptions, Mode, Params};
/// let device = Device::named("cpu")?;
/// let options = BertOptions { vocab: 20, context: 16, width: 8, heads: 2, depth: 1, dropout: 0.1 };
/// let net = Bert::new(&Params::new(&device, 42), options);
/// let tokens = [3, 4, 5, 6, 7, 8];
/// let masked = options.mask(&tokens, 1, 9);
/// let x = Tensor::from_slice(&device, &masked.tokens, &[1, 6])?;
/// let logits = net.forward(&x, None, None, Mode::Eval);
/// // Untrained, all tokens are about equally probable.
/// let targets = Tensor::from_slice(&device, &tokens, &[6])?;
/// assert!((logits.flatten(0, 1).cross_entropy(&targets).item()? - 20f32.ln()).abs() < 0.1);
/// // Positions that are not selected have the target -100.
/// assert!(masked.targets.iter().zip(tokens).all(|(&target, token)| target == token || target == -100));
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias = "BertForMaskedLM")]
pub struct Bert {
    tokens: Embedding,
    positions: LearnedPositions,
    segments: Embedding,
    norm: LayerNorm,
    dropout: Dropout,
    encoder: TransformerEncoder,
    dense: Linear,
    dense_norm: LayerNorm,
    bias: Param,
}

/// Sizes of a [`Bert`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BertOptions {
    /// Number of different tokens.
    pub vocab: usize,
    /// The longest sequence.
    pub context: usize,
    /// Width of the embeddings.
    pub width: usize,
    /// Attention heads of a layer, which divide `width`.
    pub heads: usize,
    /// Number of layers.
    pub depth: usize,
    /// The dropout probability, in a mode that drops, of embeddings and in each
    /// [`TransformerEncoderLayer`](crate::TransformerEncoderLayer). The paper has 0.1.
    pub dropout: f32,
}

/// Tokens, some of which are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    /// The network's input.
    pub tokens: Vec<i32>,
    /// The token to predict, or -100, which cross-entropy ignores, at positions that are not selected.
    pub targets: Vec<i32>,
}

impl Bert {
    /// The paper's initialisation: weights are normal with standard deviation .02, biases 0.
    ///
    /// # Panics
    /// When `width` is not a multiple of `heads`.
    #[track_caller]
    pub fn new(params: &Params, options: BertOptions) -> Bert {
        let BertOptions { vocab, context, width, heads, depth, dropout } = options;
        let layers = TransformerOptions {
            dim_feedforward: 4 * width,
            activation: Tensor::gelu,
            layer_norm_eps: EPS,
            dropout,
            ..TransformerOptions::default()
        };
        let head = params.path("head");
        let net = Bert {
            tokens: Embedding::new(&params.path("tok_emb"), vocab, width),
            positions: LearnedPositions::new(&params.path("pos_emb"), context, width),
            segments: Embedding::new(&params.path("seg_emb"), 2, width),
            norm: LayerNorm::new(&params.path("norm"), width).eps(EPS),
            dropout: Dropout::new(params, dropout),
            encoder: TransformerEncoder::new(&params.path("encoder"), width, heads, depth, None, layers),
            dense: Linear::new(&head.path("dense"), width, width),
            dense_norm: LayerNorm::new(&head.path("norm"), width).eps(EPS),
            bias: head.param("bias", &[vocab], Init::ZEROS),
        };
        for param in params.all() {
            if param.value().rank() > 1 {
                params.draw(&param, Init::Normal { mean: 0.0, std: 0.02 });
            }
        }
        params.redraw("*.bias", Init::ZEROS);
        net
    }

    /// `segments [N, T]` distinguishes two sentences by 0 and 1 (default 0); `padding [N, T]` (bool) is true after the end of a sequence.
    ///
    /// # Panics
    /// When the shapes do not fit, or the sequences are longer than the context.
    #[track_caller]
    pub fn forward(
        &self,
        tokens: &Tensor,
        segments: Option<&Tensor>,
        padding: Option<&Tensor>,
        mode: Mode,
    ) -> Tensor {
        let h = self.encode(tokens, segments, padding, mode);
        let h = self.dense_norm.forward(&self.dense.forward(&h).gelu());
        h.linear(&self.tokens.weight(), Some(&self.bias.value()))
    }

    /// The encoder's output `[N, T, E]`, from which [`forward`](Bert::forward) computes logits.
    ///
    /// # Panics
    /// As [`forward`](Bert::forward).
    #[track_caller]
    pub fn encode(
        &self,
        tokens: &Tensor,
        segments: Option<&Tensor>,
        padding: Option<&Tensor>,
        mode: Mode,
    ) -> Tensor {
        assert!(tokens.rank() == 2, "Bert: tokens {:?} are not [N, T]", tokens.shape());
        let x = self.positions.forward(&self.tokens.forward(tokens), 0);
        let x = match segments {
            Some(segments) => x + self.segments.forward(segments),
            None => x + self.segments.weight().select(0, 0),
        };
        let mask = AttentionMask { key_padding: padding, ..AttentionMask::default() };
        self.encoder.forward(&self.dropout.forward(&self.norm.forward(&x), mode), mask, mode)
    }
}

const EPS: f32 = 1e-12;

impl BertOptions {
    /// Selects 15 % of the tokens: of these, 80 % become `mask`, 10 % a random token, and 10 % stay (Devlin et al. 2019, appendix A.1).
    pub fn mask(&self, tokens: &[i32], mask: i32, seed: u64) -> Masked {
        let mut masked = Masked { tokens: tokens.to_vec(), targets: vec![-100; tokens.len()] };
        for (i, &token) in tokens.iter().enumerate() {
            let [asked, how, which, _] = philox::philox(seed, i as u64, 0);
            if philox::uniform(asked) >= 0.15 {
                continue;
            }
            masked.targets[i] = token;
            masked.tokens[i] = match philox::uniform(how) {
                how if how < 0.8 => mask,
                how if how < 0.9 => (philox::uniform(which) * self.vocab as f32) as i32,
                _ => token,
            };
        }
        masked
    }
}
