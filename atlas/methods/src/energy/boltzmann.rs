//! The Boltzmann machine (Ackley, Hinton and Sejnowski 1985).

use autograd::{Generator, Tensor, cat};
use models::{Init, Param, Params};

use super::{draw, states};

/// Fully connected binary units, the first `visible` of which are data and the others hidden: `E(s) = -s W s / 2 - b s` with a symmetric
/// `W` of zero diagonal. Parameters `coupling [U, U]`, of which only the part above the diagonal is used, initially normal with deviation
/// 0.01, and `bias [U]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::energy::BoltzmannMachine;
/// use models::Params;
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let machine = BoltzmannMachine::new(&params, 2, 0);
/// params.get("coupling").unwrap().set(&Tensor::full(&device, 1.0, &[2, 2]));
/// // The state with both units on has weight e, the other three have 1.
/// let both = Tensor::ones(&device, &[1, 2]);
/// assert!((machine.log_prob(&both).item()? - (1.0 - (3.0 + 1f32.exp()).ln())).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct BoltzmannMachine {
    coupling: Param,
    bias: Param,
    visible: usize,
    hidden: usize,
}

impl BoltzmannMachine {
    /// A machine of `visible + hidden` units, with parameters in `params`.
    pub fn new(params: &Params, visible: usize, hidden: usize) -> BoltzmannMachine {
        let units = visible + hidden;
        BoltzmannMachine {
            coupling: params.param("coupling", &[units, units], Init::Normal { mean: 0.0, std: 0.01 }),
            bias: params.param("bias", &[units], Init::Constant(0.0)),
            visible,
            hidden,
        }
    }

    /// The symmetric weights `[U, U]`.
    pub fn weight(&self) -> Tensor {
        let upper = self.coupling.value().triu(1);
        &upper + upper.t()
    }

    /// The energy of states of all units: `[N]` for `s [N, U]`.
    #[track_caller]
    pub fn energy(&self, s: &Tensor) -> Tensor {
        -(s * (s.matmul(&self.weight()) * 0.5 + self.bias.value())).sum(&[1], false)
    }

    /// States `[N, U]` after `sweeps` of Gibbs sampling over the units `from..`, one after the other. `from` 0 samples from the machine,
    /// `from` `visible` the hidden units given the data.
    #[track_caller]
    pub fn gibbs(&self, s: &Tensor, from: usize, sweeps: usize, generator: &Generator) -> Tensor {
        let (weight, bias) = (self.weight().detach(), self.bias.value().detach());
        let units = self.visible + self.hidden;
        let columns = Tensor::arange(s.device(), units);
        let mut s = s.detach();
        for i in (0..sweeps).flat_map(|_| from..units) {
            let input = (&s * weight.select(0, i)).sum(&[1], true) + bias.narrow(0, i, 1);
            let drawn = draw(&input.sigmoid(), generator);
            s = drawn.where_(&columns.eq(i as i32), &s);
        }
        s
    }

    /// States of all units with the data `v [N, V]` and random hidden units.
    #[track_caller]
    pub fn clamp(&self, v: &Tensor, generator: &Generator) -> Tensor {
        let hidden = generator.bernoulli(v.device(), 0.5, &[v.shape()[0], self.hidden]);
        cat(&[v, &hidden], 1)
    }

    /// The training loss: the mean energy of states with data in the visible units minus that of samples from the machine, `[N, U]` each.
    /// With exact samples its gradient is that of the negative log-likelihood.
    #[track_caller]
    pub fn contrastive_loss(&self, data: &Tensor, model: &Tensor) -> Tensor {
        self.energy(&data.detach()).mean_all() - self.energy(&model.detach()).mean_all()
    }

    /// The log-probability of data: `[N]` for `v [N, V]`. Enumerates all states of all units.
    ///
    /// # Panics
    /// When there are more than 20 units.
    #[track_caller]
    pub fn log_prob(&self, v: &Tensor) -> Tensor {
        let (count, hidden_states) = (v.shape()[0], 1usize << self.hidden);
        let all = (-self.energy(&states(v.device(), self.visible + self.hidden))).logsumexp(&[0], false);
        let seen = if self.hidden == 0 {
            v.clone()
        } else {
            let h = states(v.device(), self.hidden).repeat(&[count, 1]);
            cat(&[&v.repeat_interleave(hidden_states, 0), &h], 1)
        };
        (-self.energy(&seen)).reshape(&[count, hidden_states]).logsumexp(&[1], false) - all
    }
}
