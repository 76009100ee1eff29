//! Squeeze and excitation (Hu et al. 2018).

use autograd::Tensor;

use crate::{Conv2d, Params};

/// Scales every channel of `[N, C, H, W]` by a factor in 0..1 computed from the means of all channels, by two layers with ReLU between
/// them (or another [activation](SqueezeExcite::activation)) and a final sigmoid. As in torchvision, `fc1` and `fc2` are 1x1
/// convolutions, from `C` to `squeeze` channels and back.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Params, SqueezeExcite};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = SqueezeExcite::new(&params, 2, 1);
/// params.all().iter().for_each(|p| p.set(&p.value().zeros_like()));
/// let y = layer.forward(&Tensor::ones(&device, &[1, 2, 1, 2]));
/// assert_eq!(y.to_vec::<f32>()?, [0.5; 4]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias = "SqueezeExcitation")]
pub struct SqueezeExcite {
    fc1: Conv2d,
    fc2: Conv2d,
    activation: fn(&Tensor) -> Tensor,
    channels: usize,
}

impl SqueezeExcite {
    /// Gates for `channels` channels, computed from `squeeze` hidden ones.
    #[track_caller]
    pub fn new(params: &Params, channels: usize, squeeze: usize) -> SqueezeExcite {
        SqueezeExcite {
            fc1: Conv2d::new(&params.path("fc1"), channels, squeeze, 1).build(),
            fc2: Conv2d::new(&params.path("fc2"), squeeze, channels, 1).build(),
            activation: Tensor::relu,
            channels,
        }
    }

    /// The activation after the first layer, such as [`Tensor::silu`].
    pub fn activation(self, activation: fn(&Tensor) -> Tensor) -> SqueezeExcite {
        SqueezeExcite { activation, ..self }
    }

    /// # Panics
    /// When `x` is not `[N, C, H, W]` (or `[C, H, W]`) with this layer's channels.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let (s, channels) = (x.shape(), self.channels);
        let fits = matches!(s.len(), 3 | 4) && s[s.len() - 3] == channels;
        assert!(fits, "SqueezeExcite: input {s:?} for {channels} channels");
        let means = x.adaptive_avg_pool2d([1, 1]);
        x * self.fc2.forward(&(self.activation)(&self.fc1.forward(&means))).sigmoid()
    }
}
