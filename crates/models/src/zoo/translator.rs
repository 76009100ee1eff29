//! A transformer for translation (Vaswani et al. 2017, "Attention is all you need").

use autograd::{Tensor, cat};

use crate::{
    AttentionMask, Embedding, Init, Linear, Mode, Params, SinusoidalPositions, Transformer, TransformerMasks,
    TransformerOptions,
};

/// Translates sequences of tokens: embeddings of both languages, multiplied by the square root of their width, plus sinusoidal positions;
/// a [`Transformer`]; and a linear layer. Parameters `source.weight`, `target.weight`, `transformer.*` and `out.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Mode, Params, TransformerOptions, Translator, TranslatorOptions};
/// let device = Device::named("cpu")?;
/// let layers = TransformerOptions { dim_feedforward: 32, dropout: 0.0, ..TransformerOptions::default() };
/// let options =
///     TranslatorOptions { source_vocab: 10, target_vocab: 12, longest: 8, width: 16, heads: 2, depth: 1, layers };
/// let net = Translator::new(&Params::new(&device, 42), options);
/// let source = Tensor::from_slice(&device, &[1i32, 2, 3, 4, 5, 6], &[2, 3])?;
/// let target = Tensor::from_slice(&device, &[1i32, 2, 3, 4], &[2, 2])?;
/// let logits = net.forward(&source, &target, None, Mode::Eval);
/// assert_eq!(logits.shape(), [2, 2, 12]);
/// // Later tokens do not change the prediction after a token.
/// let other = Tensor::from_slice(&device, &[1i32, 7, 3, 9], &[2, 2])?;
/// let apart = net.forward(&source, &other, None, Mode::Eval) - logits;
/// assert!(apart.narrow(1, 0, 1).abs().amax(&[0, 1, 2], false).item()? < 1e-6);
/// assert!(apart.narrow(1, 1, 1).abs().amax(&[0, 1, 2], false).item()? > 1e-3);
/// assert_eq!(net.greedy(&source, None, 1, 5).shape(), [2, 5]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Translator {
    source: Embedding,
    target: Embedding,
    positions: SinusoidalPositions,
    transformer: Transformer,
    out: Linear,
    width: usize,
}

/// Sizes of a [`Translator`].
#[derive(Clone, Copy, Debug)]
pub struct TranslatorOptions {
    /// Number of different source tokens.
    pub source_vocab: usize,
    /// Number of different target tokens.
    pub target_vocab: usize,
    /// The largest number of tokens of a source or a target.
    pub longest: usize,
    /// Width of the embeddings; even.
    pub width: usize,
    /// Attention heads of a layer, which divide `width`.
    pub heads: usize,
    /// Number of layers of the encoder, and of the decoder.
    pub depth: usize,
    /// Options of all layers.
    pub layers: TransformerOptions,
}

impl Translator {
    /// # Panics
    /// When `width` is odd or not a multiple of `heads`.
    #[track_caller]
    pub fn new(params: &Params, options: TranslatorOptions) -> Translator {
        let TranslatorOptions { source_vocab, target_vocab, longest, width, heads, depth, layers } = options;
        let net = Translator {
            source: Embedding::new(&params.path("source"), source_vocab, width),
            target: Embedding::new(&params.path("target"), target_vocab, width),
            positions: SinusoidalPositions::new(params.device(), longest, width),
            transformer: Transformer::new(&params.path("transformer"), width, heads, depth, depth, layers),
            out: Linear::new(&params.path("out"), width, target_vocab),
            width,
        };
        // After the multiplication, embeddings have the magnitude of positions.
        for name in ["source.weight", "target.weight"] {
            let std = 1.0 / (width as f32).sqrt();
            params.redraw(name, Init::Normal { mean: 0.0, std });
        }
        net
    }

    /// Logits `[N, T, target_vocab]` of the token after each of `target [N, T]` in the translation of `source [N, S]`. `padding [N, S]`
    /// (bool) is true after the end of a source.
    ///
    /// # Panics
    /// When the shapes do not fit, or a sequence has more than `longest` tokens.
    #[track_caller]
    pub fn forward(&self, source: &Tensor, target: &Tensor, padding: Option<&Tensor>, mode: Mode) -> Tensor {
        self.decode(target, &self.encode(source, padding, mode), padding, mode)
    }

