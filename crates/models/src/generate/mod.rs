//! Generating sequences: token by token with a language model, by sampling or beam search; with a sequence-to-sequence decoder; and
//! labels from CTC outputs.

mod beam;
mod ctc;
mod sampler;
mod search;

use autograd::{Device, Result, Tensor, Transaction};

pub use beam::{Hypothesis, beam_search};
pub use ctc::{ctc_beam_search, ctc_collapse, ctc_greedy};
pub use sampler::Sampler;
pub use search::{BeamSearch, Decoded, Next};

/// A network that predicts the next token of a sequence from a state.
pub trait LanguageModel {
    /// A summary of the tokens so far: a cache, or a hidden state.
    type State: Clone;

    /// The device that holds the network's parameters.
    fn device(&self) -> &Device;

    /// The largest number of tokens that a state can hold, if there is a limit.
    fn context(&self) -> Option<usize>;

    /// The state before the first token.
    fn start(&self) -> Self::State;

    /// Logits `[1, T, vocab]` of the token after each of `tokens [1, T]`. The tokens follow those in the state and are added to it.
    fn next(&self, tokens: &Tensor, state: &mut Self::State) -> Tensor;
}

/// A sequence that a model reads token by token. When the model's context is full, it is read again from its second half.
pub struct Reader<'a, M: LanguageModel> {
    model: &'a M,
    state: M::State,
    /// The tokens in the state.
    tokens: Vec<i32>,
}

impl<M: LanguageModel> Clone for Reader<'_, M> {
    fn clone(&self) -> Self {
        Reader { model: self.model, state: self.state.clone(), tokens: self.tokens.clone() }
    }
}

impl<'a, M: LanguageModel> Reader<'a, M> {
    /// A reader of `model` before the first token.
    pub fn new(model: &'a M) -> Reader<'a, M> {
        Reader { model, state: model.start(), tokens: vec![] }
    }

    /// Reads a token and returns the logits `[vocab]` of the next one.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn read(&mut self, token: i32) -> Result<Vec<f32>> {
        if self.model.context().is_some_and(|most| self.tokens.len() == most) {
            let later = self.tokens.split_off(self.tokens.len().div_ceil(2));
            *self = Reader::new(self.model);
            for token in later {
                self.push(token)?;
            }
        }
        self.push(token)
    }

    fn push(&mut self, token: i32) -> Result<Vec<f32>> {
        let device = self.model.device();
        // A scalar operand, not data: every token replays the same plan.
        let tokens = Tensor::scalars(device, &[token]).reshape(&[1, 1]);
        let logits = self.model.next(&tokens, &mut self.state);
        self.tokens.push(token);
        // Frees the token's graph; otherwise every state would keep the previous one alive.
        Transaction::default().loss(&logits).run()?;
        logits.to_vec()
    }

    /// Reads all of `prompt` and returns the logits after its last token.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// When the prompt is empty.
    #[track_caller]
    pub fn prompt(&mut self, prompt: &[i32]) -> Result<Vec<f32>> {
        let (last, first) = prompt.split_last().expect("a prompt has at least one token");
        for &token in first {
            self.read(token)?;
        }
        self.read(*last)
    }
}

/// Samples `count` tokens after `prompt`.
///
/// ```
/// use models::{CharRnn, CharRnnOptions, Params, Sampler, generate};
/// let params = Params::new(&autograd::Device::named("cpu")?, 42);
/// let net = CharRnn::gru(&params, CharRnnOptions { vocab: 5, embed: 4, hidden: 8, layers: 1 });
/// let tokens = generate(&net, &[0, 1], 10, &mut Sampler::new(7).top_k(3))?;
/// assert!(tokens.len() == 10 && tokens.iter().all(|t| (0..5).contains(t)));
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// Whatever goes wrong on the device.
///
/// # Panics
/// When the prompt is empty.
#[track_caller]
pub fn generate<M: LanguageModel>(
    model: &M,
    prompt: &[i32],
    count: usize,
    sampler: &mut Sampler,
) -> Result<Vec<i32>> {
    let mut reader = Reader::new(model);
    let mut logits = reader.prompt(prompt)?;
    let mut tokens = Vec::with_capacity(count);
    while tokens.len() < count {
        let token = sampler.draw(&logits);
        tokens.push(token);
        if tokens.len() < count {
            logits = reader.read(token)?;
        }
    }
    Ok(tokens)
}
