//! Hamiltonian Monte Carlo (Duane et al. 1987; Neal 2011, "MCMC using Hamiltonian dynamics").

use autograd::{Generator, Tensor, grad};

use super::metropolis::accept;
use super::{StepSize, Transition};

/// Proposes the end point of `leapfrogs` leapfrog steps of Hamilton's equations for a particle of unit mass in the potential `-log p`, from
/// a random momentum; the acceptance probability corrects for the discretisation error. The log-density, a differentiable function from
/// states `[C, D]` to `[C]`, need not be normalised.
///
/// Each chain's step size is drawn uniformly between 0.2 and 1 times the tuned one at every step, so that orbits do not become periodic and
/// chains do not get stuck in narrow regions. Warm-up tunes the step size to an acceptance of 0.8.
pub struct Hmc<F> {
    log_density: F,
    leapfrogs: usize,
    step_size: StepSize,
}

impl<F: Fn(&Tensor) -> Tensor> Hmc<F> {
    /// Proposals after `leapfrogs` steps; 1 gives the Metropolis-adjusted Langevin algorithm.
    ///
    /// # Panics
    /// Without steps.
    #[track_caller]
    pub fn new(log_density: F, leapfrogs: usize) -> Hmc<F> {
        assert!(leapfrogs > 0, "Hmc: no leapfrog steps");
        Hmc { log_density, leapfrogs, step_size: StepSize::new(0.1, 0.8) }
    }

    /// Sets the initial step size, 0.1 by default.
    pub fn initial_step(mut self, size: f32) -> Hmc<F> {
        self.step_size = StepSize::new(size, 0.8);
        self
    }

    /// The step size in use.
    pub fn size(&self) -> f32 {
        self.step_size.get()
    }

    /// Positions and momenta, `[C, D]` each, after all leapfrog steps of `size`, a scalar or `[C, 1]`. The map is reversible: the same
    /// steps with the negated momentum lead back.
    #[track_caller]
    pub fn leapfrog(&self, x: &Tensor, momentum: &Tensor, size: &Tensor) -> (Tensor, Tensor) {
        let (mut x, mut momentum) = (x.clone(), momentum.clone());
        let half = size * 0.5;
        momentum = momentum + self.force(&x) * &half;
        for i in 1..=self.leapfrogs {
            x = x + &momentum * size;
            momentum = momentum + self.force(&x) * if i < self.leapfrogs { size } else { &half };
        }
        (x, momentum)
    }

    /// The total energy `[C]`, which exact dynamics conserve.
    #[track_caller]
    pub fn energy(&self, x: &Tensor, momentum: &Tensor) -> Tensor {
        momentum.square().sum(&[1], false) * 0.5 - (self.log_density)(x)
    }

    #[track_caller]
    fn force(&self, x: &Tensor) -> Tensor {
        let x = x.detach().variable();
        let total = (self.log_density)(&x).sum_all();
        grad(&total, &[&x]).remove(0).expect("the density depends on the state").detach()
    }
}

impl<F: Fn(&Tensor) -> Tensor> Transition for Hmc<F> {
    fn step(&self, state: &Tensor, generator: &Generator) -> (Tensor, Tensor) {
        let device = state.device();
        let jitter = generator.uniform(device, &[state.shape()[0], 1]) * 0.8 + 0.2;
        let momentum = generator.normal(device, state.shape());
        let (proposal, end) = self.leapfrog(state, &momentum, &(jitter * self.step_size.get()));
        let log_ratio = self.energy(state, &momentum) - self.energy(&proposal, &end);
        accept(state, &proposal, &log_ratio, generator)
    }

    fn step_size(&mut self) -> Option<&mut StepSize> {
        Some(&mut self.step_size)
    }
}
