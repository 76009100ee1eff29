//! Additive attention (Bahdanau, Cho and Bengio 2015).

use autograd::{DType, Tensor};

use crate::{Linear, Params};

/// Attention with scores `v . tanh(W q + U k)` (Bahdanau et al. 2015, appendix A.1.2), from queries `[N, T, Q]` and keys `[N, S, K]` to
/// weighted sums `[N, T, K]` of the keys. Parameters `query.weight [A, Q]`, `key.weight [A, K]` and `score.weight [1, A]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{AdditiveAttention, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = AdditiveAttention::new(&params, 3, 1, 8);
/// params.get("score.weight").unwrap().set(&Tensor::zeros(&device, &[1, 8]));
/// let keys = Tensor::from_slice(&device, &[1.0f32, 3.0], &[1, 2, 1])?;
/// // Equal scores: the mean of the keys.
/// assert_eq!(layer.forward(&Tensor::ones(&device, &[1, 1, 3]), &keys, None).item()?, 2.0);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct AdditiveAttention {
    query: Linear,
    key: Linear,
    score: Linear,
}

impl AdditiveAttention {
    /// `features` is the width `A` to which queries and keys are projected.
    #[track_caller]
    pub fn new(params: &Params, queries: usize, keys: usize, features: usize) -> AdditiveAttention {
        AdditiveAttention {
            query: Linear::no_bias(&params.path("query"), queries, features),
            key: Linear::no_bias(&params.path("key"), keys, features),
            score: Linear::no_bias(&params.path("score"), features, 1),
        }
    }

    /// `padding [N, S]` (bool) is true for keys to mask out.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn forward(&self, query: &Tensor, keys: &Tensor, padding: Option<&Tensor>) -> Tensor {
        self.weights(query, keys, padding).matmul(keys)
    }

    /// The attention weights `[N, T, S]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn weights(&self, query: &Tensor, keys: &Tensor, padding: Option<&Tensor>) -> Tensor {
        let (q, k) = (query.shape(), keys.shape());
        let fits = q.len() == 3 && k.len() == 3 && q[0] == k[0];
        assert!(fits, "AdditiveAttention: queries {q:?}, keys {k:?}");
        // [N, T, S, A]
        let met = self.query.forward(query).unsqueeze(2) + self.key.forward(keys).unsqueeze(1);
        let mut scores = self.score.forward(&met.tanh()).squeeze(&[3]);
        if let Some(padding) = padding {
            assert!(padding.dtype() == DType::Bool, "AdditiveAttention: a mask of type {}", padding.dtype());
            assert!(padding.shape() == &k[..2], "AdditiveAttention: mask {:?}, keys {k:?}", padding.shape());
            scores = scores.masked_fill(&padding.unsqueeze(1), -1e30);
        }
        scores.softmax(-1)
    }
}
