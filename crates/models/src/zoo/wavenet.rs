//! Stacks of dilated causal convolutions (van den Oord et al. 2016, "WaveNet: a generative model for raw audio").

use autograd::{Device, Tensor, cat};

use crate::{Conv1d, Embedding, LanguageModel, Params};

/// Predicts the next sample of a quantised signal: from classes `[N, T]` to logits `[N, T, classes]`. Causal convolutions with dilations
/// 1, 2, 4 and so on and gates `tanh(a) sigmoid(b)` each add to the input of the next layer and to a common sum, from which two 1x1
/// convolutions compute logits (section 2 of the paper). Before the start of the signal every layer reads zeros. Parameters
/// `embedding.weight [classes, C]`; `layers.0.dilated.*`, `layers.0.skip.*` and, except in the last layer, `layers.0.residual.*` and so
/// on; `head.0.*` and `head.1.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Params, WaveNet, WaveNetOptions};
/// let device = Device::named("cpu")?;
/// let options = WaveNetOptions { classes: 16, channels: 8, skip: 8, kernel: 2, layers: 3, stacks: 2 };
/// assert_eq!(options.receptive_field(), 15);
/// let net = WaveNet::new(&Params::new(&device, 42), options);
/// let signal = Tensor::from_slice(&device, &[1i32, 2, 3, 4, 5], &[1, 5])?;
/// let logits = net.forward(&signal);
/// // Untrained, all classes are about equally probable.
/// let loss = logits.flatten(0, 1).cross_entropy(&signal.flatten(0, 1)).item()?;
/// assert!((loss - 16f32.ln()).abs() < 0.3);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct WaveNet {
    options: WaveNetOptions,
    device: Device,
    embedding: Embedding,
    layers: Vec<Layer>,
    head: [Conv1d; 2],
}

/// Sizes of a [`WaveNet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaveNetOptions {
    /// Number of values of a sample: 256 in the paper.
    pub classes: usize,
    /// Channels of the layers.
    pub channels: usize,
    /// Channels of the sum from which the logits are computed.
    pub skip: usize,
    /// Number of samples that a convolution reads: 2 in the paper.
    pub kernel: usize,
    /// Layers per stack, with dilations `1, 2, 4, .. 2^(layers - 1)`.
    pub layers: usize,
    /// Number of stacks, one after another.
    pub stacks: usize,
}

impl WaveNetOptions {
    /// The number of samples, up to the newest, on which a prediction depends: `1 + stacks (kernel - 1) (2^layers - 1)`.
    pub fn receptive_field(&self) -> usize {
        1 + self.dilations().map(|dilation| self.past(dilation)).sum::<usize>()
    }

    fn dilations(&self) -> impl Iterator<Item = usize> + use<> {
        let layers = self.layers;
        (0..layers * self.stacks).map(move |i| 1 << (i % layers))
    }

    /// How many samples before the newest a layer of this dilation reads.
    fn past(&self, dilation: usize) -> usize {
        (self.kernel - 1) * dilation
    }
}

/// A dilated causal convolution, with its outputs to the sum and to the next layer.
struct Layer {
    past: usize,
    dilated: Conv1d,
    skip: Conv1d,
    /// `None` in the last layer.
    residual: Option<Conv1d>,
}

impl WaveNet {
    /// # Panics
    /// When a size is 0.
    #[track_caller]
    pub fn new(params: &Params, options: WaveNetOptions) -> WaveNet {
        let WaveNetOptions { classes, channels, skip, kernel, layers, stacks } = options;
        let some = [classes, channels, skip, kernel, layers, stacks].iter().all(|&n| n > 0);
        assert!(some, "WaveNet: {options:?}");
        let mut all = vec![];
        for (i, dilation) in options.dilations().enumerate() {
            let goes_on = i + 1 < layers * stacks;
            let params = params.path("layers").path(i);
            let dilated = Conv1d::new(&params.path("dilated"), channels, 2 * channels, kernel);
            all.push(Layer {
                past: options.past(dilation),
                dilated: dilated.dilation(dilation).build(),
                skip: Conv1d::new(&params.path("skip"), channels, skip, 1).build(),
                residual: goes_on
                    .then(|| Conv1d::new(&params.path("residual"), channels, channels, 1).build()),
            });
        }
        let head = params.path("head");
        WaveNet {
            options,
            device: params.device().clone(),
            embedding: Embedding::new(&params.path("embedding"), classes, channels),
            layers: all,
            head: [
                Conv1d::new(&head.path(0), skip, skip, 1).build(),
                Conv1d::new(&head.path(1), skip, classes, 1).build(),
            ],
        }
    }

    /// The sizes that it was created with.
    pub fn options(&self) -> WaveNetOptions {
        self.options
    }

    /// Logits `[N, T, classes]` of the sample after each of `signal [N, T]`.
    ///
    /// # Panics
    /// When `signal` is not a batch of sequences of integers.
    #[track_caller]
    pub fn forward(&self, signal: &Tensor) -> Tensor {
        self.forward_cached(signal, &mut self.cache(signal.shape()[0]))
    }

