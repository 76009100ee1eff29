//! Kronecker-factored approximate curvature.

use autograd::{Tensor, cat, grad};
use models::{Linear, Param, Params};

/// Linear layers with tanh between them, which keep what [`Kfac`] needs. Parameters `0.weight [out, in]`, `0.bias [out]` and so on.
pub struct TracedMlp {
    layers: Vec<(Linear, [Param; 2])>,
}

/// The inputs `[N, in]` and outputs `[N, out]` of the layers in a forward pass.
pub struct Trace {
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

impl TracedMlp {
    /// Layers from each width to the next.
    ///
    /// # Panics
    /// With fewer than two widths.
    #[track_caller]
    pub fn new(params: &Params, widths: &[usize]) -> TracedMlp {
        assert!(widths.len() > 1, "TracedMlp: widths {widths:?}");
        let layer = |(i, pair): (usize, &[usize])| {
            let under = params.path(i);
            let layer = Linear::new(&under, pair[0], pair[1]);
            (layer, ["weight", "bias"].map(|name| params.get(&format!("{i}.{name}")).expect("of the layer")))
        };
        TracedMlp { layers: widths.windows(2).enumerate().map(layer).collect() }
    }

    /// The last layer's outputs `[N, out]`, and the trace.
    ///
    /// # Panics
    /// When `x` is not `[N, in]`.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> (Tensor, Trace) {
        let (mut inputs, mut outputs) = (vec![x.clone()], vec![]);
        for (i, (layer, _)) in self.layers.iter().enumerate() {
            let y = layer.forward(&inputs[i]);
            if i + 1 < self.layers.len() {
                inputs.push(y.tanh());
            }
            outputs.push(y);
        }
        (outputs[outputs.len() - 1].clone(), Trace { inputs, outputs })
    }
}

/// Natural gradient steps with a Fisher matrix that is a block for each layer, and each block the Kronecker product of the second moment `A` of
/// its inputs (with a 1 for the bias) and the one `G` of the gradients of its outputs (Martens and Grosse 2015): the step is
/// `G^-1 (dL/dW) A^-1`. Moments are averaged over steps; damping is split between both factors as in section 6.3.
///
/// ```
/// use autograd::{Device, Reduction, Tensor};
/// use methods::second_order::{Kfac, TracedMlp};
/// use models::Params;
/// let device = Device::named("cpu")?;
/// let net = TracedMlp::new(&Params::new(&device, 1), &[2, 1]);
/// let x = Tensor::from_slice(&device, &[1.0f32, 0.0, 0.0, 10.0, 1.0, 10.0, 2.0, 3.0], &[4, 2])?;
/// let y = Tensor::from_slice(&device, &[4.0f32, 21.0, 23.0, 11.0], &[4, 1])?; // 2 a + 2 b + 1, but for the first, by 1
/// // With a squared error, the likelihood is normal of unit variance: one step is Newton's, and finds the least squares.
/// let (found, trace) = net.forward(&x);
/// let loss = found.mse_loss(&y, Reduction::Mean) * 0.5;
/// let sampled = (&found - found.detach() - Tensor::from_slice(&device, &[1.0f32, -1.0, 1.0, -1.0], &[4, 1])?).square().mean_all() * 0.5;
/// Kfac::new(&net).damping(1e-8).step(&net, &trace, &loss, &sampled, 1.0)?;
/// let least = net.forward(&x).0.mse_loss(&y, Reduction::Mean).item()?;
/// assert!(least < 0.2, "{least}");
/// # Ok::<(), linalg::Error>(())
/// ```
pub struct Kfac {
    /// `A [in + 1, in + 1]` and `G [out, out]` of each layer.
    moments: Vec<Option<[Tensor; 2]>>,
    decay: f32,
    damping: f32,
}

impl Kfac {
    /// For the layers of a network: moments that keep 0.95 of themselves from step to step, and a damping of 0.01.
    pub fn new(net: &TracedMlp) -> Kfac {
        Kfac { moments: net.layers.iter().map(|_| None).collect(), decay: 0.95, damping: 0.01 }
    }

    /// What is added to the diagonal of the Fisher matrix.
    pub fn damping(mut self, damping: f32) -> Kfac {
        self.damping = damping;
        self
    }

    /// One step with learning rate `lr`: against the gradient of `loss`, with the curvature of `sampled`, the loss for targets drawn from what
    /// the network predicts. Both are means over the examples of the trace.
    ///
    /// # Errors
    /// Whatever goes wrong on the device, and matrices without an inverse.
    ///
    /// # Panics
    /// When a loss does not depend on the trace.
    #[track_caller]
    pub fn step(
        &mut self,
        net: &TracedMlp,
        trace: &Trace,
        loss: &Tensor,
        sampled: &Tensor,
        lr: f32,
    ) -> linalg::Result<()> {
        let outputs: Vec<&Tensor> = trace.outputs.iter().collect();
        let slopes = |loss: &Tensor| grad(loss, &outputs).into_iter().map(|g| g.expect("a loss of the trace"));
        let (of_loss, of_sampled): (Vec<_>, Vec<_>) = (slopes(loss).collect(), slopes(sampled).collect());
        for (i, (_, [weight, bias])) in net.layers.iter().enumerate() {
            let input = &trace.inputs[i];
            let count = input.size(0);
            let input = cat(&[input, &Tensor::ones(input.device(), &[count, 1])], 1).detach();
            // The losses are means: an example's own gradient is larger by their number.
            let own = of_sampled[i].detach() * count as f32;
            let now = [input.t().matmul(&input), own.t().matmul(&own)].map(|moment| moment / count as f32);
            let moments = match self.moments[i].take() {
                Some(before) => {
                    let [a, g] = [0, 1].map(|k| before[k].lerp(&now[k], 1.0 - self.decay));
                    [a, g]
                }
                None => now,
            };
            let moments = moments.map(|moment| moment.detach());
            let slope = of_loss[i].detach().t().matmul(&input);
            let step = self.natural(&slope, &moments)? * lr;
            self.moments[i] = Some(moments);
            let width = input.size(1) - 1;
            weight.set(&(weight.value() - step.narrow(1, 0, width)).detach());
            bias.set(&(bias.value() - step.select(1, width)).detach());
        }
        Ok(())
    }

    /// `(G + sqrt(damping) / p)^-1 slope (A + p sqrt(damping))^-1`, where `p^2` is the ratio of the mean eigenvalues of A and G.
    fn natural(&self, slope: &Tensor, [a, g]: &[Tensor; 2]) -> linalg::Result<Tensor> {
        let mean = |m: &Tensor| m.diagonal(0, 0, 1).mean_all();
        let ratio = (mean(a) / (mean(g) + 1e-12)).sqrt();
        let damped = |m: &Tensor, by: &Tensor| m + Tensor::ones(m.device(), &[m.size(0)]).diag_embed(0) * by;
        let root = self.damping.sqrt();
        let inverse = linalg::inv(&damped(a, &(&ratio * root)))?;
        Ok(linalg::solve(&damped(g, &(ratio.reciprocal() * root)), slope)?.matmul(&inverse))
    }
}
