//! Gibbs sampling (Geman and Geman 1984).

use autograd::{Generator, Tensor};

use super::Transition;

/// Samples each coordinate given all others, one after the other. The conditionals are a function of the coordinate's index, the states
/// `[C, D]` and a generator, which returns new values `[C]` of the coordinate.
///
/// ```
/// use autograd::{Device, Generator, Tensor};
/// use methods::inference::{Gibbs, sample};
/// let device = Device::named("cpu")?;
/// // Two standard normal variables of correlation 0.8.
/// let mut gibbs = Gibbs::new(|i, state: &Tensor, generator: &Generator| {
///     let other = state.select(1, 1 - i);
///     generator.normal(state.device(), other.shape()) * 0.6 + other * 0.8
/// });
/// let chains = sample(&mut gibbs, &Tensor::zeros(&device, &[256, 2]), 20, 20, &Generator::new(1))?;
/// let products = chains.per_chain(|x| f64::from(x[0] * x[1])).concat();
/// assert!((products.iter().sum::<f64>() / products.len() as f64 - 0.8).abs() < 0.1);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Gibbs<F> {
    conditional: F,
}

impl<F: Fn(usize, &Tensor, &Generator) -> Tensor> Gibbs<F> {
    /// A sampler from a function that draws a coordinate given all others.
    pub fn new(conditional: F) -> Gibbs<F> {
        Gibbs { conditional }
    }
}

impl<F: Fn(usize, &Tensor, &Generator) -> Tensor> Transition for Gibbs<F> {
    fn step(&self, state: &Tensor, generator: &Generator) -> (Tensor, Tensor) {
        let (chains, dims) = (state.shape()[0], state.shape()[1]);
        let columns = Tensor::arange(state.device(), dims);
        let mut state = state.clone();
        for i in 0..dims {
            let drawn = (self.conditional)(i, &state, generator).unsqueeze(1);
            state = drawn.where_(&columns.eq(i as i32), &state);
        }
        let acceptance = Tensor::ones(state.device(), &[chains]);
        (state, acceptance)
    }
}
