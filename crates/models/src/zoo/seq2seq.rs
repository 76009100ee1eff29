//! Sequence to sequence with attention (Bahdanau et al. 2015; Luong, Pham and Manning 2015).

use autograd::{Result, Tensor, cat};

use crate::{AdditiveAttention, BeamSearch, Decoded, Embedding, Gru, Linear, Next, Params, RnnOptions};

/// Translates sequences of tokens: one GRU reads the source, another writes the target, and every state of the decoder attends to all
/// outputs of the encoder: `logits = out(tanh(merge([context, state])))` (Luong et al. 2015, equation 5). Parameters
/// `encoder.embedding.*`, `encoder.gru.*`, `decoder.embedding.*`, `decoder.gru.*`, those of the attention under `attention`, `merge.*`
/// and `out.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Attend, Params, Seq2Seq, Seq2SeqOptions};
/// let device = Device::named("cpu")?;
/// let options =
///     Seq2SeqOptions { source_vocab: 10, target_vocab: 12, embed: 8, hidden: 16, attend: Attend::Additive };
/// let net = Seq2Seq::new(&Params::new(&device, 42), options);
/// let source = Tensor::from_slice(&device, &[1i32, 2, 3, 4, 5, 6], &[2, 3])?;
/// let target = Tensor::from_slice(&device, &[1i32, 2, 3, 4], &[2, 2])?;
/// let logits = net.forward(&source, &target, None);
/// // Untrained, all tokens are about equally probable.
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
    /// By dot products (Luong et al. 2015, "dot").
    Dot,
}

/// Sizes of a [`Seq2Seq`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seq2SeqOptions {
    /// Number of different source tokens.
    pub source_vocab: usize,
    /// Number of different target tokens.
    pub target_vocab: usize,
    /// Width of the embeddings of sources and targets.
    pub embed: usize,
    /// Width of the states of encoder and decoder.
    pub hidden: usize,
    /// How the decoder attends to the source.
    pub attend: Attend,
}

/// The result of a [`Seq2Seq`]'s encoder.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The outputs `[N, S, hidden]`, one per token.
    pub outputs: Tensor,
    /// The state `[1, N, hidden]` after the last token.
    pub state: Tensor,
}

impl Seq2Seq {
    /// An untrained network of these sizes.
    #[track_caller]
    pub fn new(params: &Params, options: Seq2SeqOptions) -> Seq2Seq {
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

    /// Logits `[N, T, target_vocab]` of the token after each of `target [N, T]` in the translation of `source [N, S]`. `padding [N, S]`
    /// (bool) is true after the end of a source.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn forward(&self, source: &Tensor, target: &Tensor, padding: Option<&Tensor>) -> Tensor {
        let encoded = self.encode(source);
        self.decode(target, &encoded.state, &encoded.outputs, padding).0
    }

    /// Encodes sources `[N, S]`.
    ///
    /// # Panics
    /// When `source` is not a batch of sequences of integers.
    #[track_caller]
    pub fn encode(&self, source: &Tensor) -> Encoded {
        let (outputs, state) = self.encoder.forward(&self.source.forward(source), None);
        Encoded { outputs, state }
    }

