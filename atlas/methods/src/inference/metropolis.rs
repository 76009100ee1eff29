//! Random-walk Metropolis (Metropolis et al. 1953; Hastings 1970).

use autograd::{Generator, Tensor};

use super::{StepSize, Transition};

/// Proposes a normal step and takes it with probability `min(1, p(proposal) / p(state))`. The density, whose logarithm `[C]` is a
/// function of states `[C, D]`, need not be normalised. Warming up looks for an acceptance of 0.3, between what is best in one
/// dimension (0.44) and in many (0.234; Roberts, Gelman and Gilks 1997).
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

/// Proposals `[C, D]` with probabilities `min(1, exp(log_ratio))`, else the states; and these probabilities `[C]`. What is no number
/// is rejected.
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
