//! The skip-gram model of word2vec (Mikolov et al. 2013, "Distributed representations of words and phrases and their
//! compositionality").

use autograd::{Reduction, Tensor};

use crate::{Embedding, Init, Params};

/// Each word has one vector as the centre of a window and another as context; their dot product scores the pair. With `k` negatives
/// sampled for every pair, dot products converge to the pointwise mutual information minus `log k` (Levy and Goldberg 2014). Parameters
/// `word.weight [vocab, width]` and `context.weight [vocab, width]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Params, SkipGram};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = SkipGram::new(&params, 100, 16);
/// assert_eq!(params.count(), 2 * 100 * 16);
/// let [words, contexts] = [[3i32, 7], [4i32, 3]].map(|v| Tensor::constant(&device, &v, &[2]));
/// let negatives = Tensor::zeros(&device, &[2, 5]).to(autograd::DType::I32);
/// // Context vectors are initially 0, so that every pair is as probable as a sampled one.
/// let loss = net.loss(&words, &contexts, &negatives).item()?;
/// assert!((loss - 6.0 * 2f32.ln()).abs() < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct SkipGram {
    word: Embedding,
    context: Embedding,
}

impl SkipGram {
    /// word2vec's initialisation: words uniform within `0.5 / width`, contexts 0.
    #[track_caller]
    pub fn new(params: &Params, vocab: usize, width: usize) -> SkipGram {
        let table = |name: &str, init| {
            let under = params.path(name);
            let table = Embedding::new(&under, vocab, width);
            under.redraw("*", init);
            table
        };
        let bound = 0.5 / width as f32;
        SkipGram {
            word: table("word", Init::Uniform { low: -bound, high: bound }),
            context: table("context", Init::ZEROS),
        }
    }

    /// The mean loss of observed pairs, `words [N]` and `contexts [N]`, against sampled contexts `negatives [N, K]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn loss(&self, words: &Tensor, contexts: &Tensor, negatives: &Tensor) -> Tensor {
        let word = self.word.forward(words);
        let together = (&word * self.context.forward(contexts)).sum(&[-1], false);
        let drawn = (word.unsqueeze(1) * self.context.forward(negatives)).sum(&[-1], false);
        together.negative_sampling_loss(&drawn, Reduction::Mean)
    }

    /// The scores of all pairs, `[vocab, vocab]`: words in rows, contexts in columns.
    pub fn products(&self) -> Tensor {
        self.vectors().matmul(&self.context.weight().t())
    }

    /// The words' vectors, `[vocab, width]`.
    pub fn vectors(&self) -> Tensor {
        self.word.weight()
    }
}
