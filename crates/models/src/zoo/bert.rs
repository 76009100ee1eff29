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
#[doc(alias("BertForMaskedLM", "BertForSequenceClassification"))]
pub struct Bert {
    tokens: Embedding,
    positions: LearnedPositions,
    /// The row of the position table for the first token.
    first_position: usize,
    segments: Option<Embedding>,
    norm: LayerNorm,
    dropout: Dropout,
    encoder: TransformerEncoder,
    head: Head,
}

enum Head {
    /// Logits of every token: `norm(activation(dense(h))) W^T + bias`, where `W` is the token table.
    MaskedLm { dense: Linear, norm: LayerNorm, bias: Param, activation: fn(&Tensor) -> Tensor },
    /// Logits of every sequence: `out(activation(dense(h)))` of its first token.
    Classifier { dense: Linear, out: Linear, activation: fn(&Tensor) -> Tensor },
}

/// What distinguishes the relatives of BERT.
pub(crate) struct Variant {
    pub options: BertOptions,
    /// Width between the two linear layers of a layer.
    pub inner: usize,
    /// Number of kinds of segments; 0 for none.
    pub segments: usize,
    pub first_position: usize,
    pub eps: f32,
    pub activation: fn(&Tensor) -> Tensor,
    pub task: BertTask,
}

/// What a [`Bert`] predicts.
#[derive(Clone, Copy)]
pub(crate) enum BertTask {
    MaskedLm,
    Classes { count: usize, activation: fn(&Tensor) -> Tensor },
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
        Bert::variant(params, Variant::of(options, BertTask::MaskedLm))
    }

    /// A classifier of sequences, from tokens `[N, T]` to logits `[N, classes]`: instead of `head.norm` and `head.bias` it has `head.out.*`, and
    /// the activation before it is tanh. Its encoder is initialised as by [`new`](Bert::new), so that it can take the weights of a masked
    /// language model ([`Params::load_partial`]).
    ///
    /// ```
    /// use autograd::{Device, Tensor};
    /// use models::{Bert, BertOptions, Mode, Params};
    /// let device = Device::named("cpu")?;
    /// let options = BertOptions { vocab: 20, context: 16, width: 8, heads: 2, depth: 1, dropout: 0.1 };
    /// let net = Bert::classifier(&Params::new(&device, 42), options, 3);
    /// let x = Tensor::from_slice(&device, &[3, 4, 5, 6, 7, 8], &[2, 3])?;
    /// assert_eq!(net.forward(&x, None, None, Mode::Eval).shape(), [2, 3]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When `width` is not a multiple of `heads`.
    #[track_caller]
    pub fn classifier(params: &Params, options: BertOptions, classes: usize) -> Bert {
        let task = BertTask::Classes { count: classes, activation: Tensor::tanh };
        Bert::variant(params, Variant::of(options, task))
    }

    #[track_caller]
    pub(crate) fn variant(params: &Params, variant: Variant) -> Bert {
        let Variant { options, inner, segments, first_position, eps, activation, task } = variant;
        let BertOptions { vocab, context, width, heads, depth, dropout } = options;
        let layers = TransformerOptions {
            dim_feedforward: inner,
            activation,
            layer_norm_eps: eps,
            dropout,
            ..TransformerOptions::default()
        };
        let under = params.path("head");
        let norm = |params: &Params| LayerNorm::new(params, width).eps(eps);
        let head = || {
            let dense = Linear::new(&under.path("dense"), width, width);
            match task {
                BertTask::MaskedLm => {
                    let bias = under.param("bias", &[vocab], Init::ZEROS);
                    Head::MaskedLm { dense, norm: norm(&under.path("norm")), bias, activation }
                }
                BertTask::Classes { count, activation } => {
                    Head::Classifier { dense, out: Linear::new(&under.path("out"), width, count), activation }
                }
            }
        };
        let net = Bert {
            tokens: Embedding::new(&params.path("tok_emb"), vocab, width),
            positions: LearnedPositions::new(&params.path("pos_emb"), first_position + context, width),
            first_position,
            segments: (segments > 0).then(|| Embedding::new(&params.path("seg_emb"), segments, width)),
            norm: norm(&params.path("norm")),
            dropout: Dropout::new(params, dropout),
            encoder: TransformerEncoder::new(&params.path("encoder"), width, heads, depth, None, layers),
            head: head(),
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
    /// When the shapes do not fit, the sequences are longer than the context, or there are segments for a network without a table of them.
    #[track_caller]
    pub fn forward(
        &self,
        tokens: &Tensor,
        segments: Option<&Tensor>,
        padding: Option<&Tensor>,
        mode: Mode,
    ) -> Tensor {
        let h = self.encode(tokens, segments, padding, mode);
        match &self.head {
            Head::MaskedLm { dense, norm, bias, activation } => {
                let h = norm.forward(&activation(&dense.forward(&h)));
                h.linear(&self.tokens.weight(), Some(&bias.value()))
            }
            Head::Classifier { dense, out, activation } => {
                let first = activation(&dense.forward(&h.select(1, 0)));
                out.forward(&self.dropout.forward(&first, mode))
            }
        }
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
        let x = self.positions.forward(&self.tokens.forward(tokens), self.first_position);
        let x = match (&self.segments, segments) {
            (Some(table), Some(segments)) => x + table.forward(segments),
            (Some(table), None) => x + table.weight().select(0, 0),
            (None, None) => x,
            (None, Some(_)) => panic!("Bert: segments for a network without a table of them"),
        };
        let mask = AttentionMask { key_padding: padding, ..AttentionMask::default() };
        self.encoder.forward(&self.dropout.forward(&self.norm.forward(&x), mode), mask, mode)
    }
}

impl Variant {
    fn of(options: BertOptions, task: BertTask) -> Variant {
        Variant {
            options,
            inner: 4 * options.width,
            segments: 2,
            first_position: 0,
            eps: 1e-12,
            activation: Tensor::gelu,
            task,
        }
    }
}

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
