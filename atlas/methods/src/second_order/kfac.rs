//! Kronecker-factored approximate curvature.

use std::collections::BTreeMap;

use autograd::{Tensor, Transaction, cat, grad};
use linalg::Result;
use models::{Param, Params};

/// The settings of [`Kfac`].
#[derive(Clone, Copy, Debug)]
pub struct KfacOptions {
    /// The largest weight of the old factors in the running averages.
    pub decay: f32,
    /// Added to the Fisher information's eigenvalues, as the product of what is added to both factors.
    pub damping: f32,
    /// Decay of the sum of updates.
    pub momentum: f32,
    /// Largest change of the model's distribution by a step without momentum, by the quadratic model of the KL divergence.
    pub clip: f32,
    /// Steps from one inversion of the factors to the next, after the first ten.
    pub interval: usize,
}

impl Default for KfacOptions {
    /// Decay .95, damping .1, momentum .5, a divergence of .03, and inverses every second step.
    fn default() -> KfacOptions {
        KfacOptions { decay: 0.95, damping: 0.1, momentum: 0.5, clip: 0.03, interval: 2 }
    }
}

/// K-FAC (Martens and Grosse 2015) for networks of fully connected layers. A layer's part of the Fisher information is approximated by the
/// Kronecker product of `A`, the second moment of its inputs (with a 1 for the bias), and `G`, that of the gradients of its outputs for
/// targets drawn from the model. Both are running averages. The step is `G^-1 g A^-1` with factored Tikhonov damping (section 6.3), scaled
/// down where it would change the model's distribution too much (the KL clip of Ba et al. 2017). Inverses are computed on the host.
///
/// ```
/// use autograd::{Device, Generator, Reduction, Tensor};
/// use methods::second_order::{Kfac, KfacLosses, KfacOptions};
/// use models::{Linear, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// Linear::new(&params.path("fc"), 2, 1);
/// // Inputs of very different scales, for which one learning rate is too small or too large.
/// let draw = Generator::new(0);
/// let x = draw.normal(&device, &[64, 2]) * Tensor::from_slice(&device, &[10.0f32, 0.1], &[2])?;
/// let y = x.matmul(&Tensor::from_slice(&device, &[0.1f32, 10.0], &[2, 1])?);
/// let mut opt = Kfac::new(&params, KfacOptions { damping: 1e-8, momentum: 0.0, clip: f32::INFINITY, ..KfacOptions::default() });
/// let mut loss = f32::NAN;
/// for _ in 0..30 {
///     loss = opt.step(1.0, |layers| {
///         let found = layers.linear("fc", &x);
///         let drawn = found.detach() + draw.normal(&device, &[64, 1]);
///         let of = |target: &Tensor| found.mse_loss(target, Reduction::Mean) * 0.5;
///         KfacLosses { loss: of(&y), drawn: of(&drawn) }
///     })?;
/// }
/// assert!(loss < 1e-3, "{loss}");
/// # Ok::<(), linalg::Error>(())
/// ```
pub struct Kfac {
    params: Params,
    options: KfacOptions,
    layers: BTreeMap<String, Layer>,
    steps: usize,
}

/// The layers of a forward pass.
pub struct KfacLayers<'a> {
    params: &'a Params,
    seen: Vec<Seen>,
}

/// What a forward pass returns to [`Kfac::step`]. Both are means over the rows of the batch.
pub struct KfacLosses {
    /// The loss: the negative log-likelihood of the data's targets.
    pub loss: Tensor,
    /// The same for targets drawn from the model, which gives the true Fisher information.
    pub drawn: Tensor,
}

/// A layer of a forward pass.
struct Seen {
    path: String,
    weight: Param,
    bias: Param,
    /// The values of weight and bias that were used.
    values: [Tensor; 2],
    /// `[N, in]` and `[N, out]`.
    input: Tensor,
    output: Tensor,
}

