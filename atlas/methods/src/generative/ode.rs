//! Differentiable solvers of ordinary differential equations.

use autograd::{Result, Tensor};

/// A fixed-step method.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::{OdeMethod, odeint};
/// let one = Tensor::ones(&Device::named("cpu")?, &[1]);
/// // The solution of x' = x from 1 is e at time 1.
/// let error = |method| odeint(|_, x| x * 1.0, &one, (0.0, 1.0), 10, method).item().map(|x| (x - 1f32.exp()).abs());
/// assert!((error(OdeMethod::Euler)? - 0.1245).abs() < 1e-3);
/// assert!(error(OdeMethod::Midpoint)? < 5e-3);
/// assert!(error(OdeMethod::Rk4)? < 5e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OdeMethod {
    /// Euler's, of order 1.
    Euler,
    /// The midpoint method, of order 2.
    Midpoint,
    /// The classical Runge-Kutta method, of order 4.
    Rk4,
}

/// The solution of `x' = f(t, x)` from `x` at the first of `times` to the second, which may be earlier, in `steps` equal steps. Gradients
/// flow through all steps; [`adjoint`](super::adjoint) computes them without storing the steps.
///
/// # Panics
/// With 0 steps.
#[track_caller]
pub fn odeint(
    f: impl Fn(f32, &Tensor) -> Tensor,
    x: &Tensor,
    times: (f32, f32),
    steps: usize,
    method: OdeMethod,
) -> Tensor {
    integrate(&|t, x| vec![f(t, &x[0])], vec![x.clone()], times, steps, method, |_| {}).remove(0)
}

/// A field of several tensors.
pub(super) type Field<'a> = &'a dyn Fn(f32, &[Tensor]) -> Vec<Tensor>;

#[track_caller]
pub(super) fn integrate(
    f: Field,
    mut x: Vec<Tensor>,
    (from, to): (f32, f32),
    steps: usize,
    method: OdeMethod,
    mut after: impl FnMut(&[Tensor]),
) -> Vec<Tensor> {
    assert!(steps > 0, "odeint: 0 steps");
    let h = (to - from) / steps as f32;
    for step in 0..steps {
        x = advanced(f, from + h * step as f32, x, h, method);
        after(&x);
    }
    x
}

fn advanced(f: Field, t: f32, x: Vec<Tensor>, h: f32, method: OdeMethod) -> Vec<Tensor> {
    let k1 = f(t, &x);
    match method {
        OdeMethod::Euler => along(&x, &[(&k1, h)]),
        OdeMethod::Midpoint => {
            let k2 = f(t + 0.5 * h, &along(&x, &[(&k1, 0.5 * h)]));
            along(&x, &[(&k2, h)])
        }
        OdeMethod::Rk4 => {
            let k2 = f(t + 0.5 * h, &along(&x, &[(&k1, 0.5 * h)]));
            let k3 = f(t + 0.5 * h, &along(&x, &[(&k2, 0.5 * h)]));
            let k4 = f(t + h, &along(&x, &[(&k3, h)]));
            along(&x, &[(&k1, h / 6.0), (&k2, h / 3.0), (&k3, h / 3.0), (&k4, h / 6.0)])
        }
    }
}

/// `x` plus multiples of the slopes.
fn along(x: &[Tensor], slopes: &[(&Vec<Tensor>, f32)]) -> Vec<Tensor> {
    let moved = |(i, x): (usize, &Tensor)| slopes.iter().fold(x.clone(), |x, (k, h)| x + &k[i] * *h);
    x.iter().enumerate().map(moved).collect()
}

/// Dormand and Prince's stages: the time of each, and the weights of the earlier slopes; the last row is the step itself.
const STAGES: [(f32, &[f32]); 7] = [
    (0.0, &[]),
    (1.0 / 5.0, &[1.0 / 5.0]),
    (3.0 / 10.0, &[3.0 / 40.0, 9.0 / 40.0]),
    (4.0 / 5.0, &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0]),
    (8.0 / 9.0, &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0]),
    (1.0, &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0]),
    (1.0, &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0]),
];

