//! Sequence taggers.

use autograd::{Reduction, Tensor};

use crate::{Crf, Embedding, Linear, Lstm, Params, RnnOptions};

/// Tags every token of a sequence, for example for named entities: an embedding, a bidirectional LSTM, a linear layer, and a conditional
/// random field (Huang, Xu and Yu 2015, "Bidirectional LSTM-CRF models for sequence tagging"). Sequences of a batch may differ in length.
/// Parameters `embedding.weight`, `lstm.*`, `fc.*` and `crf.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Params, Tagger, TaggerOptions};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = Tagger::new(&params, TaggerOptions { vocab: 30, embed: 8, hidden: 16, tags: 4 });
/// assert_eq!(params.count(), 3_724);
/// let tokens = Tensor::from_slice(&device, &[3i32, 1, 2, 9, 0, 0], &[2, 3])?;
/// let lengths = Tensor::from_slice(&device, &[3i32, 1], &[2])?;
/// let tags = net.decode(&tokens, &lengths);
/// assert_eq!(tags.shape(), [2, 3]);
/// let marginals = net.marginals(&tokens, &lengths).sum(&[2], false);
/// assert!(marginals.to_vec::<f32>()?.iter().zip([1.0, 1.0, 1.0, 1.0, 0.0, 0.0]).all(|(p, sum)| (p - sum).abs() < 1e-5));
/// // Untrained, all paths are about equally probable: 4^3 for the first sequence, 4 for the second.
/// let loss = net.loss(&tokens, &tags, &lengths).item()?;
/// assert!((loss - 2.0 * 4f32.ln()).abs() < 1.0);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Tagger {
    embedding: Embedding,
    lstm: Lstm,
    fc: Linear,
    crf: Crf,
}

/// Sizes of a [`Tagger`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaggerOptions {
    /// Number of different tokens.
    pub vocab: usize,
    /// Width of the embedding.
    pub embed: usize,
    /// Width of the state of each direction.
    pub hidden: usize,
    /// Number of different tags.
    pub tags: usize,
}

impl Tagger {
    /// # Panics
    /// When a size is 0.
    #[track_caller]
    pub fn new(params: &Params, options: TaggerOptions) -> Tagger {
        let TaggerOptions { vocab, embed, hidden, tags } = options;
        let rnn = RnnOptions { batch_first: true, bidirectional: true, ..RnnOptions::default() };
        Tagger {
            embedding: Embedding::new(&params.path("embedding"), vocab, embed),
            lstm: Lstm::new(&params.path("lstm"), embed, hidden, rnn),
            fc: Linear::new(&params.path("fc"), 2 * hidden, tags),
            crf: Crf::new(&params.path("crf"), tags),
        }
    }

    /// Scores `[N, T, tags]` of the tags of every token of `tokens [N, T]`; sequence `n` has `lengths[n]` tokens (`[N]`, i32).
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn emissions(&self, tokens: &Tensor, lengths: &Tensor) -> Tensor {
        assert!(tokens.rank() == 2, "Tagger: tokens {:?} are not [N, T]", tokens.shape());
        self.fc.forward(&self.lstm.forward_lengths(&self.embedding.forward(tokens), lengths, None).0)
    }

    /// The mean over sequences of the negative log-likelihood of `tags [N, T]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn loss(&self, tokens: &Tensor, tags: &Tensor, lengths: &Tensor) -> Tensor {
        let emissions = self.emissions(tokens, lengths).transpose(0, 1);
        self.crf.nll_loss(&emissions, &tags.transpose(0, 1), lengths, Reduction::Mean)
    }

    /// The most probable tags `[N, T]` (Viterbi).
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn decode(&self, tokens: &Tensor, lengths: &Tensor) -> Tensor {
        let emissions = self.emissions(tokens, lengths).transpose(0, 1);
        self.crf.decode(&emissions, lengths).1.transpose(0, 1)
    }

    /// The probability of each tag at each token, `[N, T, tags]`; 0 after a sequence's end.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn marginals(&self, tokens: &Tensor, lengths: &Tensor) -> Tensor {
        let emissions = self.emissions(tokens, lengths).transpose(0, 1);
        self.crf.marginals(&emissions, lengths).transpose(0, 1)
    }
}