/// What is kept of a layer, whose matrix `[out, in + 1]` is the weight with the bias as its last column.
struct Layer {
    /// `[in + 1, in + 1]` and `[out, out]`.
    factors: [Tensor; 2],
    inverses: [Tensor; 2],
    momentum: Tensor,
}

impl KfacLayers<'_> {
    /// The layer with parameters `PATH.weight [out, in]` and `PATH.bias [out]` (full names), from `x [N, in]` to `[N, out]`.
    ///
    /// # Panics
    /// When there are no such parameters, the shapes do not fit, or the layer is used twice.
    #[track_caller]
    pub fn linear(&mut self, path: &str, x: &Tensor) -> Tensor {
        let param = |name: &str| {
            let name = format!("{path}.{name}");
            self.params.get(&name).unwrap_or_else(|| panic!("K-FAC: there is no parameter {name}"))
        };
        let (weight, bias) = (param("weight"), param("bias"));
        assert!(x.rank() == 2, "K-FAC: {path} of an input of shape {:?}, not [N, in]", x.shape());
        assert!(self.seen.iter().all(|s| s.path != path), "K-FAC: {path} is used twice in a step");
        let values = [weight.value(), bias.value()];
        let output = x.linear(&values[0], Some(&values[1]));
        let (input, result) = (x.clone(), output.clone());
        self.seen.push(Seen { path: path.to_owned(), weight, bias, values, input, output });
        result
    }
}

impl Seen {
    /// The second moments of the inputs and of the outputs' gradients, which are those of a mean over the rows.
    fn moments(&self, gradient: &Tensor) -> [Tensor; 2] {
        let rows = self.input.shape()[0];
        let ones = Tensor::ones(self.input.device(), &[rows, 1]);
        let inputs = cat(&[&self.input, &ones], 1);
        [inputs.t().matmul(&inputs) / rows as f32, gradient.t().matmul(gradient) * rows as f32]
    }

    /// Weight and bias as one matrix.
    fn joined(weight: &Tensor, bias: &Tensor) -> Tensor {
        cat(&[weight, &bias.unsqueeze(1)], 1)
    }
}

impl Layer {
    fn new(seen: &Seen) -> Layer {
        let (inputs, outputs) = (seen.input.shape()[1] + 1, seen.output.shape()[1]);
        let zeros = |shape: &[usize]| Tensor::zeros(seen.input.device(), shape);
        let squares = || [zeros(&[inputs, inputs]), zeros(&[outputs, outputs])];
        Layer { factors: squares(), inverses: squares(), momentum: zeros(&[outputs, inputs]) }
    }

    /// Inverts both factors; their mean eigenvalues decide how the damping is divided between them.
    fn invert(&mut self, damping: f32) -> Result<()> {
        let means = self.factors.iter().map(|f| Ok(f.diagonal(0, 0, 1).mean_all().item()?));
        let means = means.collect::<Result<Vec<f32>>>()?;
        let share = if means[0] > 0.0 && means[1] > 0.0 { (means[0] / means[1]).sqrt() } else { 1.0 };
        let added = [damping.sqrt() * share, damping.sqrt() / share];
        for ((inverse, factor), added) in self.inverses.iter_mut().zip(&self.factors).zip(added) {
            let unit = Tensor::ones(factor.device(), &[factor.shape()[0]]).diag_embed(0);
            *inverse = linalg::inv(&(factor + unit * added))?;
        }
        Ok(())
    }
}

impl Kfac {
    /// For the fully connected layers among `params` that the loss is computed with.
    pub fn new(params: &Params, options: KfacOptions) -> Kfac {
        Kfac { params: params.clone(), options, layers: BTreeMap::new(), steps: 0 }
    }

