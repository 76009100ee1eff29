//! Location-sensitive attention.

use autograd::Tensor;
use models::{Conv1d, Linear, Params};

/// Additive attention whose scores also depend on where it has been (Chorowski et al. 2015, equations 8 and 9; Tacotron 2, Shen et al. 2018):
/// `v . tanh(W q + V k + U f)`, where the features `f` of each place are a convolution of the attention summed over all steps before. It moves on
/// from place to place, also past equal keys. Parameters `query.weight`, `key.weight`, `location.weight`, `place.weight` and `score.weight`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::speech::LocationSensitiveAttention;
/// use models::{Init, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let attention = LocationSensitiveAttention::new(&params, 2, 3, 8);
/// params.redraw("score.weight", Init::ZEROS);
/// let (query, keys) = (Tensor::ones(&device, &[1, 2]), Tensor::ones(&device, &[1, 4, 3]));
/// // Equal scores: the same share everywhere.
/// let weights = attention.weights(&query, &keys, &Tensor::zeros(&device, &[1, 4]));
/// assert_eq!(weights.to_vec::<f32>()?, [0.25; 4]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct LocationSensitiveAttention {
    query: Linear,
    key: Linear,
    location: Conv1d,
    place: Linear,
    score: Linear,
}

/// Filters over the attention before, and their width.
const FILTERS: usize = 8;
const REACH: usize = 5;

impl LocationSensitiveAttention {
    /// From queries of `queries` and keys of `keys` features, compared in `features` dimensions.
    #[track_caller]
    pub fn new(params: &Params, queries: usize, keys: usize, features: usize) -> LocationSensitiveAttention {
        let linear = |name: &str, from, to| Linear::no_bias(&params.path(name), from, to);
        let location = Conv1d::new(&params.path("location"), 1, FILTERS, REACH).padding(REACH / 2).no_bias();
        LocationSensitiveAttention {
            query: linear("query", queries, features),
            key: linear("key", keys, features),
            location: location.build(),
            place: linear("place", FILTERS, features),
            score: linear("score", features, 1),
        }
    }

    /// The weights `[N, S]` of a query `[N, Q]` on keys `[N, S, K]`, after steps whose weights sum up to `before [N, S]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn weights(&self, query: &Tensor, keys: &Tensor, before: &Tensor) -> Tensor {
        let been = self.location.forward(&before.unsqueeze(1)).transpose(1, 2);
        let met = self.query.forward(query).unsqueeze(1) + self.key.forward(keys) + self.place.forward(&been);
        self.score.forward(&met.tanh()).squeeze(&[2]).softmax(-1)
    }
}
