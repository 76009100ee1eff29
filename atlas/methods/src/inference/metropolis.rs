//! Random-walk Metropolis (Metropolis et al. 1953; Hastings 1970).

use autograd::{Generator, Tensor};

use super::{StepSize, Transition};

/// Proposes a normal step and accepts it with probability `min(1, p(proposal) / p(state))`. The log-density, a function from states `[C,
/// D]` to `[C]`, need not be normalised. Warm-up tunes the step size to an acceptance of 0.3, between the optima in one dimension (0.44)
/// and in many (0.234; Roberts, Gelman and Gilks 1997).
pub struct Metropolis<F> {
    log_density: F,
    step_size: StepSize,
}

impl<F: Fn(&Tensor) -> Tensor> Metropolis<F> {
    /// Steps of deviation `size` in each dimension.
    pub fn new(log_density: F, size: f32) -> Metropolis<F> {
        Metropolis { log_density, step_size: StepSize::new(size, 0.3) }
    }
}

impl<F: Fn(&Tensor) -> Tensor> Transition for Metropolis<F> {
    fn step(&self, state: &Tensor, generator: &Generator) -> (Tensor, Tensor) {
        let noise = generator.normal(state.device(), state.shape());
        let proposal = state + noise * self.step_size.get();
        let log_ratio = (self.log_density)(&proposal) - (self.log_density)(state);
        accept(state, &proposal, &log_ratio, generator)
    }

    fn step_size(&mut self) -> Option<&mut StepSize> {
        Some(&mut self.step_size)
    }
}

/// Accepts proposals `[C, D]` with probabilities `min(1, exp(log_ratio))`, else keeps the states; also returns these probabilities `[C]`. A
/// NaN ratio is rejected.
#[track_caller]
pub(super) fn accept(
    state: &Tensor,
    proposal: &Tensor,
    log_ratio: &Tensor,
    generator: &Generator,
) -> (Tensor, Tensor) {
    let usable = log_ratio.eq(log_ratio);
    let acceptance = log_ratio.clamp_max(0.0).exp().masked_fill(&usable.logical_not(), 0.0);
    let taken = generator.uniform(state.device(), acceptance.shape()).lt(&acceptance);
    (proposal.where_(&taken.unsqueeze(1), state), acceptance)
}
