//! Jacobians, Hessians, and the gradients of single examples.

use autograd::{Tensor, cat, grad};

/// The Jacobian `[outputs, inputs]`: the derivatives of every element of `y` with respect to every element of all `x`, in their order, by
/// one backward pass per output. It can be differentiated again.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::curvature::jacobian;
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[2.0f32, 3.0], &[2])?.variable();
/// let y = &x * &x * x.flip(&[0]);
/// assert_eq!(jacobian(&y, &[&x]).to_vec::<f32>()?, [12.0, 4.0, 9.0, 12.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When `y` has no elements, or an optimizer step has freed its graph.
#[track_caller]
pub fn jacobian(y: &Tensor, x: &[&Tensor]) -> Tensor {
    let flat = y.reshape(&[y.numel()]);
    let row = |i: usize| {
        let found = grad(&flat.narrow(0, i, 1), x);
        let parts: Vec<Tensor> = found
            .into_iter()
            .zip(x)
            .map(|(g, x)| g.unwrap_or_else(|| x.zeros_like()).reshape(&[1, x.numel()]))
            .collect();
        cat(&parts.iter().collect::<Vec<_>>(), 1)
    };
    let rows: Vec<Tensor> = (0..y.numel()).map(row).collect();
    cat(&rows.iter().collect::<Vec<_>>(), 0)
}

/// The Hessian `[n, n]` of a scalar with respect to the `n` elements of a tensor.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::curvature::hessian;
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[2.0f32, 3.0], &[2])?.variable();
/// let y = x.prod(&[0], false) + x.square().sum_all();
/// assert_eq!(hessian(&y, &x).to_vec::<f32>()?, [2.0, 1.0, 1.0, 2.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When `y` is not a scalar, or does not depend on `x`.
#[track_caller]
pub fn hessian(y: &Tensor, x: &Tensor) -> Tensor {
    let gradient = grad(y, &[x]).remove(0).expect("hessian: the scalar depends on the tensor");
    jacobian(&gradient, &[x])
}

/// The gradients of each example's loss, `[N, ..]` for each of `values`. `losses` computes the losses `[N]` from weights `[N, ..]`, one copy
/// for each example.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::curvature::per_example_gradients;
/// let device = Device::named("cpu")?;
/// let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0], &[3])?;
/// let weight = Tensor::from_slice(&device, &[0.5f32], &[])?;
/// // The derivative of (w x)^2 is 2 w x^2.
/// let (_, gradients) = per_example_gradients(&[weight], 3, |w| (&w[0] * &x).square());
/// assert_eq!(gradients[0].to_vec::<f32>()?, [1.0, 4.0, 9.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the losses are not `[N]`.
#[track_caller]
pub fn per_example_gradients(
    values: &[Tensor],
    count: usize,
    losses: impl FnOnce(&[Tensor]) -> Tensor,
) -> (Tensor, Vec<Tensor>) {
    let copy = |value: &Tensor| value.detach().expand(&[&[count], value.shape()].concat()).variable();
    let copies: Vec<Tensor> = values.iter().map(copy).collect();
    let losses = losses(&copies);
    assert_eq!(losses.shape(), [count], "per_example_gradients: a loss for each example");
    let found = grad(&losses.sum_all(), &copies.iter().collect::<Vec<_>>());
    let whole = found.into_iter().zip(&copies).map(|(g, copy)| g.unwrap_or_else(|| copy.zeros_like()));
    (losses, whole.collect())
}

/// `x W^T + b` for rows `[N, in]`, with a weight `[out, in]` and a bias `[out]` for all rows, or one for each row, `[N, out, in]` and
/// `[N, out]`, as [`per_example_gradients`] makes them.
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn linear_each(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
    match weight.rank() {
        2 => x.linear(weight, Some(bias)),
        _ => weight.bmm(&x.unsqueeze(2)).squeeze(&[2]) + bias,
    }
}