    /// As [`encode`](Seq2Seq::encode), but only the first `lengths[n]` tokens (`[N]`, i32) of source `n` are read.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn encode_lengths(&self, source: &Tensor, lengths: &Tensor) -> Encoded {
        let (outputs, state) = self.encoder.forward_lengths(&self.source.forward(source), lengths, None);
        Encoded { outputs, state }
    }

    /// Logits `[N, T, target_vocab]` after tokens `[N, T]`, and the decoder's last state, starting from `state [1, N, hidden]`.
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
        (self.say(&context, &y), state)
    }

    /// As [`decode`](Seq2Seq::decode), and the attention weights `[N, T, S]` over the source.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn decode_weights(
        &self,
        target: &Tensor,
        state: &Tensor,
        outputs: &Tensor,
        padding: Option<&Tensor>,
    ) -> (Tensor, Tensor, Tensor) {
        let (y, state) = self.decoder.forward(&self.target.forward(target), Some(state));
        let weights = match &self.attention {
            Some(attention) => attention.weights(&y, outputs, padding),
            None => {
                let seen = padding.map(|p| p.logical_not().unsqueeze(1));
                y.attention_weights(outputs, seen.as_ref(), false, Some(1.0))
            }
        };
        (self.say(&weights.matmul(outputs), &y), state, weights)
    }

    /// Logits as from [`decode`](Seq2Seq::decode), but after the first step the decoder reads its own most probable token instead of that
    /// of `target` wherever `own [N, T]` (bool) is true. A random `own` is scheduled sampling (Bengio et al. 2015, "Scheduled sampling
    /// for sequence prediction with recurrent neural networks"); if it is false throughout, this is teacher forcing.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn decode_own(
        &self,
        target: &Tensor,
        own: &Tensor,
        encoded: &Encoded,
        padding: Option<&Tensor>,
    ) -> Tensor {
        assert!(target.shape() == own.shape(), "Seq2Seq: targets, and which of them are the decoder's own");
        let mut state = encoded.state.clone();
        let mut all_logits: Vec<Tensor> = vec![];
        for t in 0..target.shape()[1] {
            let given = target.narrow(1, t, 1);
            let input = match all_logits.last() {
                Some(logits) => logits.argmax(-1, false).where_(&own.narrow(1, t, 1), &given),
                None => given,
            };
            let (logits, after) = self.decode(&input, &state, &encoded.outputs, padding);
            state = after;
            all_logits.push(logits);
        }
        cat(&all_logits.iter().collect::<Vec<_>>(), 1)
    }

    /// Greedy decoding: the most probable token at each of `steps` steps after `begin`, `[N, steps]`, each fed to the next step.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn greedy(&self, encoded: &Encoded, padding: Option<&Tensor>, begin: i32, steps: usize) -> Tensor {
        let shape = [encoded.outputs.shape()[0], steps];
        let own = Tensor::ones(encoded.outputs.device(), &shape).gt(0.0);
        let target = Tensor::scalars(own.device(), &[begin]).expand(&shape);
        self.decode_own(&target, &own, encoded, padding).argmax(-1, false)
    }

    /// The best translations of one source `[1, S]`, found by beam search after the token `begin`.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// When there is not exactly one source.
    #[track_caller]
    pub fn search(&self, source: &Tensor, begin: i32, search: &BeamSearch) -> Result<Vec<Decoded>> {
        assert!(source.shape()[0] == 1, "Seq2Seq: a search for sources {:?}", source.shape());
        let encoded = self.encode(source);
        let (outputs, device) = (encoded.outputs.detach(), source.device());
        let [length, hidden] = [outputs.shape()[1], outputs.shape()[2]];
        search.run(encoded.state.to_vec::<f32>()?, begin, |states, tokens| {
            let beams = tokens.len();
            let state = Tensor::from_slice(device, &states.concat(), &[1, beams, hidden])?;
            let tokens = Tensor::from_slice(device, tokens, &[beams, 1])?;
            let wide = outputs.expand(&[beams, length, hidden]);
            let (logits, state, weights) = self.decode_weights(&tokens, &state, &wide, None);
            let logs = logits.log_softmax(-1).to_vec::<f32>()?;
            let (state, weights) = (state.to_vec::<f32>()?, weights.to_vec::<f32>()?);
            let row = |values: &[f32], i: usize| {
                values[i * values.len() / beams..][..values.len() / beams].to_vec()
            };
            let next =
                |i| Next { state: row(&state, i), log_probs: row(&logs, i), attention: row(&weights, i) };
            Ok((0..beams).map(next).collect())
        })
    }

    /// Logits from the attention's contexts and the decoder's outputs.
    #[track_caller]
    fn say(&self, context: &Tensor, y: &Tensor) -> Tensor {
        self.out.forward(&self.merge.forward(&cat(&[context, y], -1)).tanh())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::Device;

    fn net(attend: Attend) -> (Device, Seq2Seq) {
        let device = Device::named("cpu").unwrap();
        let params = Params::new(&device, 5);
        let sizes = Seq2SeqOptions { source_vocab: 6, target_vocab: 6, embed: 4, hidden: 8, attend };
        let net = Seq2Seq::new(&params, sizes);
        params.all().iter().for_each(|p| p.set(&(p.value() * 3.0)));
        (device, net)
    }

    fn near(a: &Tensor, b: &Tensor) {
        assert_eq!(a.shape(), b.shape());
        let (a, b) = (a.to_vec::<f32>().unwrap(), b.to_vec::<f32>().unwrap());
        a.iter().zip(&b).for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} instead of {b}"));
    }

    #[test]
    fn the_ways_to_decode_agree() {
        for attend in [Attend::Additive, Attend::Dot] {
            let (device, net) = net(attend);
            let source = Tensor::from_slice(&device, &[1i32, 2, 3, 4, 5, 1], &[2, 3]).unwrap();
            let target = Tensor::from_slice(&device, &[0i32, 3, 2, 4, 0, 1, 5, 5], &[2, 4]).unwrap();
            let encoded = net.encode(&source);
            let (logits, state) = net.decode(&target, &encoded.state, &encoded.outputs, None);
            let (again, after, weights) = net.decode_weights(&target, &encoded.state, &encoded.outputs, None);
            near(&again, &logits);
            near(&after, &state);
            near(&weights.sum(&[2], false), &Tensor::ones(&device, &[2, 4]));
            // Never the decoder's own tokens: teacher forcing.
            let never = Tensor::zeros(&device, &[2, 4]).gt(0.0);
            near(&net.decode_own(&target, &never, &encoded, None), &logits);
            // Always its own tokens: the same as a search with one beam.
            let greedy = net.greedy(&encoded, None, 0, 4).to_vec::<i32>().unwrap();
            for i in 0..2 {
                let found = net.search(&source.narrow(0, i, 1), 0, &BeamSearch::new(1, 9, 4)).unwrap();
                assert_eq!(found[0].tokens, greedy[4 * i..][..4]);
                assert!((found[0].coverage.iter().sum::<f64>() - 4.0).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn what_is_behind_the_end_of_a_source_does_not_matter() {
        let (device, net) = net(Attend::Additive);
        let lengths = Tensor::from_slice(&device, &[2i32], &[1]).unwrap();
        let padding = Tensor::from_slice(&device, &[0i32, 0, 1], &[1, 3]).unwrap().gt(0.0);
        let target = Tensor::from_slice(&device, &[0i32, 1], &[1, 2]).unwrap();
        let logits = |source: [i32; 3]| {
            let source = Tensor::from_slice(&device, &source, &[1, 3]).unwrap();
            let encoded = net.encode_lengths(&source, &lengths);
            net.decode(&target, &encoded.state, &encoded.outputs, Some(&padding)).0
        };
        near(&logits([1, 2, 0]), &logits([1, 2, 5]));
    }
}
