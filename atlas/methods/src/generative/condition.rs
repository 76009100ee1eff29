//! Class conditioning of a network's input (Mirza and Osindero 2014).

use autograd::{Tensor, cat};

/// Appends one-hot `labels [N]` (i32) of `classes` to rows `[N, F]` or images `[N, C, H, W]`: `[N, F + classes]`, or `[N, C + classes, H,
/// W]` with a constant plane for each class.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::with_classes;
/// let device = Device::named("cpu")?;
/// let labels = Tensor::from_slice(&device, &[2i32, 0], &[2])?;
/// let rows = with_classes(&Tensor::full(&device, 0.5, &[2, 1]), &labels, 3);
/// assert_eq!(rows.to_vec::<f32>()?, [0.5, 0.0, 0.0, 1.0, 0.5, 1.0, 0.0, 0.0]);
/// assert_eq!(with_classes(&Tensor::zeros(&device, &[2, 1, 4, 4]), &labels, 3).shape(), [2, 4, 4, 4]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When there is not a label for each row or image.
#[track_caller]
pub fn with_classes(x: &Tensor, labels: &Tensor, classes: usize) -> Tensor {
    assert_eq!(labels.shape(), &x.shape()[..1], "with_classes: labels of {:?}", x.shape());
    let rest = &x.shape()[2..];
    let column = [&[x.shape()[0], classes][..], &vec![1; rest.len()]].concat();
    let full = [&[x.shape()[0], classes][..], rest].concat();
    cat(&[x, &labels.one_hot(classes).to(x.dtype()).reshape(&column).expand(&full)], 1)
}
