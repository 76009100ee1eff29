//! Jacobians and Hessians.

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