    /// One update with learning rate `lr`, often 1. `forward` computes the losses with [`KfacLayers::linear`] in place of the layers' own
    /// `forward`. Returns the loss before the update; nothing is changed if it is not finite.
    ///
    /// # Errors
    /// Whatever goes wrong on the device, and a factor that cannot be inverted.
    ///
    /// # Panics
    /// When a loss does not depend on a layer.
    #[track_caller]
    pub fn step(&mut self, lr: f32, forward: impl FnOnce(&mut KfacLayers) -> KfacLosses) -> Result<f32> {
        let mut layers = KfacLayers { params: &self.params, seen: vec![] };
        let losses = forward(&mut layers);
        let seen = layers.seen;
        let gradients = self.measure(&seen, &losses)?;
        let loss = losses.loss.item()?;
        if !loss.is_finite() {
            return Ok(loss);
        }
        if self.steps <= 10 || self.steps.is_multiple_of(self.options.interval) {
            for layer in self.layers.values_mut() {
                layer.invert(self.options.damping)?;
            }
        }
        self.update(&seen, &gradients, lr)?;
        Ok(loss)
    }

    /// Computes the losses and the layers' gradients `[out, in + 1]`, and updates the factors.
    fn measure(&mut self, seen: &[Seen], losses: &KfacLosses) -> Result<Vec<Tensor>> {
        let parameters: Vec<&Tensor> = seen.iter().flat_map(|s| &s.values).collect();
        let outputs: Vec<&Tensor> = seen.iter().map(|s| &s.output).collect();
        let (found, drawn) = (grad(&losses.loss, &parameters), grad(&losses.drawn, &outputs));
        let given = |g: &Option<Tensor>, s: &Seen| {
            g.clone().unwrap_or_else(|| panic!("K-FAC: a loss does not depend on {}", s.path))
        };
        let mut step = Transaction::default().loss(&losses.loss).output(&losses.drawn);
        self.steps += 1;
        let keep = (1.0 - 1.0 / self.steps as f32).min(self.options.decay);
        let mut gradients = vec![];
        for (i, s) in seen.iter().enumerate() {
            let gradient = Seen::joined(&given(&found[2 * i], s), &given(&found[2 * i + 1], s));
            step = step.output(&gradient);
            gradients.push(gradient);
            let layer = self.layers.entry(s.path.clone()).or_insert_with(|| Layer::new(s));
            for (factor, new) in layer.factors.iter_mut().zip(s.moments(&given(&drawn[i], s))) {
                *factor = &*factor * keep + new * (1.0 - keep);
                step = step.output(factor);
            }
        }
        step.run()?;
        self.layers.values_mut().for_each(|l| l.factors = l.factors.each_ref().map(Tensor::detach));
        Ok(gradients.iter().map(Tensor::detach).collect())
    }

    /// Moves the parameters.
    fn update(&mut self, seen: &[Seen], gradients: &[Tensor], lr: f32) -> Result<()> {
        let KfacOptions { momentum, clip, .. } = self.options;
        let direction = |(s, g): (&Seen, &Tensor)| {
            let [a, b] = &self.layers[&s.path].inverses;
            b.matmul(g).matmul(a)
        };
        let directions: Vec<Tensor> = seen.iter().zip(gradients).map(direction).collect();
        // The divergence after a step of length lr is lr^2 d^T F d / 2, and F d is about the gradient.
        let products = directions.iter().zip(gradients).map(|(d, g)| (d * g).sum_all());
        let divergence = products.reduce(|a, b| a + b).expect("a layer") * (0.5 * lr * lr);
        let scale = (clip / divergence.clamp_min(1e-30)).sqrt().clamp_max(1.0);
        let mut step = Transaction::default();
        for (s, d) in seen.iter().zip(&directions) {
            let layer = self.layers.get_mut(&s.path).expect("measured before");
            layer.momentum = &layer.momentum * momentum + d * &scale;
            let inputs = s.input.shape()[1];
            let moved = Seen::joined(&s.values[0], &s.values[1]) - &layer.momentum * lr;
            step = s.weight.write(&moved.narrow(1, 0, inputs), step);
            step = s.bias.write(&moved.narrow(1, inputs, 1).squeeze(&[1]), step.output(&layer.momentum));
        }
        step.run()?;
        self.layers.values_mut().for_each(|l| l.momentum = l.momentum.detach());
        Ok(())
    }
}
