//! Generative pre-trained transformers (Radford et al. 2019).

use autograd::{Device, Tensor, checkpoint};

use super::block::{Block, redraw_blocks};
use crate::{
    Dropout, Embedding, Init, KvCache, LanguageModel, LayerNorm, LearnedPositions, Linear, Mode, Params,
};

/// A transformer that predicts the next token: from tokens `[N, T]` to logits `[N, T, vocab]`. Blocks are pre-norm, positions are
/// learned, GELU is exact (but see [`gelu_tanh`](Gpt::gelu_tanh)), and the output layer shares the weights of the token table (but see
/// [`untied`](Gpt::untied)). Parameters `tok_emb.weight`, `pos_emb.weight`, `blocks.0.ln1.*`, `blocks.0.attn.qkv.*`,
/// `blocks.0.attn.proj.*`, `blocks.0.ln2.*`, `blocks.0.mlp.fc1.*`, `blocks.0.mlp.fc2.*` and so on, `ln_f.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Gpt, GptOptions, Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let options = GptOptions { vocab: 65, context: 32, width: 64, heads: 4, depth: 2, dropout: 0.1 };
/// let net = Gpt::new(&params, options);
/// assert_eq!(params.count(), 106_304);
/// let tokens = Tensor::from_slice(&device, &[1i32, 2, 3], &[1, 3])?;
/// let logits = net.forward(&tokens, Mode::Eval);
/// // Untrained, all tokens are about equally probable.
/// let next = Tensor::from_slice(&device, &[2i32, 3, 4], &[3])?;
/// assert!((logits.flatten(0, 1).cross_entropy(&next).item()? - 65f32.ln()).abs() < 0.3);
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias = "GPT2LMHeadModel")]
pub struct Gpt {
    device: Device,
    options: GptOptions,
    tokens: Embedding,
    positions: LearnedPositions,
    dropout: Dropout,
    blocks: Vec<Block>,
    norm: LayerNorm,
    /// The output layer, if it does not share the token table's weights.
    head: Option<Linear>,
    recompute: bool,
}

/// Sizes of a [`Gpt`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GptOptions {
    /// Number of different tokens.
    pub vocab: usize,
    /// The longest sequence.
    pub context: usize,
    /// Width of the embeddings.
    pub width: usize,
    /// Attention heads of a block, which divide `width`.
    pub heads: usize,
    /// Number of blocks.
    pub depth: usize,
    /// The dropout probability, in a mode that drops, of embeddings and, as in
    /// [`TransformerEncoderLayer`](crate::TransformerEncoderLayer), in the blocks. GPT-2 has 0.1.
    pub dropout: f32,
}

impl Gpt {
    /// GPT-2's initialisation.
    ///
    /// # Panics
    /// When `width` is not a multiple of `heads`.
    #[track_caller]
    pub fn new(params: &Params, options: GptOptions) -> Gpt {
        let GptOptions { vocab, context, width, heads, depth, dropout } = options;
        let tokens = Embedding::new(&params.path("tok_emb"), vocab, width);
        let positions = LearnedPositions::new(&params.path("pos_emb"), context, width);
        let under = params.path("blocks");
        let blocks = (0..depth).map(|i| Block::new(&under.path(i), width, heads, 4, dropout)).collect();
        params.redraw("*_emb.weight", Init::Normal { mean: 0.0, std: 0.02 });
        redraw_blocks(&under, depth);
        let norm = LayerNorm::new(&params.path("ln_f"), width);
        let dropout = Dropout::new(params, dropout);
        let device = params.device().clone();
        Gpt { device, options, tokens, positions, dropout, blocks, norm, head: None, recompute: false }
    }

    /// Uses the tanh approximation of GELU, with which GPT-2 was trained; see [`Tensor::gelu_tanh`].
    pub fn gelu_tanh(self) -> Gpt {
        self.activation(Tensor::gelu_tanh)
    }

