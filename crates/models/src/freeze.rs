//! Networks for inference.

use autograd::Frozen;

use crate::{Mode, Module};

/// A network in evaluation as a [`Frozen`] function of one input: parameters are constants, batch norms are part of the convolutions
/// before them, and there is one plan for each shape of the input. For networks with several inputs, or with states such as those of
/// [`LanguageModel`](crate::LanguageModel)s, give [`Frozen::new`] a function of them.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Mode, Module, Params, ResNet, freeze};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let net = ResNet::cifar(&params, 8, 10);
/// let images = Tensor::ones(params.device(), &[2, 3, 32, 32]);
/// let logits = net.forward(&images, Mode::Eval).to_vec::<f32>()?;
/// let frozen = freeze(net);
/// for (a, b) in frozen.call(&[images])?[0].to_vec::<f32>()?.iter().zip(logits) {
///     assert!((a - b).abs() < 1e-4);
/// }
/// # Ok::<(), autograd::Error>(())
/// ```
pub fn freeze(net: impl Module + 'static) -> Frozen {
    Frozen::new(move |x| vec![net.forward(&x[0], Mode::Eval)])
}
