//! Group normalisation (Wu and He 2018).

use autograd::Tensor;

use crate::{Init, Param, Params};

/// Normalises each of `groups` groups of channels in each image of `[N, C, ..]`, then scales and shifts each channel. `eps` is 1e-5.
/// Parameters `weight [C]` and `bias [C]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{GroupNorm, Params};
/// let device = Device::named("cpu")?;
/// let layer = GroupNorm::new(&Params::new(&device, 0), 2, 4);
/// let y = layer.forward(&Tensor::from_slice(&device, &[1.0f32, 3.0, 10.0, 30.0], &[1, 4])?).to_vec::<f32>()?;
/// assert!(y.iter().zip([-1.0, 1.0, -1.0, 1.0]).all(|(y, want)| (y - want).abs() < 1e-4));
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct GroupNorm {
    weight: Param,
    bias: Param,
    groups: usize,
}

const EPS: f32 = 1e-5;

impl GroupNorm {
    /// # Panics
    /// When the groups do not divide the channels.
    #[track_caller]
    pub fn new(params: &Params, groups: usize, channels: usize) -> GroupNorm {
        let fits = groups > 0 && channels.is_multiple_of(groups);
        assert!(fits, "GroupNorm: {groups} groups of {channels} channels");
        GroupNorm {
            weight: params.param("weight", &[channels], Init::ONES),
            bias: params.param("bias", &[channels], Init::ZEROS),
            groups,
        }
    }

    /// # Panics
    /// When `x` is not `[N, C, ..]` with this layer's channels.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.group_norm(self.groups, Some(&self.weight.value()), Some(&self.bias.value()), EPS)
    }
}
