//! Deep belief networks (Hinton, Osindero and Teh 2006).

use autograd::{Generator, Tensor};
use models::Params;

use super::{Rbm, draw, states};

/// Stacked restricted Boltzmann machines: the top one generates, the layers below map its samples down to the visible units. They are
/// trained one after the other, each on the hidden states of the one below given the data. Parameters `0.*`, `1.*` and so on, named as in
/// [`Rbm`].
///
/// ```
/// use autograd::{Device, Generator, Tensor};
/// use methods::energy::DeepBelief;
/// use models::Params;
/// let device = Device::named("cpu")?;
/// let net = DeepBelief::new(&Params::new(&device, 0), &[6, 4, 3]);
/// let v = Tensor::zeros(&device, &[5, 6]);
/// assert_eq!(net.encode(&v, 2).shape(), [5, 3]);
/// assert_eq!(net.sample(5, 10, &Generator::new(1)).shape(), [5, 6]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct DeepBelief {
    layers: Vec<Rbm>,
}

impl DeepBelief {
    /// Layers of `sizes` units, the visible one first.
    ///
    /// # Panics
    /// With fewer than two sizes.
    #[track_caller]
    pub fn new(params: &Params, sizes: &[usize]) -> DeepBelief {
        assert!(sizes.len() > 1, "DeepBelief: sizes {sizes:?}: at least two are needed");
        let layer = |(i, size): (usize, &[usize])| Rbm::new(&params.path(i), size[0], size[1]);
        DeepBelief { layers: sizes.windows(2).enumerate().map(layer).collect() }
    }

    /// The machines, bottom first.
    pub fn layers(&self) -> &[Rbm] {
        &self.layers
    }

    /// The probabilities of the units of layer `depth` given `v [N, V]`, which is layer 0: a network of sigmoid layers, with gradients.
    #[track_caller]
    pub fn encode(&self, v: &Tensor, depth: usize) -> Tensor {
        self.layers[..depth].iter().fold(v.clone(), |x, rbm| rbm.hidden(&x))
    }

    /// States of the units of layer `depth`, each layer drawn given the one below.
    #[track_caller]
    pub fn draw_up(&self, v: &Tensor, depth: usize, generator: &Generator) -> Tensor {
        self.layers[..depth].iter().fold(v.clone(), |x, rbm| draw(&rbm.hidden(&x), generator))
    }

    /// Visible probabilities `[count, V]` of samples: `steps` Gibbs steps of the top machine from random states, then one pass down.
    #[track_caller]
    pub fn sample(&self, count: usize, steps: usize, generator: &Generator) -> Tensor {
        let (top, below) = self.layers.split_last().expect("at least one layer");
        let bias = top.visible_bias().value();
        let start = generator.bernoulli(bias.device(), 0.5, &[count, bias.numel()]);
        let state = top.gibbs(&start, steps, generator);
        match below.split_first() {
            None => state,
            Some((lowest, between)) => {
                let h = between.iter().rev().fold(state, |h, rbm| draw(&rbm.visible(&h), generator));
                lowest.visible(&h)
            }
        }
    }

    /// The log-probability of visible states under two machines: `[N]` for `v [N, V]`. Enumerates all states of the layer between.
    ///
    /// # Panics
    /// When there are not two machines, or more than 20 units between them.
    #[track_caller]
    pub fn log_prob(&self, v: &Tensor) -> Tensor {
        let [low, high] = &self.layers[..] else { panic!("DeepBelief: {} machines", self.layers.len()) };
        let h = states(v.device(), low.hidden_bias().value().numel());
        let inputs = h.matmul(&low.weight().value()) + low.visible_bias().value();
        // log p(v | h) = v . inputs - softplus(inputs), [N, 2^H]
        let given = v.matmul(&inputs.t()) - inputs.softplus(1.0, 20.0).sum(&[1], false);
        (given + high.log_prob(&h)).logsumexp(&[1], false)
    }

    /// The variational lower bound on [`log_prob`](DeepBelief::log_prob), `[N]`, with the lower machine's posterior of the layer between.
    /// Greedy training of the upper machine raises it (Hinton, Osindero and Teh 2006, section 4).
    ///
    /// # Panics
    /// As [`log_prob`](DeepBelief::log_prob).
    #[track_caller]
    pub fn bound(&self, v: &Tensor) -> Tensor {
        let [low, high] = &self.layers[..] else { panic!("DeepBelief: {} machines", self.layers.len()) };
        let h = states(v.device(), low.hidden_bias().value().numel());
        let inputs = h.matmul(&low.weight().value()) + low.visible_bias().value();
        let given = v.matmul(&inputs.t()) - inputs.softplus(1.0, 20.0).sum(&[1], false);
        let up = v.linear(&low.weight().value(), Some(&low.hidden_bias().value()));
        let posterior = up.matmul(&h.t()) - up.softplus(1.0, 20.0).sum(&[1], true);
        (posterior.exp() * (given + high.log_prob(&h) - &posterior)).sum(&[1], false)
    }
}
