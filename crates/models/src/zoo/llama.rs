//! Llama (Touvron et al. 2023) and networks of the same form, such as Qwen2 and Mistral.

use autograd::{Device, Tensor};

use crate::layers::rates;
use crate::{Embedding, Init, KvCache, LanguageModel, Linear, Mode, Params, RmsNorm, Rotary};

/// A transformer that predicts the next token, from tokens `[N, T]` to logits `[N, T, vocab]`: pre-norm blocks with RMS norms, rotary
/// positions, attention in which several query heads share keys and values (Ainslie et al. 2023), and gated feed-forward parts,
/// `down(silu(gate(x)) up(x))` (Shazeer 2020, "SwiGLU"). Parameters are called as in files of Hugging Face:
/// `model.embed_tokens.weight`, `model.layers.0.input_layernorm.weight`, `model.layers.0.self_attn.q_proj.*` (`k_proj`, `v_proj`, `o_proj`),
/// `model.layers.0.post_attention_layernorm.weight`, `model.layers.0.mlp.gate_proj.weight` (`up_proj`, `down_proj`) and so on,
/// `model.norm.weight` and, unless it shares the token table, `lm_head.weight`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Llama, LlamaOptions, Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let options = LlamaOptions { vocab: 65, context: 32, width: 64, heads: 4, kv_heads: 2, depth: 2, inner: 128, ..LlamaOptions::default() };
/// let net = Llama::new(&params, options);
/// assert_eq!(params.count(), 82_368);
/// let tokens = Tensor::from_slice(&device, &[1i32, 2, 3], &[1, 3])?;
/// let logits = net.forward(&tokens, Mode::Eval);
/// // Untrained, all tokens are about equally probable.
/// let next = Tensor::from_slice(&device, &[2i32, 3, 4], &[3])?;
/// assert!((logits.flatten(0, 1).cross_entropy(&next).item()? - 65f32.ln()).abs() < 0.3);
/// // Token by token, with a cache.
/// let mut cache = net.cache(1);
/// let one = |t| net.forward_cached(&tokens.narrow(1, t, 1), &mut cache).to_vec::<f32>();
/// let steps: Vec<Vec<f32>> = (0..3).map(one).collect::<Result<_, _>>()?;
/// assert!(steps.concat().iter().zip(logits.to_vec::<f32>()?).all(|(a, b)| (a - b).abs() < 1e-5));
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias("LlamaForCausalLM", "Qwen2ForCausalLM", "MistralForCausalLM"))]
pub struct Llama {
    device: Device,
    options: LlamaOptions,
    tokens: Embedding,
    rotary: Rotary,
    blocks: Vec<Block>,
    norm: RmsNorm,
    /// The output layer, if it does not share the token table's weights.
    head: Option<Linear>,
}

/// Sizes of a [`Llama`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LlamaOptions {
    /// Number of different tokens.
    pub vocab: usize,
    /// The longest sequence.
    pub context: usize,
    /// Width of the embeddings.
    pub width: usize,
    /// Query heads of a block.
    pub heads: usize,
    /// Heads of keys and values, which divide `heads`.
    pub kv_heads: usize,
    /// Features of a head; `width / heads` if `None`.
    pub head_dim: Option<usize>,
    /// Number of blocks.
    pub depth: usize,
    /// Inner width of the feed-forward parts.
    pub inner: usize,
    /// Added to the mean square by the norms.
    pub eps: f32,
    /// The base of the rotary positions.
    pub theta: f64,
    /// How the rotary positions are stretched for longer sequences.
    pub scaling: Option<RopeScaling>,
    /// Whether the projections of queries, keys and values have biases, as in Qwen2.
    pub qkv_bias: bool,
    /// Whether the output layer shares the weights of the token table.
    pub tied: bool,
}

/// Llama 3.1's change of the rotary positions: angles of wavelengths longer than `original / low` positions are divided by `factor`, those
/// shorter than `original / high` stay, and those between are interpolated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RopeScaling {
    /// What slow angles are divided by.
    pub factor: f64,
    /// `low_freq_factor`
    pub low: f64,
    /// `high_freq_factor`
    pub high: f64,
    /// The longest sequence before.
    pub original: f64,
}

impl Default for LlamaOptions {
    /// The first Llama of 7 billion parameters.
    fn default() -> LlamaOptions {
        LlamaOptions {
            vocab: 32_000,
            context: 2048,
            width: 4096,
            heads: 32,
            kv_heads: 32,
            head_dim: None,
            depth: 32,
            inner: 11_008,
            eps: 1e-6,
            theta: 10_000.0,
            scaling: None,
            qkv_bias: false,
            tied: false,
        }
    }
}

impl LlamaOptions {
    fn features(&self) -> usize {
        self.head_dim.unwrap_or(self.width / self.heads.max(1))
    }

    /// How far each pair of features turns from one position to the next.
    fn rates(&self) -> Vec<f64> {
        let mut rates = rates(self.features(), self.theta);
        if let Some(RopeScaling { factor, low, high, original }) = self.scaling {
            for rate in &mut rates {
                let turns = original * *rate / std::f64::consts::TAU;
                let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                *rate = *rate * kept + *rate / factor * (1.0 - kept);
            }
        }
        rates
    }
}

