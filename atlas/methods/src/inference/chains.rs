//! Running Markov chains in parallel.

use autograd::{Generator, Pending, Tensor};

use super::StepSize;

/// Draws in flight: more would hold many small buffers, fewer would stall a GPU.
const UNDER_WAY: usize = 16;

/// A step of a Markov chain that leaves a distribution invariant.
pub trait Transition {
    /// The next states `[C, D]` of independent chains, and the probability `[C]` with which each accepted its proposal.
    #[track_caller]
    fn step(&self, state: &Tensor, generator: &Generator) -> (Tensor, Tensor);

    /// The step size to tune during warm-up, if there is one.
    fn step_size(&mut self) -> Option<&mut StepSize> {
        None
    }
}

/// A kernel that takes several steps of another one per draw, to reduce the correlation between draws.
///
/// ```
/// use autograd::{Device, Generator, Tensor};
/// use methods::inference::{Metropolis, Thinned, sample};
/// let log_density = |x: &Tensor| x.square().sum(&[1], false) * -0.5;
/// let mut kernel = Thinned::new(Metropolis::new(log_density, 2.4), 10);
/// let start = Tensor::zeros(&Device::named("cpu")?, &[2, 1]);
/// assert_eq!(sample(&mut kernel, &start, 0, 5, &Generator::new(1))?.states().len(), 10);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Thinned<T> {
    kernel: T,
    steps: usize,
}

impl<T: Transition> Thinned<T> {
    /// # Panics
    /// Without steps.
    #[track_caller]
    pub fn new(kernel: T, steps: usize) -> Thinned<T> {
        assert!(steps > 0, "Thinned: no steps");
        Thinned { kernel, steps }
    }
}

impl<T: Transition> Transition for Thinned<T> {
    /// The acceptance probability is that of the last step.
    fn step(&self, state: &Tensor, generator: &Generator) -> (Tensor, Tensor) {
        let first = self.kernel.step(state, generator);
        (1..self.steps).fold(first, |(state, _), _| self.kernel.step(&state, generator))
    }

    fn step_size(&mut self) -> Option<&mut StepSize> {
        self.kernel.step_size()
    }
}

/// The draws of several chains.
#[derive(Clone, Debug)]
pub struct Chains {
    /// `[draws, C, D]`
    values: Vec<f32>,
    chains: usize,
    dims: usize,
}

/// Runs chains from `start [C, D]`: `warm_up` steps, which tune the step size and are discarded, then `draws` steps that are kept.
///
/// ```
/// use autograd::{Device, Generator, Tensor};
/// use methods::inference::{Hmc, sample};
/// let device = Device::named("cpu")?;
/// // A standard normal distribution, from far away.
/// let mut hmc = Hmc::new(|x: &Tensor| x.square().sum(&[1], false) * -0.5, 4);
/// let start = Tensor::full(&device, 3.0, &[64, 1]);
/// let chains = sample(&mut hmc, &start, 50, 50, &Generator::new(1))?;
/// let draws: Vec<f64> = chains.per_chain(|x| x[0].into()).concat();
/// let mean = draws.iter().sum::<f64>() / 3200.0;
/// let square = draws.iter().map(|x| x * x).sum::<f64>() / 3200.0;
/// assert!(mean.abs() < 0.1 && (square - 1.0).abs() < 0.15);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// Whatever goes wrong on the device.
///
/// # Panics
/// When `start` is not two-dimensional.
#[track_caller]
pub fn sample(
    kernel: &mut impl Transition,
    start: &Tensor,
    warm_up: usize,
    draws: usize,
    generator: &Generator,
) -> autograd::Result<Chains> {
    let &[chains, dims] = start.shape() else { panic!("sample: states {:?} are not [C, D]", start.shape()) };
    let mut state = start.detach();
    for _ in 0..warm_up {
        let (next, acceptance) = kernel.step(&state, generator);
        state = next.detach();
        match kernel.step_size() {
            Some(size) => size.update(acceptance.mean_all().item()?),
            None => {
                autograd::evaluate(&[&state])?;
            }
        }
    }
    if let Some(size) = kernel.step_size().filter(|_| warm_up > 0) {
        size.settle();
    }
    let mut values = Vec::with_capacity(draws * chains * dims);
    let mut pending = Vec::new();
    for _ in 0..draws {
        state = kernel.step(&state, generator).0.detach();
        pending.push(state.fetch()?);
        if pending.len() == UNDER_WAY {
            receive(&mut pending, &mut values)?;
        }
    }
    receive(&mut pending, &mut values)?;
    Ok(Chains { values, chains, dims })
}

fn receive(pending: &mut Vec<Pending>, values: &mut Vec<f32>) -> autograd::Result<()> {
    for draw in pending.drain(..) {
        values.extend(draw.to_vec::<f32>()?);
    }
    Ok(())
}

impl Chains {
    /// All states `[D]`, step by step, and chain by chain within a step.
    pub fn states(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dims)
    }

    /// The values of a function of the state, one row per chain, the input of convergence statistics.
    pub fn per_chain(&self, f: impl Fn(&[f32]) -> f64) -> Vec<Vec<f64>> {
        let chain = |c: usize| self.states().skip(c).step_by(self.chains).map(&f).collect();
        (0..self.chains).map(chain).collect()
    }
}
