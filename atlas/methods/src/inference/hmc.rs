//! Hamiltonian Monte Carlo (Duane et al. 1987; Neal 2011, "MCMC using Hamiltonian dynamics").

use autograd::{Generator, Tensor, grad};

use super::metropolis::accept;
use super::{StepSize, Transition};

/// Follows Hamilton's equations of a particle of unit mass in the potential `-log p` for a number of leapfrog steps, from a random
/// momentum, and takes where it ends with the probability that corrects for the error of the steps. The density, whose logarithm
/// `[C]` is a differentiable function of states `[C, D]`, need not be normalised.
///
/// Each chain's step size is drawn anew between a fifth of the tuned one and all of it, so that no orbit closes, and a chain gets
/// out of narrow places. Warming up looks for an acceptance of 0.8.
pub struct Hmc<F> {
    log_density: F,
    leapfrogs: usize,
    step_size: StepSize,
}

impl<F: Fn(&Tensor) -> Tensor> Hmc<F> {
    /// Proposals at the end of `leapfrogs` steps; one makes the Metropolis-adjusted Langevin algorithm.
    ///
    /// # Panics
    /// Without steps.
    #[track_caller]
    pub fn new(log_density: F, leapfrogs: usize) -> Hmc<F> {
        assert!(leapfrogs > 0, "Hmc: no leapfrog steps");
        Hmc { log_density, leapfrogs, step_size: StepSize::new(0.1, 0.8) }
    }

    /// Starts from another step size than 0.1.
    pub fn initial_step(mut self, size: f32) -> Hmc<F> {
        self.step_size = StepSize::new(size, 0.8);
        self
    }

    /// The step size in use.
    pub fn size(&self) -> f32 {
        self.step_size.get()
    }

    /// Positions and momenta, `[C, D]` each, after all leapfrog steps of `size`, a number or `[C, 1]`: with the momentum turned
    /// round, the same steps lead back.
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
