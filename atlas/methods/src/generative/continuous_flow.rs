//! The continuous normalising flow (Chen et al. 2018; Grathwohl et al. 2019).

use autograd::{Device, Generator, Tensor, cat};
use models::Params;

use super::flow::standard_normal;
use super::{OdeMethod, SmoothMlp, divergence, hutchinson_divergence, odeint};

/// A distribution of rows `[N, D]`: normal rows transported by a field `x' = f(t, x)` from time 0 to time 1. Along a path the density
/// changes by `d log p / dt = -div f` (Chen et al. 2018, theorem 1). The field is a [`SmoothMlp`] of the row and the time, initially 0.
/// Parameters `net.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::{ContinuousFlow, Trace};
/// use models::Params;
/// let device = Device::named("cpu")?;
/// let flow = ContinuousFlow::new(&Params::new(&device, 1), 2, 16, 4);
/// let log_prob = flow.log_prob(&Tensor::zeros(&device, &[3, 2]), Trace::Exact).to_vec::<f32>()?;
/// assert!((log_prob[0] + std::f32::consts::TAU.ln()).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct ContinuousFlow {
    net: SmoothMlp,
    dim: usize,
    steps: usize,
    device: Device,
}

/// How the divergence of the field is computed.
#[derive(Clone, Copy, Debug)]
pub enum Trace<'a> {
    /// A backward pass for each dimension.
    Exact,
    /// Estimated with noise `[N, D]`, the same at all steps.
    Hutchinson(&'a Tensor),
}

impl ContinuousFlow {
    /// For rows of `dim`: a field with two hidden layers, integrated in `steps` steps of the classical Runge-Kutta method.
    #[track_caller]
    pub fn new(params: &Params, dim: usize, hidden: usize, steps: usize) -> ContinuousFlow {
        let net = SmoothMlp::zero(&params.path("net"), &[dim + 1, hidden, hidden, dim]);
        ContinuousFlow { net, dim, steps, device: params.device().clone() }
    }

    /// The field at time `t` for rows `x [N, D]`: `[N, D]`.
    #[track_caller]
    pub fn field(&self, t: f32, x: &Tensor) -> Tensor {
        let time = Tensor::full(x.device(), t, &[x.shape()[0], 1]);
        self.net.forward(&cat(&[x, &time], 1))
    }

    /// The logarithm of the density at `x [N, D]`: `[N]`.
    #[track_caller]
    pub fn log_prob(&self, x: &Tensor, trace: Trace) -> Tensor {
        // The state is extended by the integral of the divergence.
        let joint = |t: f32, state: &Tensor| {
            let x = state.narrow(1, 0, self.dim);
            let slope = self.field(t, &x);
            let trace = match trace {
                Trace::Exact => divergence(&slope, &x),
                Trace::Hutchinson(noise) => hutchinson_divergence(&slope, &x, noise),
            };
            cat(&[&slope, &trace.unsqueeze(1)], 1)
        };
        let start = cat(&[x, &Tensor::zeros(x.device(), &[x.shape()[0], 1])], 1);
        let state = odeint(joint, &start, (1.0, 0.0), self.steps, OdeMethod::Rk4);
        // Backwards in time, from 1 to 0: the integral is that of -div f.
        standard_normal(&state.narrow(1, 0, self.dim)) + state.select(1, self.dim)
    }

    /// Rows `z [N, D]` at time 0, transported to time `until`; standard normal rows transported to time 1 are samples.
    #[track_caller]
    pub fn transport(&self, z: &Tensor, until: f32) -> Tensor {
        odeint(|t, x| self.field(t, x), z, (0.0, until), self.steps, OdeMethod::Rk4)
    }

    /// Samples `[count, D]`.
    #[track_caller]
    pub fn sample(&self, generator: &Generator, count: usize) -> Tensor {
        self.transport(&generator.normal(&self.device, &[count, self.dim]), 1.0)
    }
}
