//! Multi-head attention (Vaswani et al. 2017).

use autograd::Tensor;

use crate::low_rank;
use crate::{AttentionMask, Dropout, Init, Linear, Mode, Param, Params};

/// Multi-head attention: `heads` parallel attentions, each over its slice of the linear projections of queries `[N, T, E]`, keys and values
/// `[N, S, E]`, and a linear projection of their concatenated results, `[N, T, E]`. As `torch.nn.MultiheadAttention` with `batch_first`.
/// Parameters `in_proj_weight [3 E, E]` (or, if keys or values have other widths, `q_proj_weight [E, E]`, `k_proj_weight [E, kdim]` and
/// `v_proj_weight [E, vdim]`), `in_proj_bias [3 E]`, `out_proj.weight [E, E]` and `out_proj.bias [E]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{AttentionMask, Mode, MultiheadAttention, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = MultiheadAttention::new(&params, 2, 1);
/// let unit = [[1.0f32, 0.0], [0.0, 1.0]].concat();
/// params.get("in_proj_weight").unwrap().set(&Tensor::from_slice(&device, &unit.repeat(3), &[6, 2])?);
/// params.get("out_proj.weight").unwrap().set(&Tensor::from_slice(&device, &unit, &[2, 2])?);
/// let x = Tensor::from_slice(&device, &[3.0f32, 4.0, 5.0, 6.0], &[1, 2, 2])?;
/// // The first position sees only itself.
/// let y = layer.forward(&x, &x, &x, AttentionMask::causal(), Mode::Eval);
/// assert_eq!(y.to_vec::<f32>()?[..2], [3.0, 4.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct MultiheadAttention {
    in_weight: InWeight,
    in_bias: Option<Param>,
    out_proj: Linear,
    dropout: Dropout,
    width: usize,
    heads: usize,
}

/// The weights of the projections of queries, keys and values.
enum InWeight {
    Joined(Param),
    Apart([Param; 3]),
}

/// Options of a [`MultiheadAttention`], with PyTorch's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionOptions {
    /// Whether all projections have biases.
    pub bias: bool,
    /// The width of keys, if it is not that of queries.
    pub kdim: Option<usize>,
    /// The width of values, if it is not that of queries.
    pub vdim: Option<usize>,
    /// The dropout probability of attention weights, in a mode that drops. The weights are then stored in memory.
    pub dropout: f32,
}

impl Default for AttentionOptions {
    fn default() -> AttentionOptions {
        AttentionOptions { bias: true, kdim: None, vdim: None, dropout: 0.0 }
    }
}

impl MultiheadAttention {
    /// PyTorch's default initialisation.
    ///
    /// # Panics
    /// When `width` is not a multiple of `heads`.
    #[track_caller]
    pub fn new(params: &Params, width: usize, heads: usize) -> MultiheadAttention {
        MultiheadAttention::with(params, width, heads, AttentionOptions::default())
    }

    /// [`new`](MultiheadAttention::new) with options.
    ///
    /// # Panics
    /// When `width` is not a multiple of `heads`.
    #[track_caller]
    pub fn with(
        params: &Params,
        width: usize,
        heads: usize,
        options: AttentionOptions,
    ) -> MultiheadAttention {
        assert!(
            heads > 0 && width.is_multiple_of(heads),
            "attention: width {width} for {heads} heads, which must divide it"
        );
        let (kdim, vdim) = (options.kdim.unwrap_or(width), options.vdim.unwrap_or(width));
        let glorot = Init::XavierUniform { gain: 1.0 };
        let in_weight = if kdim == width && vdim == width {
            InWeight::Joined(params.param("in_proj_weight", &[3 * width, width], glorot).adaptable())
        } else {
            let part =
                |(name, inputs): (&str, usize)| params.param(name, &[width, inputs], glorot).adaptable();
            InWeight::Apart(
                [("q_proj_weight", width), ("k_proj_weight", kdim), ("v_proj_weight", vdim)].map(part),
            )
        };
        let in_bias = options.bias.then(|| params.param("in_proj_bias", &[3 * width], Init::ZEROS));
        let out = params.path("out_proj");
        let out_proj = if options.bias {
            let layer = Linear::new(&out, width, width);
            out.redraw("*out_proj.bias", Init::ZEROS);
            layer
        } else {
            Linear::no_bias(&out, width, width)
        };
        let dropout = Dropout::new(params, options.dropout);
        MultiheadAttention { in_weight, in_bias, out_proj, dropout, width, heads }
    }

    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn forward(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
        mask: AttentionMask,
        mode: Mode,
    ) -> Tensor {
        if self.dropout.drops(mode) {
            return self.forward_weights(query, key, value, mask, mode).0;
        }
        let [q, k, v] = self.heads_of([query, key, value]);
        let seen = mask.joined(&q, &k);
        self.merge(&q.scaled_dot_product_attention(&k, &v, seen.as_ref(), mask.reach(), None))
    }