    /// As [`forward`](WaveNet::forward) for a continuation of the signal in the cache: whatever the receptive field, a new sample takes
    /// one step per layer (Paine et al. 2016, "Fast WaveNet generation algorithm").
    ///
    /// # Panics
    /// When `signal` is not a batch of sequences of integers, or the cache belongs to another batch size or network.
    #[track_caller]
    pub fn forward_cached(&self, signal: &Tensor, cache: &mut Vec<Tensor>) -> Tensor {
        assert!(signal.rank() == 2, "WaveNet: a signal {:?} is not [N, T]", signal.shape());
        let x = self.embedding.forward(signal).transpose(1, 2);
        self.convolved(&x, cache).transpose(1, 2)
    }

    /// The cache at the start of `batch` signals: the past inputs `[batch, channels, past]` of all layers, all 0.
    pub fn cache(&self, batch: usize) -> Vec<Tensor> {
        let zeros = |layer: &Layer| Tensor::zeros(&self.device, &[batch, self.options.channels, layer.past]);
        self.layers.iter().map(zeros).collect()
    }

    /// From embedded samples `[N, C, T]` to logits `[N, classes, T]`.
    #[track_caller]
    fn convolved(&self, x: &Tensor, cache: &mut Vec<Tensor>) -> Tensor {
        assert!(cache.len() == self.layers.len(), "WaveNet: a cache of other layers");
        let (mut x, mut sum) = (x.clone(), None);
        for (layer, past) in self.layers.iter().zip(cache) {
            let seen = if layer.past == 0 { x.clone() } else { cat(&[past, &x], 2) };
            *past = seen.narrow(2, seen.shape()[2] - layer.past, layer.past);
            let both = layer.dilated.forward(&seen).chunk(2, 1);
            let z = both[0].tanh() * both[1].sigmoid();
            let skip = layer.skip.forward(&z);
            sum = Some(sum.map_or_else(|| skip.clone(), |sum: Tensor| sum + &skip));
            if let Some(residual) = &layer.residual {
                x = x + residual.forward(&z);
            }
        }
        let sum = sum.expect("there are layers");
        self.head[1].forward(&self.head[0].forward(&sum.relu()).relu())
    }
}

impl LanguageModel for WaveNet {
    type State = Vec<Tensor>;

    fn device(&self) -> &Device {
        &self.device
    }

    fn context(&self) -> Option<usize> {
        None
    }

    fn start(&self) -> Vec<Tensor> {
        self.cache(1)
    }

    fn next(&self, tokens: &Tensor, state: &mut Vec<Tensor>) -> Tensor {
        self.forward_cached(tokens, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sampler, generate};
    use autograd::{grad, receptive_field};

    const SIZES: WaveNetOptions =
        WaveNetOptions { classes: 5, channels: 4, skip: 4, kernel: 3, layers: 2, stacks: 2 };

    fn net() -> (Device, WaveNet) {
        let device = Device::named("cpu").unwrap();
        (device.clone(), WaveNet::new(&Params::new(&device, 1), SIZES))
    }

    fn signal(device: &Device, values: &[i32]) -> Tensor {
        Tensor::from_slice(device, values, &[1, values.len()]).unwrap()
    }

    #[test]
    fn sees_as_far_as_it_says() {
        let (device, net) = net();
        // 1 + 2 * 2 * 3
        assert_eq!(SIZES.receptive_field(), 13);
        let x = Tensor::ones(&device, &[1, 4, 20]).variable();
        let y = net.convolved(&x, &mut net.cache(1));
        assert_eq!(receptive_field(&y), Some([1, 13]));
        // The gradient of the newest prediction is non-zero for exactly these samples.
        let slopes = grad(&y.select(2, 19).square().sum_all(), &[&x]).remove(0).unwrap();
        let slopes = slopes.abs().sum(&[0, 1], false).to_vec::<f32>().unwrap();
        assert!(slopes[..7].iter().all(|&s| s == 0.0) && slopes[7..].iter().all(|&s| s > 0.0), "{slopes:?}");
    }

    #[test]
    fn the_future_does_not_matter() {
        let (device, net) = net();
        let [a, b] = [[1, 2, 3, 4, 0, 1, 1, 2], [1, 2, 3, 4, 0, 4, 3, 0]]
            .map(|s| net.forward(&signal(&device, &s)).to_vec::<f32>().unwrap());
        assert_eq!(a[..25], b[..25]);
        assert_ne!(a[25..30], b[25..30]);
    }

    #[test]
    fn a_cache_gives_what_the_whole_signal_gives() {
        let (device, net) = net();
        let values: Vec<i32> = (0..24).map(|i| i * 7 % 5).collect();
        let whole = net.forward(&signal(&device, &values)).to_vec::<f32>().unwrap();
        let (mut cache, mut got) = (net.cache(1), vec![]);
        for part in [&values[..1], &values[1..9], &values[9..10], &values[10..]] {
            got.extend(net.forward_cached(&signal(&device, part), &mut cache).to_vec::<f32>().unwrap());
        }
        for (got, want) in got.iter().zip(&whole) {
            assert!((got - want).abs() < 1e-5, "{got} instead of {want}");
        }
        assert_eq!(generate(&net, &[1], 5, &mut Sampler::new(3)).unwrap().len(), 5);
    }
}
