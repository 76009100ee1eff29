//! GloVe (Pennington, Socher and Manning 2014, "GloVe: Global vectors for word representation").

use autograd::Tensor;

use crate::{Embedding, Init, Params};

/// Vectors of words whose products with the vectors of contexts are the logarithms of co-occurrence counts, but for a bias of each:
/// `w_i . c_j + b_i + b'_j = log X_ij`, fitted by least squares. Parameters `word.weight [vocab, width]`, `context.weight [vocab, width]`,
/// `word_bias.weight [vocab, 1]` and `context_bias.weight [vocab, 1]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Glove, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = Glove::new(&params, 5, 3);
/// params.redraw("*", models::Init::ZEROS);
/// let [words, contexts] = [[0i32, 1], [2, 2]].map(|v| Tensor::constant(&device, &v, &[2]));
/// let counts = Tensor::from_slice(&device, &[1f32.exp(), 16.0], &[2])?;
/// // Half of the weight (e / 16)^(3/4) and a log of 1; the weight 1 and a log of 4 log 2.
/// let loss = net.loss(&words, &contexts, &counts, 16.0).item()?;
/// let by_hand = ((1f32.exp() / 16.0).powf(0.75) + (4.0 * 2f32.ln()).powi(2)) / 2.0;
/// assert!((loss - by_hand).abs() < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Glove {
    word: Embedding,
    context: Embedding,
    word_bias: Embedding,
    context_bias: Embedding,
}

impl Glove {
    /// The initialisation of the authors' program: all parameters uniform within `0.5 / width`.
    #[track_caller]
    pub fn new(params: &Params, vocab: usize, width: usize) -> Glove {
        let bound = 0.5 / width as f32;
        let table = |name: &str, width| {
            let under = params.path(name);
            let table = Embedding::new(&under, vocab, width);
            under.redraw("*", Init::Uniform { low: -bound, high: bound });
            table
        };
        Glove {
            word: table("word", width),
            context: table("context", width),
            word_bias: table("word_bias", 1),
            context_bias: table("context_bias", 1),
        }
    }

    /// The weight `min(1, X / most)^(3/4)` of counts `X` (the paper's equation 9), which has `most` = 100 for billions of words.
    pub fn weights(counts: &Tensor, most: f32) -> Tensor {
        (counts / most).clamp_max(1.0).pow(0.75)
    }

    /// The mean weighted square `f(X) (w . c + b + b' - log X)^2` (equation 8) of pairs `words [N]` and `contexts [N]` with their
    /// `counts [N]`, which are above 0.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn loss(&self, words: &Tensor, contexts: &Tensor, counts: &Tensor, most: f32) -> Tensor {
        let product = (self.word.forward(words) * self.context.forward(contexts)).sum(&[-1], false);
        let bias = self.word_bias.forward(words) + self.context_bias.forward(contexts);
        let apart = product + bias.squeeze(&[-1]) - counts.log();
        (Glove::weights(counts, most) * apart.square()).mean_all()
    }

    /// The words' vectors, `[vocab, width]`: the sums of those of words and contexts, as the paper uses them.
    pub fn vectors(&self) -> Tensor {
        self.word.weight() + self.context.weight()
    }
}