    /// Sets the activation of the blocks.
    pub(crate) fn activation(self, activation: fn(&Tensor) -> Tensor) -> Gpt {
        let blocks = self.blocks.into_iter().map(|block| block.activation(activation)).collect();
        Gpt { blocks, ..self }
    }

    /// Sets what all normalisations add to the variance, by default 1e-5.
    pub fn eps(self, eps: f32) -> Gpt {
        let blocks = self.blocks.into_iter().map(|block| block.eps(eps)).collect();
        Gpt { blocks, norm: self.norm.eps(eps), ..self }
    }

    /// With separate weights for the output layer, `head.weight [vocab, width]` under `params`, with the same initial distribution as the
    /// token table.
    #[track_caller]
    pub fn untied(self, params: &Params) -> Gpt {
        let GptOptions { vocab, width, .. } = self.options;
        let head = Linear::no_bias(&params.path("head"), width, vocab);
        params.redraw("head.weight", Init::Normal { mean: 0.0, std: 0.02 });
        Gpt { head: Some(head), ..self }
    }

    /// Keeps only the outputs of blocks for the backward pass, which recomputes the rest: less memory, a third more work; see
    /// [`checkpoint`](autograd::checkpoint()).
    pub fn recompute(self) -> Gpt {
        Gpt { recompute: true, ..self }
    }

    /// Logits `[N, T, vocab]` of the token after each of `tokens [N, T]`.
    ///
    /// # Panics
    /// When `tokens` is not a batch of sequences of integers, or they are longer than the context.
    #[track_caller]
    pub fn forward(&self, tokens: &Tensor, mode: Mode) -> Tensor {
        let mut x = self.dropout.forward(&self.embed(tokens, 0), mode);
        for block in &self.blocks {
            let block = || block.forward(&x, true, mode);
            x = if self.recompute { checkpoint(block) } else { block() };
        }
        self.head(&x)
    }

    /// An empty cache for `batch` sequences.
    pub fn cache(&self, batch: usize) -> Vec<KvCache> {
        let GptOptions { context, width, heads, depth, .. } = self.options;
        (0..depth).map(|_| KvCache::new(&self.device, batch, heads, context, width / heads)).collect()
    }

    /// [`forward`](Gpt::forward), in evaluation, for tokens that continue the sequences in `cache`. The tokens are added to the cache.
    ///
    /// # Panics
    /// As [`forward`](Gpt::forward), where tokens in the cache count towards the context.
    #[track_caller]
    pub fn forward_cached(&self, tokens: &Tensor, cache: &mut [KvCache]) -> Tensor {
        assert!(cache.len() == self.blocks.len(), "Gpt: the cache of another network");
        let mut x = self.embed(tokens, cache.first().map_or(0, KvCache::len));
        for (block, cache) in self.blocks.iter().zip(cache) {
            x = block.forward_cached(&x, cache);
        }
        self.head(&x)
    }

    #[track_caller]
    fn embed(&self, tokens: &Tensor, start: usize) -> Tensor {
        assert!(tokens.rank() == 2, "Gpt: tokens {:?} are not [N, T]", tokens.shape());
        self.positions.forward(&self.tokens.forward(tokens), start)
    }

    #[track_caller]
    fn head(&self, x: &Tensor) -> Tensor {
        let x = self.norm.forward(x);
        match &self.head {
            Some(head) => head.forward(&x),
            None => x.linear(&self.tokens.weight(), None),
        }
    }
}

impl LanguageModel for Gpt {
    type State = Vec<KvCache>;

    fn device(&self) -> &Device {
        &self.device
    }

    fn context(&self) -> Option<usize> {
        Some(self.options.context)
    }

    fn start(&self) -> Vec<KvCache> {
        self.cache(1)
    }

    fn next(&self, tokens: &Tensor, state: &mut Vec<KvCache>) -> Tensor {
        self.forward_cached(tokens, state)
    }
}
