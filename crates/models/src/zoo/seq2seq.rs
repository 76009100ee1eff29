//! Sequence to sequence with attention (Bahdanau et al. 2015; Luong, Pham and Manning 2015).

use autograd::{Tensor, cat};

use crate::{AdditiveAttention, Embedding, Gru, Linear, Params, RnnOptions};

/// Translates sequences of tokens: a GRU reads the source, another writes the target, and every state of the second looks at
/// all outputs of the first: `logits = out(tanh(merge([context, state])))` (Luong et al. 2015, equation 5). Parameters
/// `encoder.embedding.*`, `encoder.gru.*`, `decoder.embedding.*`, `decoder.gru.*`, those of the attention under `attention`,
/// `merge.*` and `out.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Attend, Params, Seq2Seq, Seq2SeqOptions};
/// let device = Device::named("cpu")?;
/// let options =
///     Seq2SeqOptions { source_vocab: 10, target_vocab: 12, embed: 8, hidden: 16, attend: Attend::Additive };
/// let net = Seq2Seq::new(options, &Params::new(&device, 42));
/// let source = Tensor::from_slice(&device, &[1i32, 2, 3, 4, 5, 6], &[2, 3])?;
/// let target = Tensor::from_slice(&device, &[1i32, 2, 3, 4], &[2, 2])?;
/// let logits = net.forward(&source, &target, None);
/// // Untrained, all tokens are about as probable.
/// let loss = logits.flatten(0, 1).cross_entropy(&target.flatten(0, 1)).item()?;
/// assert!((loss - 12f32.ln()).abs() < 0.2);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Seq2Seq {
    source: Embedding,
    encoder: Gru,
    target: Embedding,
    decoder: Gru,
    attention: Option<AdditiveAttention>,
    merge: Linear,
    out: Linear,
}

/// How the decoder's states score the encoder's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attend {
    /// By [`AdditiveAttention`] (Bahdanau et al. 2015).
    Additive,
    /// By their products (Luong et al. 2015, "dot").
    Dot,
}

/// Sizes of a [`Seq2Seq`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seq2SeqOptions {
    /// Number of different tokens of sources.
    pub source_vocab: usize,
    /// Number of different tokens of targets.
    pub target_vocab: usize,
    /// Width of both embeddings.
    pub embed: usize,
    /// Width of both networks' states.
    pub hidden: usize,
    pub attend: Attend,
}

/// What a [`Seq2Seq`] knows of its sources.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// An output `[N, S, hidden]` for each token.
    pub outputs: Tensor,
    /// The state `[1, N, hidden]` after the last.
    pub state: Tensor,
}

impl Seq2Seq {
    #[track_caller]
    pub fn new(options: Seq2SeqOptions, params: &Params) -> Seq2Seq {
        let Seq2SeqOptions { source_vocab, target_vocab, embed, hidden, attend } = options;
        let (encoder, decoder) = (params.path("encoder"), params.path("decoder"));
        let rnn = RnnOptions { batch_first: true, ..RnnOptions::default() };
        let additive = || AdditiveAttention::new(&params.path("attention"), hidden, hidden, hidden);
        Seq2Seq {
            source: Embedding::new(&encoder.path("embedding"), source_vocab, embed),
            encoder: Gru::new(&encoder.path("gru"), embed, hidden, rnn),
            target: Embedding::new(&decoder.path("embedding"), target_vocab, embed),
            decoder: Gru::new(&decoder.path("gru"), embed, hidden, rnn),
            attention: (attend == Attend::Additive).then(additive),
            merge: Linear::no_bias(&params.path("merge"), 2 * hidden, hidden),
            out: Linear::new(&params.path("out"), hidden, target_vocab),
        }
    }

    /// Logits `[N, T, target_vocab]` of what follows each token of `target [N, T]` when `source [N, S]` is translated.
    /// `padding [N, S]` (bool) is true where sources have ended.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn forward(&self, source: &Tensor, target: &Tensor, padding: Option<&Tensor>) -> Tensor {
        let encoded = self.encode(source);
        self.decode(target, &encoded.state, &encoded.outputs, padding).0
    }

    /// Reads sources `[N, S]`.
    ///
    /// # Panics
    /// When `source` is not a batch of sequences of integers.
    #[track_caller]
    pub fn encode(&self, source: &Tensor) -> Encoded {
        let (outputs, state) = self.encoder.forward(&self.source.forward(source), None);
        Encoded { outputs, state }
    }

    /// Logits `[N, T, target_vocab]` after tokens `[N, T]`, and the decoder's state, which started at `state [1, N, hidden]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn decode(
        &self,
        target: &Tensor,
        state: &Tensor,
        outputs: &Tensor,
        padding: Option<&Tensor>,
    ) -> (Tensor, Tensor) {
        let (y, state) = self.decoder.forward(&self.target.forward(target), Some(state));
        let context = match &self.attention {
            Some(attention) => attention.forward(&y, outputs, padding),
            None => {
                let seen = padding.map(|p| p.logical_not().unsqueeze(1));
                y.scaled_dot_product_attention(outputs, outputs, seen.as_ref(), false, Some(1.0))
            }
        };
        let merged = self.merge.forward(&cat(&[&context, &y], -1)).tanh();
        (self.out.forward(&merged), state)
    }
}
