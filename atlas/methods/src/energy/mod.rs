//! Models that assign an energy to every state: the lower, the more probable.
//!
//! | What | Here |
//! |---|---|
//! | binary units in two layers | [`Rbm`], stacked in a [`DeepBelief`] network |
//! | fully connected binary units | [`BoltzmannMachine`] |
//! | associative memories | [`Hopfield`], [`ModernHopfield`] |
//! | spins on a lattice | [`Ising`] |

mod boltzmann;
mod deep_belief;
mod hopfield;
mod ising;
mod rbm;

pub use boltzmann::BoltzmannMachine;
pub use deep_belief::DeepBelief;
pub use hopfield::{Hopfield, ModernHopfield};
pub use ising::Ising;
pub use rbm::Rbm;

use autograd::{Device, Generator, Tensor};

/// Above this number of units, enumerating all states takes too long.
const MOST_UNITS: usize = 20;

/// Bernoulli samples: 1 with probabilities `p`, else 0.
#[track_caller]
fn draw(p: &Tensor, generator: &Generator) -> Tensor {
    generator.uniform(p.device(), p.shape()).lt(p).to(autograd::DType::F32).detach()
}

/// All states `[2^units, units]` of binary units; the last unit changes fastest.
#[track_caller]
fn states(device: &Device, units: usize) -> Tensor {
    assert!(units <= MOST_UNITS, "2^{units} states are too many to enumerate");
    let bit = |i: usize| ((i / units) >> (units - 1 - i % units) & 1) as f32;
    Tensor::constant(device, &(0..units << units).map(bit).collect::<Vec<_>>(), &[1 << units, units])
}
