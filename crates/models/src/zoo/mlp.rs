//! The multi-layer perceptron.

use autograd::Tensor;

use crate::{Linear, Params};

/// Linear layers with ReLU between them, from `[.., first size]` to `[.., last size]`. Parameters `fc1.*`, `fc2.*` and so on.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Mlp, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = Mlp::new(&params, &[784, 256, 128, 10]);
/// assert_eq!(params.count(), 235_146);
/// let logits = net.forward(&Tensor::zeros(&device, &[2, 784]));
/// // Untrained, all classes are about equally probable.
/// let classes = Tensor::from_slice(&device, &[3i32, 7], &[2])?;
/// assert!((logits.cross_entropy(&classes).item()? - 10f32.ln()).abs() < 0.1);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Mlp {
    layers: Vec<Linear>,
}

impl Mlp {
    /// One layer from each of `sizes` to the next.
    #[track_caller]
    pub fn new(params: &Params, sizes: &[usize]) -> Mlp {
        assert!(sizes.len() >= 2, "Mlp: sizes {sizes:?}: at least two are needed");
        let layer = |(i, size): (usize, &[usize])| {
            Linear::new(&params.path(format!("fc{}", i + 1)), size[0], size[1])
        };
        Mlp { layers: sizes.windows(2).enumerate().map(layer).collect() }
    }

    /// # Panics
    /// When the last dimension of `x` is not the first size.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let mut x = x.clone();
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&if i == 0 { x } else { x.relu() });
        }
        x
    }
}