impl Llama {
    /// Weights are normal with standard deviation .02.
    ///
    /// # Panics
    /// When `kv_heads` does not divide `heads`, or the number of features of a head is odd.
    #[track_caller]
    pub fn new(params: &Params, options: LlamaOptions) -> Llama {
        let LlamaOptions { vocab, width, heads, kv_heads, depth, eps, .. } = options;
        let fits = kv_heads > 0 && heads > 0 && heads.is_multiple_of(kv_heads);
        assert!(fits && options.features().is_multiple_of(2), "Llama: heads of {options:?}");
        let under = params.path("model");
        let tokens = Embedding::new(&under.path("embed_tokens"), vocab, width);
        let blocks = (0..depth).map(|i| Block::new(&under.path("layers").path(i), &options)).collect();
        let norm = RmsNorm::new(&under.path("norm"), width).eps(eps);
        let head = (!options.tied).then(|| Linear::no_bias(&params.path("lm_head"), width, vocab));
        for param in params.all() {
            if param.value().rank() > 1 {
                params.draw(&param, Init::Normal { mean: 0.0, std: 0.02 });
            }
        }
        params.redraw("*_proj.bias", Init::ZEROS);
        let device = params.device().clone();
        let rotary = Rotary::with_rates(&device, options.context, &options.rates()).halves();
        Llama { device, options, tokens, rotary, blocks, norm, head }
    }

    /// The sizes.
    pub fn options(&self) -> LlamaOptions {
        self.options
    }

    /// Logits `[N, T, vocab]` of the token after each of `tokens [N, T]`. There is no dropout, so the mode makes no difference.
    ///
    /// # Panics
    /// When `tokens` is not a batch of sequences of integers, or they are longer than the context.
    #[track_caller]
    pub fn forward(&self, tokens: &Tensor, _: Mode) -> Tensor {
        let mut x = self.embed(tokens);
        for block in &self.blocks {
            let attend = |q: &Tensor, k: &Tensor, v: &Tensor| {
                let (q, k) = (self.rotary.forward(q, 0), self.rotary.forward(k, 0));
                q.scaled_dot_product_attention(&k, v, None, true, None)
            };
            x = block.forward(&x, attend);
        }
        self.head(&x)
    }

    /// An empty cache for `batch` sequences.
    pub fn cache(&self, batch: usize) -> Vec<KvCache> {
        let LlamaOptions { context, kv_heads, depth, .. } = self.options;
        let features = self.options.features();
        (0..depth).map(|_| KvCache::new(&self.device, batch, kv_heads, context, features)).collect()
    }

    /// [`forward`](Llama::forward) for tokens that continue the sequences in `cache`. The tokens are added to the cache.
    ///
    /// # Panics
    /// As [`forward`](Llama::forward), where tokens in the cache count towards the context.
    #[track_caller]
    pub fn forward_cached(&self, tokens: &Tensor, cache: &mut [KvCache]) -> Tensor {
        assert!(cache.len() == self.blocks.len(), "Llama: the cache of another network");
        let mut x = self.embed(tokens);
        for (block, cache) in self.blocks.iter().zip(cache) {
            let start = cache.len();
            let attend = |q: &Tensor, k: &Tensor, v: &Tensor| {
                cache.attend(&self.rotary.forward(q, start), &self.rotary.forward(k, start), v)
            };
            x = block.forward(&x, attend);
        }
        self.head(&x)
    }

    #[track_caller]
    fn embed(&self, tokens: &Tensor) -> Tensor {
        assert!(tokens.rank() == 2, "Llama: tokens {:?} are not [N, T]", tokens.shape());
        self.tokens.forward(tokens)
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

/// `x + attention(norm(x))`, then `x + mlp(norm(x))`.
struct Block {
    attention_norm: RmsNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    mlp_norm: RmsNorm,
    gate: Linear,
    up: Linear,
    down: Linear,
    heads: usize,
    kv_heads: usize,
}

impl Block {
    #[track_caller]
    fn new(params: &Params, options: &LlamaOptions) -> Block {
        let &LlamaOptions { width, heads, kv_heads, inner, eps, qkv_bias, .. } = options;
        let features = options.features();
        let (attention, mlp) = (params.path("self_attn"), params.path("mlp"));
        let project = |name: &str, heads: usize| {
            let make = if qkv_bias { Linear::new } else { Linear::no_bias };
            make(&attention.path(name), width, heads * features)
        };
        let norm = |name: &str| RmsNorm::new(&params.path(name), width).eps(eps);
        Block {
            attention_norm: norm("input_layernorm"),
            q: project("q_proj", heads),
            k: project("k_proj", kv_heads),
            v: project("v_proj", kv_heads),
            o: Linear::no_bias(&attention.path("o_proj"), heads * features, width),
            mlp_norm: norm("post_attention_layernorm"),
            gate: Linear::no_bias(&mlp.path("gate_proj"), width, inner),
            up: Linear::no_bias(&mlp.path("up_proj"), width, inner),
            down: Linear::no_bias(&mlp.path("down_proj"), inner, width),
            heads,
            kv_heads,
        }
    }

    /// `attend` computes the attention of queries `[N, heads, T, E]` to keys and values `[N, kv_heads, T, E]` before rotation.
    #[track_caller]
    fn forward(&self, x: &Tensor, attend: impl FnOnce(&Tensor, &Tensor, &Tensor) -> Tensor) -> Tensor {
        let h = self.attention_norm.forward(x);
        let split = |y: Tensor, heads: usize| {
            let (batch, steps, width) = (y.shape()[0], y.shape()[1], y.shape()[2]);
            y.reshape(&[batch, steps, heads, width / heads]).transpose(1, 2)
        };
        let (q, k) = (split(self.q.forward(&h), self.heads), split(self.k.forward(&h), self.kv_heads));
        let attended = attend(&q, &k, &split(self.v.forward(&h), self.kv_heads));
        let x = x + self.o.forward(&attended.transpose(1, 2).flatten(2, 3));
        let h = self.mlp_norm.forward(&x);
        &x + self.down.forward(&(self.gate.forward(&h).silu() * self.up.forward(&h)))
    }
}

impl LanguageModel for Llama {
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
