//! Gradients of the solution of a differential equation, with memory independent of the number of steps (Chen et al. 2018).

use autograd::{Result, Tensor, vjp};

use super::OdeMethod;
use super::ode::integrate;

/// The gradients of a loss with respect to the start and to each of `params`, given the solution `end` of `x' = f(t, x)` at the second of
/// `times` and the loss gradient `slope` there; `params` are variables that the field depends on. Integrates the state, the adjoint `a' =
/// -a df/dx` and its products with `df/dparams` back to the first time, and evaluates after each step (Chen et al. 2018, "Neural ordinary
/// differential equations", algorithm 1).
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::{OdeMethod, adjoint, odeint};
/// let device = Device::named("cpu")?;
/// let rate = Tensor::scalar(&device, 0.5).variable();
/// let (x, times) = (Tensor::ones(&device, &[1]), (0.0, 2.0));
/// let end = odeint(|_, x| x * &rate, &x, times, 20, OdeMethod::Rk4);
/// let (by_start, by_params) = adjoint(|_, x| x * &rate, &end, &end.ones_like(), &[&rate], times, 20, OdeMethod::Rk4)?;
/// // x(2) = x(0) exp(2 rate)
/// assert!((by_start.item()? - 1f32.exp()).abs() < 1e-4);
/// assert!((by_params[0].item()? - 2.0 * 1f32.exp()).abs() < 1e-4);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// Whatever goes wrong on the device.
///
/// # Panics
/// When the slope does not have the shape of `end`.
#[track_caller]
pub fn adjoint(
    f: impl Fn(f32, &Tensor) -> Tensor,
    end: &Tensor,
    slope: &Tensor,
    params: &[&Tensor],
    (from, to): (f32, f32),
    steps: usize,
    method: OdeMethod,
) -> Result<(Tensor, Vec<Tensor>)> {
    let field = |t: f32, state: &[Tensor]| {
        let x = state[0].detach().variable();
        let y = f(t, &x);
        let wrt: Vec<&Tensor> = [&x].into_iter().chain(params.iter().copied()).collect();
        let slopes = vjp(&[(&y, &-&state[1])], &wrt);
        let or_zero = |(slope, of): (Option<Tensor>, &&Tensor)| slope.unwrap_or_else(|| of.zeros_like());
        let slopes = slopes.into_iter().zip(&wrt).map(or_zero);
        [y.detach()].into_iter().chain(slopes.map(|slope| slope.detach())).collect()
    };
    let mut state = vec![end.detach(), slope.detach()];
    state.extend(params.iter().map(|param| param.zeros_like()));
    let mut fault = Ok(());
    let after = |x: &[Tensor]| {
        if fault.is_ok() {
            fault = autograd::evaluate(&x.iter().collect::<Vec<_>>());
        }
    };
    let mut state = integrate(&field, state, (to, from), steps, method, after).into_iter().skip(1);
    fault?;
    let by_start = state.next().expect("the adjoint follows the state");
    Ok((by_start, state.collect()))
}
