//! Sequence layers that skip steps.

use autograd::{Tensor, cat};

/// Runs a layer on a sequence `[T, N, I]` as if each step followed the one `dilation` steps earlier (dilated recurrent networks, Chang et
/// al. 2017). The `dilation` interleaved sequences become one batch, so that only `ceil(T / dilation)` recurrent steps are needed:
/// `layer` maps `[ceil(T / dilation), dilation N, I]` to the same number of steps. Returns `[T, N, H]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::dilated;
/// let device = Device::named("cpu")?;
/// let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0, 4.0, 5.0], &[5, 1, 1])?;
/// // Each sum is over the steps of the same parity.
/// let sums = dilated(&x, 2, |x| x.cumsum(0));
/// assert_eq!(sums.to_vec::<f32>()?, [1.0, 2.0, 4.0, 6.0, 9.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When `x` does not have three dimensions, the dilation is 0, or the layer changes the number of steps.
#[track_caller]
pub fn dilated(x: &Tensor, dilation: usize, layer: impl FnOnce(&Tensor) -> Tensor) -> Tensor {
    let &[steps, batch, inputs] = x.shape() else { panic!("dilated: a sequence {:?}", x.shape()) };
    assert!(dilation > 0, "dilated: by 0");
    let long = steps.div_ceil(dilation);
    let rest = Tensor::zeros(x.device(), &[long * dilation - steps, batch, inputs]);
    let y = layer(&cat(&[x, &rest], 0).reshape(&[long, dilation * batch, inputs]));
    let fits = y.rank() == 3 && y.shape()[..2] == [long, dilation * batch];
    assert!(fits, "dilated: {:?} of {:?}", y.shape(), [long, dilation * batch, inputs]);
    y.reshape(&[long * dilation, batch, y.shape()[2]]).narrow(0, 0, steps)
}
