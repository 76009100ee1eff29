//! Recurrent language models.

use autograd::{Device, RnnNonlinearity, Tensor};

use crate::{Embedding, Gru, LanguageModel, Linear, Lstm, Params, Rnn, RnnOptions};

/// A recurrent network that predicts the next token: from tokens `[N, T]` to logits `[N, T, vocab]`, by an embedding, recurrent layers
/// and a linear layer at every position. Parameters `embedding.weight`; those of the recurrent layers under `lstm`, `gru` or `rnn`;
/// `fc.weight` and `fc.bias`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{CharRnn, CharRnnOptions, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = CharRnn::lstm(&params, CharRnnOptions { vocab: 65, embed: 32, hidden: 64, layers: 1 });
/// assert_eq!(params.count(), 31_393);
/// let tokens = Tensor::from_slice(&device, &[1i32, 2, 3], &[1, 3])?;
/// let (logits, _) = net.forward(&tokens, None);
/// // Untrained, all tokens are about equally probable.
/// let loss = logits.flatten(0, 1).cross_entropy(&tokens.flatten(0, 1)).item()?;
/// assert!((loss - 65f32.ln()).abs() < 0.1);
/// // The state continues a sequence: the result is the same in one piece or in parts.
/// let (_, state) = net.forward(&tokens.narrow(1, 0, 2), None);
/// let rest = net.forward(&tokens.narrow(1, 2, 1), Some(&state)).0;
/// assert!((rest - logits.narrow(1, 2, 1)).norm(2.0, &[0, 1, 2], false).item()? < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct CharRnn {
    device: Device,
    embedding: Embedding,
    cell: Cell,
    fc: Linear,
}

/// Sizes of a [`CharRnn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CharRnnOptions {
    /// Number of different tokens.
    pub vocab: usize,
    /// Width of the embedding.
    pub embed: usize,
    /// Width of the state.
    pub hidden: usize,
    /// Number of stacked recurrent layers.
    pub layers: usize,
}

/// The state of a [`CharRnn`] between windows of a sequence: states `[layers, N, hidden]` and, for an LSTM, cells.
#[derive(Clone, Debug)]
pub struct RnnState {
    /// Hidden states `[layers, N, hidden]`.
    pub h: Tensor,
    /// Cells like `h`, for an LSTM.
    pub c: Option<Tensor>,
}

impl RnnState {
    /// The same state without gradients: pass it from one window of a long sequence to the next, so that gradients end at the beginning
    /// of each window (truncated backpropagation through time, Williams and Peng 1990).
    ///
    /// ```
    /// use autograd::{Device, Tensor};
    /// use models::{Adam, CharRnn, CharRnnOptions, Params, RnnState};
    /// let device = Device::named("cpu")?;
    /// let params = Params::new(&device, 42);
    /// let net = CharRnn::gru(&params, CharRnnOptions { vocab: 3, embed: 4, hidden: 16, layers: 1 });
    /// let mut opt = Adam::new(&params);
    /// let text = Tensor::from_slice(&device, &[0i32, 1, 2, 0, 1, 2, 0, 1, 2], &[1, 9])?;
    /// let mut losses = vec![];
    /// for _ in 0..40 {
    ///     let mut state: Option<RnnState> = None;
    ///     for start in [0, 4] {
    ///         let [tokens, next] = [start, start + 1].map(|start| text.narrow(1, start, 4));
    ///         let (logits, last) = net.forward(&tokens, state.as_ref());
    ///         state = Some(last.detach());
    ///         let loss = logits.flatten(0, 1).cross_entropy(&next.flatten(0, 1));
    ///         opt.step(loss.backward(), 0.02)?;
    ///         losses.push(loss.item()?);
    ///     }
    /// }
    /// assert!(losses[0] > 1.0 && losses[losses.len() - 1] < 0.1);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn detach(&self) -> RnnState {
        RnnState { h: self.h.detach(), c: self.c.as_ref().map(Tensor::detach) }
    }
}

enum Cell {
    Lstm(Lstm),
    Gru(Gru),
    Rnn(Rnn),
}

impl CharRnn {
    /// With [`Lstm`] layers.
    #[track_caller]
    pub fn lstm(params: &Params, options: CharRnnOptions) -> CharRnn {
        CharRnn::build(params, options, |inputs, hidden, rnn| {
            Cell::Lstm(Lstm::new(&params.path("lstm"), inputs, hidden, rnn))
        })
    }

    /// With [`Gru`] layers.
    #[track_caller]
    pub fn gru(params: &Params, options: CharRnnOptions) -> CharRnn {
        CharRnn::build(params, options, |inputs, hidden, rnn| {
            Cell::Gru(Gru::new(&params.path("gru"), inputs, hidden, rnn))
        })
    }

    /// With plain recurrent layers and tanh.
    #[track_caller]
    pub fn rnn(params: &Params, options: CharRnnOptions) -> CharRnn {
        CharRnn::build(params, options, |inputs, hidden, rnn| {
            Cell::Rnn(Rnn::new(&params.path("rnn"), inputs, hidden, RnnNonlinearity::Tanh, rnn))
        })
    }

    #[track_caller]
    fn build(
        params: &Params,
        options: CharRnnOptions,
        cell: impl Fn(usize, usize, RnnOptions) -> Cell,
    ) -> CharRnn {
        let CharRnnOptions { vocab, embed, hidden, layers } = options;
        let embedding = Embedding::new(&params.path("embedding"), vocab, embed);
        let rnn = RnnOptions { num_layers: layers, batch_first: true, ..RnnOptions::default() };
        let cell = cell(embed, hidden, rnn);
        let fc = Linear::new(&params.path("fc"), hidden, vocab);
        CharRnn { device: params.device().clone(), embedding, cell, fc }
    }

    /// Logits `[N, T, vocab]` of the token after each of `tokens [N, T]`, and the state after the last. Without a state, sequences start
    /// here.
    ///
    /// # Panics
    /// When `tokens` is not a batch of sequences of integers, or the state belongs to another network or batch size.
    #[track_caller]
    pub fn forward(&self, tokens: &Tensor, state: Option<&RnnState>) -> (Tensor, RnnState) {
        assert!(tokens.rank() == 2, "CharRnn: tokens {:?} are not [N, T]", tokens.shape());
        let x = self.embedding.forward(tokens);
        let h = state.map(|s| &s.h);
        let (y, h, c) = match &self.cell {
            Cell::Lstm(layer) => {
                let (y, (h, c)) = layer.forward(&x, h.zip(state.and_then(|s| s.c.as_ref())));
                (y, h, Some(c))
            }
            Cell::Gru(layer) => {
                let (y, h) = layer.forward(&x, h);
                (y, h, None)
            }
            Cell::Rnn(layer) => {
                let (y, h) = layer.forward(&x, h);
                (y, h, None)
            }
        };
        (self.fc.forward(&y), RnnState { h, c })
    }
}

impl LanguageModel for CharRnn {
    type State = Option<RnnState>;

    fn device(&self) -> &Device {
        &self.device
    }

    fn context(&self) -> Option<usize> {
        None
    }

    fn start(&self) -> Option<RnnState> {
        None
    }

    fn next(&self, tokens: &Tensor, state: &mut Option<RnnState>) -> Tensor {
        let (logits, after) = self.forward(tokens, state.as_ref());
        *state = Some(after);
        logits
    }
}
