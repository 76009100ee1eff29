//! Deep belief networks (Hinton, Osindero and Teh 2006).

use autograd::{Generator, Tensor};
use models::Params;

use super::{Rbm, draw, states};

/// Restricted Boltzmann machines on top of each other: the top one generates, and the layers below carry down what it says. Each is
/// trained on the hidden states that the one below it has for the data, one after the other. Parameters `0.*`, `1.*` and so on, as
/// those of [`Rbm`].
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
        assert!(sizes.len() > 1, "DeepBelief: sizes {sizes:?} make no machine");
        let layer = |(i, size): (usize, &[usize])| Rbm::new(&params.path(i), size[0], size[1]);
        DeepBelief { layers: sizes.windows(2).enumerate().map(layer).collect() }
    }

    /// The machines, the lowest first.
    pub fn layers(&self) -> &[Rbm] {
        &self.layers
    }

    /// The probabilities of the units of layer `depth` that come up from `v [N, V]`, which is layer 0: a network of sigmoid layers,
    /// with gradients.
    #[track_caller]
    pub fn encode(&self, v: &Tensor, depth: usize) -> Tensor {
        self.layers[..depth].iter().fold(v.clone(), |x, rbm| rbm.hidden(&x))
    }

    /// States of the units of layer `depth`, each layer drawn given the one below.
    #[track_caller]
    pub fn draw_up(&self, v: &Tensor, depth: usize, generator: &Generator) -> Tensor {
        self.layers[..depth].iter().fold(v.clone(), |x, rbm| draw(&rbm.hidden(&x), generator))
    }

    /// Visible probabilities `[count, V]` of samples: `steps` of the top machine from random states, then down.
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

    /// The logarithm of the probability of visible states under two machines: `[N]` for `v [N, V]`. Goes through all states of the
    /// layer between.
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

    /// The variational lower bound on [`log_prob`](DeepBelief::log_prob), `[N]`, with the lower machine's posterior of the states
    /// between. Greedy training of the upper machine raises it (Hinton, Osindero and Teh 2006, section 4).
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
