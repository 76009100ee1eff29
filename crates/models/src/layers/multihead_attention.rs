//! Multi-head attention (Vaswani et al. 2017).

use autograd::{DType, Tensor};

use crate::{Init, Param, Params};

/// `heads` attentions side by side, each over its part of linear projections of queries `[N, T, E]`, keys and values
/// `[N, S, E]`, and a linear projection of their joined results, `[N, T, E]`. As `torch.nn.MultiheadAttention` with
/// `batch_first`. Parameters `in_proj_weight [3 E, E]` and `in_proj_bias [3 E]` (of queries, keys and values),
/// `out_proj.weight [E, E]` and `out_proj.bias [E]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{MultiheadAttention, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = MultiheadAttention::new(&params, 2, 1);
/// let unit = [[1.0f32, 0.0], [0.0, 1.0]].concat();
/// params.get("in_proj_weight").unwrap().set(&Tensor::from_slice(&device, &unit.repeat(3), &[6, 2])?);
/// params.get("out_proj.weight").unwrap().set(&Tensor::from_slice(&device, &unit, &[2, 2])?);
/// let x = Tensor::from_slice(&device, &[3.0f32, 4.0, 5.0, 6.0], &[1, 2, 2])?;
/// // The first position sees only itself.
/// assert_eq!(layer.forward(&x, &x, &x, None, true).to_vec::<f32>()?[..2], [3.0, 4.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct MultiheadAttention {
    in_weight: Param,
    in_bias: Param,
    out_weight: Param,
    out_bias: Param,
    width: usize,
    heads: usize,
}

impl MultiheadAttention {
    /// PyTorch's default initialisation.
    ///
    /// # Panics
    /// When `width` is not a multiple of `heads`.
    #[track_caller]
    pub fn new(params: &Params, width: usize, heads: usize) -> MultiheadAttention {
        assert!(heads > 0 && width.is_multiple_of(heads), "attention: width {width} for {heads} heads");
        let out = params.path("out_proj");
        MultiheadAttention {
            in_weight: params.param("in_proj_weight", &[3 * width, width], Init::XavierUniform { gain: 1.0 }),
            in_bias: params.param("in_proj_bias", &[3 * width], Init::ZEROS),
            out_weight: out.param("weight", &[width, width], Init::torch_default()),
            out_bias: out.param("bias", &[width], Init::ZEROS),
            width,
            heads,
        }
    }

    /// `mask`, broadcastable to `[N, heads, T, S]`, is added to the scores; or it is of type bool and, as in torch's layer, true
    /// where a query must *not* see a key. With `causal`, position `t` sees positions `0..=t`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn forward(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
        mask: Option<&Tensor>,
        causal: bool,
    ) -> Tensor {
        let [q, k, v] = self.project([query, key, value]).map(|x| self.split(&x));
        let mask = mask.map(|m| if m.dtype() == DType::Bool { m.logical_not() } else { m.clone() });
        let y = q.scaled_dot_product_attention(&k, &v, mask.as_ref(), causal, None);
        y.transpose(1, 2)
            .reshape(query.shape())
            .linear(&self.out_weight.value(), Some(&self.out_bias.value()))
    }

    /// Projected queries, keys and values: by one product where they come from the same tensor.
    #[track_caller]
    fn project(&self, [query, key, value]: [&Tensor; 3]) -> [Tensor; 3] {
        let (weight, bias) = (self.in_weight.value(), self.in_bias.value());
        let part = |i: usize| i * self.width;
        if query.same(key) && query.same(value) {
            let all = query.linear(&weight, Some(&bias));
            return [0, 1, 2].map(|i| all.narrow(-1, part(i), self.width));
        }
        let project = |x: &Tensor, i: usize| {
            x.linear(&weight.narrow(0, part(i), self.width), Some(&bias.narrow(0, part(i), self.width)))
        };
        [project(query, 0), project(key, 1), project(value, 2)]
    }

    /// `[N, T, E]` as `[N, heads, T, E / heads]`.
    #[track_caller]
    fn split(&self, x: &Tensor) -> Tensor {
        assert_eq!(x.rank(), 3, "attention: input {:?}", x.shape());
        x.reshape(&[x.shape()[0], x.shape()[1], self.heads, self.width / self.heads]).transpose(1, 2)
    }
}