    /// [`forward`](MultiheadAttention::forward), and the attention weights `[N, heads, T, S]` of every head, after dropout. Their mean
    /// over dimension 1 is what torch returns with `average_attn_weights`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn forward_weights(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
        mask: AttentionMask,
        mode: Mode,
    ) -> (Tensor, Tensor) {
        let [q, k, v] = self.heads_of([query, key, value]);
        let weights = q.attention_weights(&k, mask.joined(&q, &k).as_ref(), mask.reach(), None);
        let weights = self.dropout.forward(&weights, mode);
        (self.merge(&weights.matmul(&v)), weights)
    }

    /// Projected queries, keys and values, each `[N, heads, T, E / heads]` (`S` for `T` in keys and values).
    #[track_caller]
    fn heads_of(&self, inputs: [&Tensor; 3]) -> [Tensor; 3] {
        let [q, k, v] = inputs.map(Tensor::shape);
        let [kdim, vdim] = self.widths();
        let fits = q.len() == 3 && v.len() == 3 && q[2] == self.width && v[2] == vdim;
        let fits = fits && k == [q[0], v[1], kdim] && v[0] == q[0];
        let widths = format!("widths {}, {kdim} and {vdim}", self.width);
        assert!(fits, "attention: query {q:?}, key {k:?}, value {v:?} for {widths}");
        let split = |x: Tensor| {
            x.reshape(&[x.shape()[0], x.shape()[1], self.heads, self.width / self.heads]).transpose(1, 2)
        };
        self.project(inputs).map(split)
    }

    /// The widths of keys and values.
    fn widths(&self) -> [usize; 2] {
        match &self.in_weight {
            InWeight::Joined(_) => [self.width; 2],
            InWeight::Apart([_, key, value]) => [key, value].map(|w| w.value().shape()[1]),
        }
    }

    /// One product is enough if queries, keys and values are the same tensor.
    #[track_caller]
    fn project(&self, [query, key, value]: [&Tensor; 3]) -> [Tensor; 3] {
        let width = self.width;
        let bias = self.in_bias.as_ref().map(Param::value);
        let biases = [0, 1, 2].map(|i| bias.as_ref().map(|b| b.narrow(0, i * width, width)));
        match &self.in_weight {
            InWeight::Joined(weight) if query.same(key) && query.same(value) => {
                let all = weight.linear(query, bias.as_ref());
                [0, 1, 2].map(|i| all.narrow(-1, i * width, width))
            }
            InWeight::Joined(weight) => {
                let (whole, adapters) = (weight.value(), weight.adapters().unwrap_or_default());
                let part = |i: usize, x: &Tensor| {
                    let y = x.linear(&whole.narrow(0, i * width, width), biases[i].as_ref());
                    match low_rank::sum(&adapters, x, i * width, width) {
                        Some(change) => y + change,
                        None => y,
                    }
                };
                [part(0, query), part(1, key), part(2, value)]
            }
            InWeight::Apart([q, k, v]) => [
                q.linear(query, biases[0].as_ref()),
                k.linear(key, biases[1].as_ref()),
                v.linear(value, biases[2].as_ref()),
            ],
        }
    }

    /// Concatenates the heads' results `[N, heads, T, E / heads]` and projects them to `[N, T, E]`.
    #[track_caller]
    fn merge(&self, y: &Tensor) -> Tensor {
        self.out_proj.forward(&y.transpose(1, 2).flatten(2, 3))
    }
}
