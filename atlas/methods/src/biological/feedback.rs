//! Feedback alignment.

use autograd::Tensor;
use models::{Init, Param, Params};

/// A [`Linear`](models::Linear) layer that propagates errors through a fixed random matrix in place of its weight's transpose (feedback
/// alignment, Lillicrap et al. 2016, "Random synaptic feedback weights support error backpropagation for deep learning"). Parameters
/// `weight [out, in]` and `bias [out]`, buffer `feedback [out, in]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::biological::FeedbackLinear;
/// use models::Params;
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = FeedbackLinear::new(&params, 2, 1);
/// params.get("feedback").unwrap().set(&Tensor::from_slice(&device, &[5.0f32, -5.0], &[1, 2])?);
/// let x = Tensor::from_slice(&device, &[1.0f32, 2.0], &[1, 2])?.variable();
/// let weight = params.get("weight").unwrap().value();
/// let gradients = layer.forward(&x).sum_all().backward();
/// assert_eq!(gradients.get(&x).unwrap().to_vec::<f32>()?, [5.0, -5.0]);
/// assert_eq!(gradients.get(&weight).unwrap().to_vec::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct FeedbackLinear {
    weight: Param,
    bias: Param,
    feedback: Param,
}

impl FeedbackLinear {
    /// PyTorch's default initialisation, for the feedback matrix too.
    #[track_caller]
    pub fn new(params: &Params, inputs: usize, outputs: usize) -> FeedbackLinear {
        let shape = [outputs, inputs];
        FeedbackLinear {
            weight: params.param("weight", &shape, Init::torch_default()),
            bias: params.param("bias", &[outputs], Init::torch_bias(inputs)),
            feedback: params.buffer("feedback", &shape, Init::torch_default()),
        }
    }

    /// `y = x W^T + b`, from `[.., in]` to `[.., out]`.
    ///
    /// # Panics
    /// When the last dimension of `x` is not the number of inputs.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        // The forward value uses the weight; the feedback terms cancel there and contribute only the gradient of `x`.
        let back = x.linear(&self.feedback.value(), None);
        let y = x.detach().linear(&self.weight.value(), Some(&self.bias.value()));
        y + (&back - back.detach())
    }
}