/// Weights of the slopes in the difference between the solutions of order 5 and order 4.
const ERROR: [f32; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339_200.0, 22.0 / 525.0, -1.0 / 40.0];

/// Like [`odeint`], by the method of order 5 with an embedded one of order 4 (Dormand and Prince 1980), with step sizes that keep the
/// estimated error of each step below `tolerance (1 + |x|)` in the root mean square over all elements. Also returns the number of accepted
/// steps. The step sizes depend on values read back, so there are no gradients.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::odeint_adaptive;
/// let one = Tensor::ones(&Device::named("cpu")?, &[1]);
/// let (x, steps) = odeint_adaptive(|_, x| x * -2.0, &one, (0.0, 3.0), 1e-5)?;
/// assert!((x.item()? - (-6f32).exp()).abs() < 1e-4 && steps < 30);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// Whatever goes wrong on the device.
///
/// # Panics
/// When the tolerance is not positive, or the step size underflows.
#[track_caller]
pub fn odeint_adaptive(
    f: impl Fn(f32, &Tensor) -> Tensor,
    x: &Tensor,
    (from, to): (f32, f32),
    tolerance: f32,
) -> Result<(Tensor, usize)> {
    assert!(tolerance > 0.0, "odeint_adaptive: tolerance {tolerance}");
    let (mut x, mut t, mut steps) = (x.detach(), from, 0);
    let mut h = (to - from) / 16.0;
    let least = 1e-6 * (to - from).abs();
    while t != to {
        let last = (to - t).abs() <= h.abs();
        h = if last { to - t } else { h };
        let (next, error) = dormand_prince(&f, t, &x, h);
        let scale = (x.abs().maximum(next.abs()) + 1.0) * tolerance;
        let error = (error / scale).square().mean_all().sqrt().item()?;
        if error <= 1.0 {
            (x, t, steps) = (next.detach(), if last { to } else { t + h }, steps + 1);
        }
        // NaN shrinks the step too.
        let factor = if error.is_finite() { 0.9 * error.max(1e-6).powf(-0.2) } else { 0.2 };
        h *= factor.clamp(0.2, 5.0);
        assert!(t == to || h.abs() > least, "odeint_adaptive: no step is short enough at time {t}");
    }
    Ok((x, steps))
}

/// One step, and its estimated error.
fn dormand_prince(f: impl Fn(f32, &Tensor) -> Tensor, t: f32, x: &Tensor, h: f32) -> (Tensor, Tensor) {
    let mut slopes: Vec<Tensor> = Vec::new();
    let mut next = x.clone();
    for (c, row) in STAGES {
        next = slopes.iter().zip(row).fold(x.clone(), |x, (k, a)| x + k * (a * h));
        slopes.push(f(t + c * h, &next));
    }
    let error = slopes.iter().zip(ERROR).fold(x.zeros_like(), |sum, (k, e)| sum + k * (e * h));
    (next, error)
}

#[cfg(test)]
mod tests {
    use autograd::{Device, Tensor};

    use super::odeint_adaptive;

    /// A field that depends on time, integrated forwards and backwards.
    #[test]
    fn adaptive() -> autograd::Result<()> {
        let device = Device::named("cpu")?;
        let start = Tensor::from_slice(&device, &[1.0f32, -2.0], &[2])?;
        // x' = cos(t) x: x(t) = x(0) exp(sin t)
        let field = |t: f32, x: &Tensor| x * t.cos();
        let (end, steps) = odeint_adaptive(field, &start, (0.0, 10.0), 1e-5)?;
        let want = 10f32.sin().exp();
        let end_values = end.to_vec::<f32>()?;
        assert!(
            (end_values[0] - want).abs() < 1e-3 && (end_values[1] + 2.0 * want).abs() < 1e-3,
            "{end_values:?}"
        );
        assert!((5..80).contains(&steps), "{steps} steps");
        let (back, _) = odeint_adaptive(field, &end, (10.0, 0.0), 1e-5)?;
        assert!((back - start).abs().amax(&[0], false).item()? < 1e-3);
        Ok(())
    }
}