    /// The encoder's output `[N, S, width]` for sources `[N, S]`.
    ///
    /// # Panics
    /// As [`forward`](Translator::forward).
    #[track_caller]
    pub fn encode(&self, source: &Tensor, padding: Option<&Tensor>, mode: Mode) -> Tensor {
        let mask = AttentionMask { key_padding: padding, ..AttentionMask::default() };
        self.transformer.encode(&self.embedded(&self.source, source), mask, mode)
    }

    /// Logits `[N, T, target_vocab]` after tokens `[N, T]`, given the encoder's output.
    ///
    /// # Panics
    /// As [`forward`](Translator::forward).
    #[track_caller]
    pub fn decode(&self, target: &Tensor, memory: &Tensor, padding: Option<&Tensor>, mode: Mode) -> Tensor {
        let masks = TransformerMasks::causal();
        let seen = AttentionMask { key_padding: padding, ..AttentionMask::default() };
        let x = self.embedded(&self.target, target);
        self.out.forward(&self.transformer.decode(&x, memory, masks.tgt, seen, mode))
    }

    /// Greedy decoding: the most probable token at each of `steps` steps after `begin`, `[N, steps]`, each fed to the next step.
    ///
    /// # Panics
    /// As [`forward`](Translator::forward).
    #[track_caller]
    pub fn greedy(&self, source: &Tensor, padding: Option<&Tensor>, begin: i32, steps: usize) -> Tensor {
        let memory = self.encode(source, padding, Mode::Eval).detach();
        let batch = source.shape()[0];
        let mut written = Tensor::scalars(source.device(), &[begin]).expand(&[batch, 1]);
        for t in 0..steps {
            let logits = self.decode(&written, &memory, padding, Mode::Eval);
            written = cat(&[&written, &logits.narrow(1, t, 1).argmax(-1, false)], 1);
        }
        written.narrow(1, 1, steps)
    }

    #[track_caller]
    fn embedded(&self, table: &Embedding, tokens: &Tensor) -> Tensor {
        self.positions.forward(&(table.forward(tokens) * (self.width as f32).sqrt()), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::Device;

    fn net(device: &Device) -> Translator {
        let layers =
            TransformerOptions { dim_feedforward: 16, dropout: 0.0, ..TransformerOptions::default() };
        let sizes = TranslatorOptions {
            source_vocab: 6,
            target_vocab: 7,
            longest: 6,
            width: 8,
            heads: 2,
            depth: 2,
            layers,
        };
        Translator::new(&Params::new(device, 3), sizes)
    }

    #[test]
    fn greedy_tokens_are_the_most_probable_after_those_before() {
        let device = Device::named("cpu").unwrap();
        let net = net(&device);
        let source = Tensor::from_slice(&device, &[1i32, 2, 3, 4, 5, 0], &[2, 3]).unwrap();
        let tokens = net.greedy(&source, None, 1, 4).to_vec::<i32>().unwrap();
        let before: Vec<i32> =
            tokens.chunks(4).flat_map(|row| [1].into_iter().chain(row[..3].iter().copied())).collect();
        let before = Tensor::from_slice(&device, &before, &[2, 4]).unwrap();
        let logits = net.forward(&source, &before, None, Mode::Eval);
        assert_eq!(logits.argmax(-1, false).to_vec::<i32>().unwrap(), tokens);
    }

    #[test]
    fn padding_and_the_future_do_not_matter() {
        let device = Device::named("cpu").unwrap();
        let net = net(&device);
        let padding = Tensor::from_slice(&device, &[0i32, 0, 1], &[1, 3]).unwrap().gt(0.0);
        let logits = |source: [i32; 3], target: [i32; 2]| {
            let source = Tensor::from_slice(&device, &source, &[1, 3]).unwrap();
            let target = Tensor::from_slice(&device, &target, &[1, 2]).unwrap();
            net.forward(&source, &target, Some(&padding), Mode::Eval).to_vec::<f32>().unwrap()
        };
        let (a, b) = (logits([1, 2, 0], [1, 2]), logits([1, 2, 5], [1, 6]));
        assert!(a[..7].iter().zip(&b[..7]).all(|(a, b)| (a - b).abs() < 1e-5));
        assert!(a[7..].iter().zip(&b[7..]).any(|(a, b)| (a - b).abs() > 1e-3));
    }
}
