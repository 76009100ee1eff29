//! The restricted Boltzmann machine (Smolensky 1986; Hinton 2002).

use autograd::{Generator, Tensor};
use models::{Init, Param, Params};

use super::{draw, states};
use crate::inference::{Importance, annealed_importance};

/// `V` visible and `H` hidden binary units of energy `E(v, h) = -h W v - b v - c h`. Units of one layer are not connected, so that each
/// layer can be sampled at once given the other. Parameters `weight [H, V]`, initially normal with deviation 0.01, `visible_bias [V]` and
/// `hidden_bias [H]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::energy::Rbm;
/// use models::Params;
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let rbm = Rbm::new(&params, 2, 1);
/// params.get("weight").unwrap().set(&Tensor::from_slice(&device, &[1.0f32, -1.0], &[1, 2])?);
/// // With the hidden unit off, 4 visible states of weight 1; with it on, weights 1, e, 1/e and 1.
/// let partition = 4.0 + 2.0 + 1f32.exp() + (-1f32).exp();
/// assert!((rbm.log_partition().item()? - partition.ln()).abs() < 1e-6);
/// let v = Tensor::from_slice(&device, &[1.0f32, 0.0], &[1, 2])?;
/// assert!((rbm.log_prob(&v).item()? - ((1.0 + 1f32.exp()) / partition).ln()).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Rbm {
    weight: Param,
    visible_bias: Param,
    hidden_bias: Param,
}

impl Rbm {
    /// A machine of `visible` and `hidden` units, with parameters in `params`.
    pub fn new(params: &Params, visible: usize, hidden: usize) -> Rbm {
        Rbm {
            weight: params.param("weight", &[hidden, visible], Init::Normal { mean: 0.0, std: 0.01 }),
            visible_bias: params.param("visible_bias", &[visible], Init::Constant(0.0)),
            hidden_bias: params.param("hidden_bias", &[hidden], Init::Constant(0.0)),
        }
    }

    /// `weight [H, V]`
    pub fn weight(&self) -> &Param {
        &self.weight
    }

    /// `visible_bias [V]`
    pub fn visible_bias(&self) -> &Param {
        &self.visible_bias
    }

    /// `hidden_bias [H]`
    pub fn hidden_bias(&self) -> &Param {
        &self.hidden_bias
    }

    /// The probability that each hidden unit is on, `[N, H]`, given `v [N, V]`.
    #[track_caller]
    pub fn hidden(&self, v: &Tensor) -> Tensor {
        v.linear(&self.weight.value(), Some(&self.hidden_bias.value())).sigmoid()
    }

    /// The probability that each visible unit is on, `[N, V]`, given `h [N, H]`.
    #[track_caller]
    pub fn visible(&self, h: &Tensor) -> Tensor {
        (h.matmul(&self.weight.value()) + self.visible_bias.value()).sigmoid()
    }

    /// Binary states of units with probabilities `p`.
    #[track_caller]
    pub fn draw(p: &Tensor, generator: &Generator) -> Tensor {
        draw(p, generator)
    }

    /// Visible states `[N, V]` after `steps` of sampling the hidden and then the visible layer.
    #[track_caller]
    pub fn gibbs(&self, v: &Tensor, steps: usize, generator: &Generator) -> Tensor {
        (0..steps).fold(v.detach(), |v, _| {
            let h = draw(&self.hidden(&v), generator);
            draw(&self.visible(&h), generator)
        })
    }

    /// `-log` of the sum of `exp(-E(v, h))` over the hidden states: `[N]` for `v [N, V]`.
    #[track_caller]
    pub fn free_energy(&self, v: &Tensor) -> Tensor {
        let inputs = v.linear(&self.weight.value(), Some(&self.hidden_bias.value()));
        -(v.matmul(&self.visible_bias.value().unsqueeze(1)).squeeze(&[1])
            + inputs.softplus(1.0, 20.0).sum(&[1], false))
    }

    /// The loss of contrastive divergence: the mean free energy of `data` minus that of `model [M, V]`, samples of the machine. With `k`
    /// steps of [`gibbs`](Rbm::gibbs) from the data it is CD-k; with chains that continue from update to update, persistent CD (Tieleman
    /// 2008). With exact samples its gradient is that of the negative log-likelihood.
    #[track_caller]
    pub fn contrastive_loss(&self, data: &Tensor, model: &Tensor) -> Tensor {
        self.free_energy(data).mean_all() - self.free_energy(&model.detach()).mean_all()
    }

    /// The logarithm of the normalising constant, exactly: enumerates all states of the smaller layer.
    ///
    /// # Panics
    /// When both layers have more than 20 units.
    #[track_caller]
    pub fn log_partition(&self) -> Tensor {
        let (weight, b, c) = (self.weight.value(), self.visible_bias.value(), self.hidden_bias.value());
        let (hidden, visible) = (weight.shape()[0], weight.shape()[1]);
        if visible <= hidden {
            return (-self.free_energy(&states(weight.device(), visible))).logsumexp(&[0], false);
        }
        let h = states(weight.device(), hidden);
        let inputs = h.matmul(&weight) + &b;
        let scores = h.matmul(&c.unsqueeze(1)).squeeze(&[1]) + inputs.softplus(1.0, 20.0).sum(&[1], false);
        scores.logsumexp(&[0], false)
    }

    /// The log-probability of visible states: `[N]` for `v [N, V]`.
    ///
    /// # Panics
    /// As [`log_partition`](Rbm::log_partition).
    #[track_caller]
    pub fn log_prob(&self, v: &Tensor) -> Tensor {
        -self.free_energy(v) - self.log_partition()
    }

    /// An estimate of [`log_partition`](Rbm::log_partition) for machines of any size, by annealing `samples` in `steps` from the machine
    /// without weights and hidden biases (Salakhutdinov and Murray 2008). Also returns the weights of the samples.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn annealed_log_partition(
        &self,
        samples: usize,
        steps: usize,
        generator: &Generator,
    ) -> autograd::Result<(f64, Importance)> {
        let [weight, b, c] =
            [&self.weight, &self.visible_bias, &self.hidden_bias].map(|p| p.value().detach());
        let hidden = weight.shape()[0];
        let base = b.sigmoid();
        let start = draw(&base.expand(&[samples, b.numel()]), generator);
        let inputs = |v: &Tensor, at: f32| v.linear(&weight, Some(&c)) * at;
        let log_density = |v: &Tensor, at: f32| {
            v.matmul(&b.unsqueeze(1)).squeeze(&[1]) + inputs(v, at).softplus(1.0, 20.0).sum(&[1], false)
        };
        let transition = |v: &Tensor, at: f32, generator: &Generator| {
            let h = draw(&inputs(v, at).sigmoid(), generator);
            draw(&(h.matmul(&weight) * at + &b).sigmoid(), generator)
        };
        let schedule: Vec<f32> = (0..=steps).map(|i| i as f32 / steps as f32).collect();
        let (weights, _) = annealed_importance(&start, &schedule, log_density, transition, generator)?;
        // The log partition function of the machine without weights: a sum over its units.
        let first = b.softplus(1.0, 20.0).sum_all().item()?;
        Ok((f64::from(first) + hidden as f64 * 2f64.ln() + weights.log_mean(), weights))
    }
}
