//! The divergence of a vector field.

use autograd::{Tensor, vjp};

/// The divergence `sum_i dy_i / dx_i` of a field `y [N, D]` as a function of `x [N, D]`, row by row: `[N]`. It takes one backward pass per
/// dimension.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::divergence;
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 2.0, 3.0, 4.0], &[2, 2])?.variable();
/// assert_eq!(divergence(&x.square(), &x).to_vec::<f32>()?, [6.0, 14.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes differ, or `y` does not depend on `x`.
#[track_caller]
pub fn divergence(y: &Tensor, x: &Tensor) -> Tensor {
    check(y, x);
    let slope = |(i, unit): (usize, Tensor)| product(&unit, &unit.ones_like(), x).select(1, i);
    let slopes = y.unbind(1).into_iter().enumerate().map(slope);
    slopes.reduce(|a, b| a + b).expect("divergence: a field without dimensions")
}

/// An estimate of [`divergence`], `[N]`, in one backward pass: `noise . (dy/dx noise)`, whose expectation is the divergence for noise of
/// mean 0 and covariance 1 (Hutchinson 1990; Grathwohl et al. 2019).
///
/// # Panics
/// When the shapes differ, or `y` does not depend on `x`.
#[track_caller]
pub fn hutchinson_divergence(y: &Tensor, x: &Tensor, noise: &Tensor) -> Tensor {
    check(y, x);
    (product(y, noise, x) * noise).sum(&[1], false)
}

#[track_caller]
fn check(y: &Tensor, x: &Tensor) {
    let fits = x.rank() == 2 && y.shape() == x.shape();
    assert!(fits, "divergence: of a field {:?} at {:?}", y.shape(), x.shape());
}

#[track_caller]
fn product(y: &Tensor, with: &Tensor, x: &Tensor) -> Tensor {
    vjp(&[(y, with)], &[x]).remove(0).expect("divergence: the field does not depend on where it is")
}

#[cfg(test)]
mod tests {
    use autograd::{Device, Generator, Tensor};

    use super::{divergence, hutchinson_divergence};

    /// The divergence of a linear field is the trace of its matrix; with random signs as noise, so is the mean of the estimate.
    #[test]
    fn of_a_matrix() -> autograd::Result<()> {
        let device = Device::named("cpu")?;
        let a = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0], &[3, 3])?;
        let draw = Generator::new(2);
        let x = draw.normal(&device, &[20_000, 3]).detach().variable();
        let y = x.linear(&a, None);
        assert_eq!(divergence(&y, &x).to_vec::<f32>()?[7], 16.0);
        let signs = draw.bernoulli(&device, 0.5, &[20_000, 3]) * 2.0 - 1.0;
        let mean = hutchinson_divergence(&y, &x, &signs).mean_all().item()?;
        assert!((mean - 16.0).abs() < 0.5, "{mean}");
        Ok(())
    }
}
